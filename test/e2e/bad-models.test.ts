/** @file test: bad models and settings through the program: code, exit code, one line on stderr, and nothing earlier lost. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/error-codes.ts';
import { withDeepGraphs, withEmbeddingOf, withHugeTensor, withWeightsAt } from './bad-models.ts';
import { gridFolder, MODEL } from './grid-folder.ts';
import { expectError } from './run-cli.ts';

const grid = gridFolder('bad-models');

/** The place that an error names: the model, or the weight file where it should lie. */
function placeOf(code: ErrorCode, model: string): RegExp {
  return new RegExp(`^${code === 'EXTERNAL_DATA_MISSING' ? 'weights.bin' : model}:1:1: `);
}

describe('a model file', () => {
  it.each<[string, string, () => Uint8Array, ErrorCode, (string | RegExp)[]]>([
    ['that is cut short', 'short.onnx', () => readFileSync(MODEL).subarray(0, 200_000), 'MODEL_CORRUPT', []],
    ['that is empty', 'empty.onnx', () => new Uint8Array(0), 'MODEL_CORRUPT', []],
    ['that is text', 'text.onnx', () => Buffer.from('version https://git-lfs\n'), 'MODEL_CORRUPT', []],
    [
      'that begins with noise',
      'noise.onnx',
      () => Buffer.concat([Buffer.alloc(64, 0xff), readFileSync(MODEL)]),
      'MODEL_CORRUPT',
      [],
    ],
    [
      'that claims a tensor larger than any memory',
      'huge.onnx',
      () => withHugeTensor(MODEL),
      'MODEL_CORRUPT',
      [],
    ],
    ['that nests graphs without end', 'deep.onnx', () => withDeepGraphs(MODEL, 30), 'MODEL_LIMIT', [/deep/]],
    [
      'whose weights lie above its folder',
      'above.onnx',
      () => withWeightsAt(MODEL, '../../secret.bin'),
      'EXTERNAL_DATA_PATH',
      [/\.\.\/\.\.\/secret\.bin/],
    ],
    [
      'whose weights lie at an absolute path',
      'absolute.onnx',
      () => withWeightsAt(MODEL, '/etc/passwd'),
      'EXTERNAL_DATA_PATH',
      [/\/etc\/passwd/],
    ],
    [
      'whose weights are not there',
      'without.onnx',
      () => withWeightsAt(MODEL, 'weights.bin'),
      'EXTERNAL_DATA_MISSING',
      [/weights\.bin/],
    ],
  ])('%s', async (_, name, bytes, code, names) => {
    grid.modelFile(name, bytes());
    const results = [await grid.audit(name, 'rows.jsonl'), await grid.run(['inspect', name, '--json'])];
    for (const result of results) expectError(result, { code, names: [placeOf(code, name), ...names] });
  });

  it('that is not there, or is a folder', async () => {
    mkdirSync(path.join(grid.folder, 'folder.onnx'));
    for (const name of ['nowhere.onnx', 'folder.onnx']) {
      expectError(await grid.audit(name, 'rows.jsonl'), { code: 'MODEL_NOT_FOUND', names: [name] });
    }
  });

  it.each([
    ['NaN', Number.NaN, 'NaN'],
    ['infinity', Number.POSITIVE_INFINITY, 'Infinity|NaN'],
  ])('that computes %s says where, and for which example', async (kind, value, seen) => {
    // A cell that not every board uses, so that naming the first row every time would be wrong.
    const token = grid.lines.at(-1)!.tokens![2]!;
    const first = grid.lines.findIndex(({ tokens }) => tokens?.includes(token));
    expect(first).toBeGreaterThan(1);
    const name = grid.modelFile(`${kind}.onnx`, withEmbeddingOf(MODEL, token, value));
    expectError(await grid.audit(name, 'rows.jsonl'), {
      code: 'ACTIVATIONS_NON_FINITE',
      names: [name, /hook [\w.]+/, new RegExp(seen), `"${grid.lines[first]!.id}"`],
    });
  });
});

describe('settings', () => {
  it('with a hook that does not exist get the nearest names', async () => {
    const results = [
      await grid.audit('agent.onnx', 'rows.jsonl', '--set', 'hooks=blocks.1.resid_pots'),
      await grid.run([
        'capture',
        'agent.onnx',
        '--data',
        'rows.jsonl',
        '--hooks',
        'blocks.1.resid_pots',
        '--out',
        'out',
      ]),
    ];
    for (const result of results) {
      expectError(result, { code: 'HOOK_UNKNOWN', names: ['blocks.1.resid_pots', /blocks\.1\.resid_post/] });
    }
  });

  it('outside their range name the setting', async () => {
    for (const pair of ['permutations=98', 'alpha=0.6', 'twins=-1', 'ranks=0', 'positions=-1.5']) {
      expectError(await grid.audit('agent.onnx', 'rows.jsonl', '--set', pair), {
        code: 'BAD_SETTING',
        names: [pair.split('=')[0]!],
      });
    }
  });
});
