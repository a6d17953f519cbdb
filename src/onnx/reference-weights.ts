/** @file onnx: lets an instrumented graph point at the weights in the original file, so that they are not held twice. */
import type { TensorView } from './contract.ts';
import { LOCATION_EXTERNAL, STRING_ENTRY, TENSOR } from './fields.ts';
import type { Fate } from './rewrite-model.ts';
import { MessageWriter } from './wire-write.ts';

/** Smaller tensors stay inline: among them are the shape constants that ONNX Runtime reads while it loads a graph. */
export const REFERENCE_MIN_BYTES = 1024;

/**
 * The tensor with its raw bytes replaced by their place in `fileName` (external_data: location, offset, length), when
 * there are at least `REFERENCE_MIN_BYTES` of them; smaller, typed and already external tensors are kept.
 */
export function referenceTensor(tensor: TensorView, fileName: string): Fate {
  if (tensor.data.kind !== 'raw') return 'keep';
  const { start, end } = tensor.data.range;
  if (end - start < REFERENCE_MIN_BYTES) return 'keep';
  const writer = new MessageWriter();
  for (const size of tensor.dims) writer.varint(TENSOR.dims, size);
  writer.varint(TENSOR.dataType, tensor.dataType).string(TENSOR.name, tensor.name);
  for (const [key, value] of [
    ['location', fileName],
    ['offset', String(start)],
    ['length', String(end - start)],
  ] as const) {
    writer.message(
      TENSOR.externalData,
      new MessageWriter().string(STRING_ENTRY.key, key).string(STRING_ENTRY.value, value),
    );
  }
  return writer.varint(TENSOR.dataLocation, LOCATION_EXTERNAL);
}
