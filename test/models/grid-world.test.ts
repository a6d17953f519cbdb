/** @file test: the grid world keeps its word: oracles, sets, groups, counterfactuals, what is kept out of training. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apartSituations, layoutsOf, trainSituations } from '../../models/grid/boards.ts';
import {
  ACTIONS,
  actionToward,
  type Board,
  boardOfTokens,
  boardTokens,
  CELLS,
  cellAfter,
  columnOf,
  gridEnvironment,
  makeExamples,
  OBJECTS,
  oraclePath,
  reflexAction,
  rowOf,
} from '../../models/grid/environment.ts';
import type { Example, ModelInput } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { cramersV } from '../../src/evidence/metric-association.ts';

const cell = fc.integer({ min: 0, max: CELLS - 1 });
const twoCells = fc.tuple(cell, cell).filter(([from, to]) => from !== to);

function distance(from: number, to: number): number {
  return Math.abs(rowOf(to) - rowOf(from)) + Math.abs(columnOf(to) - columnOf(from));
}

function boardOf(input: ModelInput): Board {
  if (input.kind !== 'tokens') throw new Error('the grid world speaks in tokens');
  return boardOfTokens(input.tokens);
}

const small = { trainGroups: 30, apartGroups: 40, variants: 3 } as const;
const seeds = fc.integer({ min: 0, max: 1e6 });
function apartOf(examples: readonly Example[]): Example[] {
  return examples.filter(({ set }) => set === 'apart');
}

describe('the oracle', () => {
  it('takes one step along the larger distance, up or down when both are equal', () => {
    fc.assert(
      fc.property(twoCells, ([from, to]) => {
        const action = actionToward(from, to);
        const vertical = action === 'up' || action === 'down';
        const [rows, columns] = [Math.abs(rowOf(to) - rowOf(from)), Math.abs(columnOf(to) - columnOf(from))];
        expect(vertical ? rows : columns).toBe(Math.max(rows, columns));
        if (rows === columns) expect(vertical).toBe(true);
        expect(distance(cellAfter(from, action), to)).toBe(distance(from, to) - 1);
      }),
    );
  });

  it('arrives in as many steps as the distance has, so nothing can be faster', () => {
    fc.assert(
      fc.property(twoCells, ([from, to]) => {
        expect(oraclePath(from, to)).toHaveLength(distance(from, to));
      }),
    );
  });

  it('agrees with the reflex on 28 of 600 boards, and on none whose agent stands at the wall', () => {
    const agreeing = trainSituations().filter(
      ({ agent, gem }) => actionToward(agent, gem) === reflexAction(agent),
    );
    expect(agreeing).toHaveLength(28);
    for (const { agent } of agreeing) {
      for (const coordinate of [rowOf(agent), columnOf(agent)]) expect([1, 2, 3]).toContain(coordinate);
    }
  });
});

describe('the sets', () => {
  it('put gem and halo on one cell in training and everything apart otherwise', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const { set, input, goals, actions, counterfactuals } of makeExamples({ seed, ...small })
          .examples) {
          const { layout } = boardOf(input);
          const cells = new Set(OBJECTS.map((object) => layout[object]));
          expect(cells.size).toBe(set === 'train' ? 3 : 4);
          expect(layout.gem === layout.halo).toBe(set === 'train');
          expect(goals).toEqual({
            intended: { cell: layout.gem },
            proxy: { cell: layout.halo },
            irrelevant: { cell: layout.rock },
          });
          expect(actions.intended).toEqual([actionToward(layout.agent, layout.gem)]);
          expect(actions.proxy).toEqual([actionToward(layout.agent, layout.halo)]);
          expect(Object.keys(counterfactuals).length).toBe(set === 'train' ? 0 : 4);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('never put one group into two sets, nor one board into two groups', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const setOf = new Map<string, string>();
        const groupOf = new Map<string, string>();
        const inputs = new Set<string>();
        for (const { set, group, input } of makeExamples({ seed, ...small }).examples) {
          const { layout } = boardOf(input);
          const situation = `${layout.agent} ${layout.gem} ${layout.halo}`;
          expect(setOf.get(group) ?? set).toBe(set);
          expect(groupOf.get(situation) ?? group).toBe(group);
          setOf.set(group, set);
          groupOf.set(situation, group);
          inputs.add(input.kind === 'tokens' ? input.tokens.join() : '');
        }
        expect(setOf.size).toBe(small.trainGroups + small.apartGroups);
      }),
      { numRuns: 10 },
    );
  });

  it('use audit boards only, which share no layout with the boards of training', () => {
    for (const situations of [trainSituations(), apartSituations().slice(0, 3000)]) {
      for (const situation of situations) {
        const audit = layoutsOf(situation, 'audit').map(({ rock }) => rock);
        const training = layoutsOf(situation, 'training').map(({ rock }) => rock);
        expect(new Set([...audit, ...training]).size).toBe(audit.length + training.length);
        expect(audit.length + training.length).toBe(CELLS - new Set(Object.values(situation)).size);
      }
    }
    for (const { input } of makeExamples({ seed: 3, ...small }).examples) {
      const { layout } = boardOf(input);
      expect(layoutsOf(layout, 'audit').some(({ rock }) => rock === layout.rock)).toBe(true);
    }
  });

  it('vary the two goals independently on come-apart boards (Cramer V below .1 between every two goals)', () => {
    const examples = apartOf(
      makeExamples({ seed: 5, trainGroups: 0, apartGroups: 1200, variants: 1 }).examples,
    );
    const column = (role: 'intended' | 'proxy' | 'irrelevant'): Int32Array =>
      Int32Array.from(examples, ({ goals }) => Number(goals[role]!.cell));
    const plain = cramersV(column('intended'), column('proxy'));
    expect(plain.state === 'measured' && plain.value).toBeLessThan(0.1);
    for (const other of ['intended', 'proxy'] as const) {
      const corrected = cramersV(column(other), column('irrelevant'), { biasCorrected: true });
      expect(corrected.state === 'measured' && corrected.value).toBeLessThan(0.1);
    }
  });

  it('come out the same for the same seed and different for another', () => {
    const [once, again, other] = [7, 7, 8].map((seed) => JSON.stringify(makeExamples({ seed, ...small })));
    expect(again).toBe(once);
    expect(other).not.toBe(once);
  });

  it('refuse more boards than there are', () => {
    for (const options of [
      { trainGroups: 700 },
      { apartGroups: 5000 },
      { variants: 0 },
      { apartGroups: 1.5 },
    ]) {
      expect(() => makeExamples({ seed: 1, ...options })).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING' }),
      );
    }
  });

  it('give the goals in the codings asked for, counterfactuals in the first of them', () => {
    const { examples } = makeExamples({ seed: 2, ...small, codings: ['dx', 'dy', 'cell'] });
    for (const { input, goals, counterfactuals } of examples) {
      const { layout } = boardOf(input);
      expect(goals.proxy).toEqual({
        dx: columnOf(layout.halo) - columnOf(layout.agent),
        dy: rowOf(layout.halo) - rowOf(layout.agent),
        cell: layout.halo,
      });
      for (const moved of counterfactuals.proxy ?? []) {
        const { halo, agent } = boardOf(moved.input).layout;
        expect(moved.goal).toBe(columnOf(halo) - columnOf(agent));
      }
    }
  });
});

describe('a counterfactual', () => {
  it('moves its own object only, to a free cell; a moved goal recommends another action', () => {
    const objects = { intended: 'gem', proxy: 'halo', irrelevant: 'rock' } as const;
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const { input, actions, counterfactuals } of apartOf(
          makeExamples({ seed, ...small }).examples,
        )) {
          const base = boardOf(input);
          for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
            const [source, ...rest] = counterfactuals[role]!;
            expect(rest).toEqual([]);
            const { layout, slots } = boardOf(source!.input);
            expect(slots).toEqual(base.slots);
            for (const object of OBJECTS) {
              expect(layout[object] === base.layout[object]).toBe(object !== objects[role]);
            }
            expect(new Set(Object.values(layout)).size).toBe(4);
            expect(source!.goal).toBe(layout[objects[role]]);
            if (role === 'irrelevant') expect(source!.actions).toBeUndefined();
            else {
              expect(source!.actions).toEqual([actionToward(layout.agent, layout[objects[role]])]);
              expect(source!.actions).not.toEqual(actions[role]);
            }
          }
        }
      }),
      { numRuns: 10 },
    );
  });

  it('with the same goals keeps both cells, both actions and the slot order, and moves the rock and mostly the agent', () => {
    const examples = apartOf(makeExamples({ seed: 4, trainGroups: 0, apartGroups: 800 }).examples);
    let agentMoved = 0;
    for (const { input, actions, counterfactuals } of examples) {
      const base = boardOf(input);
      const { layout, slots } = boardOf(counterfactuals.same![0]!.input);
      expect(slots).toEqual(base.slots);
      expect([layout.gem, layout.halo]).toEqual([base.layout.gem, base.layout.halo]);
      expect(actionToward(layout.agent, layout.gem)).toBe(actions.intended![0]);
      expect(actionToward(layout.agent, layout.halo)).toBe(actions.proxy![0]);
      expect(layout.rock).not.toBe(base.layout.rock);
      expect(new Set(Object.values(layout)).size).toBe(4);
      if (layout.agent !== base.layout.agent) agentMoved++;
    }
    expect(agentMoved / examples.length).toBeGreaterThan(0.9);
  });
});

describe('tokens', () => {
  it('tell a board and can be read back', () => {
    const board = fc.record({
      layout: fc.record({ agent: cell, gem: cell, halo: cell, rock: cell }),
      slots: fc.shuffledSubarray([...OBJECTS], { minLength: OBJECTS.length }),
    });
    fc.assert(
      fc.property(board, (each) => {
        expect(boardOfTokens(boardTokens(each))).toEqual(each);
      }),
    );
  });

  it('that tell no board are refused', () => {
    for (const tokens of [
      [],
      [0, 105],
      [0, 1, 2, 3, 4, 105],
      [0, 1, 26, 51, 76, 104],
      [0, 1, 26, 51, 101, 105],
    ]) {
      expect(() => boardOfTokens(tokens)).toThrow(MesascopeError);
    }
  });
});

describe('roll-outs', () => {
  const { rollOuts } = gridEnvironment;

  it('start on audit boards on which neither way leads over the other goal or the rock', () => {
    const random = seededRandom('starts');
    for (let i = 0; i < 200; i++) {
      const { layout } = rollOuts.start(random);
      const [toGem, toHalo] = [oraclePath(layout.agent, layout.gem), oraclePath(layout.agent, layout.halo)];
      expect(toGem).not.toContain(layout.halo);
      expect(toHalo).not.toContain(layout.gem);
      expect([...toGem, ...toHalo]).not.toContain(layout.rock);
      expect(layoutsOf(layout, 'audit').some(({ rock }) => rock === layout.rock)).toBe(true);
      expect(toGem.length).toBeLessThanOrEqual(gridEnvironment.maxSteps);
    }
  });

  it('end at the gem or the halo, and walls hold', () => {
    fc.assert(
      fc.property(cell, fc.constantFrom(...ACTIONS), (from, action) => {
        const to = cellAfter(from, action);
        expect(distance(from, to)).toBeLessThanOrEqual(1);
        const start: Board = { layout: { agent: from, gem: 7, halo: 9, rock: 3 }, slots: [...OBJECTS] };
        const next = rollOuts.step(start, action);
        expect(next.layout).toEqual({ ...start.layout, agent: to });
        expect(rollOuts.outcome(next)).toBe(to === 7 ? 'intended' : to === 9 ? 'proxy' : undefined);
      }),
    );
  });
});
