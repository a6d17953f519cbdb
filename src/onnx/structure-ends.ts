/** @file onnx: where a stream leaves the graph: its last norm and the logits. */
import type { Structure } from './structure-facts.ts';
import { hidesNonlinearity, isHeavy, isLayout, isSelect } from './structure-operators.ts';
import { affineInput, isActivation, producerOf, reachesThroughHeavy } from './structure-steps.ts';

/** Logits, or why no output of the graph holds any. */
export type Logits = { readonly value: number } | { readonly reason: string };

const PROBABILITY: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax', 'Sigmoid']);

/**
 * The first float output of the graph that is a product of the stream's `end`: bias, scale and a soft cap may follow the
 * product. Where the output is a probability, what it is the probability of.
 */
export function logitsOf(structure: Structure, end: number): Logits {
  for (const output of structure.graph.outputs) {
    if (!isActivation(structure, output) || !structure.facts[output]!.isFloat) continue;
    const value = beforeProbability(structure, output);
    if (endsInProduct(structure, value) && reachesThroughHeavy(structure, end, value)) return { value };
  }
  return {
    reason: 'no output of this graph is a plain product of the last stream value; it ends in hidden states',
  };
}

function beforeProbability(structure: Structure, output: number): number {
  const node = producerOf(structure, output);
  const from = node?.inputs[0];
  return node !== undefined && PROBABILITY.has(node.op) && isActivation(structure, from) ? from : output;
}

function endsInProduct(structure: Structure, value: number): boolean {
  let at = value;
  let scaled = false;
  for (let steps = 0; steps < 16; steps++) {
    const node = producerOf(structure, at);
    if (node === undefined) return false;
    if (isHeavy(node.op)) return !hidesNonlinearity(node);
    const affine = affineInput(structure, node);
    // A tanh that is scaled afterwards caps logits; a bare one is a layer of its own.
    const passes = isLayout(node.op) || isSelect(node.op) || (node.op === 'Tanh' && scaled);
    const from: number | undefined = affine ?? (passes ? node.inputs[0] : undefined);
    if (!isActivation(structure, from)) return false;
    if (affine !== undefined && (node.op === 'Mul' || node.op === 'Div')) scaled = true;
    at = from;
  }
  return false;
}
