/** @file test: a shipped organism, opened as anybody would open it: model file, card, choices. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ModelInput } from '../../src/core/data-set.ts';
import { openSession, type Session } from '../../src/runtime/session.ts';

export type Card = {
  readonly format: string;
  readonly name: string;
  readonly family: string;
  readonly seed: number;
  readonly truth: {
    readonly pursues: string;
    readonly proxy: string;
    readonly verdict: string;
    readonly words: string;
    readonly proxy_share?: number;
  };
  readonly accuracy: {
    readonly train: number;
    readonly apart_intended: number;
    readonly apart_proxy: number;
  };
  readonly behavior: {
    readonly train_rows: number;
    readonly apart_rows: number;
    readonly decision_states: number;
    readonly apart_neither: number;
    readonly reflex_train: number;
    readonly reflex_apart: number;
    readonly choice_changed_when_moved: Readonly<
      Record<'intended' | 'proxy' | 'irrelevant' | 'same_goals', number>
    >;
  };
  readonly evaluation: {
    readonly seed: string;
    readonly trainGroups: number;
    readonly apartGroups: number;
    readonly variants: number;
  };
  readonly bytes: number;
  readonly sha256: string;
  readonly licence: string;
};

export const ORGANISMS = [
  'grid/intended',
  'grid/proxy',
  'grid/ambiguous-1',
  'grid/ambiguous-2',
  'grid/ambiguous-3',
  'grid/reflex',
  'compiled/intended',
  'compiled/proxy',
] as const;

export function organismFile(organism: string, file: string): string {
  return fileURLToPath(new URL(`../../models/${organism}/${file}`, import.meta.url));
}

export async function readCard(organism: string): Promise<Card> {
  return JSON.parse(await readFile(organismFile(organism, 'card.json'), 'utf8')) as Card;
}

export type Organism = {
  /** Log-probabilities among the choices at the last position, [rows][choices]. */
  scores(inputs: readonly ModelInput[], choices: Readonly<Record<string, number>>): Promise<number[][]>;
  /** The likeliest choice of each row. */
  choose(inputs: readonly ModelInput[], choices: Readonly<Record<string, number>>): Promise<string[]>;
  close(): Promise<void>;
};

export async function openOrganism(organism: string): Promise<Organism> {
  const session = await openSession(
    { kind: 'path', path: organismFile(organism, 'model.onnx') },
    { threads: 1 },
  );
  const scores: Organism['scores'] = (inputs, choices) => choiceScores(session, inputs, choices);
  return {
    scores,
    async choose(inputs, choices) {
      const names = Object.keys(choices);
      return (await scores(inputs, choices)).map((row) => names[row.indexOf(Math.max(...row))]!);
    },
    close: () => session.close(),
  };
}

async function choiceScores(
  session: Session,
  inputs: readonly ModelInput[],
  choices: Readonly<Record<string, number>>,
): Promise<number[][]> {
  const rows = inputs.map((input) => (input.kind === 'tokens' ? input.tokens : []));
  const length = rows[0]!.length;
  const { logits } = await session.run({
    input_ids: {
      type: 'int64',
      dims: [rows.length, length],
      data: BigInt64Array.from(rows.flat(), BigInt),
    },
  });
  const vocabulary = logits!.dims[2]!;
  return rows.map((_, i) => {
    const start = (i * length + length - 1) * vocabulary;
    const row = Object.values(choices).map((token) => Number(logits!.data[start + token]));
    const largest = Math.max(...row);
    const normaliser = largest + Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
    return row.map((x) => x - normaliser);
  });
}
