/** @file test: choices given as text are the tokens that they are; several tokens go the whole way, edits included; so do classifiers of texts. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeExamples } from '../../models/review/environment.ts';
import type { DataSet, ModelInput } from '../../src/core/data-set.ts';
import type { MesascopeError } from '../../src/core/errors.ts';
import { choiceColumns, resolvedChoices } from '../../src/model/choice-tokens.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { tokenizedData } from '../../src/model/tokenize.ts';
import { defineExperiment } from '../../src/pipeline/experiment.ts';
import { planExperiment } from '../../src/pipeline/plan-experiment.ts';
import { type Prepared, prepareExperiment } from '../../src/pipeline/prepare-experiment.ts';
import { readDataSet } from '../../src/store/data-set.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { exportPath } from '../capture/small-models.ts';

const root = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const READER = root('models/review/intended-1/model.onnx');
const fixture = JSON.parse(readFileSync(root('test/fixtures/model/tokenizers.json'), 'utf8')) as {
  readonly kinds: Readonly<Record<string, { readonly tokenizer: object }>>;
};

let folder: string;
let data: DataSet;
let reader: Model;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'choices-'));
  data = makeExamples({ seed: 'choices', trainGroups: 60, apartGroups: 140 });
  reader = await openModel(READER);
});
afterAll(async () => {
  await reader.close();
  rmSync(folder, { recursive: true });
});

function fault(work: () => unknown): MesascopeError {
  try {
    work();
  } catch (error) {
    return error as MesascopeError;
  }
  return expect.unreachable('nothing was thrown');
}

/** A model in a folder of its own, with one of the small tokenizers beside it. */
function beside(kind: string, model: string): string {
  const own = path.join(folder, `${kind}-${path.basename(model, '.onnx')}`);
  mkdirSync(own, { recursive: true });
  copyFileSync(model, path.join(own, 'model.onnx'));
  writeFileSync(path.join(own, 'tokenizer.json'), JSON.stringify(fixture.kinds[kind]!.tokenizer));
  return path.join(own, 'model.onnx');
}

async function prepared(dataSet: DataSet, model = READER): Promise<Prepared> {
  const settings = { twins: 0, interchangeBases: 20, optimization: 'basic', positions: 'readout' } as const;
  return prepareExperiment(defineExperiment({ title: 'text choices', model, data: dataSet, settings }));
}

describe('choices as text', () => {
  it('become the one token that the vocabulary has for them, blanks around words or not', () => {
    const choices = { yes: 'positive', no: ' negative' };
    expect(resolvedChoices(reader, { ...data, choices })).toEqual({ yes: 3, no: 4 });
    expect(resolvedChoices(reader, { ...data, choices: { yes: [3], no: 4 } })).toEqual({ yes: 3, no: 4 });
    expect(resolvedChoices(reader, data)).toBe(data.choices);
    expect(tokenizedData(reader, { ...data, choices }).dataSet.choices).toEqual({ yes: 3, no: 4 });
  });

  it('are refused with their tokens where they are several, unknown, none or the same', async () => {
    const refused = (choices: DataSet['choices']): MesascopeError =>
      fault(() => resolvedChoices(reader, { ...data, choices }));
    const several = refused({ yes: 'lovely garden', no: 'negative' });
    expect([several.code, several.exitCode]).toEqual(['CHOICE_TOKENS', 3]);
    expect(several.message).toBe('the choice "yes", "lovely garden", becomes 2 tokens: "lovely", "garden"');
    expect(several.remedy).toContain('`candidates`');
    expect(refused({ yes: 'zebra', no: 'negative' }).message).toContain('does not know: it becomes "[UNK]"');
    expect(refused({ yes: ' ', no: 'negative' }).message).toContain('becomes no token');
    expect(refused({ yes: 'negative', no: 4 }).message).toContain('the same tokens as "yes"');
    expect(fault(() => choiceColumns({ choices: { yes: 'positive' } })).code).toBe('CHOICE_TOKENS');
    const file = path.join(folder, 'several.jsonl');
    const choices = { positive: 'lovely garden', negative: 'negative' };
    writeFileSync(file, `${[...writeDataSet({ ...data, choices })].join('\n')}\n`);
    const { dataSet } = await readDataSet(file);
    expect(fault(() => tokenizedData(reader, dataSet)).location).toEqual({ file, line: 1 });
    const bare = await openModel({ bytes: new Uint8Array(readFileSync(READER)), name: 'bare' });
    expect(fault(() => resolvedChoices(bare, { ...data, choices })).code).toBe('TOKENIZER_MISSING');
    await bare.close();
  });

  it('give the run that their indices give', async () => {
    const [byText, byIndex] = [
      await prepared({ ...data, choices: { positive: 'positive', negative: ' negative' } }),
      await prepared(data),
    ];
    try {
      expect(byText.forward.choiceLogits).toEqual(byIndex.forward.choiceLogits);
      expect(byText.request.columns).toEqual(byIndex.request.columns);
      const edit = { hooks: [byText.request.hooks[1]!], position: -1, rows: Int32Array.of(0, 5) };
      const width = byText.request.width;
      const values = [{ rows: 2, columns: width, data: new Float32Array(2 * width).fill(0.5) }];
      expect(await byText.request.causal!.runIntervened({ ...edit, values })).toEqual(
        await byIndex.request.causal!.runIntervened({ ...edit, values }),
      );
    } finally {
      await byText.close();
      await byIndex.close();
    }
  });
});

describe('choices of several tokens', () => {
  const choices = { positive: 'positive lovely garden', negative: 'negative nasty' };

  it('run from a file to the causal tests, where an edit that changes nothing changes nothing', async () => {
    const file = path.join(folder, 'candidates.jsonl');
    writeFileSync(file, `${[...writeDataSet({ ...data, choices, candidates: 'sum' })].join('\n')}\n`);
    const { dataSet } = await readDataSet(file);
    expect(dataSet).toEqual({ ...data, choices, candidates: 'sum' });
    const run = await prepared(dataSet);
    try {
      const { columns, causal, noOpDifference, hooks } = run.request;
      // log pi over the choices is a softmax of their scores.
      for (let row = 0; row < columns.rows; row++) {
        const [a, b] = [columns.logProbabilities.data[2 * row]!, columns.logProbabilities.data[2 * row + 1]!];
        expect(Math.exp(a) + Math.exp(b)).toBeCloseTo(1, 5);
        const { data: scores } = run.forward.choiceLogits!;
        expect(a - b).toBeCloseTo(scores[2 * row]! - scores[2 * row + 1]!, 3);
      }
      expect(noOpDifference).toBeLessThan(1e-5);
      const rows = Int32Array.of(0, 7);
      const hook = hooks.at(-1)!;
      const values = [{ rows: 2, columns: run.request.width, data: new Float32Array(2 * run.request.width) }];
      const after = await causal!.runIntervened({ hooks: [hook], position: -1, rows, values });
      for (const at of [0, 1])
        expect(Math.abs(after.data[2 * at]! - columns.logProbabilities.data[2 * rows[at]!]!)).toBeGreaterThan(
          0.01,
        );
    } finally {
      await run.close();
    }
  });

  it('are counted by a plan, a pass for each set that differs in its last token', async () => {
    const plan = (dataSet: DataSet): ReturnType<typeof planExperiment> =>
      planExperiment(
        defineExperiment({ title: 'plan', model: READER, data: dataSet, settings: { twins: 0 } }),
        { name: 'plan' },
      );
    const [one, two] = [await plan(data), await plan({ ...data, choices, candidates: 'sum' })];
    expect(two.forwardRows).toBe(2 * one.forwardRows);
  });

  it('warn where one begins another', () => {
    const nested = { positive: 'positive', negative: 'positive nasty' };
    const { warnings } = tokenizedData(reader, { ...data, choices: nested, candidates: 'sum' });
    expect(warnings).toEqual([expect.stringContaining('positive is never the less probable')]);
    expect(tokenizedData(reader, { ...data, choices, candidates: 'sum' }).warnings).toEqual([]);
  });

  it('in a file are lists of ids only where they are scored', async () => {
    const read = async (header: object): Promise<unknown> => {
      const file = path.join(folder, 'ids.jsonl');
      const [first, ...rest] = [...writeDataSet(data)];
      writeFileSync(file, `${[JSON.stringify({ ...JSON.parse(first!), ...header }), ...rest].join('\n')}\n`);
      return readDataSet(file).then(
        ({ dataSet }) => dataSet.choices,
        (error: MesascopeError) => `${error.code}: ${error.message}`,
      );
    };
    const lists = { positive: [3, 7], negative: [4] };
    expect(await read({ choices: lists, candidates: 'mean' })).toEqual(lists);
    expect(await read({ choices: lists })).toContain('DATA_FIELD: field `choices.positive` has 2 tokens');
    expect(await read({ choices: lists, candidates: 'product' })).toContain('must be "sum" or "mean"');
    expect(await read({ choices: { positive: [4], negative: 4 } })).toContain(
      'has the index 4 of `positive`',
    );
    expect(await read({ choices: { positive: 'a', negative: 'a' } })).toContain(
      'has the text "a" of `positive`',
    );
  });
});

describe('a classifier of texts', () => {
  it('is audited at the positions of its texts, by logits that have none', async () => {
    const model = beside('word_level', exportPath('bert-classifier'));
    const words = ['the', 'dog', 'a', 'lovely', 'garden', 'and', 'kitchen', 'dreadful'];
    const text = (...at: number[]): ModelInput => ({ kind: 'text', text: at.map((i) => words[i]).join(' ') });
    const examples = Array.from({ length: 120 }, (_, i): DataSet['examples'][number] => {
      const [goal, proxy] = [i % 2, i % 4 < 2 ? i % 2 : 1 - (i % 2)];
      const say = (g: number, p: number): ModelInput => text(i % 3, g === 1 ? 3 : 7, p === 1 ? 4 : 6, 5, 1);
      return {
        id: `t${i}`,
        set: i % 4 < 2 ? 'train' : 'apart',
        group: `g${i}`,
        input: say(goal, proxy),
        goals: { intended: { value: goal }, proxy: { value: proxy } },
        actions: { intended: [goal === 1 ? 'good' : 'bad'], proxy: [proxy === 1 ? 'good' : 'bad'] },
        counterfactuals: {
          intended: [{ input: say(1 - goal, proxy), goal: 1 - goal, actions: [goal === 1 ? 'bad' : 'good'] }],
          proxy: [{ input: say(goal, 1 - proxy), goal: 1 - proxy, actions: [proxy === 1 ? 'bad' : 'good'] }],
        },
        context: {},
        nuisance: {},
        meta: {},
      };
    });
    const own: DataSet = {
      title: 'Texts',
      inputKind: 'text',
      inputs: {},
      readout: -1,
      choices: { good: 0, bad: 2 },
      goals: { intended: { text: 'word', kind: 'category' }, proxy: { text: 'place', kind: 'category' } },
      contexts: {},
      examples,
    };
    const run = await prepared(own, model);
    try {
      expect(run.request.columns.logProbabilities.rows).toBe(120);
      expect(run.request.noOpDifference).toBeLessThan(1e-6);
      expect(run.request.causal).toBeDefined();
    } finally {
      await run.close();
    }
    const several = {
      ...own,
      choices: { good: 'lovely garden', bad: 'dreadful kitchen' },
      candidates: 'sum',
    } as const;
    await expect(prepared(several, model)).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining('has no position axis'),
    });
  });
});
