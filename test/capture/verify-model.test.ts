/** @file test: the self-checks pass on models that are read rightly, fail where something is wrong, and say what they cannot tell. */
import { describe, expect, it } from 'vitest';
import { verifyModel } from '../../src/capture/verify-model.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import type { HookPoint, SelfCheck } from '../../src/onnx/contract.ts';
import { codeOf, EXPORTS, exportPath, GRID_MODEL, randomRows } from './small-models.ts';

const IDS = [
  'residual-identity',
  'attention-rows',
  'mlp-stays-in-place',
  'padded-equals-alone',
  'edit-changes-output',
  'no-op-edit',
  'run-equals-file',
];

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
  const hooks = model.hooks.hooks.map((one) => (one.name === hook ? { ...other, name: hook } : one));
  return { ...model, hooks: { ...model.hooks, hooks } };
}

describe('the self-checks', () => {
  it.each(EXPORTS)('all pass on %s, each with its number and within its limit', async (name) => {
    const checks = await checksOf(exportPath(name));
    expect(checks.map(({ id }) => id)).toEqual(IDS);
    expect(checks.at(-1)).toMatchObject({ state: 'not-applicable', note: 'the file is run as it is' });
    for (const { id, state, value, limit, note } of checks.slice(0, -1)) {
      expect(state, `${id}: ${note}`).toBe('passed');
      expect(value).toBeTypeOf('number');
      if (id !== 'edit-changes-output') expect(value).toBeLessThanOrEqual(limit!);
      if (id === 'residual-identity' || id === 'padded-equals-alone') expect(value).toBeLessThan(1e-5);
    }
    expect(checks.find(({ id }) => id === 'no-op-edit')).toMatchObject({ value: 0, limit: 0 });
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

  it('fail when a hook is not the value it is taken for', async () => {
    const state = (checks: readonly SelfCheck[], id: string): string =>
      checks.find((check) => check.id === id)!.state;
    const sum = await checksOf(GRID_MODEL, (model) => misread(model, 'blocks.1.mlp_out', 'blocks.0.mlp_out'));
    expect(state(sum, 'residual-identity')).toBe('failed');
    const rows = await checksOf(GRID_MODEL, (model) =>
      misread(model, 'blocks.1.pattern', 'blocks.1.attn_scores'),
    );
    expect(state(rows, 'attention-rows')).toBe('failed');
    // Attention taken for an MLP: it reads the stream in front of it, and brings other positions along.
    const parts = await checksOf(GRID_MODEL, (model) =>
      misread(
        misread(model, 'blocks.1.resid_mid', 'blocks.1.resid_pre'),
        'blocks.1.mlp_out',
        'blocks.1.attn_out',
      ),
    );
    const moved = parts.find(({ id }) => id === 'mlp-stays-in-place')!;
    expect(moved).toMatchObject({ state: 'failed', note: expect.stringContaining('blocks.1.mlp_out') });
    expect(moved.perHook!.find(({ hook }) => hook === 'blocks.0.mlp_out')!.value).toBeLessThan(1e-5);
  });

  it.each(['no-residual-lstm', 'no-residual-mlp'])(
    'say what %s does not allow, and check the rest',
    async (name) => {
      const checks = await checksOf(exportPath(name));
      expect(checks.map(({ id }) => id)).toEqual(IDS);
      const [sum, attention, parts, alone, edit, noOp] = checks;
      for (const check of [sum, attention, parts, edit, noOp]) {
        expect(check).toMatchObject({ state: 'not-applicable', value: undefined });
        expect(check!.note).toMatch(/\w+ \w+ \w+/);
      }
      expect(alone!.state).toBe('passed');
    },
  );
});
