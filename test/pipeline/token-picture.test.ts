/** @file test: a text is shown as its tokens, marked by the goals whose counterfactuals change them. */
import { describe, expect, it } from 'vitest';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import type { TokenizedData } from '../../src/model/tokenize.ts';
import { withTokenPictures } from '../../src/pipeline/token-picture.ts';

function example(input: Example['input'], counterfactuals: Example['counterfactuals'] = {}): Example {
  return {
    id: 'a',
    set: 'apart',
    group: 'a',
    input,
    goals: {},
    actions: {},
    context: {},
    counterfactuals,
    nuisance: {},
    meta: {},
  };
}

const tokens = (...ids: number[]): Example['input'] => ({ kind: 'tokens', tokens: ids });

function dataOf(inputKind: DataSet['inputKind'], only: Example): DataSet {
  const rest = { title: 't', inputs: {}, readout: -1, choices: {}, goals: {}, contexts: {} };
  return { ...rest, inputKind, examples: [only] };
}

const text = example({ kind: 'text', text: 'b c d e' });
const pieces = ['[BOS]', 'b', 'c', 'd', 'e'];

function tokenized(fed: Example): TokenizedData {
  return { dataSet: dataOf('tokens', fed), texts: [{ ids: [0, 1, 2, 3, 4], pieces }], warnings: [] };
}

describe('the picture of a text', () => {
  it('gives a token the goal that alone changes it', () => {
    const fed = example(tokens(0, 1, 2, 3, 4), {
      intended: [{ input: tokens(0, 9, 2, 3, 4) }, { input: tokens(0, 9, 8, 3, 4) }],
      proxy: [{ input: tokens(0, 1, 7, 3, 4) }],
      irrelevant: [{ input: tokens(0, 1, 2, 3, 6) }],
      same: [{ input: tokens(0, 1, 2, 5, 4) }],
    });
    expect(withTokenPictures(dataOf('text', text), tokenized(fed)).examples[0]!.picture).toEqual({
      kind: 'tokens',
      tokens: [
        { text: '[BOS]' },
        { text: 'b', role: 'intended' },
        { text: 'c' },
        { text: 'd' },
        { text: 'e', role: 'irrelevant' },
      ],
    });
  });

  it('marks nothing by counterfactuals of another length, whose tokens stand elsewhere', () => {
    const fed = example(tokens(0, 1, 2, 3, 4), { proxy: [{ input: tokens(0, 7, 8, 1, 2, 3, 4) }] });
    expect(withTokenPictures(dataOf('text', text), tokenized(fed)).examples[0]!.picture).toEqual({
      kind: 'tokens',
      tokens: pieces.map((piece) => ({ text: piece })),
    });
  });

  it('is the one that the data give, and none where the inputs are no text', () => {
    const picture = { kind: 'tokens', tokens: [{ text: 'own' }] } as const;
    const own = { ...text, picture };
    const fed = tokenized(example(tokens(0, 1, 2, 3, 4)));
    expect(withTokenPictures(dataOf('text', own), fed).examples[0]!.picture).toBe(picture);
    const ids = dataOf('tokens', example(tokens(1)));
    expect(withTokenPictures(ids, { dataSet: ids, warnings: [] })).toBe(ids);
  });
});
