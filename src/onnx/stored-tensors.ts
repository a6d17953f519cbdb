/** @file onnx: every tensor that the outer graph stores, whether as an initializer or in a Constant node. */
import { MesascopeError } from '../core/errors.ts';
import type { ModelIndex, TensorView } from './contract.ts';
import { readTensor } from './read-tensor.ts';

/** Value name -> stored tensor. */
export function storedTensors(index: ModelIndex): ReadonlyMap<string, TensorView> {
  const stored = new Map(index.initializers);
  for (const { opType, outputs, attributes } of index.nodes) {
    const tensor = attributes.value?.tensor;
    const [name] = outputs;
    if (opType === 'Constant' && tensor !== undefined && name !== undefined) stored.set(name, tensor);
  }
  return stored;
}

/** The value of a stored tensor of one number, or undefined when it has more, lies elsewhere or cannot be read. */
export function storedNumber(index: ModelIndex, tensor: TensorView | undefined): number | undefined {
  if (tensor === undefined || tensor.data.kind === 'external') return undefined;
  try {
    const { data } = readTensor(index, tensor);
    return data.length === 1 ? Number(data[0]) : undefined;
  } catch (cause) {
    if (cause instanceof MesascopeError) return undefined;
    throw cause;
  }
}
