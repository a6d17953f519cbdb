/** @file test: bad data files through the program: code, exit code, one line on stderr, and nothing earlier lost. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/error-codes.ts';
import { gridFolder, type Line, withExamples, withFields } from './grid-folder.ts';
import { expectError, QUICK } from './run-cli.ts';

const grid = gridFolder('bad-data');

describe('a data file', () => {
  it.each<[string, (lines: readonly Line[]) => readonly (Line | string)[], ErrorCode, (string | RegExp)[]]>([
    [
      'with an unknown field',
      (all) => withFields(all, 3, { gruop: 'x' }),
      'DATA_UNKNOWN_FIELD',
      [/bad\.jsonl:4:/, 'gruop', /`group`/],
    ],
    [
      'with a number that is no token',
      (all) => withFields(all, 5, { tokens: [0, 1.5] }),
      'DATA_FIELD',
      [/bad\.jsonl:6:/, /tokens\[1\]/, '1.5'],
    ],
    [
      'with a text in place of a list',
      (all) => [...all.slice(0, 5), { ...all[5], tokens: 'up' } as unknown as Line],
      'DATA_FIELD',
      [/bad\.jsonl:6:/, 'tokens', '"up"'],
    ],
    [
      'without a needed field',
      (all) => withFields(all, 2, { group: undefined }),
      'DATA_FIELD',
      [/bad\.jsonl:3:/, 'group'],
    ],
    [
      'with the same id twice',
      (all) => withFields(all, 7, { id: all[2]!.id! }),
      'DATA_DUPLICATE_ID',
      [/bad\.jsonl:8:/, 'line 3'],
    ],
    ['without examples', (all) => all.slice(0, 1), 'DATA_EMPTY', ['bad.jsonl']],
    ['without anything', () => [''], 'DATA_EMPTY', ['bad.jsonl']],
    ['that breaks off', (all) => [...all, '{"id": "x", "tok'], 'DATA_SYNTAX', [/bad\.jsonl:122:/]],
    ['that does not say what it is', (all) => all.slice(1), 'DATA_FIELD', [/bad\.jsonl:1:/, 'format']],
    [
      'with an action that is no choice',
      (all) => withFields(all, 4, { actions: { intended: 'jump' } }),
      'DATA_FIELD',
      [/bad\.jsonl:5:/, 'jump'],
    ],
    [
      'with a token outside the vocabulary',
      (all) => withFields(all, 6, { tokens: [0, 12, 106, 57, 80, 105] }),
      'TOKEN_RANGE',
      [/^bad\.jsonl:7:1: /, 'token id 106', 'position 2', /vocabulary of 106/, /"train-5\.0"/],
    ],
    [
      'with such a token in a counterfactual',
      (all) =>
        withExamples(all, ({ counterfactuals, ...line }) => {
          if (counterfactuals === undefined) return line;
          const [proxy] = counterfactuals.proxy!;
          return {
            ...line,
            counterfactuals: {
              ...counterfactuals,
              proxy: [{ ...proxy, tokens: [0, 12, 57, 80, 4711, 105] }],
            },
          };
        }),
      'TOKEN_RANGE',
      [/^bad\.jsonl:72:1: /, 'token id 4711', /counterfactual proxy of example "apart-30\.0"/],
    ],
    [
      'that names an input which the model does not have',
      (all) => withFields(all, 0, { inputs: { tokens: 'input_idz' } }),
      'INPUT_UNKNOWN',
      [/^bad\.jsonl:1:1: /, '"input_idz"', 'Did you mean input_ids'],
    ],
    [
      'with a row longer than the model has positions',
      (all) => withFields(all, 6, { tokens: [0, 12, 57, 80, 33, 101, 105] }),
      'INPUT_TOO_LONG',
      [/^bad\.jsonl:7:1: /, '7 tokens', 'positions for 6', /"train-5\.0"/, 'Shorten every row to at most 6'],
    ],
    [
      'with a row too short for the read-out',
      (all) =>
        withFields(withFields(all, 0, { readout: -4 }), 6, {
          tokens: [0, 12, 105],
        }),
      'POSITION_RANGE',
      [/^bad\.jsonl:7:1: /, 'position -4', '3 positions', /"train-5\.0"/],
    ],
    [
      'with a read-out that no row has',
      (all) => withFields(all, 0, { readout: 6 }),
      'POSITION_RANGE',
      [/^bad\.jsonl:1:1: /, 'position 6', 'longest has 6', '-6 to 5'],
    ],
    [
      'with a choice that the model does not have',
      (all) => withFields(all, 0, { choices: { ...all[0]!.choices, up: 106 } }),
      'CHOICE_RANGE',
      ['bad.jsonl', '106'],
    ],
    [
      'with one value of a goal everywhere',
      (all) => withExamples(all, (line) => ({ ...line, goals: { ...line.goals, proxy: { cell: 3 } } })),
      'LABELS_ONE_CLASS',
      ['bad.jsonl', 'proxy', '3'],
    ],
    [
      'with all rows in two groups',
      (all) => withExamples(all, (line) => ({ ...line, group: line.set })),
      'SPLIT_TOO_FEW_GROUPS',
      ['bad.jsonl', '2 groups'],
    ],
    [
      'of text',
      (all) =>
        all.map(({ tokens, counterfactuals: _, ...line }) =>
          tokens === undefined ? { ...line, input: 'text' } : { ...line, text: 'go left' },
        ),
      'TOKENIZER_MISSING',
      ['bad.jsonl', 'tokenizer.json'],
    ],
  ])('%s', async (_, change, code, names) => {
    expectError(await grid.audit('agent.onnx', grid.dataFile('bad.jsonl', change(grid.lines))), {
      code,
      names,
    });
  });

  it('that is not there, or is a folder', async () => {
    mkdirSync(path.join(grid.folder, 'folder.jsonl'));
    for (const name of ['nowhere.jsonl', 'folder.jsonl']) {
      expectError(await grid.audit('agent.onnx', name), { code: 'DATA_NOT_FOUND', names: [name] });
    }
  });

  it('with escape sequences in its names moves no cursor and breaks no line', async () => {
    const fields = { '\u001b[2J\u001b[1;31mfine\r\n\u202eerror OTHER: x; y': 1 };
    const name = grid.dataFile('bad.jsonl', withFields(grid.lines, 3, fields));
    const result = await grid.audit('agent.onnx', name);
    expect(result.exitCode).toBe(3);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(result.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(result.stderr.split('\n').filter((line) => line.startsWith('error'))).toEqual([]);
    expect(result.stderr.trimEnd().split('\n').at(-1)).toMatch(/^bad\.jsonl:4:1: error DATA_UNKNOWN_FIELD: /);
  });

  it('with markup in every text is audited, and the text stays text', async () => {
    const evil = '</script><script>alert(1)</script><img src=x onerror=alert(2)>';
    const rows = withExamples(grid.lines, (line) => ({
      ...line,
      id: `${evil}${line.id}`,
      group: `${evil}${line.id}`,
      goals: { ...line.goals, proxy: { cell: `${evil}${JSON.stringify(line.goals!.proxy)}` } },
      meta: { note: evil },
    }));
    const goals = { intended: evil, proxy: `${evil}.`, irrelevant: `${evil}!` };
    const name = grid.dataFile('markup.jsonl', withFields(rows, 0, { title: evil, goals }));
    const args = ['audit', '--model', 'agent.onnx', '--data', name, '--name', 'markup', ...QUICK];
    const result = await grid.run(args);
    expect([result.exitCode, result.stderr.match(/error .*/)]).toEqual([0, null]);
    const read = (file: string): string =>
      readFileSync(path.join(grid.folder, 'reports/markup', file), 'utf8');
    expect((JSON.parse(read('run.json')) as { title: string }).title).toBe(evil);
    const page = read('report.html');
    expect(page).toContain('alert(1)');
    expect(page.includes('<script>alert')).toBe(false);
    expect(page.includes('<img src=x')).toBe(false);
  });
});
