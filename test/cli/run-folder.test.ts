/** @file cli: how a finished run replaces an earlier one. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mustTakeRun, writeRun } from '../../src/cli/run-folder.ts';
import { readRecord } from '../../src/record/read.ts';
import { sampleRecord } from '../report/sample-record.ts';

let folder: string;
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'mesascope-run-')), 'reports', 'agent');
});
afterEach(() => rmSync(path.dirname(path.dirname(folder)), { recursive: true }));

describe('writing a run', () => {
  it('makes the folder and leaves the record and the page in it, nothing else', async () => {
    await writeRun(folder, sampleRecord(), '<!doctype html>');
    expect(readdirSync(folder).sort()).toEqual(['report.html', 'run.json']);
    expect((await readRecord(folder)).experiment).toBe(sampleRecord().experiment);
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toBe('<!doctype html>');
  });

  it('replaces an earlier run and what a killed process left, and nothing of the user’s', async () => {
    await writeRun(folder, sampleRecord(), 'old');
    mkdirSync(path.join(folder, '.unfinished-1'));
    writeFileSync(path.join(folder, '.unfinished-1/run.json'), '{');
    writeFileSync(path.join(folder, 'notes.txt'), 'mine');
    await writeRun(folder, { ...sampleRecord(), title: 'Another title' }, 'new');
    expect(readdirSync(folder).sort()).toEqual(['notes.txt', 'report.html', 'run.json']);
    expect((await readRecord(folder)).title).toBe('Another title');
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toBe('new');
  });

  it('keeps the earlier run when the new record is refused', async () => {
    await writeRun(folder, sampleRecord(), 'old');
    const impossible = { ...sampleRecord(), timings: { ...sampleRecord().timings, durationMs: Number.NaN } };
    await expect(writeRun(folder, impossible, 'new')).rejects.toMatchObject({ code: 'RECORD_REFUSED' });
    expect(readdirSync(folder).sort()).toEqual(['report.html', 'run.json']);
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toBe('old');
    expect((await readRecord(folder)).title).toBe(sampleRecord().title);
  });
});

describe('a folder named for a run', () => {
  const fill = (...names: readonly string[]): void => {
    mkdirSync(folder, { recursive: true });
    for (const name of names) {
      if (name.startsWith('.')) mkdirSync(path.join(folder, name));
      else writeFileSync(path.join(folder, name), '{}');
    }
  };

  it.each<[string, readonly string[] | undefined]>([
    ['is not there yet', undefined],
    ['is empty', []],
    ['holds a run, and notes beside it', ['run.json', 'report.html', 'notes.txt']],
    ['holds what a killed run left', ['lock', 'lock.71.2', '.unfinished-1', 'report.html']],
  ])('is taken when it %s', async (_, names) => {
    if (names !== undefined) fill(...names);
    await expect(mustTakeRun(folder)).resolves.toBeUndefined();
  });

  it.each([['notes.txt'], ['report.html']])('is refused when it holds %s and no run', async (name) => {
    fill(name, 'lock');
    await expect(mustTakeRun(folder)).rejects.toMatchObject({
      code: 'BAD_SETTING',
      message: expect.stringContaining(name) as string,
      remedy: expect.stringContaining('new folder') as string,
    });
  });
});
