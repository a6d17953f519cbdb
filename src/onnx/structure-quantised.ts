/** @file onnx: takes the steps of a product of quantised activations for the one product that they make; changes no model. */
import type { NodeView } from './contract.ts';

/** A node of the value graph while it is being built. */
export type Draft = { op: string; inputs: number[]; outputs: number[]; view: NodeView };

/** Products of integers and the product that they stand for (Operators.md). */
const INTEGER_PRODUCTS: Readonly<Record<string, string>> = { MatMulInteger: 'MatMul', ConvInteger: 'Conv' };

/**
 * Dynamic quantisation writes x W as DynamicQuantizeLinear(x), a product of integers, a cast, and a product with both scales. The value
 * that leaves the last is x W, rounded; here one node computes it from x. Nodes that only served the steps go.
 */
export function joinQuantisedProducts(drafts: readonly Draft[]): readonly Draft[] {
  if (!drafts.some(({ op }) => INTEGER_PRODUCTS[op] !== undefined)) return drafts;
  const producer = new Map<number, number>();
  const readers = new Map<number, number[]>();
  for (const [at, { inputs, outputs }] of drafts.entries()) {
    for (const value of outputs) if (value >= 0 && !producer.has(value)) producer.set(value, at);
    for (const value of new Set(inputs)) {
      if (value < 0) continue;
      const known = readers.get(value);
      if (known === undefined) readers.set(value, [at]);
      else known.push(at);
    }
  }
  const gone = new Set<number>();
  const joined = new Map<number, Draft>();
  for (const [at, draft] of drafts.entries()) {
    const op = INTEGER_PRODUCTS[draft.op];
    if (op === undefined) continue;
    const quantised = drafts[producer.get(draft.inputs[0] ?? -1) ?? -1];
    const x = quantised?.op === 'DynamicQuantizeLinear' ? quantised.inputs[0] : undefined;
    if (x === undefined || x < 0) continue;
    const cast = soleReader(readers, draft.outputs[0]);
    const scaled = cast === undefined ? undefined : soleReader(readers, drafts[cast]!.outputs[0]);
    if (cast === undefined || scaled === undefined) continue;
    if (drafts[cast]!.op !== 'Cast' || drafts[scaled]!.op !== 'Mul') continue;
    for (const step of [at, cast, scaled]) gone.add(step);
    // In the place of the last step, where every reader expects it.
    joined.set(scaled, {
      op,
      inputs: [x, draft.inputs[1] ?? -1],
      outputs: drafts[scaled]!.outputs,
      view: draft.view,
    });
  }
  return drafts.flatMap((draft, at) => joined.get(at) ?? (gone.has(at) ? [] : [draft]));
}

function soleReader(
  readers: ReadonlyMap<number, readonly number[]>,
  value: number | undefined,
): number | undefined {
  const found = readers.get(value ?? -1) ?? [];
  return found.length === 1 ? found[0] : undefined;
}
