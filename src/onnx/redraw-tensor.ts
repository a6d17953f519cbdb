/** @file onnx: replaces the values of one stored tensor by fresh normal numbers of the same mean and deviation, in place. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { DATA_TYPE, type TensorView } from './contract.ts';
import { valueCount } from './read-tensor.ts';
import { corrupt } from './wire-read.ts';

/**
 * Redraws the values of `tensor` within `bytes`, where its range points; every other byte stays.
 *
 * Throws `MODEL_UNSUPPORTED` unless the values are float32 in one run of raw bytes, `MODEL_CORRUPT` when they do not fit the dims.
 */
export function redrawTensor(bytes: Uint8Array, tensor: TensorView, random: Random): void {
  const { data } = tensor;
  if (tensor.dataType !== DATA_TYPE.float32 || data.kind !== 'raw') {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `tensor ${JSON.stringify(tensor.name)} is not stored as raw float32, so it cannot be drawn afresh`,
      { remedy: 'Use shuffled twins: they keep the values as they are stored.' },
    );
  }
  const count = (data.range.end - data.range.start) / 4;
  if (count !== valueCount(tensor.dims)) {
    throw corrupt(
      `tensor ${JSON.stringify(tensor.name)} of [${tensor.dims.join(', ')}] holds ${count} values`,
      tensor.range.start,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + data.range.start, 4 * count);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const value = view.getFloat32(4 * i, true);
    sum += value;
    squares += value * value;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  for (let i = 0; i < count; i++) view.setFloat32(4 * i, mean + deviation * random.normal(), true);
}
