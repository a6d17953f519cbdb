/** @file probe: one reading out of the probes of several hooks, calibrated and weighed on the select side; it never sees the test side. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels, SelectSplit, SplitData, SplitRole } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type LinearProbe, scoreProbe } from './linear-probe.ts';
import { poolLogLoss, poolWeights, temperatureOf } from './pooling.ts';
import { valuesOnRows } from './tasks.ts';

/** A probe and the hook it was fitted at; all members tell the same classes apart. */
export type EnsembleMember = { readonly hook: string; readonly probe: LinearProbe };

/**
 * `stacked`: weights of 0 or more that minimise the log loss of the select rows + penalty / 2 x the squared distance from equal weights
 * 1/members; default, with penalty 1. `best`: equal weights for the `count` members of the lowest calibrated log loss on the select rows.
 */
export type EnsembleWeighting =
  | { readonly kind: 'stacked'; readonly penalty?: number }
  | { readonly kind: 'best'; readonly count: number };

export type EnsembleOptions = { readonly linalg: Linalg; readonly weighting?: EnsembleWeighting };

export type WeighedMember = EnsembleMember & {
  /** What the member's scores are multiplied by, above 0: 1 is calibrated, less is overconfident. */
  readonly inverseTemperature: number;
  /** 0 or more. A member whose scores are calibrated to nothing keeps its equal weight, and adds nothing. */
  readonly weight: number;
  /** Mean log loss of the calibrated member alone on the select rows, in nats. */
  readonly selectLogLoss: number;
};

/** `undefined`: no select row has a value of a class that the probes know. */
export type Ensemble =
  | {
      readonly state: 'weighed';
      readonly members: readonly WeighedMember[];
      readonly classes: number;
      readonly classNames: readonly string[];
      readonly weighting: Required<EnsembleWeighting>;
      /** Mean log loss of the whole on the select rows, in nats. It was minimised there: the test side says what it is worth. */
      readonly selectLogLoss: number;
      readonly selectRows: number;
    }
  | { readonly state: 'undefined'; readonly reason: string };

type Weighed = Extract<Ensemble, { readonly state: 'weighed' }>;

const DEFAULT_PENALTY = 1;

/**
 * Weighs probes of several hooks: every member's scores are multiplied by one number that makes its log loss on the select rows least
 * (temperature scaling, Guo et al. 2017), and the calibrated log-odds are added up with weights of 0 or more (a logarithmic opinion pool, Genest
 * and Zidek 1986) that are themselves chosen there (stacking with non-negative weights, Wolpert 1992 and Breiman 1996). Adjacent layers say
 * nearly the same, which the penalty on the distance from equal weights settles.
 *
 * `select[m]` holds the activations at the hook of member m, [n, width of m], all of the same examples in the same order. Multiplying a
 * member's scores by a number changes nothing. Throws `MATRIX_SHAPE`, `LABELS_INVALID`, `BAD_SETTING`, `NON_FINITE`.
 */
export async function fitEnsemble(
  members: readonly EnsembleMember[],
  select: readonly SelectSplit[],
  labels: ClassLabels,
  { linalg, weighting = { kind: 'stacked' } }: EnsembleOptions,
): Promise<Ensemble> {
  const resolved = resolve(weighting, members.length);
  checkMembers(members, labels);
  checkSides(members, select);
  const values = valuesOnRows(select[0]!.rows, labels, 0);
  const known = commonClasses(members);
  const used = Array.from(values.keys()).filter((i) => known.includes(values[i]!));
  if (used.length === 0) {
    return {
      state: 'undefined',
      reason: `none of ${values.length} select rows has a value of a class that every probe knows`,
    };
  }
  const targets = Int32Array.from(used, (i) => known.indexOf(values[i]!));
  const scores: Matrix[] = [];
  for (const [m, { probe }] of members.entries()) {
    scores.push(pick(await scoreProbe(probe, select[m]!.x, linalg), used, known));
  }
  const inverse = scores.map((table) => temperatureOf(table, targets));
  const calibrated = scores.map((table, m) => times(table, inverse[m]!));
  const alone = calibrated.map((table) => poolLogLoss([table], [1], targets));
  const weights =
    resolved.kind === 'stacked'
      ? poolWeights(calibrated, targets, { penalty: resolved.penalty })
      : bestOf(alone, resolved.count);
  return {
    state: 'weighed',
    members: members.map(({ hook, probe }, m) => ({
      hook,
      probe,
      inverseTemperature: inverse[m]!,
      weight: weights[m]!,
      selectLogLoss: alone[m]!,
    })),
    classes: labels.classes,
    classNames: labels.names,
    weighting: resolved,
    selectLogLoss: poolLogLoss(calibrated, weights, targets),
    selectRows: used.length,
  };
}

/**
 * Pooled log-odds of the rows of one side: [n, classes], of which softmax gives the probabilities; -Infinity for a class that some member does
 * not know. `sides[m]` is read at the hook of member m, as in `fitEnsemble`. Throws `MATRIX_SHAPE`.
 */
export async function scoreEnsemble(
  ensemble: Weighed,
  sides: readonly SplitData<SplitRole>[],
  linalg: Linalg,
): Promise<Matrix> {
  const { members, classes } = ensemble;
  checkSides(members, sides);
  const { rows } = sides[0]!.x;
  const data = new Float32Array(rows * classes);
  const known = commonClasses(members);
  for (let c = 0; c < classes; c++) {
    if (!known.includes(c)) for (let i = 0; i < rows; i++) data[i * classes + c] = Number.NEGATIVE_INFINITY;
  }
  for (const [m, { probe, inverseTemperature, weight }] of members.entries()) {
    if (weight === 0) continue;
    const scores = await scoreProbe(probe, sides[m]!.x, linalg);
    for (let i = 0; i < rows; i++) {
      for (const c of known)
        data[i * classes + c]! += weight * inverseTemperature * scores.data[i * classes + c]!;
    }
  }
  return { rows, columns: classes, data };
}

function resolve(weighting: EnsembleWeighting, members: number): Required<EnsembleWeighting> {
  if (members === 0) throw new MesascopeError('BAD_SETTING', 'an ensemble needs at least one member');
  if (weighting.kind === 'best') {
    const { count } = weighting;
    if (Number.isInteger(count) && count >= 1 && count <= members) return weighting;
    throw new MesascopeError('BAD_SETTING', `the best ${count} of ${members} members cannot be taken`);
  }
  const { penalty = DEFAULT_PENALTY } = weighting;
  if (Number.isFinite(penalty) && penalty > 0) return { kind: 'stacked', penalty };
  throw new MesascopeError('BAD_SETTING', `the penalty of stacking must be above 0, got ${penalty}`);
}

function checkMembers(members: readonly EnsembleMember[], labels: ClassLabels): void {
  for (const { hook, probe } of members) {
    if (probe.classes === labels.classes && probe.kind !== 'regression') continue;
    throw new MesascopeError(
      'BAD_SETTING',
      `the ${probe.kind} probe at ${hook} tells ${probe.classes} classes apart, the variable has ${labels.classes}`,
    );
  }
}

/** Throws `MATRIX_SHAPE` unless there is one side per member, all of the same examples. */
function checkSides(members: readonly EnsembleMember[], sides: readonly SplitData<SplitRole>[]): void {
  const [first] = sides;
  const alike =
    sides.length === members.length &&
    sides.every(
      ({ rows, x }) =>
        rows.length === x.rows &&
        rows.length === first!.rows.length &&
        rows.every((row, i) => row === first!.rows[i]),
    );
  if (alike) return;
  throw new MesascopeError(
    'MATRIX_SHAPE',
    `${members.length} members need as many sides, all of the same examples in one order; got ${sides.length}`,
  );
}

/** Classes that occurred among the fit rows of every member. */
function commonClasses(members: readonly EnsembleMember[]): number[] {
  const { classes } = members[0]!.probe;
  return Array.from({ length: classes }, (_, c) => c).filter((c) =>
    members.every(({ probe }) => Number.isFinite(probe.bias[c]!)),
  );
}

/** Some rows and columns of a table of scores. */
function pick(scores: Matrix, rows: readonly number[], columns: readonly number[]): Matrix {
  const data = new Float32Array(rows.length * columns.length);
  rows.forEach((row, i) => {
    columns.forEach((column, c) => {
      data[i * columns.length + c] = scores.data[row * scores.columns + column]!;
    });
  });
  return { rows: rows.length, columns: columns.length, data };
}

function times(table: Matrix, factor: number): Matrix {
  return { ...table, data: table.data.map((value) => factor * value) };
}

/** 1 / count for the members of the lowest loss, 0 for the others; of equal ones the earlier. */
function bestOf(losses: readonly number[], count: number): Float64Array {
  const order = Array.from(losses.keys()).sort((a, b) => losses[a]! - losses[b]! || a - b);
  const weights = new Float64Array(losses.length);
  for (const m of order.slice(0, count)) weights[m] = 1 / count;
  return weights;
}
