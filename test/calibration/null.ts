/** @file test: calibration under the null: are p-values uniform, do tests reject at their level, do intervals hold the truth. Prints a
 *  table for the docs. Run with `npx tsx test/calibration/null.ts [RUNS]`; 400 runs take about twenty minutes. */
import { binomialRange } from '../../src/evidence/distribution-binomial.ts';
import { kolmogorovUniform } from '../../src/evidence/distribution-kolmogorov.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import {
  collected,
  contrastUnderNull,
  effectsUnderNull,
  ladderUnderNull,
  twinsUnderNull,
} from './null-runs.ts';

const RUNS = Number(process.argv[2] ?? 400);
const SETTINGS = { permutations: 199, bootstrapDraws: 400, draws: 39, twins: 39 };
const linalg = await openLinalg({ threads: 1 });
const all = collected();
const verdicts = new Map<string, number>();
for (let seed = 0; seed < RUNS; seed++) {
  const evidence = await ladderUnderNull(seed, SETTINGS, linalg, all);
  const { verdict } = evidence.verdict;
  verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  await contrastUnderNull(seed, SETTINGS, linalg, all);
  await twinsUnderNull(seed, SETTINGS, linalg, all);
  for (let k = 0; k < 5; k++) effectsUnderNull(5 * seed + k, SETTINGS, all);
  if ((seed + 1) % 20 === 0) process.stderr.write(`${seed + 1} of ${RUNS}\n`);
}
await linalg.close();

/**
 * One-sided Kolmogorov-Smirnov: is there a share of p-values that are smaller than they should be? Tests with few or tied arrangements have
 * p-values that are too large, which is safe; only this side would be a fault. p by Smirnov's exp(-2 n D^2).
 */
function tooSmall(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  let most = 0;
  for (const [i, p] of sorted.entries()) most = Math.max(most, (i + 1) / sorted.length - p);
  return Math.exp(-2 * sorted.length * most * most);
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
console.log(
  '| test | runs | rejected at .05 | binomial 95 % range | KS p | KS p, too small |\n| --- | --- | --- | --- | --- | --- |',
);
for (const [name, values] of [...all.pValues].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const rejected = values.filter((p) => p <= 0.05).length;
  const range = binomialRange({ trials: values.length, share: 0.05 });
  const uniform = kolmogorovUniform(values);
  const inside =
    rejected >= range.low && rejected <= range.high ? '' : rejected < range.low ? ' (fewer)' : ' (MORE)';
  console.log(
    `| ${name} | ${values.length} | ${percent(rejected / values.length)}${inside} | ${percent(range.low / values.length)} to ${percent(range.high / values.length)} | ${uniform.state === 'measured' ? uniform.pValue.toFixed(3) : '-'} | ${tooSmall(values).toFixed(3)} |`,
  );
}
console.log('\n| interval (95 %) | runs | held the truth | binomial 95 % range |\n| --- | --- | --- | --- |');
for (const [name, held] of [...all.covered].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const count = held.filter(Boolean).length;
  const range = binomialRange({ trials: held.length, share: 0.95 });
  console.log(
    `| ${name} | ${held.length} | ${percent(count / held.length)} | ${percent(range.low / held.length)} to ${percent(range.high / held.length)} |`,
  );
}
console.log(`\nverdicts: ${[...verdicts].map(([name, count]) => `${name} ${count}`).join(', ')}`);
