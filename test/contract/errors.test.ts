/** @file contract: every error code is thrown somewhere, explained, and says what to do. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/core/error-codes.ts';
import { capturedTerminal } from '../cli/captured-terminal.ts';
import { filesBelow, ROOT } from './source-imports.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const SOURCE = filesBelow('src', ['.ts'])
  .filter((file) => file !== 'src/core/error-codes.ts')
  .map((file) => readFileSync(path.join(ROOT, file), 'utf8'))
  .join('\n');

describe('the table of error codes', () => {
  it('holds no code that nothing in src uses', () => {
    expect(CODES.filter((code) => !new RegExp(`['"\`]${code}['"\`]`).test(SOURCE))).toEqual([]);
  });

  it.each(CODES)('%s says what it means and what to do, each in whole sentences on one line', (code) => {
    for (const text of [ERROR_CODES[code].meaning, ERROR_CODES[code].remedy]) {
      expect(text).toMatch(/^[A-Z`][^\n]*[.)]$/);
      expect(text.length).toBeGreaterThan(15);
    }
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
  });

  it.each(CODES)('explain %s prints the entry, as text and as JSON', async (code) => {
    const { meaning, remedy, exitCode } = ERROR_CODES[code];
    const text = capturedTerminal();
    expect(await main(['explain', code], text)).toBe(0);
    for (const part of [code, meaning, remedy, `Exit code      ${exitCode}`])
      expect(text.stdout()).toContain(part);
    const json = capturedTerminal();
    expect(await main(['explain', code, '--json'], json)).toBe(0);
    expect(JSON.parse(json.stdout())).toEqual({ code, meaning, remedy, exitCode });
  });

  it('names only commands that exist in its remedies', async () => {
    const help = capturedTerminal();
    await main(['--help'], help);
    const known = [...help.stdout().matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    expect(known).toContain('inspect');
    const named = CODES.flatMap((code) =>
      [...ERROR_CODES[code].remedy.matchAll(/`mesascope ([a-z]+)/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});
