/** @file model: how many positions each row has in each stream of a model; an image has patches, a decoder its own tokens. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { HookMap, Sequence, StreamName } from '../onnx/contract.ts';
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

function inputLengths(rows: SequencedRows, { input }: Sequence & { kind: 'input' }): Int32Array {
  const { described, inputs, mapping, lengths } = rows;
  const target = described.find(({ name }) => name === input);
  return Int32Array.from(inputs, (one, row) => {
    const field =
      one.kind === 'tensors'
        ? Object.entries(one.tensors).find(([name]) => (mapping[name] ?? name) === input)
        : undefined;
    if (field === undefined) {
      // One token starts a decoder that the data say nothing of.
      return target?.role === 'decoder-tokens' ? 1 : lengths[row]!;
    }
    const [, { dims }] = field;
    const leading = target?.shape?.length === dims.length && dims[0] === 1 ? 1 : 0;
    return dims[leading] ?? lengths[row]!;
  });
}

/** Counted once for each set of sizes that occurs. */
function computedLengths(rows: SequencedRows, stream: StreamName): Int32Array {
  const known = new Map<string, number>();
  return Int32Array.from(rows.inputs, (one, row) => {
    const shapes =
      one.kind === 'tensors'
        ? Object.fromEntries(
            Object.entries(one.tensors).map(([field, { dims }]) => [
              rows.mapping[field] ?? field,
              [1, ...dims],
            ]),
          )
        : tokenShape(rows, row);
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

function tokenShape({ described, lengths }: SequencedRows, row: number): Record<string, readonly number[]> {
  const tokens = described.find(({ role }) => role === 'tokens');
  return tokens === undefined ? {} : { [tokens.name]: [1, lengths[row]!] };
}

/** The stream that a hook lies on. */
export function streamOf(hook: string): StreamName {
  return hook.startsWith('encoder.') ? 'encoder' : 'main';
}
