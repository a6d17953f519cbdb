/** @file models/learner: is the posterior over the rule held as a number? Regressions on activations against the exact one; prints nothing. */
import {
  fitRegression,
  type Linalg,
  type Matrix,
  type Measured,
  type Model,
  rSquared,
  runForward,
  scoreProbe,
  seededRandom,
  sideOf,
  splitByGroup,
} from 'mesascope';
import {
  bayesPolicy,
  type Demonstration,
  drawDemonstrations,
  drawItem,
  drawLabel,
  LABEL_TOKENS,
  logOddsOfShape,
  logOddsOfTextures,
  RULES,
  type Rule,
  type Sequence,
  tokensOf,
} from './rules.ts';

/** Sequences as the world draws them, audit side, ambiguous demonstrations included; a group shares its demonstrations. */
export type NaturalSequences = {
  readonly sequences: readonly Sequence[];
  readonly groups: readonly string[];
  /** What was drawn and is not shown: the rule, and the query's label (0 to 3, wrong in a fifth of all cases). */
  readonly rules: readonly Rule[];
  readonly labels: readonly number[];
};

/** `queries` sequences for each of `groups` draws of demonstrations, the same for the same options. */
export function naturalSequences(options: {
  readonly seed: number | string;
  readonly groups: number;
  readonly queries: number;
}): NaturalSequences {
  const random = seededRandom(`learner/natural/${options.seed}`);
  const rows = Array.from({ length: options.groups }, (_, group) => {
    const rule = RULES[random.integer(RULES.length)]!;
    const demonstrations = drawDemonstrations(rule, 'audit', random);
    return Array.from({ length: options.queries }, () => {
      const query = drawItem(random);
      const label = drawLabel(query, rule, random);
      return { rule, label, group: `demonstrations-${group}`, sequence: { demonstrations, query } };
    });
  }).flat();
  return {
    sequences: rows.map(({ sequence }) => sequence),
    groups: rows.map(({ group }) => group),
    rules: rows.map(({ rule }) => rule),
    labels: rows.map(({ label }) => label),
  };
}

/** What is decoded: `logOdds` in nats, `chance` of shape 0 to 1, and the control: log odds, in nats, of two rules that read the texture. */
const TARGETS = {
  logOdds: logOddsOfShape,
  chance: (demonstrations: readonly Demonstration[]) => 1 / (1 + Math.exp(-logOddsOfShape(demonstrations))),
  control: logOddsOfTextures,
} as const;
export type PosteriorTarget = keyof typeof TARGETS;

export type PosteriorReading = {
  /** R squared on groups that no regression saw, at the question of the query. */
  readonly hooks: readonly ({ readonly hook: string } & Readonly<Record<PosteriorTarget, Measured>>)[];
  /** R squared of the model's chances of the four labels against those of the exact policy. */
  readonly behavior: Measured;
};

/** Ridge regressions at every hook, penalty chosen on select groups; throws what `runForward` and `fitRegression` throw. */
export async function readPosterior(
  { sequences, groups }: NaturalSequences,
  {
    model,
    linalg,
    hooks,
  }: { readonly model: Model; readonly linalg: Linalg; readonly hooks: readonly string[] },
): Promise<PosteriorReading> {
  const readout = -1;
  const captured = await runForward(model, {
    inputs: sequences.map((sequence) => ({ kind: 'tokens', tokens: tokensOf(sequence) })),
    mapping: { tokens: 'input_ids' },
    hooks,
    positions: [readout],
    readout,
    choices: Object.values(LABEL_TOKENS),
  });
  const split = splitByGroup({ groups, seed: 1 });
  const names = Object.keys(TARGETS) as PosteriorTarget[];
  const targets = names.map((name) => ({
    name,
    values: Float64Array.from(sequences, ({ demonstrations }) => TARGETS[name](demonstrations)),
  }));
  const readings: PosteriorReading['hooks'][number][] = [];
  for (const hook of hooks) {
    const activations = captured.activations(hook, readout);
    const test = sideOf(activations, split.test);
    const sides = { fit: sideOf(activations, split.fit), select: sideOf(activations, split.select) };
    const fits = await fitRegression(sides, targets, { linalg });
    const scores: Measured[] = [];
    for (const [t, fit] of fits.entries()) {
      if (fit.state === 'undefined') scores.push({ state: 'undefined', reason: fit.reason });
      else {
        const predicted = (await scoreProbe(fit.probe, test.x, linalg)).data;
        const values = Float64Array.from(test.rows, (row) => targets[t]!.values[row]!);
        scores.push(rSquared({ predicted, values }));
      }
    }
    readings.push({ hook, logOdds: scores[0]!, chance: scores[1]!, control: scores[2]! });
  }
  return { hooks: readings, behavior: agreement(sequences, captured.choiceLogits!) };
}

/** R squared of the chances of all four labels. */
function agreement(sequences: readonly Sequence[], logits: Matrix): Measured {
  const own = sequences.flatMap((_, row) => {
    const scores = logits.data.subarray(row * logits.columns, (row + 1) * logits.columns);
    const largest = Math.max(...scores);
    const weights = Array.from(scores, (score) => Math.exp(score - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  });
  return rSquared({
    predicted: Float64Array.from(own),
    values: Float64Array.from(sequences.flatMap(bayesPolicy)),
  });
}
