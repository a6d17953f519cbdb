/** @file test: from a script that saves a probe, through `attach`, to another program that reads its scores. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { openLinalg, openModel, runForward, scoreSaved, writeDataSet } from '../../src/index.ts';
import { loadProbe } from '../../src/pipeline/probe-files.ts';
import { organismFile } from '../models/organism.ts';
import {
  type CliResult,
  expectError,
  linkFolders,
  ROOT,
  runCli,
  runProgram,
  workFolder,
  writeLines,
} from './run-cli.ts';

const TSX = createRequire(import.meta.url).resolve('tsx/cli');
const folder = workFolder('attach-cli');
const GUIDE = readFileSync(path.join(ROOT, 'docs/monitor.md'), 'utf8');
/** The board of the guide. */
const TOKENS = [0, 92, 45, 12, 75, 105];

function attach(...args: readonly string[]): Promise<CliResult> {
  return runCli(['attach', ...args], { cwd: folder });
}

beforeAll(async () => {
  linkFolders(folder, 'models', 'node_modules');
  copyFileSync(organismFile('grid/intended', 'model.onnx'), path.join(folder, 'agent.onnx'));
  const script = path.join(ROOT, 'probes/save-the-gem.script.ts');
  const { exitCode, stderr } = await runProgram([TSX, script, 'gem.safetensors'], { cwd: folder });
  expect([exitCode, stderr]).toEqual([0, '']);
});

describe('attach', () => {
  it('writes a model that any program runs: the guide’s own JavaScript reads the class that the probe reads', async () => {
    const { exitCode, stdout, stderr } = await attach(
      'agent.onnx',
      'gem.safetensors',
      '--out',
      'monitored.onnx',
    );
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^mesascope\.gem +blocks\.1\.resid_mid +float32 \[batch, position, 5\] +column-1, /m,
    );
    expect(stdout).toMatch(/^monitored\.onnx: .*on 8 inputs 1 output bit for bit as before/m);

    const [, example] = /```js\n([\s\S]*?)```/.exec(GUIDE)!;
    expect(example).toContain(TOKENS.map((token) => `${token}n`).join(', '));
    writeFileSync(path.join(folder, 'example.mjs'), example!);
    const run = await runProgram(['example.mjs'], { cwd: folder });
    expect([run.exitCode, run.stderr]).toEqual([0, '']);

    const model = await openModel(path.join(folder, 'agent.onnx'));
    const linalg = await openLinalg();
    const saved = await loadProbe(path.join(folder, 'gem.safetensors'));
    const { hook, position } = saved.origin;
    const inputs = [{ kind: 'tokens' as const, tokens: TOKENS }];
    const captured = await runForward(model, {
      inputs,
      mapping: {},
      hooks: [hook],
      positions: [position],
      readout: position,
      choices: [],
    });
    const site = { hook, position, x: captured.activations(hook, position) };
    const scores = [...(await scoreSaved(saved, site, { linalg })).data];
    expect(run.stdout.trim()).toBe(`1 ${scores.indexOf(Math.max(...scores))}`);
    // The gem is in the last of five columns.
    expect(run.stdout.trim()).toBe('1 4');
    await model.close();
    await linalg.close();
  });

  it('prints as JSON what each output is, as the file itself says it', async () => {
    const args = ['early=gem.safetensors', 'late=gem.safetensors', '--out', 'two.onnx', '--json'];
    const { exitCode, stdout, stderr } = await attach('agent.onnx', ...args, '--positions', 'readout');
    expect([exitCode, stderr]).toEqual([0, '']);
    const printed = JSON.parse(stdout) as { readonly outputs: readonly { readonly output: string }[] };
    expect(printed).toMatchObject({
      file: 'two.onnx',
      needs: [],
      check: { inputs: 8, sameOutputs: ['logits'] },
    });
    expect(printed.outputs.map(({ output }) => output)).toEqual(['mesascope.early', 'mesascope.late']);
    expect(printed.outputs[0]).toMatchObject({ shape: ['batch', 5], type: 'float32', kind: 'logistic' });
    const inspected = await runCli(['inspect', 'two.onnx'], { cwd: folder });
    expect(inspected.stdout).toMatch(/^mesascope\.late +float32 +\[mesascope_batch, 5\]$/m);
  });

  it('leaves the weights where they are, and says what the file needs', async () => {
    const out = ['--out', 'small.onnx', '--reference'];
    const { exitCode, stdout } = await attach('agent.onnx', 'gem.safetensors', ...out);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^ {2}keep beside it {2}agent\.onnx$/m)]);
    expect((await runCli(['verify', 'small.onnx'], { cwd: folder })).exitCode).toBe(0);
  });

  it('checks on inputs of a data file where one is given, and says which of its lines is wrong', async () => {
    const dataSet = gridEnvironment.makeExamples({ seed: 'attach', trainGroups: 2, apartGroups: 2 });
    const lines = [...writeDataSet(dataSet)];
    writeLines(path.join(folder, 'rows.jsonl'), lines);
    const args = ['agent.onnx', 'gem.safetensors', '--out', 'checked.onnx', '--json'];
    const { exitCode, stdout } = await attach(...args, '--data', 'rows.jsonl');
    const inputs = Math.min(16, lines.length - 1);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { check: { inputs } }]);
    const row = JSON.parse(lines[2]!) as object;
    writeLines(path.join(folder, 'far.jsonl'), [lines[0]!, JSON.stringify({ ...row, tokens: [0, 99_999] })]);
    const far = await attach(...args, '--data', 'far.jsonl');
    expectError(far, { code: 'TOKEN_RANGE', names: [/^far\.jsonl:2:/, /99999/] });
  });

  it('refuses what does not fit, and writes nothing', async () => {
    const out = ['--out', 'refused.onnx'];
    const other = await attach('models/grid/proxy/model.onnx', 'gem.safetensors', ...out);
    expectError(other, { code: 'PROBE_MISMATCH', names: [/^gem\.safetensors:1:1: /, /--other-model/] });
    const twice = await attach('agent.onnx', 'gem.safetensors', 'gem.safetensors', ...out);
    expectError(twice, { code: 'BAD_SETTING', names: [/mesascope\.gem/, /NAME=FILE/] });
    const none = await attach('agent.onnx', 'none.safetensors', ...out);
    expectError(none, { code: 'PROBE_FILE_INVALID', names: [/none\.safetensors/] });
    const itself = await attach('agent.onnx', 'gem.safetensors', '--out', 'agent.onnx');
    expectError(itself, { code: 'BAD_SETTING', names: [/agent\.onnx/] });
    const missing = await attach('none.onnx', 'gem.safetensors', ...out);
    expectError(missing, { code: 'MODEL_NOT_FOUND', names: [/none\.onnx/] });
    expect(existsSync(path.join(folder, 'refused.onnx'))).toBe(false);
  });
});
