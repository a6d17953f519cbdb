/** @file model: what is said of a path that holds no model file: which files a folder holds, and that nothing is downloaded; opens none. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';

/** Folders looked into below one that was named, and files named. */
const MOST_FOLDERS = 200;
const MOST_NAMED = 8;

/** Why there is no model file at `path`, and which there are. */
export function noModelAt(path: string): MesascopeError {
  const found = statSync(path, { throwIfNoEntry: false });
  const error = (seen: string, remedy?: string): MesascopeError =>
    new MesascopeError('MODEL_NOT_FOUND', `no model file at ${path}: ${seen}`, {
      location: { file: path },
      ...(remedy === undefined ? {} : { remedy }),
    });
  if (found?.isDirectory() === true) {
    const files = modelsBelow(path);
    const more = files.length > MOST_NAMED ? ` and ${files.length - MOST_NAMED} more` : '';
    return error(
      'it is a folder',
      files.length === 0
        ? 'It holds no .onnx file; give the path of one.'
        : `Give a file: it holds ${files.slice(0, MOST_NAMED).join(', ')}${more}.`,
    );
  }
  if (found !== undefined) return error('it is not a file');
  return isHubName(path)
    ? error(
        'there is no such file',
        'Nothing is downloaded by the name of a model: download its ONNX file with its tokenizer.json and config.json, and give the path of the file.',
      )
    : error('there is no such file');
}

/** `.onnx` files in a folder and below, those nearest to it first. */
function modelsBelow(folder: string): string[] {
  const files: string[] = [];
  const folders = [folder];
  for (let at = 0; at < Math.min(folders.length, MOST_FOLDERS); at++) {
    for (const entry of entriesOf(folders[at]!)) {
      const path = join(folders[at]!, entry.name);
      if (entry.isDirectory()) {
        if (!entry.name.startsWith('.') && entry.name !== 'node_modules') folders.push(path);
      } else if (entry.name.endsWith('.onnx')) files.push(path);
    }
  }
  return files;
}

function entriesOf(folder: string): { readonly name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // A folder that may not be read holds nothing to name.
    return [];
  }
}

/** `OWNER/NAME`, where no folder is called OWNER. */
function isHubName(path: string): boolean {
  const [owner, name, ...rest] = path.split('/');
  if (owner === undefined || name === undefined || rest.length > 0) return false;
  return (
    [owner, name].every((part) => /^\w[\w.-]*$/.test(part)) && !path.endsWith('.onnx') && !existsSync(owner)
  );
}
