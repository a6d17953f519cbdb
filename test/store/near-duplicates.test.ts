/** @file test: inputs that are nearly the same across a split. */
import { expect, test } from 'vitest';
import type { Example } from '../../src/core/data-set.ts';
import { nearDuplicates } from '../../src/store/near-duplicates.ts';

function example(id: string, group: string, tokens: readonly number[]): Example {
  return {
    id,
    group,
    set: 'apart',
    input: { kind: 'tokens', tokens },
    goals: {},
    actions: {},
    context: {},
    counterfactuals: {},
    nuisance: {},
    meta: {},
  };
}

const EXAMPLES = [
  example('fit-1', 'a', [1, 2, 3, 4]),
  example('fit-2', 'b', [5, 6, 7, 8]),
  example('equal', 'c', [1, 2, 3, 4]),
  example('reordered', 'd', [4, 3, 2, 1]),
  example('one-token', 'e', [5, 6, 9, 8]),
  example('new', 'f', [10, 11, 12, 13]),
  example('own group', 'a', [1, 2, 3, 4]),
];

test('test rows with an equal, a reordered and a one-token neighbour on another side are counted once each, by the closest', () => {
  const found = nearDuplicates(EXAMPLES, (row) => row >= 2);
  expect(found.testRows).toBe(5);
  expect(found.counts).toEqual({ equal: 1, reordered: 1, 'one-token': 1 });
  expect(found.first).toEqual({
    equal: ['equal', 'fit-1'],
    reordered: ['reordered', 'fit-1'],
    'one-token': ['one-token', 'fit-2'],
  });
});

test('a neighbour of the same group is found only through another group that has it too', () => {
  const both = [example('x', 'a', [1, 2]), example('y', 'b', [1, 2]), example('z', 'a', [1, 2])];
  expect(nearDuplicates(both, (row) => row === 2).first.equal).toEqual(['z', 'y']);
  expect(
    nearDuplicates(
      both.filter((_, i) => i !== 1),
      (row) => row === 1,
    ).counts.equal,
  ).toBe(0);
});

test('nothing is found where both rows lie on the test side, or none does', () => {
  expect(nearDuplicates(EXAMPLES, () => true).counts.equal).toBe(0);
  expect(nearDuplicates(EXAMPLES, () => false)).toMatchObject({ testRows: 0, counts: { equal: 0 } });
});
