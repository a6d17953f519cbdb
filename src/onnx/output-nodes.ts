/** @file onnx: brings values out of a graph: whole or at picked positions, 16-bit values as float32. */
import type { AddedParts } from './added-parts.ts';
import type { OutputRequest } from './contract.ts';
import { DATA_TYPE } from './contract.ts';

/** What is known of a value that is to become an output. */
export type OutputSource = {
  readonly dataType: number | undefined;
  /** Computed by a node; inputs and stored tensors get a node of their own, since ONNX wants outputs to have one. */
  readonly computed: boolean;
  /** Already an output of the graph as it will be written. */
  readonly present: boolean;
};

/**
 * Adds what brings `request.value` out; returns the output's name.
 *
 * bfloat16 cannot be an output (ONNX Runtime refuses the session), and float16 arrives as raw bits, so both are cast to
 * float32. Throws `MODEL_UNSUPPORTED` when the opset lacks an operator.
 */
export function addOutput(
  parts: AddedParts,
  request: OutputRequest,
  source: OutputSource,
  positions: () => string,
): string {
  const { value, pick } = request;
  const half = source.dataType === DATA_TYPE.float16 || source.dataType === DATA_TYPE.bfloat16;
  let last = value;
  if (half) last = parts.cast(last, { to: DATA_TYPE.float32, wish: `${value}__float32` });
  if (pick === 'positions') {
    // [batch, position, width] with indices [batch, p, 1] -> [batch, p, width]
    last = parts.node({
      opType: 'GatherND',
      inputs: [last, positions()],
      wish: `${value}__at_positions`,
      attributes: { batch_dims: { int: 1 } },
    });
  }
  if (last === value && !source.computed) {
    last = parts.node({ opType: 'Identity', inputs: [value], wish: `${value}__out` });
  }
  if (last !== value || !source.present) parts.output(last);
  return last;
}

/** Adds the int64 [batch, p] input and its form as indices [batch, p, 1]; returns both names. */
export function addPositions(parts: AddedParts): { readonly input: string; readonly indices: string } {
  // Asked for first: an old opset should be told about the operator that matters, not about Reshape.
  parts.require('GatherND', 12);
  const input = parts.input('mesascope/positions', { type: 'int64', shape: [null, null] });
  // Reshape rather than Unsqueeze, whose axes moved from attribute to input in opset 13; 0 copies the size.
  const shape = parts.node({
    opType: 'Constant',
    inputs: [],
    wish: `${input}_shape`,
    attributes: { value: { tensor: { dims: [3], type: 'int64', data: BigInt64Array.of(0n, 0n, 1n) } } },
  });
  const indices = parts.node({ opType: 'Reshape', inputs: [input, shape], wish: `${input}_indices` });
  return { input, indices };
}
