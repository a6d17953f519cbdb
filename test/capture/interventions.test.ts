/** @file test: edits change what they should, where they should, and nothing else, bit for bit. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InterventionSetup, openInterventions } from '../../src/capture/interventions.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { codeOf, EXPORTS, exportPath, GRID_MODEL, randomRows } from './small-models.ts';

const CHOICES = [101, 102, 103, 104];
const HOOK = 'blocks.0.resid_post';

function noise(rows: number, columns: number, seed: number): Matrix {
  const random = seededRandom(seed);
  return matrix(
    rows,
    columns,
    Float32Array.from({ length: rows * columns }, () => random.normal()),
  );
}

describe('interventions on a trained organism, in exact mode', () => {
  let model: Model;
  const inputs = randomRows({ count: 40, seed: 5 });
  const setup = (edits: InterventionSetup['edits']): InterventionSetup => ({
    mapping: {},
    edits,
    readout: -1,
    choices: CHOICES,
    optimization: 'basic',
  });
  const capture = (hooks: readonly string[], positions: readonly number[]) =>
    runForward(model, {
      inputs,
      mapping: {},
      hooks,
      positions,
      readout: -1,
      choices: CHOICES,
      optimization: 'basic',
    });
  beforeAll(async () => {
    model = await openModel(GRID_MODEL);
  });
  afterAll(() => model.close());

  it('replacing any value with itself, at any position, changes no bit of the output', async () => {
    const hooks = [
      'embed',
      'blocks.0.q',
      'blocks.0.attn_out',
      'blocks.0.mlp_post',
      HOOK,
      'blocks.1.resid_post',
      'final_norm',
    ];
    const plain = await capture(hooks, [0, -2, -1]);
    for (const hook of hooks) {
      const edits = await openInterventions(model, setup([{ hook, kind: 'replace' }]));
      for (const position of [0, -2, -1]) {
        const edited = await edits.run({ inputs, position, values: [plain.activations(hook, position)] });
        expect(edited, `${hook} at ${position}`).toEqual(plain.choiceLogits);
      }
      await edits.close();
    }
  });

  it('replacing the last residual stream at the read-out with that of another row gives that row its output', async () => {
    const plain = await capture(['blocks.1.resid_post'], [-1]);
    const order = Int32Array.from(seededRandom(1).permutation(inputs.length));
    const edits = await openInterventions(model, setup([{ hook: 'blocks.1.resid_post', kind: 'replace' }]));
    const values = [takeRows(plain.activations('blocks.1.resid_post', -1), order)];
    const edited = await edits.run({ inputs, position: -1, values });
    expect(edited).toEqual(takeRows(plain.choiceLogits!, order));
  });

  it('runs repeated and reordered base rows, and leaves rows that are not edited as they are', async () => {
    const plain = await capture([HOOK], [-1]);
    const inputRows = Int32Array.from({ length: 300 }, (_, i) => (i * 7) % inputs.length);
    const edited = inputRows.map((_, i) => i % 3);
    const edits = await openInterventions(model, setup([{ hook: HOOK, kind: 'add' }]));
    const values = [noise(300, 64, 2)];
    const result = await edits.run({
      inputs,
      inputRows,
      position: -1,
      values,
      edited: Array.from(edited, (mark) => mark === 0),
      maxBatchTokens: 50,
    });
    const unchanged = takeRows(plain.choiceLogits!, inputRows);
    const one = await edits.run({
      inputs,
      inputRows: inputRows.slice(3, 4),
      position: -1,
      values: [takeRows(values[0]!, [3])],
    });
    for (let i = 0; i < 300; i++) {
      const row = result.data.slice(i * 4, i * 4 + 4);
      if (i % 3 !== 0) expect(row).toEqual(unchanged.data.slice(i * 4, i * 4 + 4));
      else expect(row).not.toEqual(unchanged.data.slice(i * 4, i * 4 + 4));
    }
    expect(result.data.slice(12, 16)).toEqual(one.data);
  });

  it('projects out, and replaces within, exactly the subspace it is given', async () => {
    const plain = await capture([HOOK], [-1]);
    const h = plain.activations(HOOK, -1);
    // Two unit vectors along axes 3 and 10: the subspace in which components can be set by hand.
    const basis = matrix(64, 2);
    basis.data[3 * 2] = 1;
    basis.data[10 * 2 + 1] = 1;
    const source = noise(h.rows, 64, 9);
    const cut = matrix(h.rows, 64, h.data.slice());
    const swapped = matrix(h.rows, 64, h.data.slice());
    for (let i = 0; i < h.rows; i++) {
      for (const axis of [3, 10]) {
        cut.data[i * 64 + axis] = 0;
        swapped.data[i * 64 + axis] = source.data[i * 64 + axis]!;
      }
    }
    const replace = await openInterventions(model, setup([{ hook: HOOK, kind: 'replace' }]));
    const byHand = async (value: Matrix): Promise<Matrix> =>
      replace.run({ inputs, position: -1, values: [value] });
    const project = await openInterventions(model, setup([{ hook: HOOK, kind: 'project-out' }]));
    const projected = await project.run({
      inputs,
      position: -1,
      values: [matrix(h.rows, 0)],
      bases: [basis],
    });
    const within = await openInterventions(model, setup([{ hook: HOOK, kind: 'replace-in-subspace' }]));
    const moved = await within.run({ inputs, position: -1, values: [source], bases: [basis] });
    const [cutByHand, swappedByHand] = [await byHand(cut), await byHand(swapped)];
    for (let i = 0; i < projected.data.length; i++) {
      expect(projected.data[i]).toBeCloseTo(cutByHand.data[i]!, 4);
      expect(moved.data[i]).toBeCloseTo(swappedByHand.data[i]!, 4);
    }
  });

  it('applies several edits in one run', async () => {
    const hooks = ['blocks.0.resid_post', 'blocks.1.resid_post'];
    const plain = await capture(hooks, [-1]);
    const both = await openInterventions(model, setup(hooks.map((hook) => ({ hook, kind: 'replace' }))));
    const values = [noise(40, 64, 3), plain.activations(hooks[1]!, -1)];
    // Whatever the first edit does at the read-out, the second one puts the last stream back.
    expect(await both.run({ inputs, position: -1, values })).toEqual(plain.choiceLogits);
  });

  it('refuses shapes, bases and positions that do not fit, by code', async () => {
    const edits = await openInterventions(model, setup([{ hook: HOOK, kind: 'replace' }]));
    const run = (change: object): Promise<unknown> =>
      codeOf(edits.run({ inputs, position: -1, values: [noise(40, 64, 1)], ...change }));
    expect(await run({})).toBe('resolved');
    expect(await run({ values: [noise(40, 1, 1)] })).toBe('MATRIX_SHAPE');
    expect(await run({ values: [noise(39, 64, 1)] })).toBe('MATRIX_SHAPE');
    expect(await run({ values: [] })).toBe('MATRIX_SHAPE');
    expect(await run({ bases: [noise(64, 2, 1)] })).toBe('MATRIX_SHAPE');
    expect(await run({ inputRows: [40] })).toBe('MATRIX_SHAPE');
    expect(await run({ edited: [true] })).toBe('MATRIX_SHAPE');
    expect(await run({ position: 5 })).toBe('POSITION_RANGE');
    await edits.close();
    expect(await run({})).toBe('INTERNAL');
    const opened = (change: Partial<InterventionSetup>): Promise<unknown> =>
      codeOf(openInterventions(model, { ...setup([{ hook: HOOK, kind: 'replace' }]), ...change }));
    expect(await opened({ edits: [] })).toBe('BAD_SETTING');
    expect(await opened({ choices: [] })).toBe('BAD_SETTING');
    expect(await opened({ edits: [{ hook: 'nowhere', kind: 'add' }] })).toBe('HOOK_UNKNOWN');
    expect(await opened({ edits: [{ hook: 'blocks.0.q', kind: 'project-out' }] })).toBe('HOOK_UNAVAILABLE');
    const far = await openInterventions(model, {
      ...setup([{ hook: HOOK, kind: 'replace' }]),
      choices: [106],
    });
    expect(await codeOf(far.run({ inputs, position: -1, values: [noise(40, 64, 1)] }))).toBe('CHOICE_RANGE');
  });

  it('keeps working when more kinds of edits are open than the model keeps sessions for', async () => {
    const names = model.hooks.hooks.flatMap((hook) =>
      hook.state === 'available' && hook.axes[2] === 'width' ? [hook.name] : [],
    );
    expect(names.length).toBeGreaterThan(8);
    const open = await Promise.all(
      names.map((hook) => openInterventions(model, setup([{ hook, kind: 'replace' }]))),
    );
    const plain = await capture(names, [-1]);
    for (const [i, edits] of open.entries()) {
      const values = [plain.activations(names[i]!, -1)];
      expect(await edits.run({ inputs, position: -1, values })).toEqual(plain.choiceLogits);
    }
  });
});

describe.each(EXPORTS.filter((name) => name !== 'bert'))('an edit of %s', (name) => {
  it('changes the output in every block, and nothing when a value replaces itself', async () => {
    const model = await openModel(exportPath(name));
    const inputs = randomRows({ count: 6, seed: 8, vocabulary: 60 });
    const base = { inputs, mapping: {}, readout: -1, choices: [0, 1, 4], optimization: 'basic' } as const;
    for (const { index } of model.hooks.blocks) {
      const hook = `blocks.${index}.resid_post`;
      const plain = await runForward(model, { ...base, hooks: [hook], positions: [-1] });
      const edits = await openInterventions(model, { ...base, edits: [{ hook, kind: 'replace' }] });
      const value = plain.activations(hook, -1);
      expect(await edits.run({ inputs, position: -1, values: [value] })).toEqual(plain.choiceLogits);
      const zeroed = await edits.run({ inputs, position: -1, values: [matrix(value.rows, value.columns)] });
      expect(zeroed).not.toEqual(plain.choiceLogits);
    }
    await model.close();
  });
});
