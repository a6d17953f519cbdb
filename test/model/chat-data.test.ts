/** @file test: a data file of messages goes through plan, capture, preparation and generation as the text that its chats become. */
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { makeExamples } from '../../models/review/environment.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { DataSet, ModelInput } from '../../src/core/data-set.ts';
import { encode } from '../../src/model/encode.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { responseMask } from '../../src/model/text-positions.ts';
import { tokenizedData } from '../../src/model/tokenize.ts';
import { defineExperiment } from '../../src/pipeline/experiment.ts';
import { prepareExperiment } from '../../src/pipeline/prepare-experiment.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { cachedPath } from '../capture/small-models.ts';
import { mesascope } from '../cli/captured-terminal.ts';
import { ChatFolders, fault } from './chat-models.ts';

const READER = fileURLToPath(new URL('../../models/review/intended-1/', import.meta.url));
/** What the reader's tokenizer frames a text with, written by a template; and a rule of its own. */
const TEMPLATE = `{%- if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif -%}
{{ bos_token }}{% for message in messages %}{{ ' ' ~ message.content }}{% endfor %}{{ ' [ASK]' if add_generation_prompt else '' }}`;

const folders = new ChatFolders();
const folder = folders.of({
  'chat_template.jinja': TEMPLATE,
  'tokenizer_config.json': { bos_token: { content: '[BOS]', special: true } },
});
const MODEL = path.join(folder, 'model.onnx');
for (const file of ['model.onnx', 'tokenizer.json'])
  copyFileSync(path.join(READER, file), path.join(folder, file));
afterAll(() => folders.remove());

const texts = makeExamples({ seed: 'chat', trainGroups: 60, apartGroups: 120 });
/** The same words in two turns. */
function asChat(input: ModelInput): ModelInput {
  if (input.kind !== 'text') return input;
  const [first, ...others] = input.text.split(' ');
  return {
    kind: 'messages',
    messages: [
      { role: 'user', content: first! },
      { role: 'user', content: others.join(' ') },
    ],
  };
}
const chats: DataSet = {
  ...texts,
  examples: texts.examples.map((example) => ({
    ...example,
    input: asChat(example.input),
    counterfactuals: Object.fromEntries(
      Object.entries(example.counterfactuals).map(([kind, list]) => [
        kind,
        list.map((each) => ({ ...each, input: asChat(each.input) })),
      ]),
    ),
  })),
};
function written(name: string, dataSet: DataSet): string {
  const file = path.join(folder, name);
  writeFileSync(file, `${[...writeDataSet(dataSet)].join('\n')}\n`);
  return file;
}
async function withModel<T>(file: string, work: (model: Model) => T | Promise<T>): Promise<T> {
  const model = await openModel(file);
  try {
    return await work(model);
  } finally {
    await model.close();
  }
}

describe('a data file of messages', () => {
  it('is prepared as that of the texts which its chats become, counterfactuals included', {
    timeout: 120_000,
  }, async () => {
    const prepared = async (data: string) => {
      const settings = { twins: 0, hooks: 'blocks.*.resid_post' };
      const ready = await prepareExperiment(
        defineExperiment({ title: 'chat', model: MODEL, data, settings }),
      );
      const { forward, request, mapped } = ready;
      const seen = {
        logits: forward.choiceLogits,
        activations: forward.activations('blocks.0.resid_post', -1),
        columns: request.columns,
        inputs: mapped.dataSet.examples.map(({ input, counterfactuals }) => [input, counterfactuals]),
        pictures: ready.data.dataSet.examples.map(({ picture }) => picture),
      };
      await ready.close();
      return seen;
    };
    const fromChats = await prepared(written('chats.jsonl', chats));
    expect(fromChats).toEqual(await prepared(written('texts.jsonl', texts)));
    expect(fromChats.inputs).toHaveLength(180);
  });

  it('is planned and captured by the command line', { timeout: 60_000 }, async () => {
    const run = (args: readonly string[]): ReturnType<typeof mesascope> => mesascope(args, { cwd: folder });
    const file = written('planned.jsonl', chats);
    const planned = await run(['plan', '--model', MODEL, '--data', file, '--json']);
    expect(planned.exitCode, planned.stderr).toBe(0);
    expect(JSON.parse(planned.stdout)).toMatchObject({ data: { rows: 180 } });
    const out = path.join(folder, 'out');
    const captured = await run([
      'capture',
      MODEL,
      '--data',
      file,
      '--hooks',
      'embed',
      '--out',
      out,
      '--json',
    ]);
    expect(captured.exitCode, captured.stderr).toBe(0);
    const verified = await run(['verify', MODEL, '--data', file, '--json']);
    expect(verified.exitCode, verified.stderr).toBe(0);
  });

  it('warns of nothing, and tells what each text is that was fed', async () => {
    await withModel(MODEL, (model) => {
      const { fed, texts: tokens, warnings, dataSet } = tokenizedData(model, chats);
      expect(warnings).toEqual([]);
      expect(dataSet.inputKind).toBe('tokens');
      expect(fed!.map(({ text }) => text)).toEqual(
        texts.examples.map(({ input }) => (input.kind === 'text' ? `[BOS] ${input.text} [ASK]` : '')),
      );
      const said: DataSet = {
        ...chats,
        examples: [
          {
            ...chats.examples[0]!,
            input: {
              kind: 'messages',
              messages: [
                { role: 'user', content: 'a garden' },
                { role: 'assistant', content: 'lovely' },
              ],
            },
          },
        ],
      };
      const one = tokenizedData(model, said);
      const mask = responseMask(model.tokenizer(), {
        name: 'a',
        input: one.fed![0]!,
        tokens: one.texts![0]!,
      });
      expect(one.texts![0]!.pieces.filter((_, i) => mask[i])).toEqual(['lovely']);
      expect(one.texts![0]!.pieces).toEqual(['[BOS]', 'a', 'garden', 'lovely']);
      expect(tokens).toHaveLength(180);
    });
  });

  it('may hold texts beside chats: each is framed once', async () => {
    await withModel(MODEL, async (model) => {
      const mixed = texts.examples.slice(0, 8).map(({ input }, i) => (i % 3 === 0 ? asChat(input) : input));
      const alone = texts.examples.slice(0, 8).map(({ input }) => input);
      expect(encode(model, mixed, {}).sha256).toBe(encode(model, alone, {}).sha256);
      const request = { mapping: {}, hooks: ['embed'], positions: [-1], readout: -1, choices: [3, 4] };
      const [fromMixed, fromTexts] = [
        await runForward(model, { ...request, inputs: mixed }),
        await runForward(model, { ...request, inputs: alone }),
      ];
      expect(fromMixed.choiceLogits).toEqual(fromTexts.choiceLogits);
      const tokens: ModelInput = { kind: 'tokens', tokens: [1, 2] };
      expect(fault(() => encode(model, [mixed[0]!, tokens], {})).code).toBe('INPUT_INVALID');
    });
  });

  it('names the line of what the template refuses, and of a word without an id', {
    timeout: 60_000,
  }, async () => {
    const refused: ModelInput = {
      kind: 'messages',
      messages: [{ role: 'system', content: 'be terse' }],
    };
    const strange: ModelInput = { ...refused, chat: { strftime_now: 'today' } };
    const [first, second, ...others] = chats.examples;
    const at = async (name: string, dataSet: DataSet): Promise<string> => {
      const run = await mesascope(['plan', '--model', MODEL, '--data', written(name, dataSet)], {
        cwd: folder,
      });
      expect(run.exitCode).toBe(3);
      return run.stderr;
    };
    const own = await at('refused.jsonl', {
      ...chats,
      examples: [first!, { ...second!, input: refused }, ...others],
    });
    expect(own).toContain('refused.jsonl:3:');
    expect(own).toContain('CHAT_REFUSED: example "train-1": the chat template refuses it: no system');
    const changed = { ...second!, counterfactuals: { same: [{ input: refused }] } };
    const other = await at('changed.jsonl', { ...chats, examples: [first!, changed, ...others] });
    expect(other).toContain('changed.jsonl:3:');
    expect(other).toContain('counterfactual same of example "train-1"');
    const given = await at('given.jsonl', {
      ...chats,
      examples: [first!, { ...second!, input: strange }, ...others],
    });
    expect(given).toContain('given.jsonl:3:');
    expect(given).toContain('INPUT_INVALID');
  });

  it('is refused where no template lies beside the model, with the remedy', { timeout: 60_000 }, async () => {
    const file = written('alone.jsonl', chats);
    const run = await mesascope(['plan', '--model', path.join(READER, 'model.onnx'), '--data', file], {
      cwd: folder,
    });
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain('CHAT_TEMPLATE_MISSING');
    expect(run.stderr).toContain('alone.jsonl:1:');
    expect(run.stderr).toContain('`text`');
  });
});

describe('generate --messages', () => {
  const words = ['[UNK]', 'user', 'assistant', 'hello', 'there', ':'];
  const decoder = folders.of({
    'tokenizer.json': {
      model: {
        type: 'WordLevel',
        unk_token: '[UNK]',
        vocab: Object.fromEntries(words.map((word, id) => [word, id])),
      },
      pre_tokenizer: { type: 'WhitespaceSplit' },
    },
    'chat_template.jinja':
      "{% for m in messages %}{{ m.role ~ ' : ' ~ m.content ~ ' ' }}{% endfor %}{{ 'assistant :' if add_generation_prompt else '' }}",
    'chat.json': [{ role: 'user', content: 'hello there' }],
    'odd.json': [{ role: 'user', content: 'hello', name: 'x' }],
    'parts.json': [{ role: 'user', content: ['hello'] }],
    'none.json': [],
    'broken.json': '[{',
  });
  copyFileSync(cachedPath('llama-cached'), path.join(decoder, 'model.onnx'));
  const run = (...args: readonly string[]): ReturnType<typeof mesascope> =>
    mesascope(['generate', 'model.onnx', '--max-new', '4', '--json', ...args], { cwd: decoder });

  it('writes on from the tokens of the rendered chat', { timeout: 60_000 }, async () => {
    const fromChat = await run('--messages', 'chat.json');
    expect(fromChat.exitCode, fromChat.stderr).toBe(0);
    const fromTokens = await run('--tokens', '1,5,3,4,2,5');
    expect(JSON.parse(fromChat.stdout)).toEqual(JSON.parse(fromTokens.stdout));
  });

  it.each([
    ['nowhere.json', 'cannot read the messages'],
    ['broken.json', 'is not JSON'],
    ['none.json', 'no list of messages'],
    ['odd.json', 'message 0 of the file has `name` beside'],
    ['parts.json', 'message 0 of the file has no `role` and `content`'],
  ])('refuses %s', async (file, seen) => {
    const { exitCode, stderr } = await run('--messages', file);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(seen)]);
    expect(stderr).toContain(file);
  });
});
