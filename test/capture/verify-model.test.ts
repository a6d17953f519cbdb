/** @file test: the self-checks pass on models that are read rightly, fail where something is wrong, and say what they cannot tell. */
import { describe, expect, it } from 'vitest';
import { runForward } from '../../src/capture/run-forward.ts';
import { greatest, least } from '../../src/capture/verify-context.ts';
import { verifyModel } from '../../src/capture/verify-model.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { buildModel } from '../../src/onnx/build.ts';
import type { HookNumber, HookPoint, SelfCheck } from '../../src/onnx/contract.ts';
import { organismFile } from '../models/organism.ts';
import { GraphWriter } from '../onnx/hooks-graphs.ts';
import { residualSpec } from '../onnx/small-models.ts';
import { codeOf, EXPORTS, exportPath, GRID_MODEL, randomRows } from './small-models.ts';

const IDS = [
  'residual-identity',
  'attention-rows',
  'batch-equals-alone',
  'edit-changes-output',
  'no-op-edit',
  'attention-mixes-positions',
  'mlp-keeps-positions',
  'edit-reaches-both',
  'run-equals-file',
];
/** What these measure must be large enough; of the others, small enough. */
const AT_LEAST = ['edit-changes-output', 'attention-mixes-positions', 'edit-reaches-both'];

async function checksOf(
  path: string,
  change: (model: Model) => Model = (model) => model,
): Promise<SelfCheck[]> {
  const model = await openModel(path);
  const checks = await verifyModel(change(model));
  await model.close();
  return checks;
}

/** The model with one hook's value taken for another's, as a wrong reading of the graph would have it. */
function misread(model: Model, hook: string, as: string): Model {
  const other = model.hooks.hooks.find(({ name }) => name === as) as HookPoint;
  return withHook(model, { ...other, name: hook });
}

function withHook(model: Model, hook: HookPoint): Model {
  const hooks = model.hooks.hooks.map((one) => (one.name === hook.name ? hook : one));
  return { ...model, hooks: { ...model.hooks, hooks } };
}

it('the least and the greatest of several numbers is the NaN among them', () => {
  const numbers = (...values: number[]): HookNumber[] => values.map((value, i) => ({ hook: `${i}`, value }));
  for (const values of [
    [Number.NaN, 1, 2],
    [1, Number.NaN, 2],
    [2, 1, Number.NaN],
  ]) {
    expect(least(numbers(...values)).value).toBeNaN();
    expect(greatest(numbers(...values)).value).toBeNaN();
  }
  expect([least(numbers(2, 1, 3)).hook, greatest(numbers(2, 1, 3)).hook]).toEqual(['1', '2']);
});

describe('the self-checks', () => {
  it.each(EXPORTS)('all pass on %s, each with its number and within its limit', async (name) => {
    const checks = await checksOf(exportPath(name));
    expect(checks.map(({ id }) => id)).toEqual(IDS);
    expect(checks.at(-1)).toMatchObject({ state: 'not-applicable', note: 'the file is run as it is' });
    for (const { id, state, value, limit, note } of checks.slice(0, -1)) {
      expect(state, `${id}: ${note}`).toBe('passed');
      expect(value).toBeTypeOf('number');
      if (AT_LEAST.includes(id)) expect(value).toBeGreaterThanOrEqual(limit!);
      else expect(value).toBeLessThanOrEqual(limit!);
      if (id === 'residual-identity' || id === 'batch-equals-alone') expect(value).toBeLessThan(1e-5);
    }
    expect(checks.find(({ id }) => id === 'no-op-edit')).toMatchObject({ value: 0, limit: 0 });
    // Nothing of another position reaches an MLP, not even a last bit.
    expect(checks.find(({ id }) => id === 'mlp-keeps-positions')?.value).toBe(0);
  });

  it('pass on the organism with inputs of the data, and depend on nothing but seed and inputs', async () => {
    const model = await openModel(GRID_MODEL);
    const inputs = randomRows({ count: 30, seed: 6 });
    const first = await verifyModel(model, { inputs, mapping: { tokens: 'input_ids' } });
    expect(first.slice(0, -1).every(({ state }) => state === 'passed')).toBe(true);
    expect(await verifyModel(model, { inputs })).toEqual(first);
    expect(await codeOf(verifyModel(model, { inputs: [{ kind: 'text', text: 'a' }] }))).toBe(
      'TOKENIZER_MISSING',
    );
    await model.close();
  });

  it('pass where a part has nothing to say of the row that is run, and say so', async () => {
    const checks = await checksOf(organismFile('compiled/gated', 'model.onnx'));
    expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
    expect(checks.find(({ id }) => id === 'edit-reaches-both')!.note).toMatch(
      /adds? the same whatever the stream is/,
    );
  });

  it('fail when a hook is not the value it is taken for', async () => {
    const state = (checks: readonly SelfCheck[], id: string): string =>
      checks.find((check) => check.id === id)!.state;
    const sum = await checksOf(GRID_MODEL, (model) => misread(model, 'blocks.1.mlp_out', 'blocks.0.mlp_out'));
    expect(state(sum, 'residual-identity')).toBe('failed');
    const rows = await checksOf(GRID_MODEL, (model) =>
      misread(model, 'blocks.1.pattern', 'blocks.1.attn_scores'),
    );
    expect(state(rows, 'attention-rows')).toBe('failed');
  });

  it('fail when attention is taken for an MLP, an MLP for attention, or what a norm gives for the stream', async () => {
    const failed = async (change: (model: Model) => Model): Promise<string[]> =>
      (await checksOf(GRID_MODEL, change)).filter(({ state }) => state === 'failed').map(({ id }) => id);
    expect(await failed((model) => misread(model, 'blocks.0.mlp_out', 'blocks.1.attn_out'))).toContain(
      'mlp-keeps-positions',
    );
    expect(await failed((model) => misread(model, 'blocks.1.attn_out', 'blocks.0.mlp_out'))).toContain(
      'attention-mixes-positions',
    );
    // The norm's value is what attention reads; the sum takes the stream from elsewhere.
    const behindNorm = (model: Model): Model => {
      const stream = model.hooks.hooks.find(({ name }) => name === 'blocks.1.resid_pre') as HookPoint;
      const norm = model.index.nodes.find(
        ({ opType, inputs }) => opType === 'LayerNormalization' && inputs[0] === stream.value,
      )!;
      return withHook(model, { ...stream, value: norm.outputs[0]! });
    };
    expect(await failed(behindNorm)).toEqual(['residual-identity', 'edit-reaches-both']);
  });

  it('run on a graph that fixes its batch, filled up where the rows do not', async () => {
    const g = new GraphWriter();
    const x = g.embed();
    const middle = g.op('Add', [x, g.attention(g.norm(x))]);
    const logits = g.logits(g.norm(g.op('Add', [middle, g.mlp(g.norm(middle))])));
    // Three of the eight rows have five positions.
    const bytes = g.model(logits, { shape: [4, 'position'] });
    const model = await openModel({ bytes, name: 'fixed' });
    const checks = await verifyModel(model);
    expect(checks.slice(0, -1).map(({ state }) => state)).toEqual(Array(8).fill('passed'));
    await model.close();
  });

  it('fail where an edit turns the outputs into NaN, at whichever hook', async () => {
    const tokens = [{ kind: 'tokens', tokens: [1, 2, 3, 4] }] as const;
    const spec = residualSpec();
    const columns = Array.from({ length: 11 }, (_, i) => i);
    const plain = await openModel({ bytes: buildModel(spec), name: 'plain' });
    const request = { inputs: tokens, mapping: {}, hooks: [], positions: [], choices: columns };
    const logits = await Promise.all(
      [0, 1, 2, 3].map((readout) =>
        runForward(plain, { ...request, readout }).then((run) => run.choiceLogits!.data),
      ),
    );
    const bound = Math.max(...logits.flatMap((row) => Array.from(row, Math.abs)));
    await plain.close();
    // sqrt(bound - |x|): a number for what the model says, none for much more.
    const bytes = buildModel({
      ...spec,
      initializers: [
        ...spec.initializers!,
        { name: 'bound', dims: [], type: 'float32', data: Float32Array.of(1.01 * bound) },
      ],
      nodes: [
        ...spec.nodes.slice(0, -1),
        { ...spec.nodes.at(-1)!, outputs: ['raw'] },
        { opType: 'Abs', inputs: ['raw'], outputs: ['size'] },
        { opType: 'Sub', inputs: ['bound', 'size'], outputs: ['left'] },
        { opType: 'Sqrt', inputs: ['left'], outputs: ['logits'] },
      ],
    });
    const model = await openModel({ bytes, name: 'overflowing' });
    const checks = await verifyModel(model, { inputs: tokens });
    expect(checks.find(({ id }) => id === 'edit-changes-output')).toMatchObject({
      state: 'failed',
      value: undefined,
      note: expect.stringContaining('NaN came out'),
    });
    await model.close();
  });

  it.each(['no-residual-lstm', 'no-residual-mlp'])(
    'say what %s does not allow, and check the rest',
    async (name) => {
      const checks = await checksOf(exportPath(name));
      expect(checks.map(({ id }) => id)).toEqual(IDS);
      const [sum, attention, alone, edit, noOp] = checks;
      for (const check of [sum, attention, edit, noOp]) {
        expect(check).toMatchObject({ state: 'not-applicable', value: undefined });
        expect(check!.note).toMatch(/\w+ \w+ \w+/);
      }
      expect(alone!.state).toBe('passed');
    },
  );
});
