/** @file models/grid: boards told in two tokens per object, its kind and its cell, so that what is learned of a kind can carry over to other cells. */
import type { Counterfactual, DataSet, ModelInput } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { boardOfTokens, type GridExampleOptions, makeExamples } from './examples.ts';
import {
  BEGIN_TOKEN,
  type Board,
  CELLS,
  type GridObject,
  type Layout,
  OBJECTS,
  QUESTION_TOKEN,
} from './world.ts';

const FIRST_KIND_TOKEN = 1;
const FIRST_CELL_TOKEN: number = FIRST_KIND_TOKEN + OBJECTS.length;

/** Token ids [10]: begin, kind and cell of four slots, question; all below the grid world's vocabulary, whose choices they share. */
export function pairTokens({ layout, slots }: Board): number[] {
  return [
    BEGIN_TOKEN,
    ...slots.flatMap((object) => [
      FIRST_KIND_TOKEN + OBJECTS.indexOf(object),
      FIRST_CELL_TOKEN + layout[object],
    ]),
    QUESTION_TOKEN,
  ];
}

/** The inverse of `pairTokens`; throws `BAD_SETTING` for tokens that tell no board. */
export function boardOfPairs(tokens: readonly number[]): Board {
  const told: readonly (readonly [GridObject | undefined, number])[] = OBJECTS.map((_, slot) => [
    OBJECTS[(tokens[1 + 2 * slot] ?? 0) - FIRST_KIND_TOKEN],
    (tokens[2 + 2 * slot] ?? 0) - FIRST_CELL_TOKEN,
  ]);
  const slots = told.flatMap(([object]) => (object === undefined ? [] : [object]));
  const board: Board = { layout: Object.fromEntries(told) as Layout, slots };
  const isComplete = OBJECTS.every((object) => slots.includes(object));
  const isOnBoard = told.every(([, cell]) => cell >= 0 && cell < CELLS);
  if (!isComplete || !isOnBoard || pairTokens(board).join() !== tokens.join()) {
    throw new MesascopeError('BAD_SETTING', `tokens ${tokens.join(' ')} are no board told in pairs`);
  }
  return board;
}

/** The grid world's audit examples, told in pairs; everything else is theirs. */
export function makePairExamples(options: GridExampleOptions): DataSet {
  const grid = makeExamples(options);
  const told = (input: ModelInput): ModelInput =>
    input.kind === 'tokens' ? { ...input, tokens: pairTokens(boardOfTokens(input.tokens)) } : input;
  const retold = (source: Counterfactual): Counterfactual => ({ ...source, input: told(source.input) });
  return {
    ...grid,
    title: 'Grid agent that is told kinds and cells apart',
    examples: grid.examples.map((example) => ({
      ...example,
      input: told(example.input),
      counterfactuals: Object.fromEntries(
        Object.entries(example.counterfactuals).map(([role, sources]) => [role, sources.map(retold)]),
      ),
    })),
  };
}
