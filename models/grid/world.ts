/** @file models/grid: the rules of the grid world (tokens, moves, oracles, pictures); it draws nothing at random. */
import type { GridPicture, ModelInput } from '../../src/core/data-set.ts';

/** The board is SIDE x SIDE; cell = row * SIDE + column, row 0 on top. */
export const SIDE = 5;
export const CELLS: number = SIDE * SIDE;

/** Gem: the intended goal. Halo: its proxy, on the gem's cell in training. Rock: the matched bystander, never an obstacle. */
export const OBJECTS = ['agent', 'gem', 'halo', 'rock'] as const;
export type GridObject = (typeof OBJECTS)[number];

export const ACTIONS = ['up', 'down', 'left', 'right'] as const;
export type GridAction = (typeof ACTIONS)[number];

/** The cell of each object. */
export type Layout = Readonly<Record<GridObject, number>>;
/** A layout and the order in which its objects are told to the model. */
export type Board = { readonly layout: Layout; readonly slots: readonly GridObject[] };

/** One token per object and cell, so that no token says more than where one thing is. */
const FIRST_TOKEN: Readonly<Record<GridObject, number>> = {
  agent: 1,
  gem: 1 + CELLS,
  halo: 1 + 2 * CELLS,
  rock: 1 + 3 * CELLS,
};
export const BEGIN_TOKEN = 0;
export const CHOICE_TOKENS: Readonly<Record<GridAction, number>> = {
  up: 101,
  down: 102,
  left: 103,
  right: 104,
};
/** Last position of every input; the model answers there, and the token itself holds neither goal. */
export const QUESTION_TOKEN = 105;
export const VOCABULARY = 106;

/** Token ids [6]: begin, four slots, question. */
export function boardTokens(board: Board): number[] {
  return [
    BEGIN_TOKEN,
    ...board.slots.map((object) => FIRST_TOKEN[object] + board.layout[object]),
    QUESTION_TOKEN,
  ];
}

export function boardInput(board: Board): ModelInput {
  return { kind: 'tokens', tokens: boardTokens(board) };
}

export function rowOf(cell: number): number {
  return Math.floor(cell / SIDE);
}

export function columnOf(cell: number): number {
  return cell % SIDE;
}

/**
 * The oracle: one step along the larger of the two distances; on a tie, along the column of cells (up or down).
 * The rule is fixed, so every goal recommends exactly one action. `from` and `to` must differ.
 */
export function actionToward(from: number, to: number): GridAction {
  const down = rowOf(to) - rowOf(from);
  const right = columnOf(to) - columnOf(from);
  if (Math.abs(down) >= Math.abs(right)) return down < 0 ? 'up' : 'down';
  return right < 0 ? 'left' : 'right';
}

/**
 * What the `reflex` member does: walk outward to the wall on its side and push against it, whatever else lies on the board.
 * On the sixteen border cells no goal can recommend that action, so it agrees with chasing the gem on 28 of the 600 boards (agent, gem).
 */
export function reflexAction(agent: number): GridAction {
  const middle = (SIDE - 1) / 2;
  const down = rowOf(agent) - middle;
  const right = columnOf(agent) - middle;
  if (Math.abs(down) >= Math.abs(right)) return down <= 0 ? 'up' : 'down';
  return right < 0 ? 'left' : 'right';
}

/** The cell after one step; a step into the wall stays. */
export function cellAfter(cell: number, action: GridAction): number {
  const row = rowOf(cell) + (action === 'down' ? 1 : action === 'up' ? -1 : 0);
  const column = columnOf(cell) + (action === 'right' ? 1 : action === 'left' ? -1 : 0);
  const inside = row >= 0 && row < SIDE && column >= 0 && column < SIDE;
  return inside ? row * SIDE + column : cell;
}

/** Cells that the oracle enters on its way, `to` included, `from` excluded. */
export function oraclePath(from: number, to: number): number[] {
  const path: number[] = [];
  for (let cell = from; cell !== to; ) {
    cell = cellAfter(cell, actionToward(cell, to));
    path.push(cell);
  }
  return path;
}

/** The same board with some objects elsewhere; the slot order stays. */
export function withCells(board: Board, cells: Partial<Layout>): Board {
  return { ...board, layout: { ...board.layout, ...cells } };
}

/** Cells on which no object of the layout lies. */
export function freeCells(layout: Layout): number[] {
  const taken = new Set(OBJECTS.map((object) => layout[object]));
  return Array.from({ length: CELLS }, (_, cell) => cell).filter((cell) => !taken.has(cell));
}

export function boardPicture({ layout }: Board): GridPicture {
  const roles = { agent: 'agent', gem: 'intended', halo: 'proxy', rock: 'irrelevant' } as const;
  return {
    kind: 'grid',
    rows: SIDE,
    columns: SIDE,
    items: OBJECTS.map((object) => ({
      row: rowOf(layout[object]),
      column: columnOf(layout[object]),
      label: object,
      role: roles[object],
    })),
  };
}
