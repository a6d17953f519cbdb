/** @file benchmark: one audit from exported files alone: the auditor sees a model file and a data file, no card and no code. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '../core/canonical-json.ts';
import { sha256 } from '../core/hash.ts';
import type { Measured } from '../core/outcome.ts';
import type { RunControl } from '../core/progress.ts';
import { CRITERIA } from '../evidence/criteria.ts';
import { type AuditSettings, defineExperiment } from '../pipeline/experiment.ts';
import { prepareExperiment } from '../pipeline/prepare-experiment.ts';
import { runExperiment } from '../pipeline/run-experiment.ts';
import { dataSetSha256 } from '../store/data-set.ts';
import { writeDataSet } from '../store/data-writer.ts';
import type { BenchmarkCase, Family } from './family.ts';
import { aurocFoil, behaviorFoil, probeFoil } from './foils.ts';
import type { BenchmarkRow } from './row.ts';
import { CARD_FILE, MODEL_FILE, type Organism, readModel } from './zoo.ts';

export type CaseOptions = {
  /** Folder for the exported files and captured activations of this case; emptied afterwards. */
  readonly folder: string;
  /** Seed of the data and of the audit. */
  readonly seed: number;
  readonly settings: Partial<AuditSettings>;
  /** The family's way of making a model file that its folder leaves out. */
  readonly model?: Family['model'];
  /** Names the program's code in the key. */
  readonly version: string;
  /** The row that an earlier run found, used again where everything it follows from is the same. */
  readonly earlier?: BenchmarkRow | undefined;
  readonly control?: RunControl;
};

const DATA_FILE = 'data.jsonl';

/** Exports, audits and compares. Throws what the pipeline throws. */
export async function runCase(
  organism: Organism,
  part: BenchmarkCase,
  options: CaseOptions,
): Promise<BenchmarkRow> {
  const { folder, seed, control = {} } = options;
  const settings: Partial<AuditSettings> = { ...part.settings, ...options.settings, seed };
  const dataSet = await part.data(`benchmark/${seed}`);
  const truth = part.truth ?? organism.card.truth;
  const beside = await filesBeside(organism.folder);
  const key = sha256(
    canonicalJson({
      model: organism.card.sha256,
      beside: beside.map(({ name, bytes }) => [name, sha256(bytes)]),
      data: dataSetSha256(dataSet),
      settings,
      criteria: CRITERIA,
      version: options.version,
      truth,
    }),
  );
  const labels = {
    id: `${organism.id}/${part.name}`,
    family: organism.family,
    organism: organism.id,
    member: organism.member,
    seed: organism.card.seed,
    use: organism.use,
    case: part.name,
    truth,
    key,
  };
  if (options.earlier?.key === key) return { ...options.earlier, ...labels };
  // A run that was killed may have left something.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    for (const { name, bytes } of beside) await writeFile(path.join(folder, name), bytes);
    const file = path.join(folder, MODEL_FILE);
    await writeFile(file, await readModel(organism, options.model));
    const data = path.join(folder, DATA_FILE);
    await writeFile(data, `${[...writeDataSet(dataSet)].join('\n')}\n`);
    const experiment = defineExperiment({
      title: dataSet.title,
      model: file,
      data,
      settings,
    });
    const cacheFolder = path.join(folder, 'cache');
    const started = performance.now();
    const record = await runExperiment(experiment, {
      name: 'audited',
      command: 'mesascope benchmark',
      cacheFolder,
      control,
    });
    const seconds = (performance.now() - started) / 1000;
    const prepared = await prepareExperiment(experiment, {
      cacheFolder,
      control: { signal: control.signal },
    });
    let auroc: BenchmarkRow['foils']['auroc'];
    try {
      auroc = aurocFoil(prepared.request, seed);
    } finally {
      await prepared.close();
    }
    const { verdict, pursues, proxy, grade, provisional, sentence, strength, missing } = record.verdict;
    return {
      ...labels,
      found: {
        verdict,
        pursues,
        proxy,
        grade,
        provisional,
        sentence,
        weight: {
          'log-odds': numberOf(strength.proxyWeight?.value),
          probability: numberOf(strength.proxyWeightProbability?.value),
        },
        missing: missing.map(({ rung, why }) => `${rung}: ${why}`),
      },
      foils: { probe: probeFoil(record), auroc, behavior: behaviorFoil(record) },
      seconds: Math.round(seconds * 10) / 10,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whatever lies beside the model goes with it (a tokenizer); the card stays behind. By name. */
async function filesBeside(folder: string): Promise<{ readonly name: string; readonly bytes: Uint8Array }[]> {
  const wanted = (await readdir(folder))
    .filter((name) => name.startsWith(`${MODEL_FILE}.`) || (name.endsWith('.json') && name !== CARD_FILE))
    .sort();
  return Promise.all(
    wanted.map(async (name) => ({ name, bytes: new Uint8Array(await readFile(path.join(folder, name))) })),
  );
}

function numberOf(value: Measured | undefined): number | null {
  return value?.state === 'measured' ? Math.round(value.value * 1e4) / 1e4 : null;
}
