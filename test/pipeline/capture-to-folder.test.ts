/** @file pipeline: a data file to a folder of activations: PyTorch's values, in the order of the examples, whatever the batches. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capturePlan } from '../../src/capture/capture-plan.ts';
import { siteOf } from '../../src/capture/capture-sites.ts';
import { type CaptureEstimate, planLongCapture } from '../../src/capture/long-capture.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { captureToFolder } from '../../src/pipeline/capture-to-folder.ts';
import { readActivations } from '../capture/read-activations.ts';
import {
  EXPORTS,
  exportPath,
  GRID_HOOKS,
  GRID_MODEL,
  randomRows,
  recordedRows,
} from '../capture/small-models.ts';
import { temporaryFolder } from '../store/data-file.ts';

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  out = join(folder, 'acts');
});

/** A data file with nothing but inputs, and its path. */
function dataOf(inputs: readonly ModelInput[], header: Readonly<Record<string, unknown>> = {}): string {
  const kind = inputs[0]!.kind;
  const lines = [
    { format: 'mesascope-data/1', title: 'rows', input: kind, ...header },
    ...inputs.map(({ kind: _, ...input }, i) => ({ id: `row ${i}`, set: 'any', group: `g${i}`, ...input })),
  ];
  const path = join(folder, 'rows.jsonl');
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

describe('what is captured', () => {
  it('is, of a pattern with stars, what has a vector per position; the rest is said to be left out', async () => {
    const model = await openModel(GRID_MODEL);
    const data = dataOf([{ kind: 'tokens', tokens: [0, 1, 2] }]);
    const said: string[] = [];
    const onProgress = (event: ProgressEvent): void => {
      if (event.kind === 'warning') said.push(event.message);
    };
    const request = { data, positions: [-1], out };
    const { hooks } = await captureToFolder(model, { ...request, hooks: '**' }, { onProgress });
    expect(hooks).toContain('blocks.0.resid_post');
    expect(hooks).not.toContain('blocks.0.attn_scores');
    expect(said).toEqual([expect.stringMatching(/^left out, .*blocks\.0\.attn_scores/) as string]);
    const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8')) as Record<string, unknown>;
    expect(index).toMatchObject({
      inputs: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      examples: [{ id: 'row 0', length: 3 }],
    });
    for (const hooks of ['blocks.0.attn_scores', 'blocks.*.attn_scores', '**, blocks.0.pattern']) {
      const refused = captureToFolder(model, { ...request, hooks, out: `${out}-2` });
      await expect(refused, hooks).rejects.toMatchObject({ code: 'HOOK_UNAVAILABLE' });
    }
    await model.close();
  });
});

describe.each(EXPORTS)('the folder of %s', (name) => {
  it('holds what PyTorch hooks recorded at the last two positions of rows of different lengths, within 1e-5', async () => {
    const model = await openModel(exportPath(name));
    const rows = recordedRows(name);
    const hooks = [...rows[0]!.values.keys()].filter((hook) => {
      const found = model.hooks.hooks.find((one) => one.name === hook);
      return found?.state === 'available' && found.axes[1] === 'position';
    });
    const data = dataOf(rows.map(({ input }) => input));
    await captureToFolder(model, { data, hooks: hooks.join(','), positions: [-1, -2], out });
    await model.close();
    const read = readActivations(out);
    expect([...read.hooks].sort()).toEqual([...hooks].sort());
    let worst = 0;
    for (const [row, { values }] of rows.entries()) {
      for (const hook of hooks) {
        const { data: recorded, shape } = values.get(hook)!;
        const width = shape.slice(2).reduce((a, b) => a * b, 1);
        const seen = read.row(hook, row);
        expect(seen.length).toBe(2 * width);
        for (const [slot, position] of [-1, -2].entries()) {
          const from = (shape[1]! + position) * width;
          for (let i = 0; i < width; i++) {
            worst = Math.max(worst, Math.abs(seen[slot * width + i]! - Number(recorded[from + i]!)));
          }
        }
      }
    }
    expect(worst).toBeLessThan(1e-5);
  });
});

describe('a long capture', () => {
  let model: Model;
  const inputs = randomRows({ count: 301, seed: 5 });
  const request = { hooks: GRID_HOOKS.join(','), positions: [-1, 0, -3], optimization: 'basic' } as const;
  beforeAll(async () => {
    model = await openModel(GRID_MODEL);
  });
  afterAll(() => model.close());

  it('gives bit for bit what a capture in memory gives, in the order of the examples, in files of any size', async () => {
    const made = await captureToFolder(model, {
      ...request,
      data: dataOf(inputs),
      out,
      maxBatchTokens: 40,
      maxShardBytes: 50_000,
    });
    expect(made).toMatchObject({ rows: 301, rowsReused: 0, positions: [-1, 0, -3] });
    const whole = await runForward(model, {
      ...request,
      hooks: GRID_HOOKS,
      inputs,
      mapping: {},
      readout: -1,
      choices: [],
    });
    const read = readActivations(out);
    expect(read.ids).toEqual(inputs.map((_, i) => `row ${i}`));
    expect(readdirSync(out).length).toBeGreaterThan(1 + 4 * 4);
    for (const hook of GRID_HOOKS) {
      for (const [slot, position] of request.positions.entries()) {
        const { data, columns } = whole.activations(hook, position);
        for (let row = 0; row < inputs.length; row++) {
          const seen = read.row(hook, row).slice(slot * columns, (slot + 1) * columns);
          expect(seen).toEqual(data.slice(row * columns, (row + 1) * columns));
        }
      }
    }
  });

  it('keeps what a batch brings out of the graph within bounds, however many positions are asked for', () => {
    const source = {
      rows: 100_000,
      lengths: new Int32Array(100_000).fill(6),
      shapeClass: new Int32Array(100_000),
      input: () => inputs[0]!,
    };
    const base = { source, mapping: {}, fixedBatch: undefined, hooks: GRID_HOOKS, maxBatchTokens: 10 ** 6 };
    const rowsAt = (positions: readonly number[]): number =>
      planLongCapture(model, { ...base, positions }).batches[0]!.length;
    // 2^24 numbers, four hooks of 64 at each position; a row has six.
    expect([rowsAt([-1]), rowsAt([0, 1, 2, 3, 4, 5])]).toEqual([2 ** 16, Math.floor(2 ** 16 / 6)]);
  });

  it('estimates before anything is written, and says how far it is', async () => {
    const estimates: { readonly estimate: CaptureEstimate; readonly files: number }[] = [];
    const events: ProgressEvent[] = [];
    const content = `${out}.unfinished/activations`;
    await captureToFolder(
      model,
      { ...request, data: dataOf(inputs), out, maxBatchTokens: 40 },
      {
        onProgress: (event) => events.push(event),
        onEstimate(estimate) {
          // Files are there in name; of no row has anything been written.
          const bytes = readFileSync(join(content, 'embed.00000.safetensors')).subarray(1024);
          estimates.push({ estimate, files: bytes.findIndex((byte) => byte !== 0) });
        },
      },
    );
    expect(estimates).toEqual([
      {
        estimate: {
          rows: 301,
          rowsDone: 0,
          valuesPerRow: 4 * 3 * 64,
          durationMs: expect.any(Number),
        },
        files: -1,
      },
    ]);
    expect(estimates[0]!.estimate.durationMs).toBeGreaterThan(0);
    const done = events.flatMap((event) =>
      event.kind === 'stage-progress' && event.stage === 'capture' ? [event.done] : [],
    );
    expect(done.at(-1)).toBe(301);
    expect([...done].sort((a, b) => a - b)).toEqual(done);
  });

  it('that is stopped between batches keeps them, and goes on without running them again', async () => {
    const stop = new AbortController();
    const data = dataOf(inputs);
    const stopped = captureToFolder(
      model,
      { ...request, data, out, maxBatchTokens: 40 },
      {
        signal: stop.signal,
        onProgress(event) {
          if (event.kind === 'stage-progress' && event.stage === 'capture' && event.done > 150) stop.abort();
        },
      },
    );
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
    expect(existsSync(out)).toBe(false);
    const made = await captureToFolder(model, { ...request, data, out, maxBatchTokens: 40 });
    expect(made.rowsReused).toBeGreaterThan(150);
    expect(made.rowsReused).toBeLessThan(301);
    expect(readActivations(out).ids.length).toBe(301);
    expect((await captureToFolder(model, { ...request, data, out, maxBatchTokens: 40 })).rowsReused).toBe(
      301,
    );
  });

  it('of other data than those of the unfinished one is refused', async () => {
    const stop = new AbortController();
    const first = captureToFolder(
      model,
      { ...request, data: dataOf(inputs), out, maxBatchTokens: 40 },
      { signal: stop.signal, onEstimate: () => stop.abort() },
    );
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    const other = captureToFolder(model, {
      ...request,
      data: dataOf(inputs.slice(1)),
      out,
      maxBatchTokens: 40,
    });
    await expect(other).rejects.toMatchObject({ code: 'BAD_SETTING' });
  });

  it('runs a graph that ends behind the last hook', () => {
    const nodesOf = (hooks: readonly string[]): number => {
      const { steps } = capturePlan(
        hooks.map((hook) => siteOf(model, hook)),
        undefined,
      );
      const [step] = steps;
      return indexModel(instrument(model.index, step!([])).bytes).nodes.length;
    };
    const all = model.index.nodes.length;
    const [embed, first] = ['embed', 'blocks.0.resid_post'].map((hook) => nodesOf([hook]));
    // Two equal blocks: one of them less leaves about half of the graph, and none of them next to nothing.
    expect(embed!).toBeLessThan(0.15 * all);
    expect(first!).toBeLessThan(0.65 * all);
    expect(nodesOf(['embed', 'blocks.0.resid_post'])).toBeLessThan(first! + 5);
  });

  it('takes all positions of rows of one length, and of no others', async () => {
    const equal = randomRows({ count: 9, seed: 1, shortest: 5, longest: 5 });
    const made = await captureToFolder(model, { ...request, positions: 'all', data: dataOf(equal), out });
    expect(made.positions).toEqual([0, 1, 2, 3, 4]);
    // All of them in another order are picked, and hold the same.
    await captureToFolder(model, {
      ...request,
      positions: [4, 3, 2, 1, 0],
      data: dataOf(equal),
      out: `${out}3`,
    });
    const [straight, reversed] = [readActivations(out), readActivations(`${out}3`)];
    for (const hook of GRID_HOOKS) {
      for (let row = 0; row < equal.length; row++) {
        const slots = Array.from({ length: 5 }, (_, i) =>
          straight.row(hook, row).slice(64 * i, 64 * (i + 1)),
        );
        expect([...reversed.row(hook, row)]).toEqual(slots.reverse().flatMap((slot) => [...slot]));
      }
    }
    const mixed = captureToFolder(model, {
      ...request,
      positions: 'all',
      data: dataOf(inputs),
      out: `${out}2`,
    });
    await expect(mixed).rejects.toMatchObject({ code: 'BAD_SETTING' });
    expect(readdirSync(folder).sort()).toEqual(['acts', 'acts3', 'rows.jsonl']);
  });

  it('says which line lacks a position', async () => {
    const run = captureToFolder(model, { ...request, positions: [3], data: dataOf(inputs), out });
    const short = inputs.findIndex((input) => input.kind === 'tokens' && input.tokens.length === 3);
    await expect(run).rejects.toMatchObject({
      code: 'POSITION_RANGE',
      location: { file: join(folder, 'rows.jsonl'), line: short + 2 },
      message: expect.stringContaining(`(example "row ${short}")`),
    });
  });
});

describe('a capture of tensors', () => {
  const width = 3;
  /** h = 2 x, [batch, position, 3] to [batch, position, 3]. */
  const doubled = (): Uint8Array =>
    buildModel({
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', 'position', width] }],
      outputs: [{ name: 'h', type: 'float32', shape: ['batch', 'position', width] }],
      nodes: [{ opType: 'Add', inputs: ['x', 'x'], outputs: ['h'] }],
    });
  const row = (length: number, value: (i: number) => number): ModelInput => ({
    kind: 'tensors',
    tensors: {
      x: { dims: [length, width], data: Array.from({ length: length * width }, (_, i) => value(i)) },
    },
  });

  it('keeps their values, and names the example of one that overflows', async () => {
    const hook = 'h';
    const hooks = {
      blocks: [],
      width,
      noResidual: undefined,
      hooks: [{ state: 'available', name: hook, value: hook, axes: ['batch', 'position', 'width'], width }],
    } as const;
    const model = await openModel({ bytes: doubled(), name: 'doubled.onnx' }, { hooks });
    const inputs = Array.from({ length: 150 }, (_, i) => row(1 + (i % 3), (j) => (i - 75) / 7 + j));
    await captureToFolder(model, { data: dataOf(inputs), hooks: hook, positions: [-1], out });
    const read = readActivations(out);
    for (const [i, input] of inputs.entries()) {
      const given = (input as ModelInput & { kind: 'tensors' }).tensors.x!.data.slice(-width);
      expect([...read.row(hook, i)]).toEqual(given.map((value) => Math.fround(2 * Math.fround(value))));
    }
    const bad = [...inputs.slice(0, 100), row(2, () => 3e38)];
    const run = captureToFolder(model, { data: dataOf(bad), hooks: hook, positions: [-1], out: `${out}2` });
    await expect(run).rejects.toMatchObject({
      code: 'ACTIVATIONS_NON_FINITE',
      message: `hook ${hook} is Infinity for example 100 (example "row 100")`,
    });
    await model.close();
  });
});
