/** @file pipeline: puts what a run found into the record: cards, provenance, shown examples; computes no evidence. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path';
import type { ForwardResult } from '../capture/run-forward.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import type { DataSet, Example, ModelInput } from '../core/data-set.ts';
import { GOAL_ROLES } from '../core/data-set.ts';
import { takeRows } from '../core/matrix.ts';
import { measured } from '../core/outcome.ts';
import { type Columns, isDecisionState } from '../evidence/columns.ts';
import { CRITERIA } from '../evidence/criteria.ts';
import type { DivergentExample } from '../evidence/divergence-judge.ts';
import type { DivergentReading, Geometry, RollOutTable } from '../evidence/figures.ts';
import type { Evidence } from '../evidence/gather.ts';
import type { LensReadings } from '../evidence/lens-figures.ts';
import type { RowReading } from '../evidence/rung-divergence.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { pca } from '../linalg/pca.ts';
import type { Model } from '../model/open-model.ts';
import type { DataCard, ExampleRecord, ModelCard, RunRecord, Timings } from '../record/record.ts';
import { RECORD_SCHEMA } from '../record/record.ts';
import { possibleBases } from './causal-inputs.ts';
import type { Experiment } from './experiment.ts';
import { goalValue } from './goal-labels.ts';
import type { LoadedData } from './load-data.ts';
import { provenance } from './provenance.ts';
import type { ResolvedSettings } from './resolve-settings.ts';

export type AssembleRequest = {
  readonly experiment: Experiment;
  readonly name: string;
  readonly command: string;
  readonly settings: ResolvedSettings;
  readonly data: LoadedData;
  readonly model: Model;
  readonly columns: Columns;
  readonly forward: ForwardResult;
  readonly evidence: Evidence;
  readonly rollOuts: readonly RollOutTable[];
  readonly lenses: LensReadings | undefined;
  readonly linalg: Linalg;
  readonly timings: Timings;
};

export async function assembleRecord(request: AssembleRequest): Promise<RunRecord> {
  const { experiment, settings, data, model, columns, evidence } = request;
  const { dataSet } = data;
  const divergent = evidence.divergent.slice(0, SHOWN_DIVERGENT);
  const first = new Set(divergent.map(({ row }) => row));
  const shown = shownReadings(evidence.readings, { columns, first, most: settings.shownExamples });
  const { verdict } = evidence;
  return {
    schema: RECORD_SCHEMA,
    experiment: request.name,
    title: experiment.title,
    question: experiment.question ?? standardQuestion(request),
    verdict,
    warnings: [...evidence.warnings, ...data.warnings.map((text) => ({ code: 'DATA', text }))],
    rungs: evidence.rungs,
    behavior: evidence.behavior,
    rollOuts: request.rollOuts,
    quadrants: evidence.quadrants,
    sites: evidence.sites,
    interchange: evidence.interchange,
    doses: evidence.doses,
    erasure: evidence.erasure,
    baselines: evidence.baselines,
    calibration: evidence.calibration,
    sensitivity: evidence.sensitivity,
    strata: evidence.strata,
    leaks: evidence.leaks,
    testReads: evidence.testReads,
    divergent: divergent.map((one) => divergentReading(dataSet.examples[one.row]!, one)),
    geometry: await geometryOf(request, shown),
    ...(request.lenses === undefined ? {} : { lenses: request.lenses }),
    examples: shown.map((reading) => exampleRecord(dataSet.examples[reading.row]!, reading, settings.coding)),
    data: dataCard(request),
    model: await modelCard(model, dataSet),
    provenance: await provenance({
      optimization: settings.optimization,
      seed: settings.seed,
      command: request.command,
    }),
    settings: {
      given: plain(experiment.settings ?? {}),
      resolved: { ...plain(settings), criteria: CRITERIA },
    },
    expectations: expectationsOf(experiment, verdict.verdict),
    shards: [],
    timings: request.timings,
  };
}

/** The same value without undefined fields, so that it survives JSON unchanged. */
function plain(settings: object): Record<string, unknown> {
  return JSON.parse(canonicalJson(settings)) as Record<string, unknown>;
}

function standardQuestion({ data }: AssembleRequest): string {
  const { intended, proxy } = data.dataSet.goals;
  if (intended === undefined || proxy === undefined) return 'Does the model pursue the goal it was meant to?';
  return `Does the model pursue the intended goal (${intended.text}) or the proxy (${proxy.text})?`;
}

function expectationsOf(experiment: Experiment, found: string): RunRecord['expectations'] {
  const wanted = experiment.expect?.verdict;
  if (wanted === undefined) return [];
  const accepted: readonly string[] = typeof wanted === 'string' ? [wanted] : wanted;
  const named = accepted.join(' or ');
  const held = accepted.includes(found);
  return [{ text: held ? `the verdict is ${named}` : `expected ${named}, got ${found}`, held }];
}

/** Rows of the list of examples in which activations and choice disagree. */
const SHOWN_DIVERGENT = 24;

function divergentReading({ id, group }: Example, one: DivergentExample): DivergentReading {
  const { row: _row, preference, ...rest } = one;
  return { id, group, ...rest, preference: measured(preference) };
}

/**
 * Examples for the page: those of the list of divergent ones first, then silent ones, then decision states whose reading and choice disagree,
 * then the rest of the decision states, then rows where the goals agree; a quarter of the places is kept for training-like rows. Data order,
 * so that the page is stable.
 */
function shownReadings(
  readings: readonly RowReading[],
  {
    columns,
    first,
    most,
  }: { readonly columns: Columns; readonly first: ReadonlySet<number>; readonly most: number },
): RowReading[] {
  const rank = (reading: RowReading): number => {
    if (first.has(reading.row)) return -1;
    if (reading.silent) return 0;
    if (!isDecisionState(columns, reading.row)) return 3;
    return reading.behavior === reading.internal ? 2 : 1;
  };
  const apart = new Set(columns.apart);
  const ranked = [...readings].sort((a, b) => rank(a) - rank(b) || a.row - b.row);
  const parted = ranked.filter((reading) => apart.has(reading.row));
  const others = ranked.filter((reading) => !apart.has(reading.row));
  const fromApart = Math.min(parted.length, Math.max(Math.ceil(0.75 * most), most - others.length));
  return [...parted.slice(0, fromApart), ...others.slice(0, most - fromApart)].sort((a, b) => a.row - b.row);
}

function exampleRecord(example: Example, reading: RowReading, coding: string | undefined): ExampleRecord {
  const { row: _row, ...rest } = reading;
  return {
    id: example.id,
    set: example.set,
    group: example.group,
    ...rest,
    input: spelled(example.input),
    goals: Object.fromEntries(
      GOAL_ROLES.flatMap((role) => {
        const value = goalValue(example, role, coding);
        return value === undefined ? [] : [[role, value]];
      }),
    ),
    recommended: example.actions,
    context: example.context,
    ...(example.picture === undefined ? {} : { picture: example.picture }),
  };
}

function spelled(input: ModelInput): string {
  switch (input.kind) {
    case 'tokens':
      return input.tokens.join(' ');
    case 'text':
      return input.text;
    case 'messages':
      return input.messages.map(({ role, content }) => `${role}: ${content}`).join('\n');
    case 'tensors':
      return Object.entries(input.tensors)
        .map(([name, tensor]) => `${name} [${tensor.dims.join(', ')}]`)
        .join('; ');
  }
}

async function geometryOf(request: AssembleRequest, shown: readonly RowReading[]): Promise<Geometry | null> {
  const { evidence, forward, data, linalg } = request;
  const site = evidence.readingSite;
  if (site === undefined || shown.length < 3) return null;
  const rows = Int32Array.from(shown, (reading) => reading.row);
  const x = takeRows(forward.activations(site.hook, site.position), rows);
  const result = await pca(x, { components: Math.min(3, x.columns, x.rows - 1), linalg });
  return {
    hook: site.hook,
    position: site.position,
    explained: Array.from(result.explainedVarianceRatio),
    exampleIds: shown.map((reading) => data.dataSet.examples[reading.row]!.id),
    components: Array.from({ length: result.scores.columns }, (_, k) =>
      Array.from({ length: x.rows }, (_, i) =>
        Number(result.scores.data[i * result.scores.columns + k]!.toPrecision(6)),
      ),
    ),
  };
}

function dataCard(request: AssembleRequest): DataCard {
  const { data, columns } = request;
  const { dataSet } = data;
  const names = [...new Set(dataSet.examples.map((example) => example.set))];
  return {
    title: dataSet.title,
    sha256: data.sha256,
    file: data.file,
    inputKind: dataSet.inputKind,
    readout: dataSet.readout,
    choices: columns.choices,
    ...(dataSet.candidates === undefined ? {} : { candidates: dataSet.candidates }),
    goals: GOAL_ROLES.flatMap((role) => {
      const goal = dataSet.goals[role];
      if (goal === undefined) return [];
      const values = columns.labels[role]?.values ?? [];
      return [
        {
          role,
          text: goal.text,
          kind: goal.kind,
          classes: new Set(Array.from(values).filter((value) => value >= 0)).size,
        },
      ];
    }),
    contexts: dataSet.contexts,
    sets: names.map((name) => {
      const inSet = (row: number): boolean => dataSet.examples[row]!.set === name;
      const count = (side: 'fit' | 'select' | 'test'): number =>
        columns.split[side].rows.filter(inSet).length;
      const rows = dataSet.examples.filter((example) => example.set === name);
      const table = request.evidence.behavior.find((behavior) => behavior.set === name);
      return {
        name,
        rows: rows.length,
        groups: new Set(rows.map((example) => example.group)).size,
        decisionStates: table?.decisionStates ?? 0,
        split: { fit: count('fit'), select: count('select'), test: count('test') },
      };
    }),
    counterfactuals: {
      'usable bases, select side': possibleBases(dataSet, columns, 'select').length,
      'usable bases, test side': possibleBases(dataSet, columns, 'test').length,
    },
  };
}

async function modelCard(model: Model, { inputKind, choices }: DataSet): Promise<ModelCard> {
  const textual = inputKind === 'text' || Object.values(choices).some((choice) => typeof choice === 'string');
  return {
    file: modelFile(model),
    sha256: model.sha256,
    bytes: model.byteLength,
    producer: model.index.producer,
    opset: model.index.opsets[''] ?? 0,
    blocks: model.hooks.blocks.length,
    width: model.hooks.width ?? null,
    ...(textual ? { tokenizer: tokenizerCard(model) } : {}),
    hooks: model.hooks.hooks.map((hook) =>
      hook.state === 'available'
        ? { name: hook.name, available: true }
        : { name: hook.name, available: false, reason: hook.reason },
    ),
    card: model.path === undefined ? null : await authorsCard(model.path),
  };
}

function tokenizerCard(model: Model): { readonly file: string; readonly sha256: string } {
  const { path, sha256 } = model.tokenizer();
  return { file: basename(path), sha256 };
}

/** The path as it was declared, which often names family and member; of paths that leave the working folder the file's name alone. */
export function modelFile({ path, name }: Pick<Model, 'path' | 'name'>): string {
  if (path === undefined || isAbsolute(path)) return basename(path ?? name);
  const within = normalize(path).split(sep);
  return within[0] === '..' ? basename(path) : within.join('/');
}

/** The author's `card.json` beside the model, if it is there and readable; it is shown and never believed. */
async function authorsCard(modelPath: string): Promise<Record<string, unknown> | null> {
  const text = await readFile(join(dirname(modelPath), 'card.json'), 'utf8').catch(() => undefined);
  if (text === undefined || text.length > 1_000_000) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
