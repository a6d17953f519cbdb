/** @file test: small graphs with the inputs that real exports ask for, built from scratch. */
import {
  buildModel,
  type ElementType,
  type NodeSpec,
  type TensorSpec,
  type ValueSpec,
} from '../../src/onnx/build.ts';

export const VOCABULARY = 7;
const WIDTH = 4;

const table: TensorSpec = {
  name: 'table',
  dims: [VOCABULARY, WIDTH],
  type: 'float32',
  data: Float32Array.from({ length: VOCABULARY * WIDTH }, (_, i) => i / 10),
};

/** logits [batch, position, width] = table[ids], with whatever else is asked for declared as inputs (and not used). */
export function lookupModel(
  options: {
    readonly name?: string;
    readonly type?: ElementType;
    readonly shape?: ValueSpec['shape'];
    readonly extra?: readonly ValueSpec[];
    readonly cast?: boolean;
  } = {},
): Uint8Array {
  const {
    name = 'input_ids',
    type = 'int64',
    shape = ['batch', 'length'],
    extra = [],
    cast = false,
  } = options;
  const nodes: NodeSpec[] = [
    ...(cast ? [{ opType: 'Cast', inputs: [name], outputs: ['ids'], attributes: { to: { int: 7 } } }] : []),
    { opType: 'Gather', inputs: ['table', cast ? 'ids' : name], outputs: ['logits'] },
  ];
  return buildModel({
    inputs: [{ name, type, shape: shape ?? [] }, ...extra],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 'length', WIDTH] }],
    initializers: [table],
    nodes,
  });
}
