/** @file test: what keeps an audit from an answer is said before the model is run. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { candidateGroups } from '../../src/capture/candidates.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { mustScoreChoices } from '../../src/pipeline/choices-fit.ts';
import { defineExperiment } from '../../src/pipeline/experiment.ts';
import { planExperiment } from '../../src/pipeline/plan-experiment.ts';
import { prepareExperiment } from '../../src/pipeline/prepare-experiment.ts';
import { GRID_MODEL } from '../capture/small-models.ts';
import { temporaryFolder } from '../store/data-file.ts';

const READER = GRID_MODEL.replace('grid/intended', 'review/intended-1');

describe('before a run', () => {
  it('data without choices are refused at their first line, by the run and by its plan', async () => {
    const data = path.join(await temporaryFolder(), 'texts.jsonl');
    const lines = [
      { format: 'mesascope-data/1', title: 'Prompts', input: 'tokens' },
      ...[1, 2, 3].map((i) => ({ id: `${i}`, set: 'any', group: `${i}`, tokens: [0, i] })),
    ];
    writeFileSync(data, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const experiment = defineExperiment({ title: 'none', model: GRID_MODEL, data });
    const refusal = { code: 'DATA_FIELD', location: { file: data, line: 1 } };
    await expect(planExperiment(experiment, { name: 'none' })).rejects.toMatchObject(refusal);
    await expect(prepareExperiment(experiment)).rejects.toMatchObject(refusal);
  });

  it('choices of several tokens are refused on a model that takes one scale for a whole row', () => {
    const choices = { stop: [12, 7], go: [12, 9] };
    const model = { name: 'int8', mixesRows: true };
    expect(() => mustScoreChoices(model, { choices })).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }) as Error,
    );
    mustScoreChoices({ ...model, mixesRows: false }, { choices });
    mustScoreChoices(model, { choices: { stop: [7], go: [9] } });
    mustScoreChoices(model, { choices: { stop: 7, go: 9 } });
    expect(candidateGroups({ tokens: Object.values(choices), score: 'sum' })).toHaveLength(1);
  });

  it('a run that will be invalid says so', async () => {
    const data = gridEnvironment.makeExamples({ seed: 'few', trainGroups: 10, apartGroups: 20 });
    const experiment = defineExperiment({ title: 'few', model: GRID_MODEL, data });
    const stop = new AbortController();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): void => {
      events.push(event);
      if (event.kind === 'warning') stop.abort();
    };
    const control = { onProgress, signal: stop.signal };
    await expect(prepareExperiment(experiment, { control })).rejects.toMatchObject({ code: 'ABORTED' });
    const said = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
    expect(said[0]).toMatch(/^this run will be (invalid|unidentifiable): /);
  });

  it('a plan says which texts hold words that the tokenizer does not know', async () => {
    const written = readFileSync(path.join(path.dirname(READER), 'tokenizer.json'), 'utf8');
    expect(written).toContain('unk_token');
    const { makeExamples } = await import('../../models/review/environment.ts');
    const made = makeExamples({ seed: 'text', trainGroups: 20, apartGroups: 30 });
    const examples = made.examples.map((example) => ({
      ...example,
      input: { kind: 'text', text: 'zyx' } as const,
      counterfactuals: {},
    }));
    const data = { ...made, inputKind: 'text' as const, inputs: { text: 'input_ids' }, examples };
    const experiment = defineExperiment({ title: 'strange', model: READER, data });
    const { outlook } = await planExperiment(experiment, { name: 'strange' });
    const [first] = outlook.warnings;
    expect(first?.text).toMatch(/texts hold a word that the tokenizer does not know/);
  });
});
