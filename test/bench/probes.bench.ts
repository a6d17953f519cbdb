/** @file bench of probe: what one logistic probe costs alone and among 64. Run: npx tsx test/bench/probes.bench.ts */
import { cpus } from 'node:os';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels, TrainSplit } from '../../src/core/split.ts';
import { plainProduct } from '../../src/linalg/dense.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { fitRidge } from '../../src/probe/ridge.ts';

const ROWS = 20_000;
const WIDTH = 768;
const PROBES = 64;
/** The requirement: 64 together cost at most a tenth, per probe, of one alone. */
const REQUIRED = 0.1;

async function main(): Promise<void> {
  const linalg = await openLinalg();
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`);
  await wholeFits(linalg);
  await singleSteps(linalg);
  await smallRidge(linalg);
  await plainLimit(linalg);
  await linalg.close();
}

/** The claim itself: fits from activations to probes, to the default tolerance. */
async function wholeFits(linalg: Linalg): Promise<void> {
  const train = problem(ROWS, WIDTH);
  const tasks = Array.from({ length: PROBES }, (_, t) => linearLabels(train.x, t));
  let iterations = '';
  const fitAll = async (some: readonly ClassLabels[]): Promise<void> => {
    const fits = await fitLogistic(train, some, { penalty: 1, linalg });
    const counts = fits.map(({ convergence }) => convergence.iterations);
    const converged = fits.filter(({ convergence }) => convergence.state === 'converged').length;
    iterations = `${Math.min(...counts)} to ${Math.max(...counts)} iterations, ${converged} of ${fits.length} converged`;
  };
  const alone = await median(3, () => fitAll(tasks.slice(0, 1)));
  console.log(`\nlogistic, ${ROWS} x ${WIDTH}, one alone: ${alone.toFixed(0)} ms (${iterations})`);
  const together = await median(3, () => fitAll(tasks));
  const ratio = together / PROBES / alone;
  console.log(`logistic, ${ROWS} x ${WIDTH}, ${PROBES} together: ${together.toFixed(0)} ms (${iterations})`);
  console.log(
    `per probe ${(together / PROBES).toFixed(1)} ms, ratio ${ratio.toFixed(3)} (required: at most ${REQUIRED}) ${ratio <= REQUIRED ? 'ok' : 'NOT MET'}`,
  );
}

/** The same without what is done once per training matrix: one evaluation of loss and gradient. */
async function singleSteps(linalg: Linalg): Promise<void> {
  const { x } = problem(ROWS, WIDTH);
  const step = (tasks: number): Promise<number> => {
    const signs = matrix(
      ROWS,
      tasks,
      Float32Array.from({ length: ROWS * tasks }, (_, i) => (i % 3 === 0 ? 1 : -1)),
    );
    const weights = matrix(tasks, WIDTH);
    const bias = new Float32Array(tasks);
    return median(9, () => linalg.crossEntropy({ x, weights, bias, targets: { kind: 'binary', signs } }));
  };
  const [alone, together] = [await step(1), await step(PROBES)];
  console.log(
    `\none step: ${alone.toFixed(2)} ms alone, ${(together / PROBES).toFixed(3)} ms per probe among ${PROBES}, ` +
      `ratio ${(together / PROBES / alone).toFixed(3)}`,
  );
}

/** What an audit does at every site of every twin. */
async function smallRidge(linalg: Linalg): Promise<void> {
  const train = problem(2000, 64);
  const random = seededRandom('cells');
  const tasks = Array.from({ length: 3 }, () => ({
    classes: 25,
    values: Int32Array.from({ length: 2000 }, () => random.integer(25)),
    names: Array.from({ length: 25 }, (_, c) => `cell ${c}`),
  }));
  const time = await median(15, () => fitRidge(train, tasks, { penalty: 1, linalg }));
  console.log(`\nridge, 2000 x 64, 3 variables of 25 classes: ${time.toFixed(2)} ms`);
}

/** Where plain loops stop being cheaper than a call to ONNX Runtime; linalg.ts takes its limit from here. */
async function plainLimit(linalg: Linalg): Promise<void> {
  console.log('');
  for (const size of [8, 12, 16, 17, 24, 32]) {
    const [a, b] = [problem(size, size).x, problem(size, size).x];
    const repeat = 2000;
    const loops = await median(5, () => {
      for (let i = 0; i < repeat; i++) plainProduct(a, b);
    });
    const chosen = await median(5, async () => {
      for (let i = 0; i < repeat; i++) await linalg.multiply(a, b);
    });
    const each = (total: number): string => `${((1000 * total) / repeat).toFixed(1)} us`;
    console.log(
      `product of ${size} x ${size} x ${size}: plain loops ${each(loops)}, multiply ${each(chosen)}`,
    );
  }
}

/** Correlated features, as a residual stream has them: each is its own noise plus a share of its neighbours'. */
function problem(rows: number, width: number): TrainSplit {
  const random = seededRandom('bench');
  const x = matrix(rows, width);
  for (let i = 0; i < rows; i++) {
    let carried = 0;
    for (let j = 0; j < width; j++) {
      carried = 0.7 * carried + random.normal();
      x.data[i * width + j] = carried;
    }
  }
  return { role: 'fit', rows: Int32Array.from({ length: rows }, (_, i) => i), x };
}

/** Two classes by the sign of a noisy random direction. */
function linearLabels(x: Matrix, task: number): ClassLabels {
  const random = seededRandom(`task ${task}`);
  const direction = Float64Array.from({ length: x.columns }, () => random.normal());
  const noise = Math.sqrt(x.columns);
  const values = Int32Array.from({ length: x.rows }, (_, i) => {
    let score = noise * random.normal();
    for (let j = 0; j < x.columns; j++) score += direction[j]! * x.data[i * x.columns + j]!;
    return score > 0 ? 1 : 0;
  });
  return { classes: 2, values, names: ['no', 'yes'] };
}

/** Median milliseconds of `count` runs after one to warm up. */
async function median(count: number, work: () => unknown): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[count >> 1]!;
}

await main();
