/** @file cli: an answer ends at the tokens that the files beside a model name, unless others are asked for. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { generateCommand } from '../../src/cli/command-generate.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { ChatFolders } from '../model/chat-models.ts';
import { capturedTerminal } from './captured-terminal.ts';

const folders = new ChatFolders();
afterAll(() => folders.remove());

/** After token i comes token i + 1 of six. */
const counting = buildModel({
  inputs: [{ name: 'input_ids', type: 'int64', shape: ['batch', 'length'] }],
  outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 'length', 6] }],
  initializers: [
    {
      name: 'table',
      dims: [6, 6],
      type: 'float32',
      data: Float32Array.from({ length: 36 }, (_, i) => ((Math.floor(i / 6) + 1) % 6 === i % 6 ? 3 : 0)),
    },
  ],
  nodes: [{ opType: 'Gather', inputs: ['table', 'input_ids'], outputs: ['logits'] }],
});
const tokenizer = {
  model: { type: 'WordLevel', vocab: { a: 0, b: 1, c: 2, d: 3, e: 4, f: 5 } },
  pre_tokenizer: { type: 'WhitespaceSplit' },
};

async function written(files: Readonly<Record<string, unknown>>, stop?: string): Promise<unknown> {
  const workingFolder = folders.of(files);
  writeFileSync(path.join(workingFolder, 'model.onnx'), counting);
  const terminal = capturedTerminal();
  await generateCommand(
    { model: path.join(workingFolder, 'model.onnx'), tokens: ['0'], maxNew: 5, stop },
    { terminal, control: { signal: new AbortController().signal }, workingFolder, json: true, argv: [] },
  );
  const [{ answer, ended }] = JSON.parse(terminal.stdout()).answers;
  return [ended, ...answer.tokens];
}

it('ends at the tokens that generation_config.json names, else config.json, and at that of the tokenizer', async () => {
  const words = { 'tokenizer.json': tokenizer, 'tokenizer_config.json': { eos_token: 'f' } };
  expect(await written({})).toEqual(['length', 1, 2, 3, 4, 5]);
  expect(await written({ ...words })).toEqual(['stop', 1, 2, 3, 4, 5]);
  const config = { ...words, 'config.json': { eos_token_id: 4 } };
  expect(await written(config)).toEqual(['stop', 1, 2, 3, 4]);
  for (const eos_token_id of [[9, 2, 3], 2, [2, -1, 'x']])
    expect(await written({ ...config, 'generation_config.json': { eos_token_id } })).toEqual(['stop', 1, 2]);
  expect(await written({ ...config, 'generation_config.json': { eos_token_id: 9 } })).toEqual([
    'stop',
    1,
    2,
    3,
    4,
    5,
  ]);
  expect(await written({ ...config, 'generation_config.json': {} })).toEqual(['stop', 1, 2, 3, 4]);
});

it('ends at other tokens where they are asked for, or at none', async () => {
  const files = { 'generation_config.json': { eos_token_id: [2] } };
  expect(await written(files, '3')).toEqual(['stop', 1, 2, 3]);
  expect(await written(files, 'none')).toEqual(['length', 1, 2, 3, 4, 5]);
});
