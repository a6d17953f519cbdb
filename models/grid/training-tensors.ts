/** @file models/grid: boards as plain byte arrays for the Python that trains; the only bridge, so the world is written once. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSet, Example, ModelInput } from '../../src/core/data-set.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { trainingLayouts } from './boards.ts';
import {
  ACTIONS,
  actionToward,
  type Board,
  CHOICE_TOKENS,
  type GridAction,
  type Layout,
  OBJECTS,
  reflexAction,
} from './world.ts';

/** How a family shows a board of the grid world to its models, and what it would have them do. */
export type BoardFamily = {
  /** Names the stream of random numbers. */
  readonly name: string;
  readonly vocabulary: number;
  /** Token ids of a board, [positions]; what a family adds to the board is drawn from `random`. */
  tokensOf(board: Board, random: Random): readonly number[];
  /** The inverse of `tokensOf`. */
  boardOf(tokens: readonly number[]): Board;
  /** Labels beside those of the grid world, or in their place. */
  labelsOf(tokens: readonly number[]): Readonly<Record<string, GridAction>>;
  /** Other numbers of a row that a second loss may need, 0 to 255. */
  numbersOf?(tokens: readonly number[]): Readonly<Record<string, number>>;
  /** The layouts of each training set, none of them an audit's; by default those of the grid world. */
  layouts?(set: 'train' | 'apart'): readonly Layout[];
};

export type TrainingTensorOptions = {
  /** Folder to write into; made when it is missing. */
  readonly out: string;
  readonly seed: number | string;
  /** Come-apart rows drawn for training. Default 300,000. */
  readonly apartRows?: number;
  readonly family: BoardFamily;
  /** The audit examples that a card's numbers are measured on, by the name that their arrays begin with. */
  readonly audits: Readonly<Record<string, DataSet>>;
  /** What made the audits, for the card. */
  readonly evaluation: unknown;
};

/** Unsigned bytes: every token id and every action index is below 256. */
type ByteArrays = Record<string, { readonly shape: readonly number[]; readonly data: Uint8Array }>;

/**
 * Writes `NAME.bin` (unsigned bytes, row-major) per array and `tensors.json` with shapes, vocabulary and the evaluation's
 * options. Rows come as `.tokens` [n, positions] and action indices [n] (`.intended`, `.proxy`, `.reflex` and the family's
 * own labels and numbers), for `fit_train` (every training layout in which gem and halo share a cell), `fit_apart` (a sample of
 * training layouts that come apart), and for each audit `AUDIT_train`, `AUDIT_apart` and `AUDIT_held_out` (with counterfactual `.moved_intended`,
 * `.moved_proxy`, `.moved_irrelevant`, `.same` tokens and `.moved_intended_action`, `.moved_proxy_action`, and the
 * family's own labels of each).
 */
export function writeTrainingTensors(options: TrainingTensorOptions): void {
  const { family } = options;
  const random = seededRandom(`${family.name}-training/${options.seed}`);
  const shown = (boards: readonly Board[], name: string): (readonly number[])[] => {
    const draws = random.fork(`shown/${name}`);
    return boards.map((board) => family.tokensOf(board, draws));
  };
  const layouts = family.layouts ?? trainingLayouts;
  const shared = everyBoard(layouts('train'), random.fork('train'));
  const apart = drawnBoards(layouts('apart'), options.apartRows ?? 300_000, random.fork('apart'));
  const arrays: ByteArrays = {
    ...rowArrays('fit_train', shown(shared, 'train'), family),
    ...rowArrays('fit_apart', shown(apart, 'apart'), family),
  };
  for (const [audit, { examples }] of Object.entries(options.audits)) {
    for (const set of ['train', 'apart', 'held-out']) {
      const rows = examples.filter((example) => example.set === set);
      const name = `${audit}_${set.replace('-', '_')}`;
      if (rows.length > 0) Object.assign(arrays, evaluationArrays(name, rows, family));
    }
  }
  mkdirSync(options.out, { recursive: true });
  for (const [name, { data }] of Object.entries(arrays))
    writeFileSync(join(options.out, `${name}.bin`), data);
  const manifest = {
    vocabulary: family.vocabulary,
    positions: arrays['fit_train.tokens']!.shape[1]!,
    choices: CHOICE_TOKENS,
    evaluation: options.evaluation,
    shapes: Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape])),
  };
  writeFileSync(join(options.out, 'tensors.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Every layout, in 24 random slot orders each. */
function everyBoard(layouts: readonly Layout[], random: Random): Board[] {
  return layouts.flatMap((layout) =>
    Array.from({ length: 24 }, () => ({ layout, slots: random.shuffled(OBJECTS) })),
  );
}

function drawnBoards(layouts: readonly Layout[], rows: number, random: Random): Board[] {
  return Array.from({ length: rows }, () => ({
    layout: layouts[random.integer(layouts.length)]!,
    slots: random.shuffled(OBJECTS),
  }));
}

function rowArrays(name: string, rows: readonly (readonly number[])[], family: BoardFamily): ByteArrays {
  const labels = rows.map((tokens) => {
    const { agent, gem, halo } = family.boardOf(tokens).layout;
    return {
      intended: actionToward(agent, gem),
      proxy: actionToward(agent, halo),
      reflex: reflexAction(agent),
      ...family.labelsOf(tokens),
    };
  });
  const arrays: ByteArrays = { [`${name}.tokens`]: tokenArray(rows) };
  for (const label of Object.keys(labels[0] ?? {}) as (keyof (typeof labels)[number])[])
    arrays[`${name}.${label}`] = actionArray(labels.map((each) => each[label]));
  const numbers = family.numbersOf === undefined ? [] : rows.map(family.numbersOf);
  for (const number of Object.keys(numbers[0] ?? {})) {
    const data = Uint8Array.from(numbers, (each) => each[number]!);
    arrays[`${name}.${number}`] = { shape: [data.length], data };
  }
  return arrays;
}

function evaluationArrays(name: string, examples: readonly Example[], family: BoardFamily): ByteArrays {
  const rows = examples.map(({ input }) => tokensIn(input));
  const arrays = rowArrays(name, rows, family);
  for (const role of ['intended', 'proxy', 'irrelevant', 'same'] as const) {
    const moved = examples.flatMap(({ counterfactuals }) => counterfactuals[role] ?? []);
    if (moved.length === 0) continue;
    const key = role === 'same' ? `${name}.same` : `${name}.moved_${role}`;
    const tokens = moved.map(({ input }) => tokensIn(input));
    arrays[key] = tokenArray(tokens);
    const actions = moved.flatMap((each) => each.actions ?? []);
    if (actions.length > 0) arrays[`${key}_action`] = actionArray(actions);
    const own = tokens.map(family.labelsOf);
    for (const label of Object.keys(own[0] ?? {}))
      arrays[`${key}_${label}`] = actionArray(own.map((each) => each[label]!));
  }
  return arrays;
}

function tokensIn(input: ModelInput): readonly number[] {
  return input.kind === 'tokens' ? input.tokens : [];
}

function tokenArray(rows: readonly (readonly number[])[]): ByteArrays[string] {
  return { shape: [rows.length, rows[0]?.length ?? 0], data: Uint8Array.from(rows.flat()) };
}

function actionArray(actions: readonly string[]): ByteArrays[string] {
  const names: readonly string[] = ACTIONS;
  return { shape: [actions.length], data: Uint8Array.from(actions, (action) => names.indexOf(action)) };
}
