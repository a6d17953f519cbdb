/** @file store: which examples may be fitted on, selected on and tested on; cuts no group and knows no labels' meaning. */
import { MesascopeError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import type { GroupSplit, SplitRole } from '../core/split.ts';

/** Shares of the examples; positive, and they add up to 1. */
export type SplitFractions = Readonly<Record<SplitRole, number>>;
export const DEFAULT_FRACTIONS: SplitFractions = { fit: 0.5, select: 0.2, test: 0.3 };

export type SplitRequest = {
  /** Group of every example. */
  readonly groups: readonly string[];
  readonly seed: number;
  readonly fractions?: SplitFractions;
  /** Of every example, what each side should have its share of (the set's name, a label); groups stay whole all the same. */
  readonly stratify?: readonly (string | number)[];
};

const ROLES: readonly SplitRole[] = ['fit', 'select', 'test'];

/**
 * Puts every group on one side, so that each side holds about its share of the examples.
 *
 * The sides depend on the seed and on the groups' names, sizes and strata, not on the order of the examples. Groups are
 * drawn in the order of a hash of seed and name, stratum by stratum, and each goes to the side that is furthest behind
 * its share of what was drawn so far (systematic sampling with an error carried over): a side misses its share by about
 * one group, in total and in each stratum. The three row lists are ascending and together hold every row once.
 *
 * Throws `SPLIT_TOO_FEW_GROUPS` below three groups, `BAD_SETTING` on fractions that are not positive or do not add up to
 * 1, `MATRIX_SHAPE` when `stratify` has another length.
 */
export function splitByGroup(request: SplitRequest): GroupSplit {
  const fractions = checkedFractions(request.fractions ?? DEFAULT_FRACTIONS);
  const drawn = drawOrder(request);
  if (drawn.length < ROLES.length) {
    throw new MesascopeError(
      'SPLIT_TOO_FEW_GROUPS',
      `${request.groups.length} examples in ${drawn.length} group${drawn.length === 1 ? '' : 's'} cannot be split three ways without cutting a group`,
      { facts: { groups: drawn.length, needed: ROLES.length } },
    );
  }
  const sides: Record<SplitRole, Group[]> = { fit: [], select: [], test: [] };
  const held: Record<SplitRole, number> = { fit: 0, select: 0, test: 0 };
  let total = 0;
  for (const group of drawn) {
    total += group.rows.length;
    let best: SplitRole = 'fit';
    for (const role of ROLES) {
      if (fractions[role] * total - held[role] > fractions[best] * total - held[best]) best = role;
    }
    sides[best].push(group);
    held[best] += group.rows.length;
  }
  fillEmptySides(sides);
  const rowsOf = (role: SplitRole): Int32Array =>
    Int32Array.from(sides[role].flatMap(({ rows }) => rows)).sort();
  return {
    fit: { role: 'fit', rows: rowsOf('fit') },
    select: { role: 'select', rows: rowsOf('select') },
    test: { role: 'test', rows: rowsOf('test') },
  };
}

type Group = { readonly name: string; readonly rows: number[]; readonly key: string };

function drawOrder({ groups, seed, stratify }: SplitRequest): Group[] {
  if (stratify !== undefined && stratify.length !== groups.length) {
    throw new MesascopeError('MATRIX_SHAPE', `${groups.length} examples have ${stratify.length} strata`);
  }
  const byName = new Map<string, Group & { readonly strata: Set<string> }>();
  for (const [row, name] of groups.entries()) {
    let group = byName.get(name);
    if (group === undefined) {
      group = {
        name,
        rows: [],
        key: sha256('mesascope-split/1:', `${seed}:group:${name}`),
        strata: new Set(),
      };
      byName.set(name, group);
    }
    group.rows.push(row);
    if (stratify !== undefined) group.strata.add(`${typeof stratify[row]}:${stratify[row]}`);
  }
  // Strata are drawn in hashed order too: in the order of their names, small strata would land on the same side for every seed.
  const stratumKey = new Map<string, string>();
  const keyOf = (strata: Set<string>): string => {
    const name = [...strata].sort().join('\0');
    let key = stratumKey.get(name);
    if (key === undefined) {
      key = sha256('mesascope-split/1:', `${seed}:stratum:${name}`);
      stratumKey.set(name, key);
    }
    return key;
  };
  return [...byName.values()]
    .map(({ name, rows, key, strata }) => ({ name, rows, key: `${keyOf(strata)}:${key}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function checkedFractions(fractions: SplitFractions): SplitFractions {
  const total = fractions.fit + fractions.select + fractions.test;
  if (!ROLES.every((role) => fractions[role] > 0) || !(Math.abs(total - 1) < 1e-9)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `split fractions must be positive and add up to 1, not ${ROLES.map((role) => fractions[role]).join(' + ')}`,
      { facts: { fractions } },
    );
  }
  return fractions;
}

/** One huge group can starve a side; the smallest group of the side with most groups then moves over. */
function fillEmptySides(sides: Record<SplitRole, Group[]>): void {
  for (const role of ROLES) {
    if (sides[role].length > 0) continue;
    const donor =
      sides[ROLES.reduce((most, other) => (sides[other].length > sides[most].length ? other : most))];
    let smallest = 0;
    for (const [i, { rows }] of donor.entries()) {
      if (rows.length < donor[smallest]!.rows.length) smallest = i;
    }
    sides[role].push(...donor.splice(smallest, 1));
  }
}
