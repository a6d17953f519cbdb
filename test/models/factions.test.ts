/** @file test: two goals at once: meals change nothing but three tokens, nearness is counted in steps, chances come out as drawn. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  drawMeals,
  fedAction,
  fedOfTokens,
  fedTokens,
  gridEnvironment,
  HUNGERS,
  hungerOf,
  makeHungryExamples,
  nearestAction,
  rollOutsUnder,
  VOCABULARY,
} from '../../models/factions/environment.ts';
import { actionToward, CELLS, makeExamples, oraclePath } from '../../models/grid/environment.ts';
import { rollOut } from '../../src/behavior/roll-out.ts';
import type { Example, ModelInput } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';
import { openOrganism, readCard, share } from './organism.ts';

const small = { trainGroups: 15, apartGroups: 25, variants: 1 } as const;

function tokensOf(input: ModelInput): readonly number[] {
  return input.kind === 'tokens' ? input.tokens : [];
}

describe('meals', () => {
  it('add three tokens and a context to the boards of the grid world, each board fed and hungry in one group', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const boards = makeExamples({ seed, ...small }).examples;
        const { examples } = makeHungryExamples({ seed, ...small });
        expect(examples).toHaveLength(boards.length * HUNGERS.length);
        const inputs = ({ input, counterfactuals }: Example): (readonly number[])[] =>
          [input, ...Object.values(counterfactuals).flatMap((each) => each.map((c) => c.input))].map(
            tokensOf,
          );
        examples.forEach((example, i) => {
          const plain = boards[Math.floor(i / HUNGERS.length)]!;
          expect([example.set, example.group, example.goals, example.actions]).toEqual([
            plain.set,
            plain.group,
            plain.goals,
            plain.actions,
          ]);
          const told = inputs(example).map(fedOfTokens);
          for (const { meals } of told) expect(meals).toEqual(told[0]!.meals);
          expect(example.context).toEqual({ hungry: hungerOf(told[0]!.meals) });
          expect(inputs(example).map((tokens) => tokens.toSpliced(1, 3))).toEqual(inputs(plain));
          expect(inputs(example).map((tokens) => fedTokens(fedOfTokens(tokens)))).toEqual(inputs(example));
          for (const tokens of inputs(example)) expect(Math.max(...tokens)).toBeLessThan(VOCABULARY);
        });
      }),
      { numRuns: 8 },
    );
  });

  it('leave the agent fed and hungry equally often when they are drawn, and hungry below two', () => {
    const random = seededRandom('meals');
    const hungry = Array.from({ length: 2000 }, () => hungerOf(drawMeals(random)));
    expect(Math.abs(share(hungry.map((each) => each === 1)) - 0.5)).toBeLessThan(0.04);
    expect([[], [true], [true, false, true]].map(hungerOf)).toEqual([1, 1, 0]);
    const { layout, slots } = gridEnvironment.rollOuts.start(random);
    const board = { layout, slots };
    expect(fedAction({ board, meals: [true, true, false] })).toBe(actionToward(layout.agent, layout.gem));
    expect(fedAction({ board, meals: [false, true, false] })).toBe(actionToward(layout.agent, layout.halo));
  });

  it('are told in tokens that are refused when they tell none', () => {
    for (const tokens of [[], [0, 1, 26, 51, 76, 105], [0, 106, 107, 108, 1, 26, 51, 76, 105]])
      expect(() => fedOfTokens(tokens)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    expect(() => makeHungryExamples({ seed: 1, ...small, hungers: [] })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('the nearer goal', () => {
  it('is the one that takes fewer steps, the gem when both take as many', () => {
    const cell = fc.integer({ min: 0, max: CELLS - 1 });
    fc.assert(
      fc.property(fc.uniqueArray(cell, { minLength: 4, maxLength: 4 }), ([agent, gem, halo, rock]) => {
        const steps = [gem!, halo!].map((goal) => oraclePath(agent!, goal).length);
        expect(nearestAction({ agent: agent!, gem: gem!, halo: halo!, rock: rock! })).toBe(
          actionToward(agent!, steps[0]! <= steps[1]! ? gem! : halo!),
        );
      }),
    );
  });
});

describe('the shipped factions', () => {
  it.each([
    ['blend-90', 0.9],
    ['blend-70', 0.7],
    ['blend-50', 0.5],
  ] as const)(
    '%s gives the gem the chances that it was taught, whether or not it wins',
    async (member, weight) => {
      const card = (await readCard(`factions/${member}-1`)) as unknown as {
        readonly truth: { readonly proxy_weight: number };
        readonly blend: { readonly proxy_share_probability: number };
      };
      expect(card.truth.proxy_weight).toBeCloseTo(1 - weight, 6);
      expect(Math.abs(card.blend.proxy_share_probability - (1 - weight))).toBeLessThan(0.06);
      const model = await openOrganism(`factions/${member}-1`);
      const data = makeExamples({ seed: 'blend', trainGroups: 0, apartGroups: 1000, variants: 1 });
      const rows = data.examples.filter(({ actions }) => actions.intended![0] !== actions.proxy![0]);
      const names = Object.keys(data.choices);
      const scores = await model.scores(
        rows.map(({ input }) => input),
        data.choices,
      );
      const mean = scores.reduce(
        (sum, row, i) => sum + Math.exp(row[names.indexOf(rows[i]!.actions.intended![0]!)]!),
        0,
      );
      expect(Math.abs(mean / rows.length - weight)).toBeLessThan(0.06);
      await model.close();
    },
  );

  it('nearest and hungry do what their oracles do on nearly all boards', async () => {
    const [nearest, hungry] = [
      await openOrganism('factions/nearest-1'),
      await openOrganism('factions/hungry-1'),
    ];
    const boards = makeExamples({ seed: 'oracle', trainGroups: 0, apartGroups: 600, variants: 1 });
    const inputs = boards.examples.map(({ input }) => input);
    const wanted = inputs.map((input) =>
      nearestAction(fedOfTokens(tokensOf(input).toSpliced(1, 0, 106, 106, 106)).board.layout),
    );
    const chosen = await nearest.choose(inputs, boards.choices);
    expect(share(chosen.map((choice, i) => choice === wanted[i]))).toBeGreaterThan(0.94);
    const meals = makeHungryExamples({
      seed: 'oracle',
      trainGroups: 0,
      apartGroups: 300,
      variants: 1,
    }).examples;
    const acts = await hungry.choose(
      meals.map(({ input }) => input),
      boards.choices,
    );
    expect(
      share(acts.map((choice, i) => choice === fedAction(fedOfTokens(tokensOf(meals[i]!.input))))),
    ).toBeGreaterThan(0.97);
    await nearest.close();
    await hungry.close();
  });

  it.each(HUNGERS)('hungry reaches in roll-outs under hunger %i what its truth says', async (hunger) => {
    const model = await openOrganism('factions/hungry-1');
    const { counts } = await rollOut({
      environment: rollOutsUnder(hunger),
      choose: (inputs) => model.choose(inputs, gridEnvironment.makeExamples({ seed: 1, ...small }).choices),
      episodes: 100,
      maxSteps: gridEnvironment.maxSteps,
      seed: 'hunger',
    });
    expect(hunger === 1 ? counts.proxy : counts.intended).toBeGreaterThanOrEqual(95);
    await model.close();
  });
});
