/** @file onnx: a model with weights in other files as one that holds them all. */
import { MesascopeError } from '../core/errors.ts';
import type { ModelIndex, TensorView } from './contract.ts';
import { TENSOR } from './fields.ts';
import { type ExternalReader, storedBytes } from './read-tensor.ts';
import { type Fate, rewriteModel } from './rewrite-model.ts';
import { MessageWriter } from './wire-write.ts';

/** Protobuf parsers refuse longer messages (protobuf, "Proto Limits": 2 GiB). */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * The model with every external initializer of the outer graph held inline.
 *
 * Throws `EXTERNAL_DATA_MISSING` when `external` is missing or gives too little, `MODEL_UNSUPPORTED` when the result
 * would be longer than one file may be (2 GiB).
 */
export function inlineWeights(
  index: ModelIndex,
  external: ExternalReader | undefined,
): Uint8Array<ArrayBuffer> {
  let total = index.bytes.length;
  return rewriteModel(index, {
    initializer(tensor): Fate {
      if (tensor.data.kind !== 'external') return 'keep';
      const bytes = storedBytes(index, tensor, external);
      total += bytes.length;
      if (total > MAX_FILE_BYTES) {
        throw new MesascopeError(
          'MODEL_UNSUPPORTED',
          'the model with its weight files is longer than 2 GiB',
          {
            facts: { limit: MAX_FILE_BYTES },
          },
        );
      }
      return inlineTensor(tensor, bytes);
    },
  });
}

function inlineTensor(tensor: TensorView, bytes: Uint8Array): MessageWriter {
  const writer = new MessageWriter();
  for (const size of tensor.dims) writer.varint(TENSOR.dims, size);
  return writer
    .varint(TENSOR.dataType, tensor.dataType)
    .string(TENSOR.name, tensor.name)
    .bytes(TENSOR.rawData, bytes);
}
