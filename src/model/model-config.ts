/** @file model: the configuration that converters write beside a model; everything in it is untrusted and optional. */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Larger files are no configuration. */
const MOST_BYTES = 4 * 2 ** 20;
/** Larger images are no example. */
const MOST_EDGE = 1 << 14;
/** Converters put graphs into a folder of this name, beside the files that describe the model. */
const GRAPH_FOLDER = 'onnx';

/**
 * Where files that describe a model may lie, nearest first: the model's own folder, and the one above where that is called `onnx`.
 * `beside` is the path of any file in the model's folder.
 */
export function foldersBeside(beside: string): string[] {
  const folder = dirname(beside);
  return basename(folder) === GRAPH_FOLDER ? [folder, dirname(folder)] : [folder];
}

/** What an image model's configuration says of its images. */
export type ImageSize = { readonly channels: number; readonly height: number; readonly width: number };

/** `num_channels` and `image_size` of the configuration beside a model. */
export function imageSizeBeside(beside: string | undefined): ImageSize | undefined {
  for (const folder of beside === undefined ? [] : foldersBeside(beside)) {
    const { num_channels: channels = 3, image_size: size } = readObject(join(folder, 'config.json')) ?? {};
    const edges = typeof size === 'number' ? [size, size] : Array.isArray(size) ? size : [];
    const [height, width] = edges as readonly unknown[];
    if (isCount(channels) && isCount(height) && isCount(width)) return { channels, height, width };
  }
  return undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= MOST_EDGE;
}

/** `decoder_start_token_id` of the configuration beside a model; undefined where there is none that can be read. */
export function decoderStartBeside(beside: string | undefined): number | undefined {
  return ofWriting(beside, 'decoder_start_token_id', (given) => (isTokenId(given) ? given : undefined));
}

/** The tokens that end what the model writes: `eos_token_id` of the configuration beside it, one or a list; empty where none can be read. */
export function endTokensBeside(beside: string | undefined): readonly number[] {
  const read = (given: unknown): readonly number[] | undefined => {
    const ids = (Array.isArray(given) ? given : [given]).filter(isTokenId);
    return ids.length === 0 ? undefined : ids;
  };
  return ofWriting(beside, 'eos_token_id', read) ?? [];
}

/** The first of a field that can be read: the file that says how a model writes comes before the one that describes it. */
function ofWriting<T>(
  beside: string | undefined,
  field: string,
  read: (given: unknown) => T | undefined,
): T | undefined {
  for (const folder of beside === undefined ? [] : foldersBeside(beside)) {
    for (const name of ['generation_config.json', 'config.json']) {
      const found = read(readObject(join(folder, name))?.[field]);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function isTokenId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** A file that holds one JSON object of at most 4 MiB; undefined where it is missing, too large or anything else. */
export function readObject(path: string): Record<string, unknown> | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size > MOST_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
