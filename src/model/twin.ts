/** @file model: opens the weight-shuffled twin of a model; what is shuffled is decided by the onnx layer. */
import { closeSync, openSync, readSync } from 'node:fs';
import { MesascopeError } from '../core/errors.ts';
import type { ExternalReader } from '../onnx/read-tensor.ts';
import { shuffledTwin, type TwinKind } from '../onnx/twin.ts';
import { externalDataPath } from '../runtime/session.ts';
import { type Model, openModel } from './open-model.ts';

export type TwinRequest = {
  /** Another seed gives another twin; the same one the same bytes. */
  readonly seed: number | string;
  /** `shuffled` by default. */
  readonly kind?: TwinKind;
  /** What stays as it was trained; both default to true. */
  readonly keep?: { readonly norms?: boolean; readonly embeddings?: boolean };
};

/**
 * A copy of the model whose weights are permuted within each tensor: same architecture, same numbers, nothing learned.
 * It lives in memory; close it like any model. Throws `MODEL_UNSUPPORTED` when nothing can be permuted,
 * `EXTERNAL_DATA_MISSING`.
 */
export async function twinOf(model: Model, request: TwinRequest): Promise<Model> {
  const { seed, keep, kind } = request;
  const bytes = shuffledTwin(model.index, {
    seed,
    ...(keep === undefined ? {} : { keep }),
    ...(kind === undefined ? {} : { kind }),
    external: externalReader(model),
  });
  // The same graph has the same hooks: finding them again would cost more than the twin's run.
  return openModel({ bytes, name: `${model.name} (twin ${seed})` }, { hooks: model.hooks });
}

/** Reads weights where the model's own session finds them. */
function externalReader(model: Model): ExternalReader {
  const beside = model.weightsBeside;
  return ({ location, offset, length }) => {
    if (beside === undefined) return undefined;
    const path = externalDataPath(beside, location);
    const bytes = new Uint8Array(length);
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (cause) {
      throw new MesascopeError('EXTERNAL_DATA_MISSING', `the weight file ${location} cannot be read`, {
        location: { file: path },
        cause,
      });
    }
    try {
      let done = 0;
      while (done < length) {
        const got = readSync(file, bytes, done, Math.min(length - done, 1 << 30), offset + done);
        if (got === 0) return undefined;
        done += got;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  };
}
