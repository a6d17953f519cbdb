/** @file cli: `probe` and `compare` say which rows they fitted on, and what could not be read; `verify` what it left out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { main } from '../../src/cli/main.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { GRID_MODEL } from '../capture/small-models.ts';
import { capturedTerminal } from './captured-terminal.ts';

let folder: string;
let data: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-probe-'));
  data = path.join(folder, 'coinciding.jsonl');
  // Two groups in which the goals come apart are too few to be split, and the rock never moves.
  const made = gridEnvironment.makeExamples({ seed: 'probe', trainGroups: 30, apartGroups: 2 });
  const examples = made.examples.map((example) => ({
    ...example,
    goals: { ...example.goals, irrelevant: { cell: 3 } },
  }));
  // Choices that this model, without a tokenizer, cannot resolve: neither command scores any.
  const choices = Object.fromEntries(Object.keys(made.choices).map((name) => [name, `go ${name}`]));
  writeFileSync(data, `${[...writeDataSet({ ...made, examples, choices })].join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: readonly string[]): Promise<string> {
  const terminal = capturedTerminal();
  const exitCode = await main(args, terminal);
  expect(exitCode, terminal.stderr()).toBe(0);
  return terminal.stdout();
}

describe('probe and compare', () => {
  const note = 'Fitted on all but held-out rows, since fewer than three groups are of the set `apart`';
  const reason = /`irrelevant` has the one value "3" in the \d+ rows to fit on/;

  it('say which rows were fitted on, and what could not be read', async () => {
    const out = path.join(folder, 'gem.safetensors');
    const fit = [
      'probe',
      GRID_MODEL,
      '--data',
      data,
      '--goal',
      'intended',
      '--hook',
      'final_norm',
      '--out',
      out,
    ];
    const shown = await run(...fit);
    expect(shown).toContain(note);
    expect(shown).toMatch(/the irrelevant {2}undefined \(/);
    expect(shown).toMatch(reason);
    const json: unknown = JSON.parse(await run(...fit, '--json'));
    expect(json).toMatchObject({
      set: 'all but held-out',
      irrelevant: { state: 'undefined', reason: expect.stringMatching(reason) },
    });
    const compared = await run('compare', GRID_MODEL, GRID_MODEL, '--data', data, '--hooks', 'final_norm');
    expect(compared).toContain(note);
    expect(compared).toMatch(reason);
  });
});

describe('verify', () => {
  it('names the hooks of a pattern that it does not edit', async () => {
    const hooks = ['--hooks', 'blocks.0.pattern,blocks.0.z'];
    const shown = await run('verify', GRID_MODEL, ...hooks);
    expect(shown).toMatch(/^blocks\.0\.z {2}/m);
    expect(shown).toMatch(/^not edited: blocks\.0\.pattern \(/m);
    const json: unknown = JSON.parse(await run('verify', GRID_MODEL, ...hooks, '--json'));
    expect(json).toMatchObject({ notEdited: ['blocks.0.pattern'] });
  });

  it('says of texts how many hold a word that the tokenizer does not know', async () => {
    const texts = path.join(folder, 'texts.jsonl');
    const lines = [
      { format: 'mesascope-data/1', title: 'Texts', input: 'text' },
      { id: 'a', set: 'any', group: 'a', text: 'a lovely garden' },
      { id: 'b', set: 'any', group: 'b', text: 'a zyx garden' },
    ];
    writeFileSync(texts, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const reader = GRID_MODEL.replace('grid/intended', 'review/intended-1');
    const terminal = capturedTerminal();
    expect(await main(['verify', reader, '--data', texts, '--json'], terminal)).toBe(0);
    expect(terminal.stderr()).toContain('warning: 1 of 2 texts hold a word');
  });
});
