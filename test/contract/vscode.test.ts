/** @file contract: the editor's files hold against the real program: its commands, its paths, its error lines. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, commandNames } from '../../src/cli/program.ts';
import { capturedTerminal, type Finished, mesascope, ROOT } from '../cli/captured-terminal.ts';

type Matcher = {
  readonly fileLocation: readonly string[];
  readonly pattern: { readonly regexp: string } & Readonly<
    Record<'file' | 'line' | 'column' | 'severity' | 'code' | 'message', number>
  >;
  readonly background?: { readonly beginsPattern: string; readonly endsPattern: string };
};
type Task = {
  readonly label: string;
  readonly type: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly problemMatcher: Matcher;
  readonly isBackground?: boolean;
};

function editorFile<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(ROOT, '.vscode', name), 'utf8')) as T;
}

const { tasks, inputs } = editorFile<{
  tasks: readonly Task[];
  inputs: readonly { readonly id: string; readonly default: string }[];
}>('tasks.json');
const MATCHER = tasks[0]!.problemMatcher;

/** What the Problems pane would list. */
function problemsIn(output: string): Record<keyof Matcher['pattern'], string>[] {
  const { regexp, ...groups } = MATCHER.pattern;
  return output.split('\n').flatMap((line) => {
    const found = new RegExp(regexp).exec(line);
    if (found === null) return [];
    const fields = Object.entries(groups).map(([field, group]) => [field, found[group]]);
    return [Object.fromEntries(fields) as Record<keyof Matcher['pattern'], string>];
  });
}

describe('the tasks', () => {
  it('call commands of this version through the workspace, never through another installation', () => {
    const known = commandNames(buildProgram(async () => {}, capturedTerminal()));
    for (const { label, type, command, args } of tasks) {
      expect([type, command, args[0]], label).toEqual([
        'process',
        'node',
        `\${workspaceFolder}/bin/mesascope.js`,
      ]);
      expect(known, label).toContain(args[1]);
    }
    expect(existsSync(path.join(ROOT, 'bin/mesascope.js'))).toBe(true);
  });

  it('share one problem matcher', () => {
    for (const { problemMatcher } of tasks) {
      const { background: _, ...matcher } = problemMatcher;
      expect(matcher).toEqual(MATCHER);
    }
  });

  it('offer a model that the repository ships', () => {
    for (const { default: model } of inputs) expect(existsSync(path.join(ROOT, model)), model).toBe(true);
  });
});

describe('the problem matcher, on real output', () => {
  let folder: string;
  let broken: Finished;
  let empty: Finished;
  const brokenText = "import { nothing } from 'node:fs';\n\nexport default {\n  title: = 1,\n};\n";

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-vscode-'));
    writeFileSync(path.join(folder, 'broken.probe.ts'), brokenText);
    writeFileSync(path.join(folder, 'empty.probe.ts'), 'export const x = 1;\n');
    broken = await mesascope(['run', path.join(folder, 'broken.probe.ts')], { cwd: folder });
    empty = await mesascope(['run', path.join(folder, 'empty.probe.ts')], { cwd: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('points at the line of an experiment that does not compile', () => {
    expect(broken.exitCode).toBe(2);
    expect(problemsIn(broken.stderr)).toEqual([
      {
        file: 'broken.probe.ts',
        line: '4',
        column: expect.stringMatching(/^\d+$/) as string,
        severity: 'error',
        code: 'EXPERIMENT_INVALID',
        message: expect.stringContaining('cannot be loaded') as string,
      },
    ]);
  });

  it('points at the start of a file where no line is known', () => {
    expect(empty.exitCode).toBe(2);
    expect(problemsIn(empty.stderr)).toEqual([
      {
        file: 'empty.probe.ts',
        line: '1',
        column: '1',
        severity: 'error',
        code: 'EXPERIMENT_INVALID',
        message: expect.stringContaining('no default export') as string,
      },
    ]);
  });

  it('gives paths that the editor finds from the workspace folder', () => {
    const [problem] = problemsIn(broken.stderr);
    expect(MATCHER.fileLocation).toEqual(['autoDetect', `\${workspaceFolder}`]);
    expect(existsSync(path.join(folder, problem!.file))).toBe(true);
  });

  it('sees an error line that follows a rewritten status line', () => {
    const [line] = broken.stderr.split('\n').filter((text) => text.includes('EXPERIMENT_INVALID'));
    expect(problemsIn(`capture: 3 of 10 rows\r${line}`)[0]?.file).toBe('broken.probe.ts');
  });

  it('takes no progress, verdict or result line for a problem', () => {
    const quiet = [
      'capture: 1,200 rows, 3.2 s (from the cache)',
      'warning: 3 examples have the same input',
      '  time    12 s',
      'error BAD_USAGE: unknown command; See `mesascope --help`.',
    ];
    expect(problemsIn(quiet.join('\n'))).toEqual([]);
  });
});

describe('the other editor files', () => {
  it('debug with the program that users run', () => {
    const { configurations } = editorFile<{
      configurations: readonly { readonly program: string; readonly args?: readonly string[] }[];
    }>('launch.json');
    expect(configurations[0]).toMatchObject({
      program: `\${workspaceFolder}/bin/mesascope.js`,
      args: ['run', `\${file}`],
    });
  });

  it('check run.json against the schema that ships', () => {
    const settings = editorFile<Record<string, unknown>>('settings.json');
    const [schema] = settings['json.schemas'] as { readonly url: string }[];
    expect(schema?.url).toBe('./src/record/run.schema.json');
    expect(existsSync(path.join(ROOT, schema!.url))).toBe(true);
  });
});
