/** @file model: how many positions each row has in each stream of a model; an image has patches, a decoder its own tokens. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { HookMap, Sequence, StreamName } from '../onnx/contract.ts';
import { derivedLength } from './feeds.ts';
import type { DescribedInput } from './input-roles.ts';

/** The rows that were encoded, and what is known of their lengths. */
export type SequencedRows = {
  readonly hooks: HookMap;
  readonly described: readonly DescribedInput[];
  readonly inputs: readonly ModelInput[];
  readonly mapping: Readonly<Record<string, string>>;
  /** Positions of each row as its own arrays have them. */
  readonly lengths: Int32Array;
  /** Positions of a stream for inputs of given sizes, batch axis included. */
  readonly count: (
    stream: StreamName,
    shapes: Readonly<Record<string, readonly number[]>>,
  ) => number | undefined;
};

/** Positions of each row in a stream; the rows' own lengths where the graph does not tell what counts them. */
export function streamLengths(rows: SequencedRows, stream: StreamName): Int32Array {
  const sequence = rows.hooks.sequences?.[stream];
  if (sequence === undefined) return rows.lengths;
  if (sequence.kind === 'computed') return computedLengths(rows, stream);
  if (sequence.kind === 'fixed') return new Int32Array(rows.lengths.length).fill(sequence.positions);
  return inputLengths(rows, sequence);
}

/** As the rows give it, or as it is fed where they do not: a mask is as long as what it goes with. */
function inputLengths(rows: SequencedRows, { input }: Sequence & { kind: 'input' }): Int32Array {
  const { described, lengths } = rows;
  const target = described.find(({ name }) => name === input);
  return Int32Array.from(rows.inputs, (one, row) => {
    const given = givenSizes(rows, one, row);
    const own = given.get(input)?.[0];
    if (own !== undefined || target === undefined) return own ?? lengths[row]!;
    const derived = described.filter(({ name }) => !given.has(name));
    const sizes = new Map(
      described.flatMap((other) => {
        const size = given.get(other.name)?.[0];
        return size === undefined ? [] : [[other, size] as const];
      }),
    );
    return derivedLength({ derived }, lengths[row]!, sizes)(target);
  });
}

/** Sizes of what a row gives to inputs, by their names, batch axis left out. */
function givenSizes(
  { described, mapping, lengths }: SequencedRows,
  one: ModelInput,
  row: number,
): ReadonlyMap<string, readonly number[]> {
  if (one.kind !== 'tensors') {
    const field = one.kind === 'tokens' ? mapping.tokens : (mapping.text ?? mapping.tokens);
    const name = field ?? described.find(({ role }) => role === 'tokens')?.name;
    return new Map(name === undefined ? [] : [[name, [lengths[row]!]]]);
  }
  return new Map(
    Object.entries(one.tensors).map(([field, { dims }]) => {
      const name = mapping[field] ?? field;
      const rank = described.find((input) => input.name === name)?.shape?.length;
      // Data may write a leading 1 for the batch axis.
      return [name, rank === dims.length && dims[0] === 1 ? dims.slice(1) : dims];
    }),
  );
}

/** Counted once for each set of sizes that occurs. */
function computedLengths(rows: SequencedRows, stream: StreamName): Int32Array {
  const known = new Map<string, number>();
  return Int32Array.from(rows.inputs, (one, row) => {
    const shapes = Object.fromEntries(
      [...givenSizes(rows, one, row)].map(([name, dims]) => [name, [1, ...dims]]),
    );
    const key = JSON.stringify(shapes);
    let count = known.get(key);
    if (count === undefined) {
      count = rows.count(stream, shapes);
      if (count === undefined) {
        throw new MesascopeError(
          'MODEL_UNSUPPORTED',
          `the graph does not tell how many positions an input of the sizes ${key} has`,
          {
            facts: { stream, shapes },
          },
        );
      }
      known.set(key, count);
    }
    return count;
  });
}

/** The stream that a hook lies on. */
export function streamOf(hook: string): StreamName {
  return hook.startsWith('encoder.') ? 'encoder' : 'main';
}
