/** @file test: the thresholds of a verdict lie in one file, each with a word on what it decides, and no rule keeps one of its own. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CRITERIA } from '../../src/evidence/criteria.ts';
import { thresholdFromNegatives } from '../../src/evidence/metric-threshold.ts';
import { SIGN_LEVEL } from '../../src/probe/orientation.ts';

const FOLDER = new URL('../../src/evidence/', import.meta.url);
const sourceOf = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8');

describe('the criteria', () => {
  it('are finite numbers, each with a docstring that says what it decides', () => {
    const source = sourceOf('criteria.ts');
    const values = source.slice(source.indexOf('} = {'));
    for (const [name, value] of Object.entries(CRITERIA)) {
      expect(Number.isFinite(value), name).toBe(true);
      expect(values, name).toMatch(new RegExp(`\\*/\\n  ${name}: `));
    }
  });

  it('survive JSON unchanged, as the record holds them', () => {
    expect(JSON.parse(JSON.stringify(CRITERIA))).toEqual(CRITERIA);
  });

  it('name the level at which the probes settle a sign', () => {
    expect(CRITERIA.signLevel).toBe(SIGN_LEVEL);
  });

  it('are the confidence that a threshold from negatives is given', () => {
    const found = thresholdFromNegatives({
      negatives: Float64Array.from({ length: 100 }, (_, i) => i),
      rate: 0.01,
    });
    if (found.state !== 'measured') throw new Error(found.reason);
    expect(found.above).toBe(1);
    // Clopper and Pearson 1934: at the upper limit, one or none of 100 has the chance that is left.
    const p = found.rateAtMost;
    expect((1 - p) ** 100 + 100 * p * (1 - p) ** 99).toBeCloseTo(1 - CRITERIA.thresholdConfidence, 9);
  });
});

describe('the rules', () => {
  /** Files whose numbers decide: rungs, judges, modes and what they measure with. */
  const rules = readdirSync(FOLDER).filter((file) =>
    /^(rung|divergence|erasure|mode|steering|strata|used|verdict)/.test(file),
  );
  // What may stand beside a rule: how much is run, units, and what counts as zero in floating point.
  const BUDGET =
    /(BASES|ROWS|ROWS_PER_RUN|ROWS_PER_FEATURE|DRAWS|PERMUTATIONS|LOOK|TOKENS|AGREEING|DIRECTIONS|SEARCHES|RANK|ROUNDS|DOUBLINGS|BISECTIONS|CLASSES|VALUES|FLOOR|DEVIATION|TOLERANCE|SHARPNESS|NATURAL_SHARE)$/;

  it('are many', () => {
    expect(rules.length).toBeGreaterThan(25);
  });

  it.each(rules)('of %s keep no threshold of their own', (file) => {
    const own = [...sourceOf(file).matchAll(/^(?:export )?const ([A-Z_]+)(?:: number)? = [\d._e-]+;/gm)];
    expect(own.map(([, name]) => name!).filter((name) => !BUDGET.test(name))).toEqual([]);
  });
});
