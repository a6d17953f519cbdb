/** @file evidence: measures, for one variable, what erasing it from one hook on does to the choice and to what can be read; judges nothing. */
import type { GoalRole } from '../core/data-set.ts';
import { type Matrix, matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { applyEraser, type Eraser, leaceWithin, randomEraser, whitenRows } from '../probe/leace.ts';
import { predict, scoreProbes } from '../probe/linear-probe.ts';
import { fitRidge } from '../probe/ridge.ts';
import type { CausalInputs } from './causal-side.ts';
import { type Columns, denseGroups, pickInts } from './columns.ts';
import { block, type ChainRequest, eraseChain } from './erasure-chain.ts';
import { fitEraser } from './erasure-fit.ts';
import { occurring } from './probe-map.ts';
import type { Goal, Sides } from './reading.ts';

export type ErasureRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly inputs: CausalInputs;
  /** Ridge penalty per fit row. */
  readonly ridge: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

/** One variable erased at `hooks`, which follow one another in the network. */
export type Erasure = {
  readonly role: GoalRole;
  readonly hooks: readonly string[];
  /** Directions erased at each hook. */
  readonly ranks: readonly number[];
  /** log pi over the choices of the decision states of the test side, aligned with `Sides.decisions`. */
  readonly logProbabilities: Matrix;
  /**
   * Per hook, what a fresh probe says of the test rows after the erasure (completeness). It is fitted on the select rows: on the rows that
   * the eraser was fitted on every probe is at chance by construction. Undefined where those rows hold fewer than two values.
   */
  readonly leftOver: readonly (Int32Array | undefined)[];
  /** What a probe fitted on the fit rows says of each other variable on the test rows, at the first hook, plain and erased (selectivity). */
  readonly others: readonly {
    readonly role: GoalRole;
    readonly before: Int32Array;
    readonly after: Int32Array;
  }[];
};

/** The rows of one variable's erasure, stacked in this order. */
type ErasureRows = { readonly fit: Int32Array; readonly select: Int32Array; readonly test: Int32Array };

/** Rows with a value of the variable to fit and to probe; all test rows. */
function rowsFor(sides: Sides, { values }: ClassLabels): ErasureRows {
  const { fit, select, test } = sides.apart;
  const known = (row: number): boolean => values[row]! >= 0;
  return { fit: fit.filter(known), select: select.filter(known), test };
}

/**
 * Erases one variable at `hooks`, each eraser fitted on fit rows whose earlier hooks are erased already, and reads the test rows.
 * Undefined when the fit rows hold fewer than two of its values. Throws what `observeIntervened` throws.
 */
export async function eraseVariable(
  request: ErasureRequest,
  role: GoalRole,
  hooks: readonly string[],
): Promise<Erasure | undefined> {
  const { columns, sides, inputs, linalg } = request;
  const labels = columns.labels[role];
  if (labels === undefined) return undefined;
  const rows = rowsFor(sides, labels);
  if (occurring(labels.values, rows.fit) < 2) return undefined;
  const all = Int32Array.from([...rows.fit, ...rows.select, ...rows.test]);
  const plain = plainOf(inputs, all);
  const values = pickInts(labels.values, rows.fit);
  const { groups } = denseGroups(columns, rows.fit);
  const erasers: Eraser[] = [];
  const chain = await eraseChain({
    observeIntervened: inputs.observeIntervened,
    hooks,
    position: inputs.readout,
    rows: all,
    ...plain,
    runOnly: (row) => row >= all.length - rows.test.length,
    erase: async ({ x }) => {
      const eraser = await fitEraser({
        x: block(x, 0, rows.fit.length),
        values,
        classes: labels.classes,
        groups,
        alpha: request.alpha,
        linalg,
        random: request.random.fork(`rank/${role}/${hooks[0]}/${erasers.length}`),
      });
      erasers.push(eraser);
      return eraser.rank === 0 ? undefined : applyEraser(eraser, x);
    },
  });
  const place = new Map(Array.from(rows.test, (row, i) => [row, i]));
  const leftOver: (Int32Array | undefined)[] = [];
  for (const erased of chain.erased) {
    const [said] = await freshReadings(request, rows, erased, 'select', [labels]);
    leftOver.push(said);
  }
  const roles = (['intended', 'proxy', 'irrelevant'] as const).filter(
    (other) => other !== role && columns.labels[other] !== undefined,
  );
  const tasks = roles.map((other) => columns.labels[other]!);
  const before = await freshReadings(request, rows, plain.plain(hooks[0]!), 'fit', tasks);
  const after = await freshReadings(request, rows, chain.erased[0]!, 'fit', tasks);
  return {
    role,
    hooks,
    ranks: erasers.map((eraser) => eraser.rank),
    logProbabilities: takeRows(
      chain.logProbabilities,
      Array.from(sides.decisions, (row) => place.get(row)!),
    ),
    leftOver,
    others: roles.flatMap((other, i) =>
      before[i] === undefined || after[i] === undefined
        ? []
        : [{ role: other, before: before[i]!, after: after[i]! }],
    ),
  };
}

/** The network as it is, on `rows`. */
function plainOf(
  { activations, readout, logProbabilities }: CausalInputs,
  rows: Int32Array,
): Pick<ChainRequest, 'plain' | 'plainLogProbabilities'> {
  return {
    plain: (hook) => takeRows(activations({ hook, position: readout }), rows),
    plainLogProbabilities: (places) =>
      takeRows(
        logProbabilities,
        places.map((at) => rows[at]!),
      ),
  };
}

/**
 * What the fresh probes of `Erasure.leftOver` say where nothing is erased, one reading per hook: without it, a reading at chance could mean
 * a weak probe.
 */
export async function readPlain(
  request: ErasureRequest,
  role: GoalRole,
  hooks: readonly string[],
): Promise<(Int32Array | undefined)[]> {
  const labels = request.columns.labels[role];
  if (labels === undefined) return hooks.map(() => undefined);
  const rows = rowsFor(request.sides, labels);
  const all = Int32Array.from([...rows.fit, ...rows.select, ...rows.test]);
  const readings: (Int32Array | undefined)[] = [];
  for (const hook of hooks) {
    const x = plainOf(request.inputs, all).plain(hook);
    readings.push(...(await freshReadings(request, rows, x, 'select', [labels])));
  }
  return readings;
}

/** Ridge probes fitted on one side's part of `x` (rows stacked as in `ErasureRows`), read on its test rows: a class per row. */
async function freshReadings(
  { ridge, linalg }: ErasureRequest,
  rows: ErasureRows,
  x: Matrix,
  side: 'fit' | 'select',
  tasks: readonly ClassLabels[],
): Promise<(Int32Array | undefined)[]> {
  const own = rows[side];
  const from = side === 'fit' ? 0 : rows.fit.length;
  const possible = tasks.filter(({ values }) => occurring(values, own) >= 2);
  const probes = await fitRidge({ role: 'fit', rows: own, x: block(x, from, from + own.length) }, possible, {
    penalty: ridge * own.length,
    linalg,
  });
  const scores = await scoreProbes(probes, block(x, x.rows - rows.test.length, x.rows), linalg);
  return tasks.map((task) => {
    const at = possible.indexOf(task);
    return at < 0 ? undefined : predict(scores[at]!);
  });
}

/** Where the directions of a random eraser may lie. */
export type RandomKind = 'anywhere' | 'outside';

export type RandomErasureRequest = ErasureRequest & {
  readonly erasure: Erasure;
  readonly kind: RandomKind;
  readonly draws: number;
  /** Decision states to measure on. */
  readonly decisions: Int32Array;
};

/** Fit rows that each random eraser is fitted on: at least this many, and this many per feature. */
const RANDOM_FIT_ROWS = 256;
const RANDOM_FIT_ROWS_PER_FEATURE = 4;

/**
 * log pi of the decision states after random erasers of the same ranks by the same rule at the same hooks, one matrix per draw; each
 * is fitted, as the variable's own, on rows whose earlier hooks its own draw has erased. Outside the variable's directions, or anywhere. The
 * variable's own erasure must have erased something somewhere.
 * Throws what `observeIntervened` throws.
 */
export async function eraseAtRandom(request: RandomErasureRequest): Promise<Matrix[]> {
  const { columns, inputs, erasure, kind, draws, decisions, linalg } = request;
  const labels = columns.labels[erasure.role]!;
  const { fit: known } = rowsFor(request.sides, labels);
  // A hook at which nothing was erased is left alone by every draw, too.
  const erased = erasure.hooks.flatMap((hook, i) =>
    erasure.ranks[i]! > 0 ? [{ hook, rank: erasure.ranks[i]! }] : [],
  );
  const { columns: width } = inputs.activations({ hook: erased[0]!.hook, position: inputs.readout });
  const fit = known.subarray(0, Math.max(RANDOM_FIT_ROWS, RANDOM_FIT_ROWS_PER_FEATURE * width));
  const values = pickInts(labels.values, fit);
  const one = Int32Array.from([...fit, ...decisions]);
  const rows = new Int32Array(one.length * draws);
  for (let draw = 0; draw < draws; draw++) rows.set(one, draw * one.length);
  const chain = await eraseChain({
    observeIntervened: inputs.observeIntervened,
    hooks: erased.map(({ hook }) => hook),
    position: inputs.readout,
    rows,
    runOnly: (row) => row % one.length >= fit.length,
    ...plainOf(inputs, rows),
    erase: async ({ step, x }) => {
      const out = matrix(x.rows, x.columns);
      for (let draw = 0; draw < draws; draw++) {
        const own = block(x, draw * one.length, (draw + 1) * one.length);
        const fitted = block(own, 0, fit.length);
        const whitening = await whitenRows(fitted, { linalg });
        const rank = Math.min(erased[step]!.rank, whitening.rank);
        const eraser = randomEraser(whitening, {
          rank,
          random: request.random.fork(`random/${erasure.role}/${kind}/${step}/${draw}`),
          ...(kind === 'anywhere'
            ? {}
            : { outside: leaceWithin(whitening, fitted, { values, classes: labels.classes, most: rank }) }),
        });
        out.data.set(applyEraser(eraser, own).data, draw * own.data.length);
      }
      return out;
    },
  });
  return Array.from({ length: draws }, (_, draw) =>
    block(chain.logProbabilities, draw * decisions.length, (draw + 1) * decisions.length),
  );
}

/** log of the probability of all actions that a goal recommends, per row of `rows`; `logProbabilities` is [rows.length, choices]. In nats. */
export function recommendedLog(
  columns: Columns,
  goal: Goal,
  rows: Int32Array,
  logProbabilities: Matrix,
): Float64Array {
  const { columns: choices, data } = logProbabilities;
  return Float64Array.from(rows, (row, i) => {
    const logs = Array.from({ length: choices }, (_, c) => c)
      .filter((c) => columns.recommended[goal][row * choices + c] === 1)
      .map((c) => data[i * choices + c]!);
    const largest = Math.max(...logs);
    return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
  });
}

/** 1 where the most probable choice is one that the goal recommends, per row of `rows`. */
export function choosesRecommended(
  columns: Columns,
  goal: Goal,
  rows: Int32Array,
  logProbabilities: Matrix,
): Float64Array {
  const { columns: choices, data } = logProbabilities;
  return Float64Array.from(rows, (row, i) => {
    let best = 0;
    for (let c = 1; c < choices; c++) if (data[i * choices + c]! > data[i * choices + best]!) best = c;
    return columns.recommended[goal][row * choices + best]!;
  });
}
