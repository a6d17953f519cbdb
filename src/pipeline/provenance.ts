/** @file pipeline: what made this record: versions, platform, state of the repository; no path and no user name. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Provenance } from '../record/record.ts';
import { runtimeVersion } from '../runtime/session.ts';

export async function provenance(request: {
  readonly optimization: string;
  readonly seed: number;
  readonly command: string;
}): Promise<Provenance> {
  return {
    versions: {
      mesascope: await packageVersion(),
      node: process.versions.node,
      'onnxruntime-node': runtimeVersion(),
    },
    platform: `${process.platform}-${process.arch}`,
    optimization: request.optimization,
    splitSeed: String(request.seed),
    command: request.command,
    git: await gitState(process.cwd()),
  };
}

/** Version of this program. */
export async function packageVersion(): Promise<string> {
  const path = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'package.json');
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}

/** Commit of the working folder and whether it has changes; null outside a repository or without git. */
async function gitState(folder: string): Promise<Provenance['git']> {
  const git = async (...words: string[]): Promise<string> => {
    // No hook, no file-system monitor: a repository's own settings must not start programs from here.
    const safe = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];
    const { stdout } = await promisify(execFile)('git', [...safe, ...words], { cwd: folder, timeout: 5000 });
    return stdout.trim();
  };
  try {
    const commit = await git('rev-parse', 'HEAD');
    return { commit, changed: (await git('status', '--porcelain', '--untracked-files=no')) !== '' };
  } catch {
    return null;
  }
}
