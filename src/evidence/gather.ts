/** @file evidence: climbs the ladder once: every rung in order, then the verdict and the tables behind the figures. */
import { throwIfAborted } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { seededRandom } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type BaselineFeatures, readBaselines } from './baselines.ts';
import type { CausalInputs } from './causal-side.ts';
import { findCausalSite } from './causal-site.ts';
import { codeLengthStatistics } from './code-length-contrast.ts';
import type { Columns, Site } from './columns.ts';
import { type DivergentExample, judgeDivergence } from './divergence-judge.ts';
import { causalLayers, interchangeCurves, siteMap } from './figure-tables.ts';
import type {
  BaselineReading,
  BehaviorTable,
  CalibrationTable,
  DoseResponse,
  ErasurePoint,
  InterchangePoint,
  LeakReading,
  QuadrantTable,
  SensitivityPoint,
  SiteMap,
  StratumEffect,
  TestRead,
} from './figures.ts';
import { readLeaks } from './leak-meter.ts';
import { modes } from './modes.ts';
import { numberStatistics } from './number-reading.ts';
import {
  type Activations,
  type Goal,
  type NetworkReading,
  type ReadingRequest,
  readNetwork,
  sidesOf,
} from './reading.ts';
import type { RungResult, Verdict } from './rung.ts';
import { comesApart } from './rung-apart.ts';
import { behaviorTable, quadrants, type RowReading, readRows } from './rung-divergence.ts';
import { identifiable } from './rung-identifiable.ts';
import { learned } from './rung-learned.ts';
import { necessary } from './rung-necessary.ts';
import { present } from './rung-present.ts';
import { selective } from './rung-selective.ts';
import { steerable } from './rung-steerable.ts';
import { used } from './rung-used.ts';
import { sensitivity } from './sensitivity.ts';
import { testReads } from './test-reads.ts';
import { decide, type Findings } from './verdict.ts';
import { putIntoWords } from './verdict-words.ts';

/** A network of the same shape that learned nothing; `activations` is valid until the next twin is asked for. */
export type Twin = { readonly activations: Activations };

export type EvidenceRequest = {
  readonly columns: Columns;
  readonly hooks: readonly string[];
  readonly positions: readonly number[];
  /** The position that speaks for the decision, one of `positions`. */
  readonly readout: number;
  readonly activations: Activations;
  readonly width: number;
  /** Makes the twins one after the other. */
  readonly twins: () => AsyncIterable<Twin>;
  readonly twinCount: number;
  readonly causal: CausalInputs | undefined;
  /** Features that need no network, for the baselines beside the probes. */
  readonly baselines?: readonly BaselineFeatures[];
  readonly noOpDifference: number;
  readonly settings: {
    readonly ridge: number;
    readonly alpha: number;
    readonly permutations: number;
    readonly bootstrapDraws: number;
    readonly randomSubspaces: number;
    readonly randomDirections: number;
    readonly ranks: readonly number[];
  };
  readonly seed: number;
  readonly linalg: Linalg;
  /** Named sets to tabulate, e.g. train and apart: rows of each. */
  readonly sets: readonly { readonly name: string; readonly rows: Int32Array }[];
};

export type Evidence = {
  readonly verdict: Verdict;
  readonly rungs: readonly RungResult[];
  readonly warnings: readonly { readonly code: string; readonly text: string }[];
  readonly behavior: readonly BehaviorTable[];
  readonly quadrants: readonly QuadrantTable[];
  readonly sites: SiteMap;
  readonly interchange: readonly InterchangePoint[];
  readonly doses: readonly DoseResponse[];
  readonly erasure: readonly ErasurePoint[];
  readonly baselines: readonly BaselineReading[];
  readonly calibration: readonly CalibrationTable[];
  readonly sensitivity: readonly SensitivityPoint[];
  readonly strata: readonly StratumEffect[];
  readonly leaks: readonly LeakReading[];
  readonly testReads: readonly TestRead[];
  /** Decision states of the test side, those first in which the activations speak most for the proxy beside what the choice does. */
  readonly divergent: readonly DivergentExample[];
  /** Readings of the select and test rows of every set. */
  readonly readings: readonly RowReading[];
  /** Where the frozen probe of L4 reads; the geometry is shown there. */
  readonly readingSite: Site | undefined;
};

/** What stages count, but for twins. */
const EDITED = 'edited rows';
/** Bases used for the causal hook map; a picture, so fewer than the verdict uses. */
const MAP_BASES = 100;

export async function gatherEvidence(request: EvidenceRequest, control: RunControl = {}): Promise<Evidence> {
  const { columns, hooks, positions, activations, settings, linalg } = request;
  const random = seededRandom(request.seed);
  const stages = stagesOf(control);
  const sites = hooks.flatMap((hook) => positions.map((position): Site => ({ hook, position })));
  const sides = sidesOf(columns);
  const base = { columns, sides, sites, readout: request.readout, ridge: settings.ridge, linalg };
  const shared = { ...base, ...settings };

  const l0 = identifiable(columns, request.noOpDifference, request.width);
  const model = await stages.run('probes', () => readNetwork({ ...base, activations }));
  const twins = await stages.run('twins', () =>
    readTwins(request, { ...base, like: { activations, reading: model } }, control),
  );
  const l1 = present({ ...shared, map: model.map, random: random.fork('L1') });
  const quantities = await numberStatistics({
    ...shared,
    activations,
    reading: model,
    random: random.fork('numbers'),
  });
  const l2 = await stages.run('contrasts', () =>
    selective({ ...shared, activations, reading: model, random: random.fork('L2') }),
  );
  const lengths = await stages.run('code length', () =>
    codeLengthStatistics({ ...base, activations, reading: model, random: random.fork('code length') }),
  );
  const l3 = learned({ sites, model, twins, alpha: settings.alpha });
  const l4 = comesApart({ ...shared, model, twins, random: random.fork('L4') });
  const causal = request.causal;
  const where =
    causal === undefined
      ? undefined
      : await stages.run('causal site', () => findCausalSite(causal, columns, sides, settings.ranks));
  const l5 = await stages.run('interchange', () =>
    used({ ...shared, inputs: causal, where, random: random.fork('L5') }),
  );

  const l6 = await stages.run('steering', () =>
    steerable({ ...shared, inputs: causal, where, random: random.fork('L6') }),
  );
  const mode = await stages.run('other modes', () =>
    modes({ ...shared, positions, inputs: causal, where, use: l5.use, random: random.fork('modes') }),
  );
  const l7 = await stages.run('erasure', () =>
    necessary({ ...shared, inputs: causal, where, random: random.fork('L7') }),
  );
  const beside = await stages.run('baselines', async () => ({
    baselines: await readBaselines({
      ...shared,
      features: request.baselines ?? [],
      reading: model,
      random: random.fork('baselines'),
    }),
    leaks: await readLeaks({ ...base, activations, reading: model, random: random.fork('leaks') }),
  }));
  const interchange =
    causal === undefined || where === undefined
      ? []
      : await stages.run('curves', () =>
          interchangeCurves({ ...shared, inputs: causal, where, random: random.fork('curves') }),
        );
  const elsewhere =
    causal === undefined || where === undefined
      ? []
      : await stages.run('other hooks', () =>
          sensitivity({ ...shared, inputs: causal, where, random: random.fork('sensitivity') }),
        );
  const layers =
    causal === undefined
      ? []
      : await stages.run('causal map', () => causalLayers(causal, sites, positions.length, MAP_BASES));
  const unseen = new Uint8Array(columns.rows);
  for (const side of ['select', 'test'] as const) for (const row of columns.split[side].rows) unseen[row] = 1;
  const readings = await readRows({
    ...base,
    reading: model,
    activations,
    rows: Int32Array.from(unseen.keys()).filter((row) => unseen[row] === 1),
  });
  const byRow = new Map(readings.map((reading) => [reading.row, reading]));
  const tables = request.sets.map(({ name, rows }) =>
    quadrants(
      name,
      columns,
      Array.from(rows).flatMap((row) => byRow.get(row) ?? []),
    ),
  );
  const apartTable = tables[request.sets.findIndex(({ name }) => name === 'apart')];
  const l8 = await judgeDivergence({
    ...shared,
    activations,
    model,
    twins,
    side: l4.side,
    proxyPresent: presence('proxy', l1, l2, l3),
    random: random.fork('L8'),
  });
  const rungs = [
    l0.rung,
    { ...l1, statistics: [...l1.statistics, ...quantities] },
    { ...l2, statistics: [...l2.statistics, ...lengths] },
    l3,
    l4.rung,
    { ...l5.rung, statistics: [...l5.rung.statistics, ...mode.contexts] },
    { ...l6.rung, statistics: [...l6.rung.statistics, ...mode.statistics] },
    l7.rung,
    l8.rung,
  ];
  const doses = [...l6.doses, ...mode.doses];
  const findings: Findings = {
    intact: l0.intact,
    competent: l0.competent,
    present: { intended: presence('intended', l1, l2, l3), proxy: presence('proxy', l1, l2, l3) },
    presentOpenAt: { ...openAt('intended', l1, l2, l3), ...openAt('proxy', l1, l2, l3) },
    side: l4.side,
    use: l5.use,
    heldOut: l5.heldOut,
    intendedLeads: l5.intendedLeads,
    steers: l6.steers,
    mode: mode.finding,
  };
  return {
    verdict: putIntoWords(decide(findings), findings, rungs),
    rungs,
    warnings: [...l0.warnings, ...readingWarnings(l4.side, apartTable)],
    behavior: request.sets.map(({ name, rows }) => behaviorTable(name, columns, rows)),
    quadrants: tables,
    sites: siteMap({ hooks, positions, columns, model, twins, causal: layers }),
    interchange,
    doses,
    erasure: l7.erasure,
    baselines: beside.baselines,
    calibration: l8.calibration,
    sensitivity: elsewhere,
    strata: mode.strata,
    leaks: beside.leaks,
    testReads: testReads(rungs, [
      { rung: 'L5', what: 'marks of the interchange figures', marks: interchange.length + elsewhere.length },
      {
        rung: 'L5',
        what: 'effects within nuisance values',
        marks: mode.strata.filter(({ kind }) => kind === 'nuisance').length,
      },
      {
        rung: 'L6',
        what: 'doses of the steering figures',
        marks: doses.flatMap(({ points }) => points).length,
      },
      { rung: 'L7', what: 'marks of the erasure figure', marks: l7.erasure.length },
      { rung: 'L3', what: 'baselines', marks: beside.baselines.length },
      { rung: 'L8', what: 'calibration curves', marks: l8.calibration.length },
      { rung: 'L8', what: 'lists of examples', marks: l8.ranked.length === 0 ? 0 : 1 },
    ]),
    divergent: l8.ranked,
    readings,
    readingSite: model.apart === undefined ? undefined : sites[model.apart.siteIndex],
  };
}

/** A reader of the table must know when the probe behind it cannot tell the goals apart. */
function readingWarnings(
  side: 'intended' | 'proxy' | 'neither' | undefined,
  table: QuadrantTable | undefined,
): { readonly code: string; readonly text: string }[] {
  if (side !== 'neither' || table === undefined || table.silent.count === 0) return [];
  return [
    {
      code: 'READING_WITHOUT_SIDE',
      text: 'The probe behind the internal reading takes no side beyond its nulls (L4): which goal it names in a row is close to a toss, so the silent cell of the table is no sign of a hidden goal.',
    },
  ];
}

async function readTwins(
  request: EvidenceRequest,
  base: Omit<ReadingRequest, 'activations'>,
  control: RunControl,
): Promise<NetworkReading[]> {
  const readings: NetworkReading[] = [];
  if (request.twinCount === 0) return readings;
  for await (const twin of request.twins()) {
    throwIfAborted(control.signal);
    readings.push(await readNetwork({ ...base, activations: twin.activations }));
    control.onProgress?.({
      kind: 'stage-progress',
      stage: 'twins',
      done: readings.length,
      total: request.twinCount,
    });
  }
  return readings;
}

/** L1 to L3 in fixed order: the first one that fails settles it; one that was not run leaves it open. */
function presence(goal: Goal, ...rungs: readonly RungResult[]): boolean | undefined {
  for (const rung of rungs) {
    const state = rung.byRole[goal];
    if (state === 'failed') return false;
    if (state !== 'passed') return undefined;
  }
  return true;
}

/** The rung at which `presence` stayed open, under the name of the goal; nothing where it is settled. */
function openAt(goal: Goal, ...rungs: readonly RungResult[]): Findings['presentOpenAt'] {
  const first = rungs.find(({ byRole }) => byRole[goal] !== 'passed');
  return first === undefined || first.byRole[goal] === 'failed' ? {} : { [goal]: first.id };
}

/** Wraps a stage in its progress events. */
function stagesOf(control: RunControl): {
  run<T>(stage: string, work: () => Promise<T>): Promise<T>;
} {
  return {
    async run(stage, work) {
      throwIfAborted(control.signal);
      const startedAt = performance.now();
      control.onProgress?.({ kind: 'stage-start', stage, unit: stage === 'twins' ? stage : EDITED });
      const result = await work();
      control.onProgress?.({ kind: 'stage-end', stage, durationMs: performance.now() - startedAt });
      return result;
    },
  };
}
