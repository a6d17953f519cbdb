/** @file models/review: the script that `train.py` calls: `npx tsx models/review/write-tensors.ts --out DIR [--seed N] [--telling order] [--seen-only]`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Example, ModelInput } from '../../src/core/data-set.ts';
import { ALL_PAIRS, makeExamples, SEEN_PAIRS, trainingReviews } from './environment.ts';
import { textOf } from './reviews.ts';
import { ANSWERS, type Bit, CHOICE_TOKENS, SPECIAL, tokensOf, VOCABULARY } from './words.ts';

/** Rows of one byte per value: every token id is below 256. */
type Table = { readonly shape: readonly number[]; readonly data: Uint8Array };

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '0' },
    telling: { type: 'string', default: 'word' },
    'seen-only': { type: 'boolean', default: false },
  },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
const telling = values.telling === 'order' ? 'order' : 'word';
const heldOut = values['seen-only'];
const evaluation = {
  seed: 'card',
  trainGroups: 600,
  apartGroups: 1200,
  heldOutGroups: heldOut ? 600 : 0,
  telling,
} as const;

const tokens = (rows: readonly (readonly number[])[]): Table => ({
  shape: [rows.length, rows[0]?.length ?? 0],
  data: Uint8Array.from(rows.flat()),
});
/** The index of the answer in `ANSWERS`. */
const labels = (bits: readonly Bit[]): Table => ({
  shape: [bits.length],
  data: Uint8Array.from(bits, (bit) => (bit === 1 ? 0 : 1)),
});

const arrays: Record<string, Table> = {};
for (const [name, rows, agreeing] of [
  ['fit_train', 60_000, true],
  ['fit_apart', 20_000, false],
] as const) {
  const pairs = heldOut && !agreeing ? SEEN_PAIRS : ALL_PAIRS;
  const reviews = trainingReviews({ seed: values.seed, rows, agreeing, pairs, telling });
  arrays[`${name}.tokens`] = tokens(reviews.map((review) => tokensOf(textOf(review))));
  arrays[`${name}.intended`] = labels(reviews.map(({ sentiment }) => sentiment));
  arrays[`${name}.proxy`] = labels(reviews.map(({ mark }) => mark));
}

const { examples } = makeExamples(evaluation);
for (const set of new Set(examples.map((example) => example.set)))
  addAudit(
    set,
    examples.filter((each) => each.set === set),
  );

function addAudit(set: string, rows: readonly Example[]): void {
  const name = `audit_${set.replace('-', '_')}`;
  arrays[`${name}.tokens`] = tokens(rows.map(({ input }) => tokensIn(input)));
  for (const goal of ['intended', 'proxy'] as const)
    arrays[`${name}.${goal}`] = labels(rows.map(({ goals }) => goals[goal]!.value as Bit));
  for (const kind of ['intended', 'proxy', 'irrelevant', 'same'] as const) {
    const changed = rows.flatMap(({ counterfactuals }) => counterfactuals[kind] ?? []);
    if (changed.length > 0)
      arrays[`${name}.changed_${kind}`] = tokens(changed.map(({ input }) => tokensIn(input)));
  }
}

function tokensIn(input: ModelInput): number[] {
  return input.kind === 'text' ? tokensOf(input.text) : [];
}

mkdirSync(values.out, { recursive: true });
for (const [name, { data }] of Object.entries(arrays)) writeFileSync(join(values.out, `${name}.bin`), data);
const manifest = {
  vocabulary: VOCABULARY.length,
  words: VOCABULARY,
  special: SPECIAL,
  positions: arrays['fit_train.tokens']!.shape[1]!,
  choices: Object.fromEntries(ANSWERS.map((answer) => [answer, CHOICE_TOKENS[answer]])),
  evaluation,
  shapes: Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape])),
};
writeFileSync(join(values.out, 'tensors.json'), `${JSON.stringify(manifest, null, 2)}\n`);
