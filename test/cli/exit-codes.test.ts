/** @file cli: the real program, from arguments to exit code, stdout and stderr. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { buildProgram, commandNames } from '../../src/cli/program.ts';
import { capturedTerminal, mesascope, ROOT } from './captured-terminal.ts';

const COMMANDS = commandNames(buildProgram(async () => {}, capturedTerminal()));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-cli-'));
  mkdirSync(path.join(folder, 'probes'));
  const experiment = (title: string): string =>
    `export default { kind: 'mesascope-experiment', title: '${title}', model: 'missing.onnx', data: 'missing.jsonl' };\n`;
  writeFileSync(path.join(folder, 'probes/second.probe.ts'), experiment('two'));
  writeFileSync(path.join(folder, 'probes/first.probe.ts'), experiment('one'));
  writeFileSync(path.join(folder, 'probes/broken.probe.ts'), 'export default 7;\n');
  writeFileSync(path.join(folder, 'garbage.onnx'), 'this is no model');
  writeFileSync(path.join(folder, 'garbage.jsonl'), 'this is no data\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The program inside this process: the same code, without half a second of start-up. */
async function run(args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const terminal = capturedTerminal();
  const exitCode = await main(args, terminal);
  return { exitCode, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

const ONE_LINE_ERROR = /^(?:\S[^\n:]*:\d+:\d+: )?error [A-Z_]+: [^\n]+; [^\n]+\n$/;

describe('help and version', () => {
  it('list exactly the commands of this version', async () => {
    expect(COMMANDS).toEqual([
      'inspect',
      'verify',
      'plan',
      'capture',
      'probe',
      'compare',
      'attach',
      'generate',
      'run',
      'audit',
      'benchmark',
      'report',
      'view',
      'list',
      'explain',
    ]);
    const { exitCode, stdout, stderr } = await run(['--help']);
    expect([exitCode, stderr]).toEqual([0, '']);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(stdout).toContain('Exit codes: 0 good');
  });

  it.each(COMMANDS)('%s --help describes --json and shows examples of itself', async (name) => {
    const { exitCode, stdout, stderr } = await run([name, '--help']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('--json');
    expect(stdout).toMatch(new RegExp(`^Examples:\n {2}mesascope ${name}\\b`, 'm'));
  });

  it('answer a call without arguments', async () => {
    expect(await run([])).toEqual(await run(['--help']));
  });
});

describe('bad usage', () => {
  it.each([
    ['an unknown command', ['nonsense'], "unknown command 'nonsense'"],
    ['a mistyped command, with the nearest', ['inspct', 'x'], 'Did you mean inspect'],
    ['an unknown option', ['list', '--fast'], "unknown option '--fast'"],
    ['a missing argument', ['inspect'], "missing required argument 'model'"],
    ['a missing option', ['audit', '--model', 'x.onnx'], "'--data <file>' not specified"],
    ['a surplus argument', ['list', 'a'], 'too many arguments'],
    [
      'files as arguments of audit, with the form',
      ['audit', 'm.onnx', 'd.jsonl'],
      'audit --model m.onnx --data d.jsonl',
    ],
    [
      'files as arguments of plan, with the form',
      ['plan', 'm.onnx', 'd.jsonl'],
      'plan --model m.onnx --data d.jsonl',
    ],
    ['a port that is none', ['view', '--port', '99999'], 'at most 65535'],
    ['a seed that is no number', ['run', '--seed', 'x'], 'whole number'],
    ['neither experiment nor files', ['plan'], 'either an experiment, or both'],
    [
      'an experiment and files',
      ['plan', 'x', '--model', 'y', '--data', 'z'],
      'either an experiment, or both',
    ],
    ['an unknown error code', ['explain', 'MODEL_CORUPT'], 'Did you mean MODEL_CORRUPT'],
  ])('%s ends with 2 and one line on stderr', async (_, args, seen) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(ONE_LINE_ERROR);
    expect(stderr).toContain('error BAD_USAGE: ');
    expect(stderr).toContain(seen);
  });

  it.each([
    ['an unknown setting, with the nearest', ['--set', 'twin=3'], 'Did you mean twins'],
    ['a setting of the wrong kind', ['--set', 'twins=many'], 'must be a number'],
    ['a setting without a value', ['--set', 'twins'], 'key=value'],
    ['a name that is no folder name', ['--name', '../up'], 'cannot name a run'],
    ['a folder with other things in it', ['--out', ROOT], 'and no run; Name a new folder'],
    ['a verdict that does not exist', ['--expect', 'pursues-cheese'], 'no verdict is called'],
  ])('%s ends with 2 as BAD_SETTING', async (_, args, seen) => {
    const result = await run(['audit', '--model', 'a.onnx', '--data', 'b.jsonl', ...args]);
    expect([result.exitCode, result.stdout]).toEqual([2, '']);
    expect(result.stderr).toMatch(ONE_LINE_ERROR);
    expect(result.stderr).toContain('error BAD_SETTING: ');
    expect(result.stderr).toContain(seen);
  });
});

describe('the program in a process of its own', () => {
  it.each([[['explain']], [['explain', '--json']], [['--help']], [['list']]])(
    '%s ends quietly when nobody reads on',
    async (args) => {
      expect(await mesascope(args, { unread: true })).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    },
  );

  it('gives bad usage the exit code 2, with nothing on stdout', async () => {
    const result = await mesascope(['nonsense', '--json']);
    expect([result.exitCode, result.stdout]).toEqual([2, '']);
    expect(result.stderr).toMatch(ONE_LINE_ERROR);
  });

  it.each([
    ['an experiment that does not exist', ['run', 'frist'], 2, 'EXPERIMENT_NOT_FOUND', 'Did you mean first'],
    ['a run that does not exist', ['report', 'nothing'], 2, 'RUN_NOT_FOUND', 'no finished run nothing'],
    ['no run at all', ['view'], 2, 'RUN_NOT_FOUND', 'no finished run'],
    ['a model that does not exist', ['inspect', 'none.onnx'], 3, 'MODEL_NOT_FOUND', 'none.onnx'],
    ['a folder in place of a model', ['inspect', 'probes'], 3, 'MODEL_NOT_FOUND', 'probes'],
    ['a model that is none', ['inspect', 'garbage.onnx'], 3, 'MODEL_CORRUPT', ''],
    ['a model that is none, to run', ['verify', 'garbage.onnx'], 3, 'MODEL_CORRUPT', ''],
    [
      'data that do not exist',
      ['audit', '--model', 'garbage.onnx', '--data', 'no.jsonl'],
      3,
      'DATA_NOT_FOUND',
      '',
    ],
    [
      'data that are none',
      ['plan', '--model', 'garbage.onnx', '--data', 'garbage.jsonl'],
      3,
      'DATA_SYNTAX',
      'garbage.jsonl:1:',
    ],
  ])('%s: %j ends with %i as %s', async (_, args, exitCode, code, seen) => {
    const result = await mesascope(args, { cwd: folder });
    expect(result.stdout).toBe('');
    const error = result.stderr.split('\n').filter((line) => line.includes('error '));
    expect(error).toHaveLength(1);
    expect(`${error[0]}\n`).toMatch(ONE_LINE_ERROR);
    expect(error[0]).toContain(`error ${code}: `);
    expect(error[0]).toContain(seen);
    expect(error[0]).not.toContain(os.tmpdir());
    expect(result.exitCode).toBe(exitCode);
  });

  it('runs every experiment in the order of names although each fails, and ends with the worst exit code', async () => {
    const result = await mesascope(['run', '--json'], { cwd: folder });
    const printed = JSON.parse(result.stdout) as { experiment: string; error: { code: string } }[];
    expect(printed.map(({ experiment, error }) => [experiment, error.code])).toEqual([
      ['broken', 'EXPERIMENT_INVALID'],
      ['first', 'DATA_NOT_FOUND'],
      ['second', 'DATA_NOT_FOUND'],
    ]);
    const lines = result.stderr.split('\n').filter((line) => line.includes(' error '));
    expect(lines[0]).toMatch(/^probes\/broken\.probe\.ts:1:1: error EXPERIMENT_INVALID: /);
    expect(lines).toHaveLength(3);
    expect(result.exitCode).toBe(3);
  });

  it('lists what there is, as one JSON value', async () => {
    const result = await mesascope(['list', '--json'], { cwd: folder });
    expect(result.exitCode).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({
      runs: [],
      experiments: ['broken', 'first', 'second'].map((name) => ({ name, file: `probes/${name}.probe.ts` })),
      models: [],
    });
  });

  it('ends at once on the second Ctrl+C, whatever it is waiting for', async () => {
    const waiting = path.join(folder, 'waiting.probe.ts');
    writeFileSync(
      waiting,
      "export default { kind: 'mesascope-experiment', title: 'x', model: 'm', data: () => new Promise((r) => { console.error('waiting'); setTimeout(r, 60_000); }) };\n",
    );
    const sent: string[] = [];
    const { exitCode } = await mesascope(['run', waiting], {
      cwd: folder,
      onOutput(text, kill) {
        const next = sent.length === 0 ? 'waiting' : 'Ctrl+C again ends at once';
        if (sent.length === 2 || !text.includes(next)) return;
        sent.push(next);
        kill('SIGINT');
      },
    });
    expect([exitCode, sent.length]).toEqual([130, 2]);
  });

  it('calls what nobody caught a bug, in one line, with exit code 1', async () => {
    // As a module (.mts): what CommonJS allows has no await at the top level.
    const crashing = path.join(folder, 'crashing.probe.mts');
    writeFileSync(
      crashing,
      "setTimeout(() => { throw new Error('thrown by a timer'); });\nawait new Promise((r) => setTimeout(r, 5_000));\n",
    );
    const { exitCode, stdout, stderr } = await mesascope(['run', crashing], { cwd: folder });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error INTERNAL: thrown by a timer; [^\n]+\n$/);
  });
});
