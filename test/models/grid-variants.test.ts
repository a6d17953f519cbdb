/** @file test: held-out cells, boards told in pairs, and the right column: each set holds what it says, each counterfactual changes one thing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnLayouts, makeColumnExamples, rolesOf } from '../../models/grid/column.ts';
import {
  actionToward,
  type Board,
  boardOfTokens,
  CELLS,
  columnOf,
  type GridObject,
  makeExamples,
  OBJECTS,
  rowOf,
  SIDE,
  VOCABULARY,
} from '../../models/grid/environment.ts';
import { HELD_OUT_CELLS, isSeenLayout } from '../../models/grid/held-out.ts';
import { boardOfPairs, makePairExamples, pairTokens } from '../../models/grid/pairs.ts';
import type { Example, ModelInput } from '../../src/core/data-set.ts';
import { cramersV } from '../../src/evidence/metric-association.ts';

const seeds = fc.integer({ min: 0, max: 1e6 });
const cell = fc.integer({ min: 0, max: CELLS - 1 });

function tokensOf(input: ModelInput): readonly number[] {
  return input.kind === 'tokens' ? input.tokens : [];
}

function boardOf(input: ModelInput): Board {
  return boardOfTokens(tokensOf(input));
}

function ofSet(examples: readonly Example[], set: string): Example[] {
  return examples.filter((example) => example.set === set);
}

describe('held-out cells', () => {
  const small = { trainGroups: 20, apartGroups: 40, heldOutGroups: 30, variants: 2 } as const;

  it('are one in every row and one in every column', () => {
    for (const lineOf of [rowOf, columnOf]) {
      expect(new Set(HELD_OUT_CELLS.map(lineOf)).size).toBe(SIDE);
    }
  });

  it('hold both goals on held-out boards and nothing but an agent on come-apart boards, counterfactuals included', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { examples } = makeExamples({ seed, ...small });
        for (const { set, input, actions, counterfactuals } of examples) {
          if (set === 'train') continue;
          const layouts = [
            input,
            ...Object.values(counterfactuals).flatMap((each) => each.map((c) => c.input)),
          ].map((each) => boardOf(each).layout);
          for (const layout of layouts) {
            const held = ([object]: readonly [GridObject]): boolean =>
              HELD_OUT_CELLS.includes(layout[object]);
            expect([held(['gem']), held(['halo']), held(['rock'])]).toEqual(
              set === 'held-out' ? [true, true, false] : [false, false, false],
            );
            expect(isSeenLayout(layout)).toBe(set === 'apart');
          }
          for (const goal of ['intended', 'proxy'] as const)
            expect(counterfactuals[goal]![0]!.actions).not.toEqual(actions[goal]);
        }
        expect(new Set(ofSet(examples, 'held-out').map(({ group }) => group)).size).toBe(small.heldOutGroups);
      }),
      { numRuns: 5 },
    );
  });

  it('leave the other sets alone where no held-out boards are asked for', () => {
    const without = makeExamples({ seed: 1, trainGroups: 5, apartGroups: 60 }).examples;
    expect(ofSet(without, 'held-out')).toEqual([]);
    expect(without.some(({ input }) => HELD_OUT_CELLS.includes(boardOf(input).layout.gem))).toBe(true);
    expect(() => makeExamples({ seed: 1, heldOutGroups: 200 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('boards told in pairs', () => {
  it('can be read back, and what tells no board is refused', () => {
    const board = fc.record({
      layout: fc.record({ agent: cell, gem: cell, halo: cell, rock: cell }),
      slots: fc.shuffledSubarray([...OBJECTS], { minLength: OBJECTS.length }),
    });
    fc.assert(
      fc.property(board, (each) => {
        expect(boardOfPairs(pairTokens(each))).toEqual(each);
        expect(Math.max(...pairTokens(each))).toBeLessThan(VOCABULARY);
      }),
    );
    for (const tokens of [[], [0, 1, 5, 2, 6, 3, 7, 3, 8, 105], [0, 1, 5, 2, 6, 3, 7, 4, 30, 105]])
      expect(() => boardOfPairs(tokens)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  });

  it('are the examples of the grid world in other tokens, counterfactuals included', () => {
    const options = { seed: 9, trainGroups: 10, apartGroups: 20, heldOutGroups: 10 };
    const [plain, pairs] = [makeExamples(options).examples, makePairExamples(options).examples];
    const inputs = ({ input, counterfactuals }: Example): ModelInput[] => [
      input,
      ...Object.values(counterfactuals).flatMap((sources) => sources.map((source) => source.input)),
    ];
    pairs.forEach((example, i) => {
      expect({ ...example, input: 0, counterfactuals: 0 }).toEqual({
        ...plain[i]!,
        input: 0,
        counterfactuals: 0,
      });
      expect(inputs(example).map((input) => boardOfPairs(tokensOf(input)))).toEqual(
        inputs(plain[i]!).map(boardOf),
      );
    });
  });
});

describe('the right column', () => {
  const small = { trainGroups: 30, apartGroups: 60, variants: 2 } as const;

  it('holds the gem alone in training, and halo or rock alone, each in half of the groups, where the goals part', () => {
    const { examples } = makeColumnExamples({ seed: 1, ...small });
    const right: Record<string, number> = {};
    for (const { set, input, goals, actions, nuisance } of examples) {
      const { layout } = boardOf(input);
      const there = OBJECTS.filter((object) => columnOf(layout[object]) === SIDE - 1);
      expect(there).toEqual([nuisance.right]);
      expect(there[0] === 'gem').toBe(set === 'train');
      right[String(there[0])] = (right[String(there[0])] ?? 0) + 1;
      const roles = rolesOf(layout);
      expect(roles.intended).toBe('gem');
      for (const role of ['intended', 'proxy', 'irrelevant'] as const)
        expect(goals[role]).toEqual({ row: rowOf(layout[roles[role]]) });
      expect(actions.proxy).toEqual([actionToward(layout.agent, layout[there[0]!])]);
      if (set === 'train') expect(actions.intended).toEqual(actions.proxy);
      else expect(new Set(Object.values(roles)).size).toBe(3);
    }
    expect(Math.abs(right.halo! - right.rock!)).toBeLessThanOrEqual(small.variants * 2);
  });

  it('is never trained on with an audit layout', () => {
    for (const set of ['train', 'apart'] as const) {
      const audit = new Set(columnLayouts(set, 'audit').map((layout) => JSON.stringify(layout)));
      expect(columnLayouts(set, 'training').filter((layout) => audit.has(JSON.stringify(layout)))).toEqual(
        [],
      );
    }
  });

  it('has counterfactuals that move one object along its column, and one that keeps both rows and both steps', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const { input, goals, actions, counterfactuals } of ofSet(
          makeColumnExamples({ seed, ...small }).examples,
          'apart',
        )) {
          const base = boardOf(input);
          const roles = rolesOf(base.layout);
          for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
            const { layout, slots } = boardOf(counterfactuals[role]![0]!.input);
            expect([slots, rolesOf(layout)]).toEqual([base.slots, roles]);
            for (const object of OBJECTS) {
              expect(columnOf(layout[object])).toBe(columnOf(base.layout[object]));
              expect(rowOf(layout[object]) === rowOf(base.layout[object])).toBe(object !== roles[role]);
            }
            expect(counterfactuals[role]![0]!.goal).toBe(rowOf(layout[roles[role]]));
            if (role !== 'irrelevant') expect(counterfactuals[role]![0]!.actions).not.toEqual(actions[role]);
          }
          const { layout } = boardOf(counterfactuals.same![0]!.input);
          const same = rolesOf(layout);
          expect([same.proxy, same.irrelevant]).toEqual([roles.irrelevant, roles.proxy]);
          expect([rowOf(layout.gem), rowOf(layout[same.proxy])]).toEqual([
            goals.intended!.row,
            goals.proxy!.row,
          ]);
          expect([
            actionToward(layout.agent, layout.gem),
            actionToward(layout.agent, layout[same.proxy]),
          ]).toEqual([actions.intended![0], actions.proxy![0]]);
          expect(new Set(Object.values(layout)).size).toBe(4);
        }
      }),
      { numRuns: 5 },
    );
  });

  it('tells nothing of the gem, and of the object that is left, on come-apart boards (Cramer V below .1)', () => {
    const rows = ofSet(
      makeColumnExamples({ seed: 4, trainGroups: 0, apartGroups: 500, variants: 1 }).examples,
      'apart',
    );
    const column = (role: 'intended' | 'proxy' | 'irrelevant'): Int32Array =>
      Int32Array.from(rows, ({ goals }) => Number(goals[role]!.row));
    for (const [a, b] of [
      ['intended', 'proxy'],
      ['intended', 'irrelevant'],
      ['proxy', 'irrelevant'],
    ] as const) {
      const association = cramersV(column(a), column(b), { biasCorrected: true });
      expect(association.state === 'measured' && association.value, `${a} ${b}`).toBeLessThan(0.1);
    }
  });

  it('comes out the same for the same seed', () => {
    const [once, again, other] = [3, 3, 4].map((seed) =>
      JSON.stringify(makeColumnExamples({ seed, ...small })),
    );
    expect(again).toBe(once);
    expect(other).not.toBe(once);
  });
});
