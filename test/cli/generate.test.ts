/** @file cli: `generate` on small decoders: the tokens that transformers writes, steered by files, read by saved probes. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptsWithAnswers } from '../../src/behavior/generate.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import { matrix } from '../../src/core/matrix.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { openModel } from '../../src/model/open-model.ts';
import { saveProbe } from '../../src/pipeline/probe-files.ts';
import { type LinearProbe, scoreProbe } from '../../src/probe/linear-probe.ts';
import { cachedPath } from '../capture/small-models.ts';
import { readSafetensors } from '../store/read-safetensors.ts';
import { mesascope, ROOT } from './captured-terminal.ts';

const HOOK = 'blocks.0.resid_post';
let folder: string;
let steer: Float32Array;
const recorded = readSafetensors(cachedPath('llama-cached').replace('.onnx', '.safetensors')).tensors;
const ints = (key: string): number[] => Array.from(recorded.get(key)!.data as BigInt64Array, Number);

/** Tells two classes apart by one row each, the second the negative of the first, and a third that never occurred. */
function probeOf(weights: Float32Array): LinearProbe {
  const { length: width } = weights;
  const all = new Float32Array(3 * width);
  all.set(weights);
  all.set(
    weights.map((value) => -value),
    width,
  );
  return {
    kind: 'ridge',
    classes: 3,
    width,
    classNames: ['left', 'right', 'never'],
    weights: matrix(3, width, all),
    bias: Float64Array.of(0.5, 0, Number.NEGATIVE_INFINITY),
    settings: { kind: 'ridge', penalty: 1, standardise: false },
  };
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-generate-'));
  copyFileSync(cachedPath('llama-cached'), path.join(folder, 'model.onnx'));
  steer = recorded.get('steer')!.data as Float32Array;
  writeFileSync(path.join(folder, 'steer.json'), JSON.stringify(Array.from(steer)));
  const origin = { reads: 'side', modelSha256: '', dataSha256: '', splitSeed: '1', version: '0' };
  const at = (position: number) => ({ probe: probeOf(steer), origin: { ...origin, hook: HOOK, position } });
  await saveProbe(path.join(folder, 'side.safetensors'), at(-1));
  await saveProbe(path.join(folder, 'before.safetensors'), at(-2));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Shown = {
  readonly warnings: readonly string[];
  readonly answers: readonly {
    readonly prompt: {
      readonly tokens: number[];
      readonly pieces: string[] | null;
      readonly text: string | null;
    };
    readonly answer: {
      readonly tokens: number[];
      readonly pieces: string[] | null;
      readonly text: string | null;
    };
    readonly ended: string;
    readonly probes: readonly { readonly classes: string[]; readonly scores: (number | null)[][] }[];
  }[];
};

async function generate(args: readonly string[]): Promise<Shown> {
  const result = await mesascope(['generate', 'model.onnx', '--json', ...args], { cwd: folder });
  expect([result.exitCode, result.stderr.includes('error')]).toEqual([0, false]);
  return JSON.parse(result.stdout) as Shown;
}
const prompts = [0, 1, 2].flatMap((row) => ['--tokens', ints(`row${row}.input`).join(',')]);

describe('generate', () => {
  it('writes what transformers writes, with caches and without, and shows it to a reader', async () => {
    for (const more of [[], ['--no-caches']]) {
      const { answers } = await generate([...prompts, '--max-new', '7', ...more]);
      for (const [row, { prompt, answer }] of answers.entries()) {
        expect(prompt.tokens).toEqual(ints(`row${row}.input`));
        expect(answer).toEqual({ tokens: ints(`row${row}.tokens`), pieces: null, text: null });
      }
    }
    const { stdout } = await mesascope(['generate', 'model.onnx', '--tokens', '19', '--max-new', '3'], {
      cwd: folder,
    });
    expect(stdout).toMatch(/^prompt 1 {2}19\nanswer {4}45 29 53 {2}\(3 tokens, .*\)\nID {2}LOG P\n45 {2}-\d/);
  });

  it('steers by a vector in a file', async () => {
    const { answers } = await generate([...prompts, '--max-new', '7', '--steer', `${HOOK}=steer.json`]);
    for (const [row, { answer }] of answers.entries())
      expect(answer.tokens).toEqual(ints(`row${row}.steered.tokens`));
  });

  it('steers by the direction of a saved probe as by that vector: half the difference of its rows, of unit length', async () => {
    const length = Math.hypot(...steer);
    const byProbe = await generate([
      ...prompts,
      '--steer',
      'side.safetensors',
      '--towards',
      'left',
      '--dose',
      String(length),
    ]);
    const byVector = await generate([...prompts, '--steer', `${HOOK}=steer.json`]);
    expect(byProbe.answers.map(({ answer }) => answer)).toEqual(byVector.answers.map(({ answer }) => answer));
    const away = await generate([
      ...prompts,
      '--steer',
      'side.safetensors',
      '--towards',
      'right',
      '--dose',
      String(length),
    ]);
    expect(away.answers).not.toEqual(byProbe.answers);
  });

  it('shows at each token what saved probes say, as over the whole row afterwards', async () => {
    const { answers } = await generate([
      ...prompts.slice(0, 4),
      '--max-new',
      '5',
      '--probe',
      'side.safetensors',
      '--probe',
      'before.safetensors',
    ]);
    const model = await openModel(path.join(folder, 'model.onnx'));
    const linalg = await openLinalg({ threads: 1 });
    const rows = answers.map(({ prompt, answer }) => ({ prompt: prompt.tokens, answer: answer.tokens }));
    const inputs = promptsWithAnswers(rows as unknown as Parameters<typeof promptsWithAnswers>[0]);
    for (const [i, { probes }] of answers.entries()) {
      expect(probes.map(({ classes }) => classes)).toEqual([
        ['left', 'right', 'never'],
        ['left', 'right', 'never'],
      ]);
      for (const [p, shift] of [-1, -2].entries()) {
        for (let t = 0; t < 5; t++) {
          const position = rows[i]!.prompt.length + t + shift;
          const request = { mapping: {}, hooks: [HOOK], positions: [position], readout: -1, choices: [] };
          const captured = await runForward(model, { ...request, inputs: [inputs[i]!] });
          const expected = await scoreProbe(probeOf(steer), captured.activations(HOOK, position), linalg);
          for (const c of [0, 1]) expect(probes[p]!.scores[t]![c]).toBeCloseTo(expected.data[c]!, 3);
        }
      }
    }
    await model.close();
    await linalg.close();
  });

  it('draws the same for the same seed, and stops at the tokens named', async () => {
    const draw = (...more: string[]): Promise<Shown> =>
      generate(['--tokens', '7,3', '--temperature', '1.2', '--samples', '3', '--max-new', '6', ...more]);
    const [first, again, other] = [
      await draw('--seed', '1'),
      await draw('--seed', '1'),
      await draw('--seed', '2'),
    ];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first.answers.map(({ answer }) => String(answer.tokens))).size).toBeGreaterThan(1);
    const [whole] = (await generate([...prompts.slice(2, 4), '--max-new', '7'])).answers;
    const [stopped] = (await generate([...prompts.slice(2, 4), '--max-new', '7', '--stop', '47,59'])).answers;
    expect(stopped!.answer.tokens).toEqual(
      whole!.answer.tokens.slice(0, whole!.answer.tokens.indexOf(47) + 1),
    );
    expect(stopped!.ended).toBe('stop');
  });

  it('takes and gives text where a tokenizer lies beside the model, special tokens shown, doubled ones warned of', async () => {
    const reader = path.join(ROOT, 'models/review/intended-1/model.onnx');
    const run = async (prompt: string): Promise<Shown> => {
      const args = ['generate', reader, '--prompt', prompt, '--max-new', '2', '--json'];
      return JSON.parse((await mesascope(args, { cwd: folder })).stdout) as Shown;
    };
    const { answers, warnings } = await run('a lovely garden');
    expect(warnings).toEqual([]);
    expect(answers[0]!.prompt.pieces).toEqual(['[BOS]', 'a', 'lovely', 'garden', '[ASK]']);
    expect(answers[0]!.answer.text).toBe('positive positive');
    const doubled = await run('[BOS] a lovely garden');
    expect(doubled.warnings).toEqual([expect.stringContaining('[BOS]')]);
    expect(doubled.answers[0]!.prompt.pieces!.slice(0, 2)).toEqual(['[BOS]', '[BOS]']);
  });

  it.each<[string, readonly string[], number, string]>([
    ['no prompt', [], 2, 'BAD_SETTING'],
    ['tokens that are none', ['--tokens', '1,x'], 2, 'BAD_SETTING'],
    ['a text without a tokenizer', ['--prompt', 'a'], 3, 'TOKENIZER_MISSING'],
    ['a token out of range', ['--tokens', '60'], 3, 'TOKEN_RANGE'],
    ['a temperature of 0', ['--tokens', '1', '--temperature', '0'], 2, 'BAD_SETTING'],
    ['samples of none', ['--tokens', '1', '--samples', '0'], 2, 'BAD_USAGE'],
    ['a dose without a vector', ['--tokens', '1', '--dose', '2'], 2, 'BAD_SETTING'],
    ['a vector without a hook', ['--tokens', '1', '--steer', 'steer.json'], 2, 'BAD_SETTING'],
    ['a vector that is not there', ['--tokens', '1', '--steer', 'a=none.json'], 2, 'BAD_SETTING'],
    [
      'a hook that is not there',
      ['--tokens', '1', '--steer', 'blocks.9.resid_post=steer.json'],
      2,
      'HOOK_UNKNOWN',
    ],
    [
      'a hook of another width',
      ['--tokens', '1', '--steer', 'blocks.0.mlp_pre=steer.json'],
      2,
      'BAD_SETTING',
    ],
    ['a probe that is none', ['--tokens', '1', '--probe', 'steer.json'], 3, 'PROBE_FILE_INVALID'],
    ['a probe whose class is not named', ['--tokens', '1', '--steer', 'side.safetensors'], 2, 'BAD_SETTING'],
    [
      'a class that never occurred',
      ['--tokens', '1', '--steer', 'side.safetensors', '--towards', 'never'],
      2,
      'BAD_SETTING',
    ],
    [
      'a probe that reads before the prompt',
      ['--tokens', '1', '--probe', 'before.safetensors'],
      3,
      'POSITION_RANGE',
    ],
  ])('refuses %s with exit code and code', async (_, args, exitCode, code) => {
    const result = await mesascope(['generate', 'model.onnx', ...args], { cwd: folder });
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringContaining(`error ${code}: `)]);
  });

  it('refuses vectors that are no lists of numbers', async () => {
    for (const bad of ['[1, "a"]', '{}', '[', '[]', '[1e999]']) {
      writeFileSync(path.join(folder, 'bad.json'), bad);
      const args = ['generate', 'model.onnx', '--tokens', '1', '--steer', `${HOOK}=bad.json`];
      const result = await mesascope(args, { cwd: folder });
      expect([bad, result.exitCode]).toEqual([bad, 2]);
      expect(result.stderr).toContain('bad.json:1:1: error BAD_SETTING');
    }
  });
});
