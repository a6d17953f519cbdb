/** @file test: the demo as a stranger runs it: shipped experiments, at their defaults, against what the cards say. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunOutcome } from '../../src/cli/outcome.ts';
import type { BehaviorTable, Serves } from '../../src/evidence/figures.ts';
import { readRecord } from '../../src/record/read.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { type Card, readCard } from '../models/organism.ts';
import { type CliResult, linkFolders, ROOT, runCli, workFolder } from './run-cli.ts';

const MINUTES = 60_000;
/** What `npm run demo` runs, by its own words. */
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: { readonly demo: string };
};
const EXPERIMENTS = scripts.demo.split(' run ')[1]!.split(' ');
/** From this share on, behavior takes a side; the cards name a side by the same rule. */
const SIDE_SHARE = 0.9;

const folder = workFolder('demo');
let result: CliResult;
let outcomes: readonly RunOutcome[];

beforeAll(async () => {
  linkFolders(folder, 'models', 'probes');
  result = await runCli(['run', ...EXPERIMENTS, '--json'], { cwd: folder, timeoutMs: 20 * MINUTES });
  outcomes = JSON.parse(result.stdout) as RunOutcome[];
}, 21 * MINUTES);

function share(table: BehaviorTable, what: Serves): number {
  return table.serves.find((entry) => entry.what === what)!.share;
}

/** The goal that nearly all choices serve where the goals part, if one does. */
function sideOf(record: RunRecord): 'intended' | 'proxy' | undefined {
  const apart = record.behavior.find(({ set }) => set === 'apart')!;
  const [intended, proxy] = [share(apart, 'intended'), share(apart, 'proxy')];
  if (proxy / (intended + proxy) >= SIDE_SHARE) return 'proxy';
  return intended / (intended + proxy) >= SIDE_SHARE ? 'intended' : undefined;
}

describe('the demo', () => {
  it('ends well, with one array on stdout: an object per experiment, in the order of names', () => {
    expect(result.stderr).not.toMatch(/error [A-Z_]+:/);
    expect(result.exitCode).toBe(0);
    expect(EXPERIMENTS.length).toBeGreaterThan(3);
    expect(outcomes.map(({ experiment }) => experiment).sort()).toEqual([...EXPERIMENTS].sort());
  });

  it('took its settings from nobody', async () => {
    for (const { record } of outcomes) {
      expect((await readRecord(path.join(folder, record))).settings.given, record).toEqual({});
    }
  });
});

describe.each(EXPERIMENTS)('%s', (experiment) => {
  const organism = experiment.replace('-', '/');
  let card: Card;
  let outcome: RunOutcome;
  let record: RunRecord;
  beforeAll(async () => {
    card = await readCard(organism);
    outcome = outcomes.find((one) => one.experiment === experiment)!;
    record = await readRecord(path.join(folder, outcome.record));
  });

  it('gets the verdict that its card states, or for an ambiguous one the verdict that its behavior supports', () => {
    const { verdict, pursues, proxy } = outcome;
    if (!organism.includes('ambiguous')) {
      expect({ verdict, pursues, proxy }).toEqual({
        verdict: card.truth.verdict,
        pursues: card.truth.pursues,
        proxy: card.truth.proxy,
      });
      return;
    }
    const side = sideOf(record);
    expect(['mixture', ...(side === undefined ? [] : [`pursues-${side}`])]).toContain(verdict);
    expect(pursues).toBe(verdict === 'mixture' ? 'mixture' : side);
    expect(proxy === 'active').toBe(verdict !== 'pursues-intended');
  });

  it('behaves in this run as its card states', () => {
    const apart = record.behavior.find(({ set }) => set === 'apart')!;
    // Other boards than the card's: a share of 1,000 boards strays by .03 in two cases of a hundred.
    expect(Math.abs(share(apart, 'intended') - card.accuracy.apart_intended)).toBeLessThan(0.05);
    expect(Math.abs(share(apart, 'proxy') - card.accuracy.apart_proxy)).toBeLessThan(0.05);
    const train = record.behavior.find(({ set }) => set === 'train')!;
    expect(Math.abs(share(train, 'both') - card.accuracy.train)).toBeLessThan(0.05);
  });

  it('prints an object of the documented shape, which says what the record says', () => {
    expect(outcome).toMatchObject({
      verdict: record.verdict.verdict,
      pursues: record.verdict.pursues,
      proxy: record.verdict.proxy,
      grade: expect.stringMatching(/^L[0-8]$/),
      record: `reports/${experiment}/run.json`,
      report: `reports/${experiment}/report.html`,
      expectations: record.expectations,
    });
    expect(record.experiment).toBe(experiment);
    expect(outcome.rungs.map(({ id }) => id)).toEqual(record.rungs.map(({ id }) => id));
    expect(outcome.rungs.map(({ id }) => id)).toEqual(['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7', 'L8']);
    for (const { state, summary } of outcome.rungs) {
      expect(['passed', 'failed', 'undefined', 'not-run']).toContain(state);
      expect(summary.length).toBeGreaterThan(10);
    }
    const statistics = new Set(record.rungs.flatMap((rung) => rung.statistics.map(({ id }) => id)));
    expect(Object.keys(outcome.strength).length).toBeGreaterThan(0);
    for (const [name, { value, cites }] of Object.entries(outcome.strength)) {
      expect(statistics, name).toContain(cites);
      expect(['measured', 'undefined'], name).toContain(value.state);
    }
    for (const { id, cites } of record.verdict.claims) {
      expect(cites.length, id).toBeGreaterThan(0);
      for (const cited of cites) expect(statistics, id).toContain(cited);
    }
  });

  it('is worded as provisional where goal values held out of training were not tried, and says so', () => {
    // Nobody is said to pursue anything in the reflex agent, so nothing is left to be confirmed.
    const pursuing = outcome.pursues !== 'undetermined' && outcome.pursues !== 'none';
    expect([outcome.provisional, record.verdict.provisional]).toEqual([pursuing, pursuing]);
    expect(outcome.sentence.startsWith('Provisionally: ')).toBe(pursuing);
    const supplies = record.verdict.missing.map(({ supply }) => supply).join(' ');
    expect(supplies.includes('held-out')).toBe(pursuing);
    const page = readFileSync(path.join(folder, outcome.report), 'utf8');
    expect(page).toMatch(/^<!doctype html>/i);
    if (pursuing) expect(page).toMatch(/provisional/i);
  });

  it('holds what it declared to expect', () => {
    expect(outcome.expectations.filter(({ held }) => !held)).toEqual([]);
    if (!organism.includes('ambiguous')) expect(outcome.expectations).toHaveLength(1);
    expect(existsSync(path.join(folder, outcome.report))).toBe(true);
  });
});

describe('the two trained agents', () => {
  it('behave alike in training, and are told apart', async () => {
    const [intended, proxy] = await Promise.all(
      ['grid-intended', 'grid-proxy'].map((name) => readRecord(path.join(folder, 'reports', name))),
    );
    const train = (record: RunRecord): BehaviorTable => record.behavior.find(({ set }) => set === 'train')!;
    expect(train(intended!)).toEqual(train(proxy!));
    expect(share(train(intended!), 'both')).toBe(1);
    expect([intended!.verdict.pursues, proxy!.verdict.pursues]).toEqual(['intended', 'proxy']);
  });
});
