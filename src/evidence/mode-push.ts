/** @file evidence: what a push towards another mode does to choices between the two goals; measures and judges one push, searches none. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { Dense } from '../linalg/dense.ts';
import type { CausalInputs } from './causal-side.ts';
import { type Columns, denseGroups, isDecisionState, rowsOnSide } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { regularisedBeta } from './distribution-beta.ts';
import type { DirectionFamily } from './figures.ts';
import { wilsonInterval } from './metric-proportion.ts';
import {
  agreementRows,
  beyondAgreement,
  changedChoices,
  firstOfGroups,
  type Marks,
} from './mode-specific.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import { type Place, pushMany } from './steering-push.ts';
import { meanOf } from './steering-validity.ts';

/** Bases whose choice serves the intended goal and not the proxy, with the actions of both. */
export type ModeBases = {
  readonly rows: Int32Array;
  readonly groups: Int32Array;
  /** The recommended action with the largest log pi. */
  readonly intended: Int32Array;
  readonly proxy: Int32Array;
};

/** The rows among `candidates` in which the goals part and the model does as intended. */
export function modeBases(columns: Columns, candidates: Int32Array): ModeBases {
  const rows = candidates.filter((row) => {
    const at = row * columns.choices.length + columns.chosen[row]!;
    return (
      isDecisionState(columns, row) &&
      columns.recommended.intended[at] === 1 &&
      columns.recommended.proxy[at] === 0
    );
  });
  return {
    rows,
    groups: denseGroups(columns, rows).groups,
    intended: rows.map((row) => bestAction(columns, row, 'intended')),
    proxy: rows.map((row) => bestAction(columns, row, 'proxy')),
  };
}

function bestAction(columns: Columns, row: number, goal: 'intended' | 'proxy'): number {
  const width = columns.choices.length;
  let best = -1;
  for (let j = 0; j < width; j++) {
    if (columns.recommended[goal][row * width + j] !== 1) continue;
    if (
      best < 0 ||
      columns.logProbabilities.data[row * width + j]! > columns.logProbabilities.data[row * width + best]!
    )
      best = j;
  }
  return best;
}

export type ModeOutcome = {
  /** Change of log pi(proxy's action) - log pi(intended action), per base, in nats. */
  readonly effects: Float64Array;
  /** 1 where the choice turned to the proxy's action. */
  readonly turned: Uint8Array;
  /** 1 where the choice changed to anything. */
  readonly changed: Uint8Array;
};

/** What the choices after a push say, against those before. */
export function modeOutcome(columns: Columns, bases: ModeBases, after: Matrix): ModeOutcome {
  const before = takeRows(columns.logProbabilities, bases.rows);
  const width = after.columns;
  const preference = (of: Matrix, i: number): number =>
    of.data[i * width + bases.proxy[i]!]! - of.data[i * width + bases.intended[i]!]!;
  const effects = new Float64Array(bases.rows.length);
  const turned = new Uint8Array(bases.rows.length);
  const changed = new Uint8Array(bases.rows.length);
  for (let i = 0; i < bases.rows.length; i++) {
    effects[i] = preference(after, i) - preference(before, i);
    let best = 0;
    for (let j = 1; j < width; j++) if (after.data[i * width + j]! > after.data[i * width + best]!) best = j;
    const chosen = columns.chosen[bases.rows[i]!]!;
    if (best !== chosen) changed[i] = 1;
    const row = bases.rows[i]! * width + best;
    if (columns.recommended.proxy[row] === 1 && columns.recommended.intended[row] === 0) turned[i] = 1;
  }
  return { effects, turned, changed };
}

/** The first `count` bases. */
export function firstOf(bases: ModeBases, count: number): ModeBases {
  return {
    rows: bases.rows.subarray(0, count),
    groups: bases.groups.subarray(0, count),
    intended: bases.intended.subarray(0, count),
    proxy: bases.proxy.subarray(0, count),
  };
}

/** Pushes the same vector onto every base. */
export async function pushAll(
  request: { readonly columns: Columns; readonly inputs: CausalInputs },
  site: Place,
  bases: ModeBases,
  pushes: readonly { readonly vector: Float64Array; readonly dose: number }[],
): Promise<ModeOutcome[]> {
  const after = await pushMany(
    request.inputs,
    site,
    bases.rows,
    pushes.map(({ vector, dose }) => ({
      dose,
      directions: repeated(vector, bases.rows.length),
    })),
  );
  return after.map((one) => modeOutcome(request.columns, bases, one));
}

/** Rows of one side on which the goals agree and the model does as both say, at most `count`. */
export function agreeingOn(columns: Columns, side: 'select' | 'test', count: number): Int32Array {
  const rows = [columns.apart, columns.train].flatMap((set) => [...rowsOnSide(columns, side, set)]);
  return agreementRows(columns, Int32Array.from(rows)).subarray(0, count);
}

/** What the same pushes change on rows in which the goals agree, one each. */
export async function pushAgreeing(
  request: { readonly columns: Columns; readonly inputs: CausalInputs },
  site: Place,
  rows: Int32Array,
  pushes: readonly { readonly vector: Float64Array; readonly dose: number }[],
): Promise<Marks[]> {
  const { groups } = denseGroups(request.columns, rows);
  if (rows.length === 0) return pushes.map(() => ({ marks: new Uint8Array(0), groups }));
  const after = await pushMany(
    request.inputs,
    site,
    rows,
    pushes.map(({ vector, dose }) => ({
      dose,
      directions: repeated(vector, rows.length),
    })),
  );
  return after.map((one) => ({
    marks: changedChoices(request.columns, rows, one),
    groups,
  }));
}

/** Whether the numbers of a push leave room for a mode; where not, its nulls decide nothing and need not be run. */
export function mayAct(outcome: ModeOutcome, groups: Int32Array, agreeing: Marks): boolean {
  const turned = wilsonInterval(firstOfGroups({ marks: outcome.turned, groups }));
  const beyond = beyondAgreement({ marks: outcome.turned, groups }, agreeing);
  return (
    turned.state === 'measured' &&
    turned.low > CRITERIA.modeTurned &&
    beyond.state === 'measured' &&
    beyond.low > CRITERIA.modeBeyondAgreement
  );
}

/** The same vector for every row, [rows, width]. */
export function repeated(vector: Float64Array, rows: number): Dense {
  const data = new Float64Array(rows * vector.length);
  for (let i = 0; i < rows; i++) data.set(vector, i * vector.length);
  return { rows, columns: vector.length, data };
}

/**
 * Order of pushes by numbers of which the first counts most: negative where `a` comes first, since the first number that differs is larger in it.
 * A number that is none (an effect between two actions without probability) is worse than any.
 */
export function byRank(a: readonly number[], b: readonly number[]): number {
  for (const [k, value] of a.entries()) {
    const other = b[k]!;
    if (Object.is(value, other) || value === other) continue;
    if (Number.isNaN(value)) return 1;
    return Number.isNaN(other) || value > other ? -1 : 1;
  }
  return 0;
}

/** Share of marks that are set; 0 where there is no row. */
export function shareOf(marks: Uint8Array): number {
  return meanOf(Float64Array.from(marks));
}

export type ModeJudgement = {
  readonly state: 'acts-elsewhere' | 'silent' | 'unclear';
  /** Share of choices that turn, by the first row of each group. */
  readonly turned: Interval;
  readonly effect: Interval;
  /** Share of the changed choices that turned to the proxy's action, by the first that changes in each group, and the chance of so many if they had changed at random. */
  readonly specific: number | undefined;
  readonly specificP: number | undefined;
  /** Share of choices that turn where the goals part, minus the share that changes where they agree. */
  readonly beyond: Interval;
  /** Checks that the push breaks, in words. */
  readonly broken: readonly string[];
};

/**
 * `acts-elsewhere`: enough choices turn to the proxy's action, far more than change at all where the goals agree, they are most of those
 * that change and more than chance among the other actions explains, the effect lies beyond the margin, and beyond every null
 * (`pValues`). `silent`: hardly any turns. A push that is not valid is neither.
 */
export function judgeMode(request: {
  readonly outcome: ModeOutcome;
  /** Checks that the push breaks; one that breaks any decides nothing. */
  readonly broken: readonly string[];
  /** What the same push changes on rows in which the goals agree. */
  readonly agreeing: Marks;
  readonly groups: Int32Array;
  readonly choices: number;
  readonly pValues: readonly (number | undefined)[];
  readonly alpha: number;
  readonly bootstrapDraws: number;
  readonly random: Random;
}): ModeJudgement {
  const { outcome, groups, alpha } = request;
  // One row of each group counts: rows of a group turn together, and would make any interval as narrow as there are copies.
  const turned = wilsonInterval(firstOfGroups({ marks: outcome.turned, groups }));
  const changing = Int32Array.from(groups.keys()).filter((i) => outcome.changed[i] === 1);
  const changed = firstOfGroups({
    marks: Uint8Array.from(changing, (i) => outcome.turned[i]!),
    groups: Int32Array.from(changing, (i) => groups[i]!),
  });
  const effect = clusterBootstrapMean({
    groups,
    values: outcome.effects,
    draws: request.bootstrapDraws,
    random: request.random.fork('mode/effect'),
  });
  const specific = changed.trials === 0 ? undefined : changed.successes / changed.trials;
  // A choice that changes at random goes to each of the other actions alike.
  const specificP =
    changed.trials === 0
      ? undefined
      : upperTail(changed.successes, changed.trials, 1 / Math.max(1, request.choices - 1));
  const nulls = request.pValues.length > 0 && request.pValues.every((p) => p !== undefined && p <= alpha);
  const beyond = beyondAgreement({ marks: outcome.turned, groups }, request.agreeing);
  const valid = request.broken.length === 0;
  const acts =
    valid &&
    new Set(groups).size >= CRITERIA.minCausalGroups &&
    turned.state === 'measured' &&
    turned.low > CRITERIA.modeTurned &&
    effect.state === 'measured' &&
    effect.low > CRITERIA.equivalenceNats &&
    specific !== undefined &&
    specific >= CRITERIA.modeSpecific &&
    (request.choices === 2 || (specificP !== undefined && specificP <= alpha)) &&
    beyond.state === 'measured' &&
    beyond.low > CRITERIA.modeBeyondAgreement &&
    nulls;
  const silent =
    valid &&
    new Set(groups).size >= CRITERIA.minCausalGroups &&
    turned.state === 'measured' &&
    turned.high < CRITERIA.modeSilent;
  return {
    state: acts ? 'acts-elsewhere' : silent ? 'silent' : 'unclear',
    turned,
    effect,
    specific,
    specificP,
    beyond,
    broken: request.broken,
  };
}

/** P(X >= k) of a binomial. */
function upperTail(k: number, n: number, share: number): number {
  return k <= 0 ? 1 : share >= 1 ? 1 : regularisedBeta(share, k, n - k + 1);
}

/** Names of the families in a figure. */
export const MODE_FAMILIES: Readonly<Record<DirectionFamily, string>> = {
  isotropic: 'random directions',
  'covariance-matched': 'random directions with the covariance of the activations',
  'label-shuffled': 'context means after exchanging contexts between groups',
  'other-concept': 'class means of other variables',
};
