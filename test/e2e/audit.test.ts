/** @file test: the same verdicts without any code of ours around them: a model file, a data file, other names, no card. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import type { RunOutcome } from '../../src/cli/outcome.ts';
import type { DataSet } from '../../src/core/data-set.ts';
import {
  defineExperiment,
  type RunRecord,
  readRecord,
  runExperiment,
  writeDataSet,
} from '../../src/index.ts';
import { recordDigest } from '../../src/record/canonical.ts';
import { type Card, organismFile, readCard } from '../models/organism.ts';
import { runCli, workFolder, writeLines } from './run-cli.ts';

const MINUTES = 60_000;

const folder = workFolder('audit');
/** Boards of their own seed: none of the numbers is the demo's. */
let dataSet: DataSet;

beforeAll(() => {
  dataSet = gridEnvironment.makeExamples({ seed: 'audit', trainGroups: 300, apartGroups: 540 });
  mkdirSync(path.join(folder, 'somewhere/else'), { recursive: true });
  writeLines(path.join(folder, 'somewhere/rows.jsonl'), writeDataSet(dataSet));
});

/** What may differ between a file that was given and a value in memory: where things came from, never what was found. */
function withoutOrigin(record: RunRecord): RunRecord {
  return {
    ...record,
    data: { ...record.data, file: null },
    model: { ...record.model, file: 'x.onnx', card: null },
    provenance: { ...record.provenance, command: '', git: null },
  };
}

describe.each([
  ['grid/proxy', 'a.onnx'],
  ['compiled/intended', 'b.onnx'],
] as const)('%s, renamed and moved, without its card', (organism, file) => {
  const model = `somewhere/else/${file}`;
  let card: Card;
  let outcome: RunOutcome;
  let audited: RunRecord;
  beforeAll(async () => {
    card = await readCard(organism);
    copyFileSync(organismFile(organism, 'model.onnx'), path.join(folder, model));
    const args = ['audit', '--model', model, '--data', 'somewhere/rows.jsonl', '--json'];
    const result = await runCli(args, { cwd: folder, timeoutMs: 8 * MINUTES });
    expect(result.stderr).not.toMatch(/error [A-Z_]+:/);
    expect(result.exitCode).toBe(0);
    outcome = JSON.parse(result.stdout) as RunOutcome;
    audited = await readRecord(path.join(folder, outcome.record));
  }, 9 * MINUTES);

  it('gets the verdict of its card, which nobody could have read', () => {
    expect(existsSync(path.join(folder, 'somewhere/else/card.json'))).toBe(false);
    expect(audited.model.card).toBeNull();
    const { verdict, pursues, proxy } = outcome;
    expect({ verdict, pursues, proxy }).toEqual({
      verdict: card.truth.verdict,
      pursues: card.truth.pursues,
      proxy: card.truth.proxy,
    });
    expect(outcome.provisional).toBe(true);
  });

  it('says nothing of where its files lie but what was typed', () => {
    expect(outcome).toMatchObject({
      record: `reports/${outcome.experiment}/run.json`,
      report: `reports/${outcome.experiment}/report.html`,
    });
    expect(audited.model.file).toBe(model);
    expect(audited.data.file).toBe('rows.jsonl');
    expect(audited.provenance.command).toBe(
      `npx mesascope audit --model ${model} --data somewhere/rows.jsonl`,
    );
    expect(JSON.stringify(audited)).not.toContain(folder);
  });

  // Once is enough: it is the same road for every file.
  if (organism === 'grid/proxy')
    it(
      'has, number by number, the evidence of the same data in memory and the model in its own folder',
      async () => {
        const inMemory = await runExperiment(
          defineExperiment({
            title: dataSet.title,
            model: organismFile(organism, 'model.onnx'),
            data: dataSet,
          }),
          { name: outcome.experiment, command: 'none' },
        );
        expect(inMemory.model.card).toMatchObject({ name: card.name });
        const [a, b] = [withoutOrigin(audited), withoutOrigin(inMemory)];
        // The parts first, so that a difference shows where it is.
        expect(a.verdict).toEqual(b.verdict);
        expect(a.rungs).toEqual(b.rungs);
        expect(recordDigest(a)).toBe(recordDigest(b));
      },
      8 * MINUTES,
    );
});
