/** @file models/grid: boards as plain byte arrays for the Python that trains; the only bridge, so the world is written once. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { apartSituations, layoutsOf, trainSituations } from './boards.ts';
import { type GridExampleOptions, makeExamples } from './examples.ts';
import {
  ACTIONS,
  actionToward,
  type Board,
  boardTokens,
  CHOICE_TOKENS,
  OBJECTS,
  reflexAction,
  VOCABULARY,
} from './world.ts';

export type TrainingTensorOptions = {
  /** Folder to write into; made when it is missing. */
  readonly out: string;
  readonly seed: number | string;
  /** Come-apart rows drawn for training. Default 300,000. */
  readonly apartRows?: number;
  /** The audit examples that a card's numbers are measured on. */
  readonly evaluation: GridExampleOptions;
};

/** Unsigned bytes: every token id and every action index is below 256. */
type ByteArrays = Record<string, { readonly shape: readonly number[]; readonly data: Uint8Array }>;

/**
 * Writes `NAME.bin` (unsigned bytes, row-major) per array and `tensors.json` with shapes, vocabulary and the evaluation's
 * options. Rows come as `.tokens` [n, 6] and action indices [n] (`.intended`, `.proxy`, `.reflex`), for `fit_train` (every
 * training layout in which gem and halo share a cell), `fit_apart` (a sample of training layouts that come apart),
 * `audit_train` and `audit_apart` (the evaluation, with counterfactual `.moved_intended`, `.moved_proxy`,
 * `.moved_irrelevant`, `.same` tokens and `.moved_intended_action`, `.moved_proxy_action`).
 */
export function writeTrainingTensors(options: TrainingTensorOptions): void {
  const random = seededRandom(`grid-training/${options.seed}`);
  const evaluation = makeExamples(options.evaluation);
  const arrays: ByteArrays = {
    ...boardArrays('fit_train', sharedCellBoards(random.fork('train'))),
    ...boardArrays('fit_apart', apartBoards(options.apartRows ?? 300_000, random.fork('apart'))),
    ...evaluationArrays('audit_train', examplesOf(evaluation, 'train')),
    ...evaluationArrays('audit_apart', examplesOf(evaluation, 'apart')),
  };
  mkdirSync(options.out, { recursive: true });
  for (const [name, { data }] of Object.entries(arrays))
    writeFileSync(join(options.out, `${name}.bin`), data);
  const manifest = {
    vocabulary: VOCABULARY,
    positions: OBJECTS.length + 2,
    choices: CHOICE_TOKENS,
    evaluation: options.evaluation,
    shapes: Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape])),
  };
  writeFileSync(join(options.out, 'tensors.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Every training layout with a shared cell, in 24 random slot orders each. */
function sharedCellBoards(random: Random): Board[] {
  return trainSituations()
    .flatMap((situation) => layoutsOf(situation, 'training'))
    .flatMap((layout) => Array.from({ length: 24 }, () => ({ layout, slots: random.shuffled(OBJECTS) })));
}

function apartBoards(rows: number, random: Random): Board[] {
  const layouts = apartSituations().flatMap((situation) => layoutsOf(situation, 'training'));
  return Array.from({ length: rows }, () => ({
    layout: layouts[random.integer(layouts.length)]!,
    slots: random.shuffled(OBJECTS),
  }));
}

function boardArrays(name: string, boards: readonly Board[]): ByteArrays {
  return {
    [`${name}.tokens`]: tokenArray(boards.map(boardTokens)),
    [`${name}.intended`]: actionArray(boards.map(({ layout }) => actionToward(layout.agent, layout.gem))),
    [`${name}.proxy`]: actionArray(boards.map(({ layout }) => actionToward(layout.agent, layout.halo))),
    [`${name}.reflex`]: actionArray(boards.map(({ layout }) => reflexAction(layout.agent))),
  };
}

function evaluationArrays(name: string, examples: readonly Example[]): ByteArrays {
  const arrays: ByteArrays = {
    [`${name}.tokens`]: tokenArray(examples.map(({ input }) => tokensOf(input))),
    [`${name}.intended`]: actionArray(examples.map(({ actions }) => actions.intended![0]!)),
    [`${name}.proxy`]: actionArray(examples.map(({ actions }) => actions.proxy![0]!)),
    [`${name}.reflex`]: actionArray(examples.map(({ nuisance }) => reflexAction(Number(nuisance.agent)))),
  };
  for (const role of ['intended', 'proxy', 'irrelevant', 'same'] as const) {
    const moved = examples.flatMap(({ counterfactuals }) => counterfactuals[role] ?? []);
    if (moved.length === 0) continue;
    const key = role === 'same' ? `${name}.same` : `${name}.moved_${role}`;
    arrays[key] = tokenArray(moved.map(({ input }) => tokensOf(input)));
    const actions = moved.flatMap((each) => each.actions ?? []);
    if (actions.length > 0) arrays[`${key}_action`] = actionArray(actions);
  }
  return arrays;
}

function examplesOf(dataSet: DataSet, set: string): Example[] {
  return dataSet.examples.filter((example) => example.set === set);
}

function tokensOf(input: Example['input']): readonly number[] {
  return input.kind === 'tokens' ? input.tokens : [];
}

function tokenArray(rows: readonly (readonly number[])[]): ByteArrays[string] {
  return { shape: [rows.length, OBJECTS.length + 2], data: Uint8Array.from(rows.flat()) };
}

function actionArray(actions: readonly string[]): ByteArrays[string] {
  const names: readonly string[] = ACTIONS;
  return { shape: [actions.length], data: Uint8Array.from(actions, (action) => names.indexOf(action)) };
}
