/** @file core: content hashes; the only place that knows the algorithm. */
import { createHash } from 'node:crypto';

/** Lower-case hexadecimal SHA-256, 64 characters. */
export type Sha256 = string & { readonly __brand: 'Sha256' };

/** Hash of the given chunks, as if concatenated. Strings are hashed as UTF-8, numbers as their bytes. */
export function sha256(...chunks: readonly (NodeJS.ArrayBufferView | string)[]): Sha256 {
  return sha256Of(chunks);
}

/** The same for any number of chunks, made as they are asked for. */
export function sha256Of(chunks: Iterable<NodeJS.ArrayBufferView | string>): Sha256 {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex') as Sha256;
}

/** A hash of pieces that come one at a time, as if concatenated. */
export type RunningHash = { add(chunk: Uint8Array | string): void; digest(): Sha256 };

export function runningSha256(): RunningHash {
  const hash = createHash('sha256');
  return {
    add(chunk) {
      hash.update(chunk);
    },
    digest: () => hash.digest('hex') as Sha256,
  };
}
