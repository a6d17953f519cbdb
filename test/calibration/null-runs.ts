/** @file test: the whole ladder on worlds in which nothing is there to be found, many times over; collects p-values and intervals. */
import type { Matrix } from '../../src/core/matrix.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import { type Evidence, gatherEvidence } from '../../src/evidence/gather.ts';
import { type NetworkReading, readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import {
  clusterBootstrapMean,
  clusterBootstrapRatio,
} from '../../src/evidence/resample-cluster-bootstrap.ts';
import { permuteWithinStrata } from '../../src/evidence/resample-label-permutation.ts';
import { swapTest } from '../../src/evidence/resample-swap.ts';
import { learned } from '../../src/evidence/rung-learned.ts';
import { selective } from '../../src/evidence/rung-selective.ts';
import type { Linalg } from '../../src/linalg/linalg.ts';
import {
  HOOKS,
  makeWorld,
  READOUT,
  runSynthetic,
  type SyntheticRun,
  twinsOf,
  WIDTH,
} from '../evidence/synthetic-network.ts';

export type NullSettings = {
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly draws: number;
  readonly twins: number;
};

/** p-values by test, for each interval whether it held the truth, and for each rung and goal whether it passed, over all runs. */
export type Collected = {
  readonly pValues: Map<string, number[]>;
  readonly covered: Map<string, boolean[]>;
  readonly passed: Map<string, boolean[]>;
};

export function collected(): Collected {
  return { pValues: new Map(), covered: new Map(), passed: new Map() };
}

export function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

/**
 * Labels exchanged between groups, independently for each variable: the activations are a network's, the labels are not theirs. In the
 * training-like rows the two goals keep one label, as they must.
 */
function withoutTruth(columns: Columns, random: Random): Columns {
  const shuffled = (role: 'intended' | 'proxy' | 'irrelevant'): Int32Array => {
    const values = Int32Array.from(columns.labels[role]!.values);
    for (const set of ['train', 'apart'] as const) {
      const rows = columns[set];
      // One exchange for both goals where they coincide.
      const label = set === 'train' && role === 'proxy' ? `${set}/intended` : `${set}/${role}`;
      const source = permuteWithinStrata({
        groups: dense(rows, columns.groups),
        random: random.fork(label),
      });
      const before = Int32Array.from(rows, (row) => columns.labels[role]!.values[row]!);
      for (const [i, row] of rows.entries()) values[row] = before[source[i]!]!;
    }
    return values;
  };
  return {
    ...columns,
    labels: {
      intended: { ...columns.labels.intended!, values: shuffled('intended') },
      proxy: { ...columns.labels.proxy!, values: shuffled('proxy') },
      irrelevant: { ...columns.labels.irrelevant!, values: shuffled('irrelevant') },
    },
  };
}

function dense(rows: Int32Array, groups: Int32Array): Int32Array {
  const seen = new Map<number, number>();
  return Int32Array.from(rows, (row) => {
    const group = groups[row]!;
    if (!seen.has(group)) seen.set(group, seen.size);
    return seen.get(group)!;
  });
}

/** Source values that belong to the shuffled labels: a random other value, so that a direction of noise is pushed along. */
function withNewValues(run: SyntheticRun, columns: Columns, random: Random): SyntheticRun['causal'] {
  const sideOf = (side: SyntheticRun['causal']['test']): SyntheticRun['causal']['test'] => {
    const other = (goal: 'intended' | 'proxy'): Int32Array =>
      Int32Array.from(side.bases, (row) => {
        const { values, classes } = columns.labels[goal]!;
        return (values[row]! + 1 + random.integer(classes - 1)) % classes;
      });
    return { ...side, newValues: { intended: other('intended'), proxy: other('proxy') } };
  };
  return { ...run.causal, select: sideOf(run.causal.select), test: sideOf(run.causal.test) };
}

/** One world in which no label belongs to its activations. */
export async function ladderUnderNull(
  seed: number,
  settings: NullSettings,
  linalg: Linalg,
  into: Collected,
): Promise<Evidence> {
  const world = makeWorld({ seed, train: 150, apart: 450 });
  const run = runSynthetic(
    { code: { intended: 1, proxy: 1, irrelevant: 1 }, weight: { intended: 2, proxy: 2, irrelevant: 2 } },
    world,
    60,
  );
  const random = seededRandom(`null/${seed}`);
  const columns = withoutTruth(run.columns, random);
  const evidence = await gatherEvidence({
    columns,
    // One site, so that the maximum over sites and the choice among them leave the p-values as they are.
    hooks: [HOOKS[1]],
    positions: [READOUT],
    readout: READOUT,
    activations: run.activations as (site: Parameters<typeof run.activations>[0]) => Matrix,
    width: WIDTH,
    twins: async function* () {
      yield* twinsOf(world, settings.twins);
    },
    twinCount: settings.twins,
    causal: withNewValues(run, columns, random),
    noOpDifference: 0,
    settings: {
      ridge: 0.01,
      alpha: 0.05,
      permutations: settings.permutations,
      bootstrapDraws: settings.bootstrapDraws,
      randomSubspaces: settings.draws,
      randomDirections: settings.draws,
      ranks: [2],
    },
    seed,
    linalg,
    sets: [],
  });
  for (const { id: rung, byRole, statistics } of evidence.rungs) {
    for (const [role, state] of Object.entries(byRole))
      push(into.passed, `${rung} ${role}`, state === 'passed');
    for (const { id, nulls, interval } of statistics) {
      const tested = nulls.flatMap(({ pValue, decides }) =>
        pValue.state === 'measured' && decides !== false ? [pValue.value] : [],
      );
      // Steering must beat every family of directions, so its test is the largest of the p-values that decide.
      if (/^L6.*effect$/.test(id) && tested.length > 1)
        push(into.pValues, `${id} against all families`, Math.max(...tested));
      for (const { id: against, pValue } of nulls) {
        // The twins of a world are no copies of its network: for them there is a null of their own.
        if (against === 'twins') continue;
        // The effects of exchange are real here, only the labels are not: there the null of L5's first test does not hold.
        if (
          pValue.state !== 'measured' ||
          against === 'irrelevant-swapped' ||
          against === 'outside-subspaces'
        )
          continue;
        push(into.pValues, `${id} against ${against}`, pValue.value);
      }
      if (interval === undefined) continue;
      const truth = TRUTH_UNDER_NULL[id.replace(/\.(intended|proxy)\./, '.')];
      if (truth !== undefined) push(into.covered, id, interval.low <= truth && truth <= interval.high);
    }
  }
  return evidence;
}

/**
 * One world in which the goal is coded exactly as well as the irrelevant variable: the null of L2's contrasts, in which both are read, and
 * neither more than the other.
 */
export async function contrastUnderNull(
  seed: number,
  settings: NullSettings,
  linalg: Linalg,
  into: Collected,
): Promise<void> {
  const world = makeWorld({ seed: 100_000 + seed, train: 60, apart: 400, noise: 0.6 });
  const code = { intended: 0.7, proxy: 0.7, irrelevant: 0.7 };
  const run = runSynthetic({ code, weight: { intended: 1, proxy: 1, irrelevant: 1 } }, world, 20);
  const base = {
    columns: run.columns,
    sides: sidesOf(run.columns),
    sites: [{ hook: HOOKS[1], position: READOUT }],
    readout: READOUT,
    activations: run.activations,
    ridge: 0.01,
    linalg,
  };
  const rung = await selective({
    ...base,
    reading: await readNetwork(base),
    permutations: settings.permutations,
    bootstrapDraws: settings.bootstrapDraws,
    alpha: 0.05,
    random: seededRandom(`contrast/${seed}`),
  });
  for (const { id, nulls, interval } of rung.statistics) {
    for (const { pValue } of nulls)
      if (pValue.state === 'measured') push(into.pValues, `${id}, both coded alike`, pValue.value);
    if (interval !== undefined && /contrast|share$/.test(id))
      push(into.covered, `${id}, both coded alike`, interval.low <= 0 && interval.high >= 0);
  }
}

/** One world in which the network is one of its own twins: the null of every comparison with twins. */
export async function twinsUnderNull(
  seed: number,
  settings: NullSettings,
  linalg: Linalg,
  into: Collected,
): Promise<void> {
  const world = makeWorld({ seed: 200_000 + seed, train: 100, apart: 300 });
  const run = runSynthetic(
    { code: { intended: 1, proxy: 1, irrelevant: 1 }, weight: { intended: 1, proxy: 1, irrelevant: 1 } },
    world,
    20,
  );
  const base = {
    columns: run.columns,
    sides: sidesOf(run.columns),
    sites: [{ hook: HOOKS[1], position: READOUT }],
    readout: READOUT,
    ridge: 0.01,
    linalg,
  };
  const readings: NetworkReading[] = [];
  for (const { activations } of twinsOf(world, settings.twins + 1))
    readings.push(await readNetwork({ ...base, activations }));
  const place = seededRandom(`twins/${seed}`).integer(readings.length);
  const model = readings[place]!;
  const rung = learned({
    sites: base.sites,
    model,
    twins: readings.filter((_, i) => i !== place),
    alpha: 0.05,
  });
  for (const { id, nulls } of rung.statistics)
    for (const { pValue } of nulls)
      if (pValue.state === 'measured') push(into.pValues, `${id} against twins`, pValue.value);
}

/** What each number is on average when no label belongs to its activations: five values, so chance is a fifth. */
const TRUTH_UNDER_NULL: Readonly<Record<string, number>> = {
  'L1.accuracy': 0.2,
  'L2.contrast': 0,
};

/** Groups of one to three rows with an effect of their own: the setting of every effect of L5 and L6. */
function clusteredEffects(random: Random, mean: number): { groups: Int32Array; values: Float64Array } {
  const groups: number[] = [];
  const values: number[] = [];
  for (let group = 0; group < 60; group++) {
    const own = 0.8 * random.normal();
    const size = 1 + random.integer(3);
    for (let i = 0; i < size; i++) {
      groups.push(group);
      // Skewed, as effects in nats are: most bases give a little, some a lot.
      values.push(mean + own + 0.5 * (-Math.log(1 - random.uniform()) - 1));
    }
  }
  return { groups: Int32Array.from(groups), values: Float64Array.from(values) };
}

/** The tests and intervals that L5 rests on, with effects whose distribution is known. */
export function effectsUnderNull(seed: number, settings: NullSettings, into: Collected): void {
  const random = seededRandom(`effects/${seed}`);
  const draws = settings.bootstrapDraws;
  // The difference of two effects that are alike: skewed each, and exchangeable within a group.
  const [own, spread] = [clusteredEffects(random, 0), 0.8];
  const differences = own.values.map(() => {
    const other = spread * random.normal() + 0.5 * (-Math.log(1 - random.uniform()) - 1);
    const mine = spread * random.normal() + 0.5 * (-Math.log(1 - random.uniform()) - 1);
    return mine - other;
  });
  const swap = swapTest({
    groups: own.groups,
    values: differences,
    draws: settings.permutations,
    alternative: 'two-sided',
    random: random.fork('swap'),
  });
  if (swap.state === 'measured')
    push(into.pValues, 'L5 difference of two effects, swapped within groups', swap.pValue);
  const shifted = clusteredEffects(random, 3);
  const mean = clusterBootstrapMean({ ...shifted, draws, random: random.fork('mean') });
  if (mean.state === 'measured')
    push(into.covered, 'mean effect (cluster bootstrap, BCa)', mean.low <= 3 && 3 <= mean.high);
  const denominator = shifted.values.map((value) => value + 2 + 0.3 * random.normal());
  const ratio = clusterBootstrapRatio({
    groups: shifted.groups,
    numerator: shifted.values,
    denominator,
    draws,
    random: random.fork('ratio'),
  });
  if (ratio.state === 'measured')
    push(
      into.covered,
      'share of two effects (cluster bootstrap, BCa)',
      ratio.low <= 0.6 && 0.6 <= ratio.high,
    );
}
