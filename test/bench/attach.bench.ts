/**
 * @file bench of attach: what the scores of a probe add to the forward pass of a 12-layer, 768-wide decoder.
 * Run when nothing else runs: npx tsx test/bench/attach.bench.ts
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { openModel } from '../../src/model/open-model.ts';
import { attachProbes } from '../../src/pipeline/attach-probes.ts';
import { saveProbe } from '../../src/pipeline/probe-files.ts';
import { openSession, type Session, type TensorValue } from '../../src/runtime/session.ts';
import { wideDecoder } from './wide-decoder.ts';

const SIZE = { layers: 12, width: 768, heads: 12, length: 128, vocabulary: 2048 } as const;
const BATCH = 8;
const CLASSES = 2;
const REPETITIONS = 25;
/** The requirement. */
const MOST = 1.02;
const HOOK = 'blocks.8.resid_post';

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`);
const folder = mkdtempSync(join(tmpdir(), 'mesascope-bench-'));
try {
  const model = join(folder, 'decoder.onnx');
  writeFileSync(model, wideDecoder(SIZE));
  const [probe, out] = [join(folder, 'goal.safetensors'), join(folder, 'monitored.onnx')];
  await writeProbe(model, probe);
  const started = performance.now();
  const { bytes, check } = await attachProbes({ model, probes: [{ name: 'goal', file: probe }], out });
  console.log(
    `attached to ${(bytes / 2 ** 20).toFixed(0)} MiB in ${(performance.now() - started).toFixed(0)} ms, its check included; scores within ${check.largestScoreDifference.toExponential(1)}`,
  );
  await compare(model, out);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function writeProbe(file: string, out: string): Promise<void> {
  const model = await openModel(file);
  const random = seededRandom('probe');
  const { width } = SIZE;
  const weights = Float32Array.from({ length: CLASSES * width }, () => random.normal());
  await saveProbe(out, {
    probe: {
      kind: 'contrast-pairs',
      classes: CLASSES,
      width,
      classNames: ['no', 'yes'],
      weights: matrix(CLASSES, width, weights),
      bias: Float64Array.of(0, 0),
      settings: { kind: 'contrast-pairs' },
    },
    origin: {
      hook: HOOK,
      position: -1,
      reads: 'goal',
      modelSha256: model.sha256,
      dataSha256: 'none',
      splitSeed: 'none',
      version: 'none',
    },
  });
  await model.close();
}

/** Forward passes of both files in turns, the order changing each time, so that a drift of the machine meets both. */
async function compare(plain: string, monitored: string): Promise<void> {
  const sessions = {
    plain: await openSession({ kind: 'path', path: plain }),
    again: await openSession({ kind: 'path', path: plain }),
    monitored: await openSession({ kind: 'path', path: monitored }),
  };
  const kinds = Object.keys(sessions) as (keyof typeof sessions)[];
  const random = seededRandom('tokens');
  const input: TensorValue = {
    type: 'int64',
    dims: [BATCH, SIZE.length],
    data: BigInt64Array.from({ length: BATCH * SIZE.length }, () => BigInt(random.integer(SIZE.vocabulary))),
  };
  const times = { plain: [] as Pass[], again: [] as Pass[], monitored: [] as Pass[] };
  for (const kind of kinds) await timed(sessions[kind], input);
  for (let i = 0; i < REPETITIONS; i++) {
    for (let k = 0; k < kinds.length; k++) {
      const kind = kinds[(k + i) % kinds.length]!;
      times[kind].push(await timed(sessions[kind], input));
    }
  }
  for (const kind of kinds) await sessions[kind].close();
  const ratios = (kind: keyof typeof times, of: keyof Pass): number[] =>
    times[kind].map((pass, i) => pass[of] / times.plain[i]![of]);
  const plainMs = median(times.plain.map(({ wallMs }) => wallMs));
  console.log(`forward pass of ${BATCH} x ${SIZE.length} tokens: ${plainMs.toFixed(0)} ms`);
  console.log(
    `the same file twice: ratio ${spread(ratios('again', 'wallMs'))} by the clock, ${spread(ratios('again', 'processorMs'))} of processor time: the noise of this machine`,
  );
  console.log(
    `with a probe of ${CLASSES} classes at ${HOOK}: ratio ${spread(ratios('monitored', 'wallMs'))} by the clock`,
  );
  // Other programs on the machine stretch the clock; they take little of a pass's own processor time.
  const ratio = median(ratios('monitored', 'processorMs'));
  console.log(
    `with a probe: ratio ${spread(ratios('monitored', 'processorMs'))} of processor time (at most ${MOST}) ${ratio <= MOST ? 'ok' : 'NOT MET'}`,
  );
}

/** `processorMs`: of all threads together. */
type Pass = { readonly wallMs: number; readonly processorMs: number };

async function timed(session: Session, input: TensorValue): Promise<Pass> {
  const before = process.cpuUsage();
  const started = performance.now();
  await session.run({ input_ids: input });
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { wallMs, processorMs: (user + system) / 1000 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Median and the middle half of ratios taken in pairs. */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(3);
  return `${median(values).toFixed(3)} (middle half ${at(0.25)} to ${at(0.75)})`;
}
