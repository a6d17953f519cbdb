/**
 * @file bench of capture: what it costs to bring every residual stream out of a 12-layer, 768-wide decoder, and to open it so
 * that one can. Run when nothing else runs: npx tsx test/bench/capture.bench.ts
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openInterventions } from '../../src/capture/interventions.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { twinOf } from '../../src/model/twin.ts';
import { openSession, type Session, type TensorValue } from '../../src/runtime/session.ts';
import { GRID_MODEL, randomRows } from '../capture/small-models.ts';
import { wideDecoder } from './wide-decoder.ts';

const SIZE = { layers: 12, width: 768, heads: 12, length: 64, vocabulary: 2048 } as const;
const BATCH = 8;
const REPETITIONS = 15;
const OPENINGS = 5;
/** The requirements. */
const MOST_FORWARD = 1.1;
const MOST_OPENING = 1.3;
const MOST_MEMORY = 1.1;

const streams = (model: Model): string[] => [
  'embed',
  ...model.hooks.blocks.map(({ index }) => `blocks.${index}.resid_post`),
];

async function main(): Promise<void> {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`);
  const folder = mkdtempSync(join(tmpdir(), 'mesascope-bench-'));
  try {
    const path = join(folder, 'decoder.onnx');
    const bytes = wideDecoder(SIZE);
    console.log(
      `decoder: ${SIZE.layers} layers, width ${SIZE.width}, ${(bytes.length / 2 ** 20).toFixed(0)} MiB`,
    );
    writeFileSync(path, bytes);
    opening(path);
    await forwards(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await smallModel();
}

/** Opening plain and instrumented, each in a process of its own, taking turns. */
function opening(path: string): void {
  const runs = { plain: [] as Opening[], instrumented: [] as Opening[] };
  for (let i = 0; i < OPENINGS; i++) {
    for (const kind of ['plain', 'instrumented'] as const) runs[kind].push(openedInChild(kind, path));
  }
  const of = (kind: keyof typeof runs, field: keyof Opening): number =>
    median(runs[kind].map((run) => run[field]));
  for (const kind of ['plain', 'instrumented'] as const) {
    console.log(
      `open ${kind}: ${of(kind, 'ms').toFixed(0)} ms, ${of(kind, 'rssMiB').toFixed(0)} MiB once open, ${of(kind, 'ranMiB').toFixed(0)} MiB after a run, peak ${of(kind, 'peakMiB').toFixed(0)} MiB`,
    );
  }
  claim('opening time', of('instrumented', 'ms') / of('plain', 'ms'), MOST_OPENING);
  claim('memory once open', of('instrumented', 'rssMiB') / of('plain', 'rssMiB'), MOST_MEMORY);
  claim('memory after a run', of('instrumented', 'ranMiB') / of('plain', 'ranMiB'), MOST_MEMORY);
  claim('peak memory', of('instrumented', 'peakMiB') / of('plain', 'peakMiB'), MOST_MEMORY);
}

type Opening = {
  readonly ms: number;
  readonly rssMiB: number;
  readonly ranMiB: number;
  readonly peakMiB: number;
};

function openedInChild(kind: string, path: string): Opening {
  const child = spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), kind, path], {
    encoding: 'utf8',
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as Opening;
}

async function openAndReport(kind: string, path: string): Promise<void> {
  const rss = (): number => process.memoryUsage().rss / 2 ** 20;
  const started = performance.now();
  let report: { ms: number; rssMiB: number };
  if (kind === 'plain') {
    const session = await openSession({ kind: 'path', path });
    report = { ms: performance.now() - started, rssMiB: rss() };
    await session.run(feeds());
  } else {
    const model = await openModel(path);
    report = await model.sessions.use('all streams', streamPlan(model), async ({ session, instrumented }) => {
      const open = { ms: performance.now() - started, rssMiB: rss() };
      await session.run(feeds(), [...instrumented[0]!.outputNames.values()]);
      return open;
    });
  }
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ ...report, ranMiB: rss(), peakMiB }));
}

function streamPlan(model: Model): Parameters<Model['sessions']['use']>[1] {
  const values = model.hooks.hooks.flatMap((hook) => {
    return hook.state === 'available' && streams(model).includes(hook.name) ? [hook.value] : [];
  });
  const outputs = [...new Set(values)].map((value) => ({ value, pick: 'all' as const }));
  return { steps: [() => ({ outputs })], optimization: 'all' };
}

function tokenRows(): number[][] {
  const random = seededRandom('bench tokens');
  return Array.from({ length: BATCH }, () =>
    Array.from({ length: SIZE.length }, () => random.integer(SIZE.vocabulary)),
  );
}

function feeds(): Record<string, TensorValue> {
  const data = BigInt64Array.from(tokenRows().flat(), BigInt);
  return { input_ids: { type: 'int64', dims: [BATCH, SIZE.length], data } };
}

/** The plain pass and the captures take turns, so that whatever else the machine does falls on all of them alike. */
async function forwards(path: string): Promise<void> {
  const plain: Session = await openSession({ kind: 'path', path });
  const model = await openModel(path);
  const inputs: ModelInput[] = tokenRows().map((tokens) => ({ kind: 'tokens', tokens }));
  const hooks = streams(model);
  const base = { inputs, mapping: {}, hooks, readout: -1, choices: [0, 1, 2, 3] };
  const everywhere = Array.from({ length: SIZE.length }, (_, i) => i);
  const times = {
    plain: [] as number[],
    whole: [] as number[],
    everywhere: [] as number[],
    readout: [] as number[],
  };
  const timed = async (kind: keyof typeof times, work: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await work();
    times[kind].push(performance.now() - started);
  };
  await model.sessions.use('all streams', streamPlan(model), async ({ session }) => {
    for (let i = 0; i < REPETITIONS + 2; i++) {
      await timed('plain', () => plain.run(feeds()));
      await timed('whole', () => session.run(feeds()));
      await timed('everywhere', () => runForward(model, { ...base, positions: everywhere }));
      await timed('readout', () => runForward(model, { ...base, positions: [-1] }));
    }
  });
  await plain.close();
  await model.close();
  // The first two rounds open sessions and warm up.
  const of = (kind: keyof typeof times): number => median(times[kind].slice(2));
  console.log(
    `\n${BATCH} rows of ${SIZE.length} tokens, ${hooks.length} residual streams; medians of ${REPETITIONS}`,
  );
  console.log(`plain forward ${of('plain').toFixed(0)} ms`);
  const names = {
    whole: 'all streams as outputs of the session',
    everywhere: 'runForward, all streams at every position',
    readout: 'runForward, all streams at the read-out',
  } as const;
  for (const kind of ['whole', 'everywhere', 'readout'] as const) {
    console.log(`${names[kind]}: ${of(kind).toFixed(0)} ms`);
    // Ratios within a round: a slow spell of the machine cancels out.
    claim(names[kind], median(times[kind].slice(2).map((ms, i) => ms / times.plain[i + 2]!)), MOST_FORWARD);
  }
}

/** What an audit does dozens of times with a 2-layer, 64-wide organism. */
async function smallModel(): Promise<void> {
  const model = await openModel(GRID_MODEL);
  const inputs = randomRows({ count: 4000, seed: 1, shortest: 6 });
  const hooks = [
    'embed',
    'blocks.0.resid_mid',
    'blocks.0.resid_post',
    'blocks.1.resid_mid',
    'blocks.1.resid_post',
  ];
  const base = {
    inputs,
    mapping: {},
    hooks,
    positions: [-6, -5, -4, -3, -2, -1],
    readout: -1,
    choices: [101, 102, 103, 104],
  };
  console.log('\n4,000 rows of 6 tokens, 2-layer 64-wide organism, 5 hooks x 6 positions');
  for (const maxBatchTokens of [1024, 2048, 4096, 8192, 24_000]) {
    const times = await repeated(7, () => runForward(model, { ...base, maxBatchTokens }));
    console.log(`forward capture, ${maxBatchTokens} tokens a batch: ${median(times).toFixed(0)} ms`);
  }
  const twins = await repeated(7, async (seed) => {
    const twin = await twinOf(model, { seed });
    await runForward(twin, { ...base, choices: [] });
    await twin.close();
  });
  console.log(`twin made, opened, captured and closed: ${median(twins).toFixed(0)} ms`);
  const { activations } = await runForward(model, base);
  const edits = await openInterventions(model, { ...base, edits: [{ hook: hooks[2]!, kind: 'replace' }] });
  const inputRows = Int32Array.from({ length: 20_000 }, (_, i) => i % 4000);
  const own = activations(hooks[2]!, -1);
  const values = [
    matrix(
      20_000,
      64,
      Float32Array.from({ length: 20_000 * 64 }, (_, i) => own.data[i % own.data.length]!),
    ),
  ];
  for (const maxBatchTokens of [1024, 2048, 4096, 8192, 24_000]) {
    const times = await repeated(5, () =>
      edits.run({ inputs, inputRows, position: -1, values, maxBatchTokens }),
    );
    console.log(`20,000 intervened rows, ${maxBatchTokens} tokens a batch: ${median(times).toFixed(0)} ms`);
  }
  await model.close();
}

async function repeated(times: number, work: (i: number) => Promise<unknown>): Promise<number[]> {
  const spent: number[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    await work(i);
    spent.push(performance.now() - started);
  }
  return spent;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

function claim(name: string, ratio: number, most: number): void {
  console.log(
    `  ${name}: ${ratio.toFixed(3)} times plain (required: at most ${most}) ${ratio <= most ? 'ok' : 'NOT MET'}`,
  );
}

const [kind, path] = process.argv.slice(2);
if (kind !== undefined && path !== undefined) await openAndReport(kind, path);
else await main();
