/** @file test: how many positions a row has in a stream, whichever input counts them and however the row writes its sizes. */
import { describe, expect, it } from 'vitest';
import type { ModelInput } from '../../src/core/data-set.ts';
import type { DescribedInput, InputRole } from '../../src/model/input-roles.ts';
import { type SequencedRows, streamLengths } from '../../src/model/sequences.ts';
import { buildModel } from '../../src/onnx/build.ts';
import type { Sequence } from '../../src/onnx/contract.ts';
import { findHookPoints } from '../../src/onnx/hooks-find.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { GraphWriter } from '../onnx/hooks-graphs.ts';

const input = (name: string, role: InputRole, axes = 2): DescribedInput => ({
  name,
  role,
  type: role === 'tensor' ? 'float32' : 'int64',
  shape: ['batch', ...Array.from({ length: axes - 1 }, (_, i) => `axis ${i}`)],
});
const DESCRIBED = [
  input('attention_mask', 'attention-mask'),
  input('input_ids', 'tokens'),
  input('decoder_attention_mask', 'attention-mask'),
  input('decoder_input_ids', 'decoder-tokens'),
];
const tensor = (...dims: number[]): { dims: number[]; data: number[] } => ({
  dims,
  data: new Array<number>(dims.reduce((product, size) => product * size, 1)).fill(1),
});

function rowsOf(
  inputs: readonly ModelInput[],
  of: {
    readonly main: Sequence;
    readonly encoder?: Sequence;
    readonly described?: readonly DescribedInput[];
    readonly count?: SequencedRows['count'];
  },
): SequencedRows {
  const { main, encoder = main, described = DESCRIBED, count = () => undefined } = of;
  const hooks = {
    blocks: [],
    hooks: [],
    width: undefined,
    noResidual: undefined,
    sequences: { main, encoder },
  };
  const longest = ({ dims }: { readonly dims: readonly number[] }): number => dims.at(-1) ?? 1;
  const lengths = Int32Array.from(inputs, (one) =>
    one.kind === 'tensors' ? Math.max(...Object.values(one.tensors).map(longest)) : 4,
  );
  return { hooks, described, inputs, mapping: {}, lengths, count };
}

const counted = (name: string): Sequence => ({ kind: 'input', input: name });
const MASKS = { main: counted('decoder_attention_mask'), encoder: counted('attention_mask') } as const;

describe('the input that counts positions', () => {
  it('is that of the ids, though a mask of their size comes first in the file', () => {
    const g = new GraphWriter();
    const x = g.embed();
    const middle = g.op('Add', [x, g.attention(g.norm(x))]);
    const logits = g.logits(g.norm(g.op('Add', [middle, g.mlp(g.norm(middle))])));
    const inputs = ['attention_mask', 'ids'].map((name) => {
      return { name, type: 'int64', shape: ['batch', 'length'] } as const;
    });
    const { nodes, initializers } = g;
    const index = indexModel(buildModel({ inputs, outputs: [{ name: logits }], nodes, initializers }));
    expect(findHookPoints(index).sequences).toEqual({ main: counted('ids') });
  });
});

describe('positions that a mask counts', () => {
  it('are those of what the mask goes with, not of the longest of all inputs', () => {
    const tensors = { input_ids: tensor(3), decoder_input_ids: tensor(1, 7) };
    const rows = rowsOf([{ kind: 'tensors', tensors }], MASKS);
    expect([...streamLengths(rows, 'encoder'), ...streamLengths(rows, 'main')]).toEqual([3, 7]);
  });

  it('are one in a decoder that only its first token is fed', () => {
    const rows = rowsOf([{ kind: 'tokens', tokens: [1, 2, 3, 4] }], MASKS);
    expect([...streamLengths(rows, 'encoder'), ...streamLengths(rows, 'main')]).toEqual([4, 1]);
  });
});

describe('positions that the graph computes', () => {
  it('are counted for the sizes of one row, whether it writes the batch axis or not', () => {
    const asked: unknown[] = [];
    const rows = rowsOf(
      [tensor(3, 8, 8), tensor(1, 3, 8, 8)].map((pixels) => ({ kind: 'tensors', tensors: { pixels } })),
      {
        main: { kind: 'computed' },
        described: [input('pixels', 'tensor', 4)],
        count(_stream, shapes) {
          asked.push(shapes);
          return 5;
        },
      },
    );
    expect([...streamLengths(rows, 'main')]).toEqual([5, 5]);
    expect(asked).toEqual([{ pixels: [1, 3, 8, 8] }]);
  });
});
