/** @file test: inputs and data sets of text, through a model and the tokenizer beside it. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeExamples } from '../../models/review/environment.ts';
import { tokensOf } from '../../models/review/words.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import { verifyModel } from '../../src/capture/verify-model.ts';
import type { DataSet, ModelInput } from '../../src/core/data-set.ts';
import { encode } from '../../src/model/encode.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { tokenizedData } from '../../src/model/tokenize.ts';
import { readDataSet } from '../../src/store/data-set.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { mesascope } from '../cli/captured-terminal.ts';

const READER = fileURLToPath(new URL('../../models/review/intended-1/model.onnx', import.meta.url));
const text = (words: string): ModelInput => ({ kind: 'text', text: words });
const TEXTS = ['a lovely garden', 'then dot', 'a lovely garden with star', 'the nasty story'];

describe('a model that reads text', () => {
  let model: Model;
  let folder: string;
  let data: DataSet;
  beforeAll(async () => {
    model = await openModel(READER);
    folder = mkdtempSync(path.join(tmpdir(), 'text-'));
    data = makeExamples({ seed: 'text', trainGroups: 20, apartGroups: 30 });
  });
  afterAll(async () => {
    await model.close();
    rmSync(folder, { recursive: true });
  });

  it('is fed what the tokens of the texts would feed it, in batches of one length', async () => {
    const ids = TEXTS.map((words): ModelInput => ({ kind: 'tokens', tokens: tokensOf(words) }));
    const request = {
      mapping: { text: 'input_ids' },
      hooks: ['embed'],
      positions: [-1],
      readout: -1,
      choices: [3, 4],
    };
    const fromText = await runForward(model, { ...request, inputs: TEXTS.map(text) });
    const fromIds = await runForward(model, { ...request, mapping: {}, inputs: ids });
    expect(fromText.choiceLogits).toEqual(fromIds.choiceLogits);
    expect(fromText.activations('embed', -1)).toEqual(fromIds.activations('embed', -1));
    const encoded = encode(model, TEXTS.map(text), {});
    expect(Array.from(encoded.lengths)).toEqual([5, 4, 7, 5]);
    expect(encoded.sha256).toBe(encode(model, ids, {}).sha256);
  });

  it('passes its checks on texts', async () => {
    const checks = await verifyModel(model, { inputs: TEXTS.map(text), mapping: { text: 'input_ids' } });
    expect(checks.map(({ state }) => state)).not.toContain('failed');
  });

  it('gets a data set in tokens, counterfactuals and mapping included, and everything else unchanged', () => {
    const { dataSet, texts, warnings } = tokenizedData(model, data);
    expect([dataSet.inputKind, dataSet.inputs]).toEqual(['tokens', { tokens: 'input_ids' }]);
    data.examples.forEach((example, i) => {
      const fed = dataSet.examples[i]!;
      const idsOf = (input: ModelInput): ModelInput =>
        input.kind === 'text' ? { kind: 'tokens', tokens: tokensOf(input.text) } : input;
      expect(fed).toEqual({
        ...example,
        input: idsOf(example.input),
        counterfactuals: Object.fromEntries(
          Object.entries(example.counterfactuals).map(([kind, list]) => [
            kind,
            list.map((each) => ({ ...each, input: idsOf(each.input) })),
          ]),
        ),
      });
      expect(texts![i]!.pieces.slice(1, -1).join(' ')).toBe(
        example.input.kind === 'text' ? example.input.text : '',
      );
    });
    expect(warnings).toEqual([]);
    expect(tokenizedData(model, dataSet).dataSet).toBe(dataSet);
  });

  it('is warned of unknown words and of special tokens that stand in the texts', () => {
    const [first, second, ...rest] = data.examples;
    const examples = [
      { ...first!, input: text('a zebra') },
      { ...second!, input: text('[BOS] a garden') },
      ...rest,
    ];
    const { warnings } = tokenizedData(model, { ...data, examples });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain(`1 of ${examples.length} texts`);
    expect(warnings[1]).toContain('[BOS]');
    expect(warnings[1]).toContain('the first is text 2');
    const changed = { same: [{ input: text('[BOS] a garden') }] };
    const doubled = tokenizedData(model, { ...data, examples: [{ ...first!, counterfactuals: changed }] });
    expect(doubled.warnings).toEqual([expect.stringContaining('[BOS]')]);
  });

  it('is captured and planned on a file of texts; a line that it cannot take is named', {
    timeout: 60_000,
  }, async () => {
    const run = (args: readonly string[]): ReturnType<typeof mesascope> => mesascope(args, { cwd: folder });
    const file = path.join(folder, 'reviews.jsonl');
    writeFileSync(file, `${[...writeDataSet(data)].join('\n')}\n`);
    expect((await readDataSet(file)).dataSet).toEqual(data);
    const planned = await run(['plan', '--model', READER, '--data', file, '--json']);
    expect(planned.exitCode, planned.stderr).toBe(0);
    expect(JSON.parse(planned.stdout)).toMatchObject({ positions: [-1], data: { rows: 50 } });
    const out = path.join(folder, 'out');
    const captured = await run([
      'capture',
      READER,
      '--data',
      file,
      '--hooks',
      'embed',
      '--positions',
      'all',
      '--out',
      out,
      '--json',
    ]);
    expect(captured.exitCode, captured.stderr).toBe(0);
    expect(JSON.parse(captured.stdout)).toMatchObject({
      rows: 50,
      positions: Array.from({ length: 14 }, (_, i) => i),
    });

    const bare = path.join(folder, 'bare.onnx');
    copyFileSync(READER, bare);
    const missing = await run(['verify', bare, '--data', file]);
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toContain('TOKENIZER_MISSING');
    expect(missing.stderr).toContain('reviews.jsonl:1:');
    expect(missing.stderr).toContain('there is no file tokenizer.json');
    const inner = path.join(folder, 'chat', 'onnx', 'model.onnx');
    mkdirSync(path.dirname(inner), { recursive: true });
    copyFileSync(READER, inner);
    const nowhere = await openModel(inner);
    const [near, above] = ['onnx/tokenizer.json', 'tokenizer.json'].map((name) =>
      path.join(folder, 'chat', name),
    );
    expect(() => nowhere.tokenizer()).toThrow(`there is no file ${near} and no file ${above}`);
    await nowhere.close();

    const tokenizer = JSON.stringify({
      model: { type: 'WordLevel', vocab: { a: 5, lovely: 6 } },
      pre_tokenizer: { type: 'WhitespaceSplit' },
    });
    writeFileSync(path.join(folder, 'tokenizer.json'), tokenizer);
    const strange = await run(['capture', bare, '--data', file, '--hooks', 'embed', '--out', `${out}-2`]);
    expect(strange.exitCode).toBe(3);
    expect(strange.stderr).toContain('INPUT_INVALID');
    expect(strange.stderr).toContain('reviews.jsonl:2:');
    expect(strange.stderr).toContain('"train-0"');
  });
});
