/** @file onnx test: small graphs that several tests share, built by the project's own builder. */

import { seededRandom } from '../../src/core/random.ts';
import {
  buildModel,
  type ElementType,
  type GraphSpec,
  type ModelSpec,
  type NodeSpec,
} from '../../src/onnx/build.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';

export const VOCABULARY = 11;
export const WIDTH = 16;

function weights(seed: string, dims: readonly number[], scale = 0.4): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => scale * random.normal());
}

const tensor = (
  name: string,
  dims: number[],
  scale?: number,
): NonNullable<GraphSpec['initializers']>[number] => ({
  name,
  dims,
  type: 'float32',
  data: weights(name, dims, scale),
});

/**
 * Two residual MLP blocks with layer norms over a token embedding: ids [batch, position] -> logits [batch, position,
 * vocabulary]. The residual values are `r0`, `r1`, `r2`; the block's inner values `h{i}`, `m{i}`.
 */
export function residualSpec(
  options: { readonly opset?: number; readonly position?: boolean } = {},
): ModelSpec {
  const nodes: NodeSpec[] = [{ opType: 'Gather', inputs: ['embedding', 'ids'], outputs: ['r0'] }];
  const initializers = [tensor('embedding', [VOCABULARY, WIDTH], 1)];
  for (let i = 0; i < 2; i++) {
    initializers.push(
      tensor(`gain${i}`, [WIDTH], 1),
      tensor(`shift${i}`, [WIDTH]),
      tensor(`up${i}`, [WIDTH, 32]),
      tensor(`up_bias${i}`, [32]),
      tensor(`down${i}`, [32, WIDTH]),
    );
    nodes.push(
      {
        opType: 'LayerNormalization',
        inputs: [`r${i}`, `gain${i}`, `shift${i}`],
        outputs: [`n${i}`],
        attributes: { axis: { int: -1 } },
      },
      { opType: 'MatMul', inputs: [`n${i}`, `up${i}`], outputs: [`u${i}`] },
      { opType: 'Add', inputs: [`u${i}`, `up_bias${i}`], outputs: [`h${i}`] },
      { opType: 'Tanh', inputs: [`h${i}`], outputs: [`t${i}`] },
      { opType: 'MatMul', inputs: [`t${i}`, `down${i}`], outputs: [`m${i}`] },
      { opType: 'Add', inputs: [`r${i}`, `m${i}`], outputs: [`r${i + 1}`] },
    );
  }
  initializers.push(tensor('unembed', [WIDTH, VOCABULARY]));
  nodes.push({ opType: 'MatMul', inputs: ['r2', 'unembed'], outputs: ['logits'] });
  return {
    inputs: [{ name: 'ids', type: 'int64', shape: ['batch', 'position'] }],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 'position', VOCABULARY] }],
    nodes,
    initializers,
    opset: options.opset ?? 17,
  };
}

export function residualModel(options: { readonly opset?: number } = {}): Uint8Array {
  return buildModel(residualSpec(options));
}

/** Token ids [batch, position]. */
export function ids(...rows: readonly (readonly number[])[]): TensorValue {
  return {
    type: 'int64',
    dims: [rows.length, rows[0]!.length],
    data: BigInt64Array.from(rows.flat().map(BigInt)),
  };
}

export const IDS: TensorValue = ids([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]);

/** x [batch, position, width] float32 -> cast to `type`, added to itself as `hidden`, cast back as `y`. */
export function castModel(type: ElementType): Uint8Array {
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 'position', 4] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 'position', 4] }],
    nodes: [
      {
        opType: 'Cast',
        inputs: ['x'],
        outputs: ['hidden'],
        attributes: {
          to: {
            int: {
              float16: 10,
              bfloat16: 16,
              float64: 11,
              float32: 1,
              int32: 6,
              int64: 7,
              uint8: 2,
              int8: 3,
              bool: 9,
            }[type],
          },
        },
      },
      { opType: 'Cast', inputs: ['hidden'], outputs: ['y'], attributes: { to: { int: 1 } } },
    ],
    opset: 17,
  });
}

/** An If whose branches read `r` and `unused_before` from outside: the captured value is needed although no node lists it. */
export function capturingModel(): Uint8Array {
  const branch = (op: string): GraphSpec => ({
    inputs: [],
    outputs: [{ name: `${op}_out`, type: 'float32', shape: [null, null, 4] }],
    nodes: [{ opType: op, inputs: ['r', 'captured'], outputs: [`${op}_out`] }],
    name: op,
  });
  return buildModel({
    inputs: [
      { name: 'x', type: 'float32', shape: ['batch', 'position', 4] },
      { name: 'flag', type: 'bool', shape: [] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 'position', 4] }],
    nodes: [
      { opType: 'Tanh', inputs: ['x'], outputs: ['r'] },
      { opType: 'Exp', inputs: ['x'], outputs: ['captured'] },
      { opType: 'Neg', inputs: ['x'], outputs: ['never_used'] },
      {
        opType: 'If',
        inputs: ['flag'],
        outputs: ['chosen'],
        attributes: { then_branch: { graph: branch('Add') }, else_branch: { graph: branch('Mul') } },
      },
      { opType: 'Abs', inputs: ['chosen'], outputs: ['y'] },
    ],
    opset: 17,
  });
}
