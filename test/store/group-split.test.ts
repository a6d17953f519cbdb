/** @file test: splits never cut a group, keep their shares, and depend on the seed and the groups' names alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { splitByGroup } from '../../src/store/group-split.ts';

const groupings = fc
  .array(fc.integer({ min: 0, max: 40 }), { minLength: 3, maxLength: 300 })
  .filter((groups) => new Set(groups).size >= 3)
  .map((groups) => groups.map((group) => `board-${group}`));
const roles = ['fit', 'select', 'test'] as const;

describe('a split by group', () => {
  it('puts every row on exactly one side, in ascending order, and no group on two', () => {
    fc.assert(
      fc.property(groupings, fc.integer(), (groups, seed) => {
        const split = splitByGroup({ groups, seed });
        const seen = new Map<string, string>();
        const all: number[] = [];
        for (const role of roles) {
          const rows = [...split[role].rows];
          expect(split[role].role).toBe(role);
          expect(rows.length).toBeGreaterThan(0);
          expect(rows).toEqual([...rows].sort((a, b) => a - b));
          all.push(...rows);
          for (const row of rows) {
            const group = groups[row]!;
            expect(seen.get(group) ?? role).toBe(role);
            seen.set(group, role);
          }
        }
        expect(all.sort((a, b) => a - b)).toEqual(groups.map((_, i) => i));
      }),
    );
  });

  it('puts the same groups on the same sides when the rows come in another order', () => {
    fc.assert(
      fc.property(groupings, fc.integer(), (groups, seed) => {
        const order = seededRandom(seed).permutation(groups.length);
        const moved = splitByGroup({ groups: Array.from(order, (i) => groups[i]!), seed });
        const split = splitByGroup({ groups, seed });
        for (const role of roles) {
          const names = new Set(Array.from(split[role].rows, (row) => groups[row]));
          const movedNames = new Set(Array.from(moved[role].rows, (row) => groups[order[row]!]));
          expect(movedNames).toEqual(names);
        }
      }),
    );
  });

  it('keeps each side within one largest group of its share', () => {
    fc.assert(
      fc.property(groupings, fc.integer(), (groups, seed) => {
        const sizes = new Map<string, number>();
        for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
        const largest = Math.max(...sizes.values());
        const split = splitByGroup({ groups, seed });
        for (const [role, share] of [
          ['fit', 0.5],
          ['select', 0.2],
          ['test', 0.3],
        ] as const) {
          expect(Math.abs(split[role].rows.length - share * groups.length)).toBeLessThanOrEqual(largest + 1);
        }
      }),
    );
  });

  it('keeps the copies of a duplicated group together, wherever its rows lie and whatever their strata', () => {
    fc.assert(
      fc.property(
        groupings,
        fc.integer(),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (groups, seed, copies, strata) => {
          const random = seededRandom(seed);
          const twice = groups[random.integer(groups.length)]!;
          const block = groups.filter((group) => group === twice);
          const rows = random.shuffled([...groups, ...Array.from({ length: copies }, () => block).flat()]);
          const split = splitByGroup({
            groups: rows,
            seed,
            ...(strata ? { stratify: rows.map(() => random.integer(3)) } : {}),
          });
          const sides = roles.filter((role) => split[role].rows.some((row) => rows[row] === twice));
          expect(sides).toHaveLength(1);
          const held = split[sides[0]!].rows.filter((row) => rows[row] === twice);
          expect(held).toHaveLength((copies + 1) * block.length);
        },
      ),
    );
  });

  it('gives each stratum its shares too', () => {
    const groups = Array.from({ length: 1000 }, (_, i) => `g${i}`);
    const stratify = groups.map((_, i) => (i % 10 === 0 ? 'rare' : 'common'));
    const split = splitByGroup({
      groups,
      seed: 3,
      stratify,
      fractions: { fit: 0.6, select: 0.2, test: 0.2 },
    });
    for (const [role, share] of [
      ['fit', 60],
      ['select', 20],
      ['test', 20],
    ] as const) {
      const rare = Array.from(split[role].rows).filter((row) => stratify[row] === 'rare').length;
      expect(Math.abs(rare - share)).toBeLessThanOrEqual(2);
    }
  });

  it('changes with the seed', () => {
    const groups = Array.from({ length: 50 }, (_, i) => `g${i}`);
    const [a, b] = [1, 2].map((seed) => [...splitByGroup({ groups, seed }).test.rows].join());
    expect(a).not.toBe(b);
  });

  it('refuses too few groups, bad fractions and strata of another length, by code', () => {
    const code = (request: Parameters<typeof splitByGroup>[0]): unknown => {
      try {
        splitByGroup(request);
        return 'nothing thrown';
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
    };
    const groups = ['a', 'b', 'c'];
    expect(code({ groups: ['a', 'a', 'b'], seed: 1 })).toBe('SPLIT_TOO_FEW_GROUPS');
    expect(code({ groups: [], seed: 1 })).toBe('SPLIT_TOO_FEW_GROUPS');
    expect(code({ groups, seed: 1, fractions: { fit: 1, select: 0, test: 0 } })).toBe('BAD_SETTING');
    expect(code({ groups, seed: 1, fractions: { fit: 0.5, select: 0.5, test: 0.5 } })).toBe('BAD_SETTING');
    expect(code({ groups, seed: 1, stratify: [1] })).toBe('MATRIX_SHAPE');
  });
});
