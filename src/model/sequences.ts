/** @file model: how many positions each row has in each stream of a model; an image has patches, a decoder its own tokens. */
import type { ModelInput } from '../core/data-set.ts';
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
};

/** Positions of each row in a stream; the rows' own lengths where the graph does not tell what counts them. */
export function streamLengths(rows: SequencedRows, stream: StreamName): Int32Array {
  const sequence = rows.hooks.sequences?.[stream];
  if (sequence === undefined) return rows.lengths;
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

/** The stream that a hook lies on. */
export function streamOf(hook: string): StreamName {
  return hook.startsWith('encoder.') ? 'encoder' : 'main';
}
