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
  type Demonstration,
  drawDemonstrations,
  drawItem,
  LABEL_TOKENS,
  labelOf,
  logOddsOfShape,
  logOddsOfTextures,
  RULES,
  type Sequence,
  tokensOf,
} from './rules.ts';

/** Sequences as the world draws them, audit side, ambiguous demonstrations included; a group shares its demonstrations. */
export type GroupedSequences = {
  readonly sequences: readonly Sequence[];
  readonly groups: readonly string[];
};

/** `queries` sequences for each of `groups` draws of demonstrations, the same for the same options. */
export function naturalSequences(options: {
  readonly seed: number | string;
  readonly groups: number;
  readonly queries: number;
}): GroupedSequences {
  const random = seededRandom(`learner/natural/${options.seed}`);
  const rows = Array.from({ length: options.groups }, (_, group) => {
    const demonstrations = drawDemonstrations(RULES[random.integer(RULES.length)]!, 'audit', random);
    return Array.from({ length: options.queries }, () => ({
      group: `demonstrations-${group}`,
      sequence: { demonstrations, query: drawItem(random) },
    }));
  }).flat();
  return { sequences: rows.map(({ sequence }) => sequence), groups: rows.map(({ group }) => group) };
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
  /** R squared of the model's own log odds of the shape's label against the exact ones, clipped to 4 nats either way; queries that tell the rules apart. */
  readonly behavior: Measured;
};

/** Ridge regressions at every hook, penalty chosen on select groups; throws what `runForward` and `fitRegression` throw. */
export async function readPosterior(
  { sequences, groups }: GroupedSequences,
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

/** Beyond this a label counts as certain: what the logits do there says little of the posterior. */
const CERTAIN = 4;

function agreement(sequences: readonly Sequence[], logits: Matrix): Measured {
  const clipped = (value: number): number => Math.max(-CERTAIN, Math.min(CERTAIN, value));
  const told = sequences.flatMap(({ demonstrations, query }, row) => {
    const [shape, colour] = [labelOf(query, 'shape'), labelOf(query, 'colour')];
    if (shape === colour) return [];
    const at = row * logits.columns;
    const own = logits.data[at + shape]! - logits.data[at + colour]!;
    return [{ own: clipped(own), exact: clipped(logOddsOfShape(demonstrations)) }];
  });
  return rSquared({
    predicted: Float64Array.from(told, ({ own }) => own),
    values: Float64Array.from(told, ({ exact }) => exact),
  });
}
