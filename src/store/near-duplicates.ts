/** @file store: inputs that are nearly the same although their groups differ, so that a split may put them on both sides. */
import type { Example, ModelInput } from '../core/data-set.ts';
import { inputKey } from './data-warnings.ts';

export type DuplicateKind = 'equal' | 'reordered' | 'one-token';

/** Pairs of rows of different groups that lie on different sides of a split. */
export type NearDuplicates = {
  /** Test rows that have such a partner on the fit or select side, by the closest kind found. */
  readonly counts: Readonly<Record<DuplicateKind, number>>;
  readonly testRows: number;
  /** The first pair of each kind, as example ids: [test row, other row]. */
  readonly first: Readonly<Partial<Record<DuplicateKind, readonly [string, string]>>>;
};

/** Rows longer than this are compared as wholes and as bags, not token by token. */
const MAX_ONE_TOKEN_LENGTH = 256;

/**
 * For every test row: is there a row of another group on another side with the same input (`equal`), with the same tokens in another
 * order (`reordered`), or with all but one token the same at the same places (`one-token`)? Linear in rows times length, by hashing.
 *
 * @param isTest whether example i lies on the test side
 */
export function nearDuplicates(
  examples: readonly Example[],
  isTest: (row: number) => boolean,
): NearDuplicates {
  const counts: Record<DuplicateKind, number> = { equal: 0, reordered: 0, 'one-token': 0 };
  const first: Partial<Record<DuplicateKind, readonly [string, string]>> = {};
  const seen = {
    equal: new Map<string, number[]>(),
    reordered: new Map<string, number[]>(),
    'one-token': new Map<string, number[]>(),
  };
  const kinds: readonly DuplicateKind[] = ['equal', 'reordered', 'one-token'];
  const note = (map: Map<string, number[]>, key: string, row: number): void => {
    const known = map.get(key);
    if (known === undefined) map.set(key, [row]);
    // Two partners of different groups are enough to find one of another group than a test row's.
    else if (known.length < 2 && examples[known[0]!]!.group !== examples[row]!.group) known.push(row);
  };
  let testRows = 0;
  for (const [row, { input }] of examples.entries()) {
    if (isTest(row)) testRows++;
    else for (const kind of kinds) for (const key of keysOf(input, kind)) note(seen[kind], key, row);
  }
  for (const [row, { id, group, input }] of examples.entries()) {
    if (!isTest(row)) continue;
    for (const kind of kinds) {
      const partner = keysOf(input, kind)
        .flatMap((key) => seen[kind].get(key) ?? [])
        .find((other) => examples[other]!.group !== group);
      if (partner === undefined) continue;
      counts[kind]++;
      first[kind] ??= [id, examples[partner]!.id];
      break;
    }
  }
  return { counts, testRows, first };
}

function keysOf(input: ModelInput, kind: DuplicateKind): string[] {
  if (kind === 'equal') return [inputKey(input)];
  if (input.kind !== 'tokens') return [];
  const { tokens } = input;
  if (kind === 'reordered') return [[...tokens].sort((a, b) => a - b).join(' ')];
  if (tokens.length > MAX_ONE_TOKEN_LENGTH) return [];
  return tokens.map((_, i) => `${i}:${tokens.slice(0, i).join(' ')}|${tokens.slice(i + 1).join(' ')}`);
}
