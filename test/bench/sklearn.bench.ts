/** @file bench of probe: 200 logistic fits beside scikit-learn's, in one run on the same data. Not needed by the tests.
 *  Install: python3 -m venv ENV && ENV/bin/pip install scikit-learn. Run: PYTHON=ENV/bin/python npx tsx test/bench/sklearn.bench.ts */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';

const ROWS = 20_000;
const WIDTH = 768;
const FOLDS = 5;
/** Label sets per fold: the true one and 39 permutations. */
const LABEL_SETS = 40;
const PENALTY = 1;
/** The requirement: so many times faster in total, at an objective no more than this share above scikit-learn's. */
const REQUIRED = 10;
const OBJECTIVE_SLACK = 1e-4;

const folder = mkdtempSync(path.join(tmpdir(), 'mesascope-bench-'));
try {
  await main();
} finally {
  rmSync(folder, { recursive: true });
}

async function main(): Promise<void> {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`);
  const { x, labels } = problem();
  writeFileSync(path.join(folder, 'x.f32'), Buffer.from(x.data.buffer));
  writeFileSync(
    path.join(folder, 'labels.i32'),
    Buffer.from(Int32Array.from(labels.flatMap((one) => [...one.values])).buffer),
  );
  const spec = { rows: ROWS, width: WIDTH, folds: FOLDS, labelSets: LABEL_SETS, penalty: PENALTY };
  writeFileSync(path.join(folder, 'spec.json'), JSON.stringify(spec));

  const linalg = await openLinalg();
  const own = new Float64Array(FOLDS * LABEL_SETS);
  const before = performance.now();
  for (let fold = 0; fold < FOLDS; fold++) {
    const rows = Int32Array.from({ length: ROWS }, (_, i) => i).filter((i) => i % FOLDS !== fold);
    const fits = await fitLogistic({ role: 'fit', rows, x: takeRows(x, rows) }, labels, {
      penalty: PENALTY,
      linalg,
    });
    for (const [t, fit] of fits.entries())
      own[fold * LABEL_SETS + t] = rows.length * fit.convergence.objective;
  }
  const ours = (performance.now() - before) / 1000;
  await linalg.close();
  console.log(
    `mesascope: ${own.length} fits on ${(ROWS * (FOLDS - 1)) / FOLDS} x ${WIDTH} in ${ours.toFixed(1)} s`,
  );

  const python = process.env.PYTHON ?? 'python3';
  const script = path.join(import.meta.dirname, 'sklearn_bench.py');
  const { status } = spawnSync(python, [script, folder], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${python} ended with ${status}; is scikit-learn installed there?`);
  const theirs = JSON.parse(readFileSync(path.join(folder, 'result.json'), 'utf8')) as {
    readonly seconds: number;
    readonly objectives: readonly number[];
    readonly version: string;
  };
  const ratio = theirs.seconds / ours;
  const worst = Math.max(...theirs.objectives.map((value, i) => (own[i]! - value) / Math.abs(value)));
  console.log(`scikit-learn ${theirs.version}: the same fits in ${theirs.seconds.toFixed(1)} s`);
  console.log(
    `${ratio.toFixed(1)} times faster (required: ${REQUIRED}) ${ratio >= REQUIRED ? 'ok' : 'NOT MET'}; objective at most ${worst.toExponential(1)} above scikit-learn's (relative) ${worst <= OBJECTIVE_SLACK ? 'ok' : 'NOT MET'}`,
  );
}

/** Normal features, one in eight of which tells the label; the other label sets are permutations. */
function problem(): { readonly x: Matrix; readonly labels: ClassLabels[] } {
  const random = seededRandom('sklearn bench');
  const x = matrix(
    ROWS,
    WIDTH,
    Float32Array.from({ length: ROWS * WIDTH }, () => random.normal()),
  );
  const direction = Float64Array.from({ length: WIDTH }, (_, j) => (j % 8 === 0 ? random.normal() / 10 : 0));
  const values = Int32Array.from({ length: ROWS }, (_, i) => {
    let logit = 0;
    for (let j = 0; j < WIDTH; j++) logit += direction[j]! * x.data[i * WIDTH + j]!;
    return random.uniform() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
  });
  const labels = Array.from({ length: LABEL_SETS }, (_, t): ClassLabels => {
    const order = t === 0 ? undefined : random.permutation(ROWS);
    return {
      classes: 2,
      names: ['no', 'yes'],
      values: order === undefined ? values : values.map((_, i) => values[order[i]!]!),
    };
  });
  return { x, labels };
}
