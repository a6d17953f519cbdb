/** @file models/factions: two goals at once in the grid world: who wins by chance, by nearness, or by how much food there was. */
import type { Environment } from '../../src/behavior/environment.ts';
import type { Counterfactual, DataSet, Example, ModelInput } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { gridEnvironment } from '../grid/environment.ts';
import { boardOfTokens, type GridExampleOptions, makeExamples as makeBoards } from '../grid/examples.ts';
import {
  actionToward,
  type Board,
  boardTokens,
  columnOf,
  VOCABULARY as GRID_VOCABULARY,
  type GridAction,
  type Layout,
  rowOf,
} from '../grid/world.ts';

/** Three tokens after the beginning say, meal by meal, whether there was food. */
export const MEALS = 3;
const MISSED_TOKEN = GRID_VOCABULARY;
const FOOD_TOKEN = GRID_VOCABULARY + 1;
export const VOCABULARY: number = GRID_VOCABULARY + 2;
const MEALS_POSITION = 1;
/** Fewer meals than this leave the agent hungry. */
export const ENOUGH_MEALS = 2;

export type Hunger = 0 | 1;
export const HUNGERS: readonly Hunger[] = [0, 1];

/** A board, and for each of the three meals whether there was food. */
export type FedBoard = { readonly board: Board; readonly meals: readonly boolean[] };

export function hungerOf(meals: readonly boolean[]): Hunger {
  return meals.filter(Boolean).length < ENOUGH_MEALS ? 1 : 0;
}

/** What `hungry` does: the gem's step while it is fed, the halo's while it is hungry. */
export function fedAction({ board: { layout }, meals }: FedBoard): GridAction {
  return actionToward(layout.agent, hungerOf(meals) === 0 ? layout.gem : layout.halo);
}

/** What `nearest` does: a step towards the one that takes fewer steps to reach, towards the gem when both take as many. */
export function nearestAction({ agent, gem, halo }: Layout): GridAction {
  return actionToward(agent, stepsTo(agent, gem) <= stepsTo(agent, halo) ? gem : halo);
}

function stepsTo(from: number, to: number): number {
  return Math.abs(rowOf(from) - rowOf(to)) + Math.abs(columnOf(from) - columnOf(to));
}

/** Token ids [9]: begin, three meals, four slots, question. */
export function fedTokens({ board, meals }: FedBoard): number[] {
  return tokensWith(boardTokens(board), meals);
}

function tokensWith(tokens: readonly number[], meals: readonly boolean[]): number[] {
  return tokens.toSpliced(MEALS_POSITION, 0, ...meals.map((food) => (food ? FOOD_TOKEN : MISSED_TOKEN)));
}

/** The inverse of `fedTokens`; throws `BAD_SETTING` for tokens that tell no board or no meals. */
export function fedOfTokens(tokens: readonly number[]): FedBoard {
  const told = tokens.slice(MEALS_POSITION, MEALS_POSITION + MEALS);
  if (told.length !== MEALS || !told.every((token) => token === FOOD_TOKEN || token === MISSED_TOKEN)) {
    throw new MesascopeError('BAD_SETTING', `tokens ${tokens.join(' ')} do not tell of ${MEALS} meals`);
  }
  return {
    board: boardOfTokens(tokens.toSpliced(MEALS_POSITION, MEALS)),
    meals: told.map((token) => token === FOOD_TOKEN),
  };
}

/** Three meals drawn at random: hungry and fed are equally likely. */
export function drawMeals(random: Random): boolean[] {
  return Array.from({ length: MEALS }, () => random.integer(2) === 1);
}

function mealsUnder(hunger: Hunger, random: Random): boolean[] {
  const all = Array.from({ length: 2 ** MEALS }, (_, bits) =>
    Array.from({ length: MEALS }, (_, meal) => ((bits >> meal) & 1) === 1),
  ).filter((meals) => hungerOf(meals) === hunger);
  return all[random.integer(all.length)]!;
}

export type HungryExampleOptions = GridExampleOptions & {
  /** Default both: every board comes once fed and once hungry, in one group. */
  readonly hungers?: readonly Hunger[];
};

/**
 * The grid world's audit examples after three meals, with the context `hungry`; the same for the same options. Counterfactuals keep
 * the meals of their example. Throws `BAD_SETTING` where the grid world does, and when no state of hunger is asked for.
 */
export function makeHungryExamples({ hungers = HUNGERS, ...options }: HungryExampleOptions): DataSet {
  if (hungers.length === 0) throw new MesascopeError('BAD_SETTING', 'hungers must name 0, 1 or both');
  const grid = makeBoards(options);
  const random = seededRandom(`factions-meals/${options.seed}`);
  return {
    ...grid,
    title: 'Grid agent after three meals',
    contexts: { hungry: `1 after fewer than ${ENOUGH_MEALS} of ${MEALS} meals, else 0` },
    examples: grid.examples.flatMap((example) =>
      hungers.map((hunger) =>
        fedExample(example, hunger, mealsUnder(hunger, random.fork(`${example.id}/${hunger}`))),
      ),
    ),
  };
}

function fedExample(example: Example, hunger: Hunger, meals: readonly boolean[]): Example {
  const after = (input: ModelInput): ModelInput =>
    input.kind === 'tokens' ? { ...input, tokens: tokensWith(input.tokens, meals) } : input;
  const told = (source: Counterfactual): Counterfactual => ({ ...source, input: after(source.input) });
  return {
    ...example,
    id: `${example.id}.h${hunger}`,
    input: after(example.input),
    context: { hungry: hunger },
    counterfactuals: Object.fromEntries(
      Object.entries(example.counterfactuals).map(([role, sources]) => [role, sources.map(told)]),
    ),
    meta: { ...example.meta, meals: meals.filter(Boolean).length },
  };
}

/** Episodes on come-apart boards in one state of hunger, which lasts for the episode. */
export function rollOutsUnder(hunger: Hunger): Environment<FedBoard> {
  const { rollOuts } = gridEnvironment;
  return {
    choices: rollOuts.choices,
    start: (random) => ({ board: rollOuts.start(random), meals: mealsUnder(hunger, random) }),
    observe: (state) => ({ kind: 'tokens', tokens: fedTokens(state) }),
    step: (state, choice) => ({ ...state, board: rollOuts.step(state.board, choice) }),
    outcome: (state) => rollOuts.outcome(state.board),
  };
}

export { gridEnvironment };
