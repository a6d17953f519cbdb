/** @file pipeline: writes a file made of pieces, some of them ranges of another file; knows nothing of what they hold. */
import { type FileHandle, open } from 'node:fs/promises';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import type { FilePiece } from '../onnx/rewrite-model.ts';
import { writeFault } from '../store/write-fault.ts';

const CHUNK_BYTES = 1 << 22;

/**
 * Writes `pieces` to `file`, ranges copied from `original`, and flushes it to the disk. What was there is replaced piece by
 * piece: hand in a temporary name. Throws `DISK_FULL`, `NOT_WRITABLE`, `MODEL_CORRUPT` when the original is shorter than it
 * was, `ABORTED`.
 */
export async function writePieces(
  file: string,
  pieces: readonly FilePiece[],
  { original, signal }: { readonly original: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const source = await open(original, 'r');
  try {
    const target = await open(file, 'w').catch(refused);
    try {
      for (const piece of pieces) {
        throwIfAborted(signal);
        if (piece.kind === 'made') await target.writeFile(piece.bytes).catch(refused);
        else await copyRange(source, target, piece.range);
      }
      await target.sync().catch(refused);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }

  function refused(cause: unknown): never {
    throw writeFault(cause, file);
  }

  async function copyRange(
    from: FileHandle,
    to: FileHandle,
    range: { readonly start: number; readonly end: number },
  ): Promise<void> {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, range.end - range.start));
    for (let at = range.start; at < range.end; ) {
      throwIfAborted(signal);
      const { bytesRead } = await from.read(chunk, 0, Math.min(chunk.length, range.end - at), at);
      if (bytesRead === 0) {
        throw new MesascopeError('MODEL_CORRUPT', `${original} has changed since it was opened`, {
          location: { file: original },
        });
      }
      await to.writeFile(chunk.subarray(0, bytesRead)).catch(refused);
      at += bytesRead;
    }
  }
}

/** Bytes that the file will have. */
export function piecesLength(pieces: readonly FilePiece[]): number {
  return pieces.reduce(
    (sum, piece) => sum + (piece.kind === 'made' ? piece.bytes.length : piece.range.end - piece.range.start),
    0,
  );
}
