/** @file evidence: interchange interventions: give a hidden state the value it has when one variable differs, and measure
 *  how far the choice follows. The model itself is behind the function handed in. */
import type { Matrix } from '../core/matrix.ts';
import { matrix, takeRows } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Dense } from '../linalg/dense.ts';
import type { Site } from './columns.ts';

/** Hidden values to set before the rest of the network runs. */
export type HiddenEdit = {
  /** Hooks to edit, in network order, all at the same position or positions; `values[i]` belongs to `hooks[i]`. */
  readonly hooks: readonly string[];
  readonly position: number | readonly number[];
  /** Example index of each base; may repeat. */
  readonly rows: Int32Array;
  /** New hidden values, [rows.length, width] each; [rows.length, positions x width] for several positions. */
  readonly values: readonly Matrix[];
};

/** Runs examples with hidden values replaced; log pi over the choices, [rows.length, choices]. */
export type RunIntervened = (edit: HiddenEdit) => Promise<Matrix>;

/** What an edited run shows besides the choices. */
export type Observed = {
  /** log pi over the choices, [rows.length, choices]. */
  readonly logProbabilities: Matrix;
  /** Probability that the model gives to the choices together among everything it could say, per row, 0 to 1. */
  readonly choiceMass: Float64Array;
  /** One per observed hook: its value at the edit's position after the edits, [rows.length, width]. */
  readonly hidden: readonly Matrix[];
};

/** The same, with values of hooks read during the edited run; an observed hook that is itself edited shows its new value. */
export type ObserveIntervened = (
  edit: HiddenEdit & { readonly observe: readonly string[] },
) => Promise<Observed>;

/** Inputs that differ from their bases in one variable, one source per base. */
export type Sources = {
  /** Example index of each base. */
  readonly bases: Int32Array;
  /** Activations of the sources, [bases.length, width]. */
  readonly activations: (site: Site) => Matrix;
  /** log pi of the sources, [bases.length, choices]. */
  readonly logProbabilities: Matrix;
};

/** The two actions whose odds an interchange should move, per base. */
export type ActionPairs = { readonly oldAction: Int32Array; readonly newAction: Int32Array };

/** log pi(new) - log pi(old) per row; `logProbabilities` is [pairs, choices]. In nats. */
export function preferences(logProbabilities: Matrix, pairs: ActionPairs): Float64Array {
  const { columns, data } = logProbabilities;
  return Float64Array.from(
    pairs.newAction,
    (action, i) => data[i * columns + action]! - data[i * columns + pairs.oldAction[i]!]!,
  );
}

/** Probability of one action per row; `logProbabilities` is [actions, choices]. */
export function probabilitiesOf({ columns, data }: Matrix, actions: Int32Array): Float64Array {
  return Float64Array.from(actions, (action, i) => Math.exp(data[i * columns + action]!));
}

/** One edit: where, with what, within which subspace (orthonormal columns, [width, k]); null swaps the whole vector. */
export type Interchange = {
  readonly sites: readonly Site[];
  readonly basis: Dense | null;
};

export type InterchangeOutcome = {
  /** Preference for the new action after the edit minus before, per base, in nats. */
  readonly effects: Float64Array;
  /** Probability of the new action among the choices after the edit minus before, per base, -1 to 1. */
  readonly shifts: Float64Array;
  /** 1 where the most probable choice became the new action; only bases that did not choose it already can count. */
  readonly flips: Uint8Array;
  /** Bases that did not choose the new action before the edit. */
  readonly couldFlip: number;
};

export type InterchangeRequest = {
  readonly runIntervened: RunIntervened;
  readonly baseActivations: (site: Site) => Matrix;
  /** log pi of every example, [examples, choices]. */
  readonly baseLogProbabilities: Matrix;
  readonly sources: Sources;
  readonly pairs: ActionPairs;
};

/** The effect of one interchange on every base. All sites must share a position. */
export async function interchange(
  request: InterchangeRequest,
  edit: Interchange,
): Promise<InterchangeOutcome> {
  const outcomes = await interchangeMany(request, edit.sites, [edit.basis]);
  return outcomes[0]!;
}

export type ManyOptions = {
  /** Stretch each edit to the length that it would have within this subspace. */
  readonly normOf?: Dense;
  /** Rows in one run of the model; default 8192. */
  readonly rowsPerRun?: number;
};

/**
 * The same interchange within each of several subspaces, in few large runs: rows of all subspaces are stacked.
 * Throws what `runIntervened` throws.
 */
export async function interchangeMany(
  request: InterchangeRequest,
  sites: readonly Site[],
  bases: readonly (Dense | null)[],
  { normOf, rowsPerRun = 8192 }: ManyOptions = {},
): Promise<InterchangeOutcome[]> {
  const { sources, pairs } = request;
  const count = sources.bases.length;
  const outcomes: InterchangeOutcome[] = [];
  if (count === 0)
    return bases.map(() => ({
      effects: new Float64Array(0),
      shifts: new Float64Array(0),
      flips: new Uint8Array(0),
      couldFlip: 0,
    }));
  const plain = takeRows(request.baseLogProbabilities, sources.bases);
  const before = preferences(plain, pairs);
  const chance = probabilitiesOf(plain, pairs.newAction);
  const already = pairs.newAction.map((action, i) => (largestOf(plain, i) === action ? 1 : 0));
  const couldFlip = already.filter((chosen) => chosen === 0).length;
  const perRun = Math.max(1, Math.floor(rowsPerRun / count));
  for (let start = 0; start < bases.length; start += perRun) {
    const block = bases.slice(start, start + perRun);
    const rows = new Int32Array(block.length * count);
    for (let b = 0; b < block.length; b++) rows.set(sources.bases, b * count);
    const values = sites.map((site) => {
      const base = takeRows(request.baseActivations(site), sources.bases);
      const source = sources.activations(site);
      const stacked = matrix(rows.length, base.columns);
      for (const [b, basis] of block.entries()) {
        stacked.data.set(mixed(base, source, basis, normOf).data, b * count * base.columns);
      }
      return stacked;
    });
    const after = await request.runIntervened({
      hooks: sites.map((site) => site.hook),
      position: sites[0]!.position,
      rows,
      values,
    });
    for (let b = 0; b < block.length; b++) {
      const own = matrix(
        count,
        after.columns,
        after.data.subarray(b * count * after.columns, (b + 1) * count * after.columns),
      );
      const preferred = preferences(own, pairs);
      outcomes.push({
        effects: preferred.map((value, i) => value - before[i]!),
        shifts: probabilitiesOf(own, pairs.newAction).map((value, i) => value - chance[i]!),
        flips: Uint8Array.from(pairs.newAction, (action, i) =>
          already[i] === 0 && largestOf(own, i) === action ? 1 : 0,
        ),
        couldFlip,
      });
    }
  }
  return outcomes;
}

/** Interchange accuracy: flips among the bases that could flip; undefined when every base chose the new action already. */
export function flipShare(outcome: InterchangeOutcome): Measured {
  if (outcome.couldFlip === 0) return undefinedBecause('every base chose the new action already');
  return measured(outcome.flips.reduce((sum, flip) => sum + flip, 0) / outcome.couldFlip);
}

/**
 * base + (source - base) B B^T, row by row; the source itself when the basis is null. With `normOf` the change of each row is
 * stretched to the length of (source - base) N N^T; a row without a change within B keeps its base.
 */
export function mixed(base: Matrix, source: Matrix, basis: Dense | null, normOf?: Dense): Matrix {
  if (basis === null) return source;
  const { rows, columns } = base;
  const data = Float32Array.from(base.data);
  const difference = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++)
      difference[j] = source.data[i * columns + j]! - base.data[i * columns + j]!;
    const within = coordinatesIn(basis, difference);
    let stretch = 1;
    if (normOf !== undefined) {
      const length = Math.hypot(...within);
      stretch = length > 0 ? Math.hypot(...coordinatesIn(normOf, difference)) / length : 0;
    }
    for (let j = 0; j < columns; j++) {
      let change = 0;
      for (let k = 0; k < basis.columns; k++) change += within[k]! * basis.data[j * basis.columns + k]!;
      data[i * columns + j]! += stretch * change;
    }
  }
  return { rows, columns, data };
}

/** B^T v: [width, k]^T x [width] -> [k]. */
function coordinatesIn(basis: Dense, vector: Float64Array): Float64Array {
  const coordinates = new Float64Array(basis.columns);
  for (let j = 0; j < vector.length; j++) {
    for (let k = 0; k < basis.columns; k++)
      coordinates[k]! += vector[j]! * basis.data[j * basis.columns + k]!;
  }
  return coordinates;
}

function largestOf(scores: Matrix, row: number): number {
  let best = 0;
  for (let j = 1; j < scores.columns; j++) {
    if (scores.data[row * scores.columns + j]! > scores.data[row * scores.columns + best]!) best = j;
  }
  return best;
}
