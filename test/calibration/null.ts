/** @file test: calibration under the null: are p-values uniform, do tests reject at their level, do intervals hold the truth, which rungs pass.
 *  Prints tables for the docs. Run with `npx tsx test/calibration/null.ts [RUNS]`; 400 runs take about half an hour on two cores. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { binomialRange } from '../../src/evidence/distribution-binomial.ts';
import { kolmogorovUniform } from '../../src/evidence/distribution-kolmogorov.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { modesUnderNull } from './null-modes.ts';
import {
  type Collected,
  collected,
  contrastUnderNull,
  effectsUnderNull,
  ladderUnderNull,
  twinsUnderNull,
} from './null-runs.ts';

const SETTINGS = { permutations: 199, bootstrapDraws: 400, draws: 39, twins: 39 };
/** The two intervals of known effects cost little, so they are drawn as often as in a run. */
const EFFECTS = { ...SETTINGS, bootstrapDraws: 2000 };

/** What one process found, as it goes through a channel. */
type Share = {
  readonly pValues: [string, number[]][];
  readonly covered: [string, boolean[]][];
  readonly passed: [string, boolean[]][];
  readonly verdicts: string[];
};

/** The worlds with seeds `first`, `first + step`, ... below `runs`. */
async function worlds(first: number, step: number, runs: number): Promise<Share> {
  const linalg = await openLinalg({ threads: 1 });
  const all = collected();
  const verdicts: string[] = [];
  for (let seed = first; seed < runs; seed += step) {
    const evidence = await ladderUnderNull(seed, SETTINGS, linalg, all);
    verdicts.push(evidence.verdict.verdict);
    await contrastUnderNull(seed, SETTINGS, linalg, all);
    await twinsUnderNull(seed, SETTINGS, linalg, all);
    await modesUnderNull(seed, SETTINGS, linalg, all);
    for (let k = 0; k < 5; k++) effectsUnderNull(5 * seed + k, EFFECTS, all);
    if (Math.floor(seed / step) % 10 === 9) process.stderr.write(`${seed + 1} of ${runs}\n`);
  }
  await linalg.close();
  return { pValues: [...all.pValues], covered: [...all.covered], passed: [...all.passed], verdicts };
}

/** Every world, in as many processes as there are cores; the seeds alone decide what is found. */
async function allWorlds(runs: number): Promise<Collected & { readonly verdicts: readonly string[] }> {
  const step = Math.min(runs, availableParallelism());
  const shares = await Promise.all(
    Array.from({ length: step }, (_, first) => {
      const child = fork(import.meta.filename, ['--part', String(first), String(step), String(runs)]);
      return new Promise<Share>((resolve, reject) => {
        child.once('message', (share) => resolve(share as Share));
        child.once('exit', (code) => reject(new Error(`a process ended with ${code}`)));
      });
    }),
  );
  const merged = <T>(of: (share: Share) => [string, T[]][]): Map<string, T[]> => {
    const map = new Map<string, T[]>();
    for (const [name, values] of shares.flatMap(of)) map.set(name, [...(map.get(name) ?? []), ...values]);
    return map;
  };
  return {
    pValues: merged(({ pValues }) => pValues),
    covered: merged(({ covered }) => covered),
    passed: merged(({ passed }) => passed),
    verdicts: shares.flatMap(({ verdicts }) => verdicts),
  };
}

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

function print({
  pValues,
  covered,
  passed,
  verdicts,
}: Collected & { readonly verdicts: readonly string[] }): void {
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  console.log(
    '| test | runs | rejected at .05 | binomial 95 % range | KS p | KS p, too small |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const [name, values] of [...pValues].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const rejected = values.filter((p) => p <= 0.05).length;
    const range = binomialRange({ trials: values.length, share: 0.05 });
    const uniform = kolmogorovUniform(values);
    const inside =
      rejected >= range.low && rejected <= range.high ? '' : rejected < range.low ? ' (fewer)' : ' (MORE)';
    console.log(
      `| ${name} | ${values.length} | ${percent(rejected / values.length)}${inside} | ${percent(range.low / values.length)} to ${percent(range.high / values.length)} | ${uniform.state === 'measured' ? uniform.pValue.toFixed(3) : '-'} | ${tooSmall(values).toFixed(3)} |`,
    );
  }
  console.log(
    '\n| interval (95 %) | runs | held the truth | binomial 95 % range |\n| --- | --- | --- | --- |',
  );
  for (const [name, held] of [...covered].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const count = held.filter(Boolean).length;
    const range = binomialRange({ trials: held.length, share: 0.95 });
    console.log(
      `| ${name} | ${held.length} | ${percent(count / held.length)} | ${percent(range.low / held.length)} to ${percent(range.high / held.length)} |`,
    );
  }
  console.log('\n| rung and goal | worlds in which it passed |\n| --- | --- |');
  for (const [name, held] of [...passed].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`| ${name} | ${held.filter(Boolean).length} of ${held.length} |`);
  const counts = new Map<string, number>();
  for (const verdict of verdicts) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  console.log(`\nverdicts: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}`);
}

const [flag, ...numbers] = process.argv.slice(2);
if (flag === '--part') {
  const [first, step, runs] = numbers.map(Number);
  process.send?.(await worlds(first!, step!, runs!), () => process.disconnect());
} else print(await allWorlds(Number(flag ?? 400)));
