/**
 * @file bench of capture into a folder, on a 12-layer, 768-wide decoder. Run when nothing else runs, all or one of its parts:
 * npx tsx test/bench/long-capture.bench.ts [equal | layers | memory | peers]; a quarter of an hour. `peers` compares with PyTorch and
 * TransformerLens, and needs PYTHON: python3 -m venv ENV && ENV/bin/pip install torch safetensors transformer-lens, then
 * PYTHON=ENV/bin/python npx tsx test/bench/long-capture.bench.ts peers. PROMPTS (default 246) is its number of prompts and ROUNDS (default 3)
 * how often each runs: 10,000 prompts once take an hour and a half.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capturePlan } from '../../src/capture/capture-plan.ts';
import { siteOf } from '../../src/capture/capture-sites.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { captureToFolder } from '../../src/pipeline/capture-to-folder.ts';
import { openSession, type TensorValue } from '../../src/runtime/session.ts';
import { type WideDecoder, wideDecoderWithWeights } from './wide-decoder.ts';

const SIZE = { layers: 12, width: 768, heads: 12, length: 128, vocabulary: 2048, anyLength: true } as const;
const STREAMS = 'embed,blocks.*.resid_post';
const BATCH = 8;
/** The requirements. */
const MOST_EQUAL = 1.05;
const MOST_LAYERS = 1.1;
const MOST_MEMORY = 1.1;
const FEWEST_PEERS = 2;
const MOST_DIFFERENCE = 1e-4;

const folder = mkdtempSync(join(tmpdir(), 'mesascope-bench-'));
const modelPath = join(folder, 'decoder.onnx');

async function main(): Promise<void> {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`);
  const wanted = process.argv[2];
  const decoder = wideDecoderWithWeights(SIZE);
  writeFileSync(modelPath, decoder.bytes);
  if (wanted === undefined || wanted === 'equal') await equalBatches();
  if (wanted === undefined || wanted === 'layers') await layers();
  if (wanted === undefined || wanted === 'memory') memory();
  if (wanted === undefined || wanted === 'peers') await peers(decoder);
}

/** A data file of rows of these lengths, and its path. */
function dataFile(lengths: readonly number[]): string {
  const random = seededRandom('bench rows');
  const path = join(folder, 'rows.jsonl');
  const lines = [
    { format: 'mesascope-data/1', title: 'rows', input: 'tokens' },
    ...lengths.map((length, i) => ({
      id: `r${i}`,
      set: 'any',
      group: `g${i}`,
      tokens: Array.from({ length }, () => random.integer(SIZE.vocabulary)),
    })),
  ];
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

function feeds(rows: number, length: number): Record<string, TensorValue> {
  const random = seededRandom('bench feeds');
  const data = BigInt64Array.from({ length: rows * length }, () => BigInt(random.integer(SIZE.vocabulary)));
  return { input_ids: { type: 'int64', dims: [rows, length], data } };
}

/**
 * Every stream at every position of equal batches, written to disk, against the plain pass over as many batches; by turns. What a bare write of as
 * many bytes to new files takes is told beside it: some virtual machines get memory for the page cache from their host as they go.
 */
async function equalBatches(): Promise<void> {
  const [batches, rounds, length] = [12, 5, SIZE.length];
  const data = dataFile(Array.from({ length: batches * BATCH }, () => length));
  const plain = await openSession({ kind: 'path', path: modelPath });
  const model = await openModel(modelPath);
  const ratios = { passes: [] as number[], cpu: [] as number[], bare: [] as number[], whole: [] as number[] };
  const bytes = new Uint8Array(4 * BATCH * length * SIZE.width).fill(1);
  for (let round = 0; round <= rounds; round++) {
    const [before, given] = [process.cpuUsage(), feeds(BATCH, length)];
    const plainMs = await timed(async () => {
      for (let i = 0; i < batches; i++) await plain.run(given);
    });
    const plainCpu = cpuSince(before);
    const bareMs = await timed(async () => {
      for (let i = 0; i < batches * (SIZE.layers + 1); i++) {
        writeFileSync(join(folder, `bare-${i % (SIZE.layers + 1)}`), bytes, { flag: 'a' });
      }
    });
    for (let i = 0; i <= SIZE.layers; i++) rmSync(join(folder, `bare-${i}`));
    const out = join(folder, 'equal');
    let passesMs = Number.NaN;
    let passesCpu = Number.NaN;
    let started: NodeJS.CpuUsage | undefined;
    const request = { data, hooks: STREAMS, positions: 'all', out, maxBatchTokens: BATCH * length } as const;
    const wholeMs = await timed(() =>
      captureToFolder(model, request, {
        onProgress(event) {
          if (event.kind === 'warning' || event.stage !== 'capture') return;
          if (event.kind === 'stage-start') started = process.cpuUsage();
          if (event.kind !== 'stage-end') return;
          passesMs = event.durationMs;
          passesCpu = cpuSince(started!);
        },
      }),
    );
    rmSync(out, { recursive: true });
    // The first round opens the session.
    if (round === 0) continue;
    ratios.passes.push(passesMs / plainMs);
    ratios.cpu.push(passesCpu / plainCpu);
    ratios.bare.push(bareMs / plainMs);
    ratios.whole.push(wholeMs / plainMs);
  }
  await plain.close();
  await model.close();
  console.log(
    `\n${batches} batches of ${BATCH} rows of ${length} tokens, ${SIZE.layers + 1} streams at every position; medians of ${rounds} rounds`,
  );
  const added = ratios.passes.map((passes, i) => passes / (1 + ratios.bare[i]!));
  claim(
    'passes and writing, against plain passes and a bare write of as many bytes',
    median(added),
    MOST_EQUAL,
  );
  const [passes, cpu, bare, whole] = [ratios.passes, ratios.cpu, ratios.bare, ratios.whole].map((each) =>
    median(each).toFixed(3),
  );
  console.log(
    `  against plain passes alone: ${passes}; processor time, which what else runs disturbs less: ${cpu}`,
  );
  console.log(
    `  the bare write alone: ${bare}; with reading data, hashes and flushing: ${whole}. Without writing: capture.bench.ts`,
  );
}

/** The stream behind layer k alone, at the last token, against the whole plain pass. */
async function layers(): Promise<void> {
  const rounds = 7;
  const given = feeds(BATCH, SIZE.length);
  const positions = {
    type: 'int64',
    dims: [BATCH, 1],
    data: new BigInt64Array(BATCH).fill(BigInt(SIZE.length - 1)),
  } as const;
  console.log(
    `\nlayer k of ${SIZE.layers}, ${BATCH} rows of ${SIZE.length} tokens; medians of ${rounds} rounds`,
  );
  const plain = await openSession({ kind: 'path', path: modelPath });
  for (const k of [0, 2, 5, 8, 11]) {
    const model = await openModel(modelPath);
    const plan = capturePlan([siteOf(model, `blocks.${k}.resid_post`)], undefined);
    await model.sessions.use(plan.key, { steps: plan.steps, optimization: 'all' }, async (open) => {
      const names = plan.names(open.instrumented);
      const ratios: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const plainMs = await timed(() => plain.run(given));
        const fed = { ...given, [names.positions!]: positions };
        const ms = await timed(() => open.session.run(fed, names.fetches));
        if (round > 0) ratios.push(ms / plainMs);
      }
      claim(`k = ${k}`, median(ratios), (MOST_LAYERS * (k + 1)) / SIZE.layers);
    });
    await model.close();
  }
  await plain.close();
}

/** Peak memory of the whole program on 1,000 and on 10,000 examples of mixed lengths. */
function memory(): void {
  const random = seededRandom('bench lengths');
  const peaks = [1000, 10_000].map((rows) => {
    // Short prompts, for the clock's sake, and few lengths, so that also 1,000 of them fill their batches.
    const data = dataFile(Array.from({ length: rows }, () => 8 + 2 * random.integer(3)));
    const child = spawnSync(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(import.meta.url), 'child', modelPath, data, join(folder, 'out')],
      { encoding: 'utf8' },
    );
    if (child.status !== 0) throw new Error(child.stderr);
    rmSync(join(folder, 'out'), { recursive: true });
    return Number(child.stdout);
  });
  const [few, many] = peaks as [number, number];
  console.log(
    `\npeak memory, ${SIZE.layers + 1} streams at the last 4 tokens: ${few.toFixed(0)} MiB with 1,000 examples, ${many.toFixed(0)} MiB with 10,000`,
  );
  claim('peak memory', many / few, MOST_MEMORY);
}

/** In a process of its own: one capture, and its peak memory in MiB. */
async function captureAndReport([model, data, out]: readonly string[]): Promise<void> {
  const opened = await openModel(model!);
  const positions = [-1, -2, -3, -4];
  await captureToFolder(opened, { data: data!, hooks: STREAMS, positions, out: out! });
  await opened.close();
  console.log(process.resourceUsage().maxRSS / 1024);
}

/** The last-token residual of every layer for prompts of mixed lengths, written to disk, beside the peers' way. */
async function peers(decoder: WideDecoder): Promise<void> {
  const python = process.env.PYTHON;
  if (python === undefined) {
    console.log(
      '\npeers: set PYTHON to compare with PyTorch and TransformerLens (see the header of this file)',
    );
    return;
  }
  const prompts = Number(process.env.PROMPTS ?? 246);
  const rounds = Number(process.env.ROUNDS ?? 3);
  const lengths = promptLengths(prompts);
  const data = dataFile(lengths);
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(SIZE));
  writeTensors(join(folder, 'weights.safetensors'), decoder.weights);
  const tokens = lengths.reduce((a, b) => a + b, 0);
  console.log(
    `\n${prompts} prompts, ${tokens} tokens, ${SIZE.layers + 1} streams at the last token; ${rounds} rounds by turns`,
  );
  const seconds = { ours: [] as number[], hooks: [] as number[], lens: [] as number[] };
  const cpu = { ours: [] as number[], hooks: [] as number[], lens: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const out = join(folder, 'acts');
    rmSync(out, { recursive: true, force: true });
    const before = process.cpuUsage();
    // Opening the model and reading the data count here; the peers' clock starts behind both.
    const ms = await timed(async () => {
      const model: Model = await openModel(modelPath);
      await captureToFolder(model, { data, hooks: STREAMS, positions: [-1], out });
      await model.close();
    });
    seconds.ours.push(ms / 1000);
    cpu.ours.push(cpuSince(before) / 1000);
    console.log(`  round ${round + 1}: ours ${(ms / 1000).toFixed(1)} s`);
    for (const kind of ['hooks', 'lens'] as const) {
      const script = fileURLToPath(new URL('./peers_bench.py', import.meta.url));
      const child = spawnSync(python, [script, folder, kind], { encoding: 'utf8' });
      if (child.status !== 0) throw new Error(child.stderr);
      const report = JSON.parse(child.stdout.trim().split('\n').at(-1)!) as Report;
      seconds[kind].push(report.seconds);
      console.log(`  round ${round + 1}: ${kind} ${report.seconds.toFixed(1)} s`);
      cpu[kind].push(report.cpu);
      if (!(report.difference < MOST_DIFFERENCE)) {
        throw new Error(`${kind}: values differ by ${report.difference} of the largest`);
      }
      if (round === 0) {
        console.log(
          `  ${kind}: ${report.threads} threads, values equal within ${report.difference.toExponential(1)}`,
        );
      }
    }
  }
  const rate = (kind: keyof typeof seconds): string => (prompts / median(seconds[kind])).toFixed(1);
  console.log(
    `  prompts per second: ${rate('ours')}; PyTorch hooks ${rate('hooks')}, TransformerLens ${rate('lens')}`,
  );
  for (const kind of ['hooks', 'lens'] as const) {
    const ratio = median(seconds[kind].map((theirs, i) => theirs / seconds.ours[i]!));
    const name = kind === 'hooks' ? 'padded script with PyTorch hooks' : 'TransformerLens run_with_cache';
    const work = median(cpu[kind].map((theirs, i) => theirs / cpu.ours[i]!)).toFixed(2);
    console.log(
      `  ${ratio.toFixed(2)} times faster than a ${name} (required: at least ${FEWEST_PEERS}) ${ratio >= FEWEST_PEERS ? 'ok' : 'NOT MET'}; processor time ${work} times`,
    );
  }
}

type Report = {
  readonly seconds: number;
  readonly cpu: number;
  readonly difference: number;
  readonly threads: number;
};

/**
 * Lengths from 8 to 128 in random order. Ten thousand prompts have about 83 of each length; fewer ones get fewer lengths, the middles of equal
 * parts of that range, so that about as many share one (which leaves padding less to waste than in the whole job).
 */
function promptLengths(prompts: number): number[] {
  const random = seededRandom('bench prompts');
  const kinds = Math.max(6, Math.min(121, Math.round((121 * prompts) / 10_000)));
  const length = (kind: number): number => 8 + Math.floor((121 * (kind + 0.5)) / kinds);
  const lengths = Array.from({ length: prompts }, (_, i) => length(i % kinds));
  for (let i = lengths.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [lengths[i], lengths[j]] = [lengths[j]!, lengths[i]!];
  }
  return lengths;
}

/** One safetensors file, as the format's documentation has it. */
function writeTensors(path: string, tensors: WideDecoder['weights']): void {
  let at = 0;
  const header = Object.fromEntries(
    tensors.map(({ name, dims, data }) => {
      const from = at;
      at += data.byteLength;
      return [name, { dtype: 'F32', shape: dims, data_offsets: [from, at] }];
    }),
  );
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.concat([json, Buffer.alloc(-json.length & 7, 0x20)]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const parts = tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  writeFileSync(path, Buffer.concat([size, text, ...parts]));
}

/** Milliseconds of processor time of this process, all threads. */
function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

function claim(name: string, ratio: number, most: number): void {
  console.log(
    `  ${name}: ${ratio.toFixed(3)} (required: at most ${most.toFixed(3)}) ${ratio <= most ? 'ok' : 'NOT MET'}`,
  );
}

try {
  if (process.argv[2] === 'child') await captureAndReport(process.argv.slice(3));
  else await main();
} finally {
  rmSync(folder, { recursive: true });
}
