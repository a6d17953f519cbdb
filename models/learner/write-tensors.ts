/** @file models/learner: the script that the Python here calls: `npx tsx models/learner/write-tensors.ts --member M --out DIR`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Example, ModelInput } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';
import { COLUMNS, makeGradientStepExamples } from './gradient-step.ts';
import { makeInContextExamples } from './in-context.ts';
import { DEMONSTRATIONS, FEATURES } from './least-squares.ts';
import {
  ASKED_AT,
  bayesPolicy,
  drawDemonstrations,
  drawItem,
  drawLabel,
  LABEL_TOKENS,
  LABELS,
  LENGTH,
  labelOf,
  RULES,
  type Sequence,
  tokensOf,
  VOCABULARY,
  WRONG,
} from './rules.ts';

/** Row-major; token ids and label indices are bytes, chances are float32. */
type NamedArray = { readonly shape: readonly number[]; readonly data: Uint8Array | Float32Array };

type TensorFiles = {
  readonly arrays: Readonly<Record<string, NamedArray>>;
  /** Beside the arrays' shapes in the manifest. */
  readonly facts: Readonly<Record<string, unknown>>;
};

/** Sequences as the world draws them, the rule first. `right`: the rule's label for every item [7], the query's last; `label`: the query's as drawn. */
function drawn(
  count: number,
  side: 'audit' | 'training',
): (Sequence & { readonly right: readonly number[]; readonly label: number })[] {
  const random = seededRandom(`learner/in-context-tensors/${side}`);
  return Array.from({ length: count }, () => {
    const rule = RULES[random.integer(RULES.length)]!;
    const demonstrations = drawDemonstrations(rule, side, random);
    const query = drawItem(random);
    const items = [...demonstrations.map(({ item }) => item), query];
    return {
      demonstrations,
      query,
      right: items.map((item) => labelOf(item, rule)),
      label: drawLabel(query, rule, random),
    };
  });
}

function tokenArray(rows: readonly (readonly number[])[]): NamedArray {
  return { shape: [rows.length, rows[0]?.length ?? 0], data: Uint8Array.from(rows.flat()) };
}

function byteArray(values: readonly number[]): NamedArray {
  return { shape: [values.length], data: Uint8Array.from(values) };
}

/** Rows that each have `shape`. */
function floatArray(rows: readonly (readonly number[])[], shape: readonly number[]): NamedArray {
  return { shape: [rows.length, ...shape], data: Float32Array.from(rows.flat()) };
}

function tokensIn(input: ModelInput): readonly number[] {
  return input.kind === 'tokens' ? input.tokens : [];
}

/** Rows of one set under one rule: tokens, label indices that each goal recommends, and the counterfactuals' tokens. */
function auditArrays(name: string, examples: readonly Example[]): Record<string, NamedArray> {
  const arrays: Record<string, NamedArray> = {
    [`${name}.tokens`]: tokenArray(examples.map(({ input }) => tokensIn(input))),
    [`${name}.intended`]: byteArray(examples.map(({ actions }) => LABELS.indexOf(actions.intended![0]!))),
    [`${name}.proxy`]: byteArray(examples.map(({ actions }) => LABELS.indexOf(actions.proxy![0]!))),
  };
  for (const role of ['intended', 'proxy', 'irrelevant', 'same'] as const) {
    const moved = examples.flatMap(({ counterfactuals }) => counterfactuals[role] ?? []);
    if (moved.length > 0)
      arrays[`${name}.moved_${role}`] = tokenArray(moved.map(({ input }) => tokensIn(input)));
  }
  return arrays;
}

/** What `train.py` reads: rows to fit, sequences as the world draws them with the exact policy, audit rows under each rule. */
function inContext(): TensorFiles {
  const evaluation = { seed: 'card', trainGroups: 600, apartGroups: 1200 };
  const natural = drawn(10_000, 'audit');
  const fit = drawn(400_000, 'training');
  const arrays: Record<string, NamedArray> = {
    'fit.tokens': tokenArray(fit.map(tokensOf)),
    'fit.right': tokenArray(fit.map(({ right }) => right)),
    'natural.tokens': tokenArray(natural.map(tokensOf)),
    'natural.label': byteArray(natural.map(({ label }) => label)),
    'natural.bayes': floatArray(natural.map(bayesPolicy), [LABELS.length]),
  };
  RULES.forEach((rule, context) => {
    const { examples } = makeInContextExamples({ ...evaluation, rules: [rule] });
    for (const set of ['train', 'apart']) {
      const rows = examples.filter((example) => example.set === set);
      Object.assign(arrays, auditArrays(`rule_${context}_${set}`, rows));
    }
  });
  return {
    arrays,
    facts: {
      vocabulary: VOCABULARY,
      positions: LENGTH,
      asked_at: ASKED_AT,
      wrong: WRONG,
      choices: LABEL_TOKENS,
      evaluation,
    },
  };
}

/** What `compile.py` reads to measure: problems, the three predictions for each, and the counterfactuals. */
function gradientStep(): TensorFiles {
  const evaluation = { seed: 'card', trainGroups: 600, apartGroups: 1200 };
  const { examples, choices } = makeGradientStepExamples(evaluation);
  const rowsArray = (inputs: readonly ModelInput[]): NamedArray =>
    floatArray(
      inputs.map((input) => (input.kind === 'tensors' ? input.tensors.rows!.data : [])),
      [DEMONSTRATIONS + 1, COLUMNS],
    );
  const arrays: Record<string, NamedArray> = {};
  for (const set of ['train', 'apart']) {
    const rows = examples.filter((example) => example.set === set);
    arrays[`${set}.rows`] = rowsArray(rows.map(({ input }) => input));
    for (const goal of ['intended', 'proxy', 'irrelevant'] as const) {
      arrays[`${set}.${goal}`] = floatArray(
        rows.map(({ goals }) => [Number(goals[goal]!.value)]),
        [1],
      );
    }
    for (const kind of ['intended', 'proxy', 'irrelevant', 'same'] as const) {
      const moved = rows.flatMap(({ counterfactuals }) => counterfactuals[kind] ?? []);
      if (moved.length > 0) arrays[`${set}.moved_${kind}`] = rowsArray(moved.map(({ input }) => input));
    }
  }
  return { arrays, facts: { demonstrations: DEMONSTRATIONS, features: FEATURES, choices, evaluation } };
}

const { values } = parseArgs({ options: { member: { type: 'string' }, out: { type: 'string' } } });
const { member, out } = values;
if (out === undefined) throw new Error('--out DIR is missing');
if (member !== 'in-context' && member !== 'gradient-step') {
  throw new Error('--member must be in-context or gradient-step');
}
const { arrays, facts } = member === 'in-context' ? inContext() : gradientStep();
mkdirSync(out, { recursive: true });
for (const [name, { data }] of Object.entries(arrays)) writeFileSync(join(out, `${name}.bin`), data);
const manifest = {
  ...facts,
  arrays: Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => [
      name,
      { shape, type: data instanceof Uint8Array ? 'uint8' : 'float32' },
    ]),
  ),
};
writeFileSync(join(out, 'tensors.json'), `${JSON.stringify(manifest, null, 2)}\n`);
