/** @file model: which cache inputs of a graph begin empty and which output carries each on, by the names that exporters write; runs nothing. */
import type { ModelIndex } from '../onnx/contract.ts';

/** How the exporters of transformers begin the names: `past_key_values.0.key` goes on from `present.0.key`. */
const PAST = /^past(_key_values)?[\W_]*/i;
const PRESENT = /^present(_key_values)?[\W_]*/i;
/** Keys and values of an encoder's states: `past_key_values.0.encoder.key`, `past_key_cross_0`. */
const OF_ANOTHER_SEQUENCE = /(^|[\W_])(encoder|cross)([\W_]|$)/i;

export type CacheNames = {
  /** The output that bears the name of a cache input. */
  outputOf(input: string): string | undefined;
  /** Whether a node of the graph as it is run takes the input. */
  isRead(input: string): boolean;
  /** Whether an input that holds no earlier position is what the first step needs. */
  beginsEmpty(input: string): boolean;
};

/**
 * The caches of one graph. One that is read begins empty where an output carries it on, or where it is joined with what is computed, its
 * output cut off. One that is neither, or another sequence's, is read as it is: fed empty, attention to it would have nothing to read.
 */
export function cacheNames(index: ModelIndex): CacheNames {
  const read = new Set(index.nodes.flatMap(({ inputs, captures = [] }) => [...inputs, ...captures]));
  const outputs = new Map(
    index.outputs
      .filter(({ name }) => PRESENT.test(name))
      .map(({ name }) => [name.replace(PRESENT, ''), name]),
  );
  const joined = new Set(index.nodes.flatMap(({ opType, inputs }) => (opType === 'Concat' ? inputs : [])));
  const outputOf = (input: string): string | undefined => outputs.get(input.replace(PAST, ''));
  const isRead = (input: string): boolean => read.has(input);
  return {
    outputOf,
    isRead,
    beginsEmpty: (input) =>
      !isRead(input) ||
      (!OF_ANOTHER_SEQUENCE.test(input) && (outputOf(input) !== undefined || joined.has(input))),
  };
}
