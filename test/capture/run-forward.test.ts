/** @file test: captured values are those of PyTorch, the same in any batch, in order, and refused when they cannot be had. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ForwardRequest, runForward } from '../../src/capture/run-forward.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { openCache } from '../../src/store/cache.ts';
import { temporaryFolder } from '../store/data-file.ts';
import {
  codeOf,
  EXPORTS,
  exportPath,
  GRID_HOOKS,
  GRID_MODEL,
  randomRows,
  recordedRows,
} from './small-models.ts';

const BASE = { mapping: {}, readout: -1, choices: [] } as const;

describe.each(EXPORTS)('captured values of %s', (name) => {
  it('equal what PyTorch hooks recorded, at every position, within 1e-5', async () => {
    const model = await openModel(exportPath(name));
    const rows = recordedRows(name);
    const compared = new Set<string>();
    let worst = 0;
    for (const { input, values } of rows) {
      const length = values.get('embed')!.shape[1]!;
      const hooks = [...values.keys()].filter((hook) => {
        const found = model.hooks.hooks.find((one) => one.name === hook);
        return found?.state === 'available' && found.axes[1] === 'position';
      });
      const positions = Array.from({ length }, (_, i) => i);
      const result = await runForward(model, { ...BASE, inputs: [input], hooks, positions });
      for (const hook of hooks) {
        compared.add(hook);
        const { data, shape } = values.get(hook)!;
        const width = shape.slice(2).reduce((a, b) => a * b, 1);
        for (const position of positions) {
          const seen = result.activations(hook, position);
          expect([seen.rows, seen.columns]).toEqual([1, width]);
          for (let i = 0; i < width; i++) {
            worst = Math.max(worst, Math.abs(seen.data[i]! - Number(data[position * width + i]!)));
          }
        }
      }
    }
    await model.close();
    expect(compared.size).toBeGreaterThanOrEqual(15);
    expect(worst).toBeLessThan(1e-5);
  });
});

describe('a capture', () => {
  let model: Model;
  const inputs = randomRows({ count: 57, seed: 1 });
  const request: ForwardRequest = {
    ...BASE,
    inputs,
    hooks: GRID_HOOKS,
    positions: [-1, 0, -3],
    choices: [101, 3, 104],
    optimization: 'basic',
  };
  beforeAll(async () => {
    model = await openModel(GRID_MODEL);
  });
  afterAll(() => model.close());

  it('gives each row of a mixed list bit for bit what the row gives alone', async () => {
    const together = await runForward(model, request);
    expect(together.rows).toBe(57);
    for (const [row, input] of inputs.entries()) {
      const alone = await runForward(model, { ...request, inputs: [input] });
      for (const hook of GRID_HOOKS) {
        for (const position of request.positions) {
          const { data, columns } = together.activations(hook, position);
          expect(data.slice(row * columns, (row + 1) * columns)).toEqual(
            alone.activations(hook, position).data,
          );
        }
      }
      expect(together.choiceLogits!.data.slice(row * 3, row * 3 + 3)).toEqual(alone.choiceLogits!.data);
    }
  });

  it('does not depend on the size of the batches, and takes the read-out where it is told to', async () => {
    const whole = await runForward(model, request);
    const pieces = await runForward(model, { ...request, maxBatchTokens: 10 });
    for (const hook of GRID_HOOKS) expect(pieces.activations(hook, -3)).toEqual(whole.activations(hook, -3));
    expect(pieces.choiceLogits).toEqual(whole.choiceLogits);
    // The logits hook is the same value as the first output, at whatever position.
    const logits = await runForward(model, { ...request, hooks: ['logits'], readout: 1, positions: [1] });
    const all = logits.activations('logits', 1);
    for (let row = 0; row < all.rows; row++) {
      for (const [i, choice] of request.choices.entries()) {
        expect(logits.choiceLogits!.data[row * 3 + i]).toBe(all.data[row * all.columns + choice]);
      }
    }
  });

  it('with no hooks gives the choices alone, with no choices the hooks alone', async () => {
    const whole = await runForward(model, request);
    const choices = await runForward(model, { ...request, hooks: [], positions: [] });
    expect(choices.choiceLogits).toEqual(whole.choiceLogits);
    const hooks = await runForward(model, { ...request, choices: [] });
    expect(hooks.choiceLogits).toBeUndefined();
    expect(hooks.activations('embed', 0)).toEqual(whole.activations('embed', 0));
    expect(() => hooks.activations('embed', 2)).toThrow(/not part of this capture/);
  });

  it('in exact mode gives the bits of the model that is not instrumented', async () => {
    const tokens = (inputs[0] as ModelInput & { kind: 'tokens' }).tokens;
    const feeds = {
      input_ids: { type: 'int64', dims: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) },
    } as const;
    const plain = await model.sessions.use('plain', { steps: [], optimization: 'basic' }, ({ session }) =>
      session.run(feeds),
    );
    const { data, dims } = plain.logits!;
    const last = Array.from(data.slice(data.length - dims[2]!), Number);
    const seen = await runForward(model, { ...request, inputs: inputs.slice(0, 1) });
    expect([...seen.choiceLogits!.data]).toEqual(request.choices.map((choice) => last[choice]));
  });

  it('says what it is doing between batches, and stops there when asked to', async () => {
    const events: ProgressEvent[] = [];
    const stop = new AbortController();
    const run = runForward(
      model,
      { ...request, maxBatchTokens: 30 },
      {
        signal: stop.signal,
        onProgress: (event) => {
          events.push(event);
          if (event.kind === 'stage-progress' && event.done > 10) stop.abort();
        },
      },
    );
    expect(await codeOf(run)).toBe('ABORTED');
    expect(events[0]).toEqual({ kind: 'stage-start', stage: 'capture', unit: 'rows', total: 57 });
    expect(events.at(-1)).toMatchObject({ kind: 'stage-progress', total: 57 });
    expect((events.at(-1) as { done: number }).done).toBeLessThan(57);
  });

  it('lets timers and signals through between batches', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 0);
    await runForward(model, { ...request, inputs: randomRows({ count: 400, seed: 2 }), maxBatchTokens: 12 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });

  it('comes from the cache the second time, in the same order, and only when everything is the same', async () => {
    const cache = openCache(await temporaryFolder());
    const first = await runForward(model, { ...request, cache, maxBatchTokens: 30 });
    const second = await runForward(model, { ...request, cache, maxBatchTokens: 4096 });
    expect([first.fromCache, second.fromCache]).toEqual([false, true]);
    const plain = await runForward(model, request);
    for (const result of [first, second]) {
      for (const hook of GRID_HOOKS)
        expect(result.activations(hook, -1)).toEqual(plain.activations(hook, -1));
      expect(result.choiceLogits).toEqual(plain.choiceLogits);
    }
    const others: Partial<ForwardRequest>[] = [
      { inputs: inputs.slice(1) },
      { positions: [-1] },
      { hooks: ['embed'] },
      { readout: 0 },
      { choices: [101] },
      { optimization: 'all' },
    ];
    for (const other of others) {
      expect((await runForward(model, { ...request, ...other, cache })).fromCache).toBe(false);
    }
  });

  it('that was stopped goes on with the next batch', async () => {
    const cache = openCache(await temporaryFolder());
    const stop = new AbortController();
    const dones: number[] = [];
    const control = (signal?: AbortSignal) => ({
      signal,
      onProgress: (event: ProgressEvent) => {
        if (event.kind !== 'stage-progress') return;
        dones.push(event.done);
        if (event.done > 20) stop.abort();
      },
    });
    const small = { ...request, cache, maxBatchTokens: 30 };
    expect(await codeOf(runForward(model, small, control(stop.signal)))).toBe('ABORTED');
    const before = dones.length;
    const resumed = await runForward(model, small, control());
    expect(dones).toEqual([...dones].sort((a, b) => a - b));
    expect(dones.length).toBeGreaterThan(before);
    expect(dones.at(-1)).toBe(57);
    expect(resumed.activations('embed', 0)).toEqual(
      (await runForward(model, request)).activations('embed', 0),
    );
  });

  it('refuses what cannot be had, by code and by name', async () => {
    const refused = (change: Partial<ForwardRequest>): Promise<unknown> =>
      codeOf(runForward(model, { ...request, ...change }));
    expect(await refused({ hooks: ['blocks.0.resid_pst'] })).toBe('HOOK_UNKNOWN');
    expect(await refused({ hooks: ['blocks.0.pattern'] })).toBe('HOOK_UNAVAILABLE');
    expect(await refused({ positions: [-4] })).toBe('POSITION_RANGE');
    expect(await refused({ positions: [0.5] })).toBe('POSITION_RANGE');
    expect(await refused({ readout: 3 })).toBe('POSITION_RANGE');
    expect(await refused({ choices: [106] })).toBe('CHOICE_RANGE');
    expect(await refused({ choices: [-1] })).toBe('CHOICE_RANGE');
    await expect(runForward(model, { ...request, positions: [5] })).rejects.toThrow(
      /position 5 does not exist in example \d+/,
    );
  });

  it('of no rows is empty', async () => {
    const none = await runForward(model, { ...request, inputs: [] });
    expect(none.rows).toBe(0);
    expect(none.choiceLogits).toMatchObject({ rows: 0, columns: 3 });
  });
});

describe('a model that overflows', () => {
  it('is refused with the hook and the example, and nothing of it is kept', async () => {
    // x -> x + x * 3e38: one row is small enough to stay finite, the other is not.
    const bytes = buildModel({
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', 1, 2] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['batch', 1, 2] }],
      initializers: [{ name: 'huge', dims: [], type: 'float32', data: Float32Array.of(3e38) }],
      nodes: [
        { opType: 'Mul', inputs: ['x', 'huge'], outputs: ['h'] },
        { opType: 'Add', inputs: ['h', 'x'], outputs: ['y'] },
      ],
    });
    const hooks = {
      blocks: [],
      width: 2,
      noResidual: undefined,
      hooks: [{ state: 'available', name: 'h', value: 'h', axes: ['batch', 'position', 'width'], width: 2 }],
    } as const;
    const model = await openModel({ bytes, name: 'overflow' }, { hooks });
    const inputs: ModelInput[] = [0.5, 0.25, 40].map((x) => ({
      kind: 'tensors',
      tensors: { x: { dims: [1, 2], data: [x, 0] } },
    }));
    const run = runForward(model, { ...BASE, inputs, hooks: ['h'], positions: [0] });
    await expect(run).rejects.toMatchObject({
      code: 'ACTIVATIONS_NON_FINITE',
      message: 'hook h is Infinity for example 2',
      facts: { row: 2 },
    });
    const good = await runForward(model, {
      ...BASE,
      inputs: inputs.slice(0, 2),
      hooks: ['h'],
      positions: [0],
    });
    expect(good.activations('h', 0).data[0]).toBeCloseTo(1.5e38, -33);
    await model.close();
  });
});
