/** @file pipeline test: the check that an attached model is held to tells a bit in the outputs and a hundred-thousandth in a score. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../src/model/open-model.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { largestScoreDifference, outputDifferences } from '../../src/pipeline/attach-check.ts';
import { attachProbes } from '../../src/pipeline/attach-probes.ts';
import { planMonitor } from '../../src/pipeline/attach-requests.ts';
import { loadProbe } from '../../src/pipeline/probe-files.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { workFolder } from '../e2e/run-cli.ts';
import { MODEL, probeFile } from '../fixtures/attach/write-monitor.ts';
import { residualSpec } from '../onnx/small-models.ts';
import { randomProbe } from './attached.ts';

const folder = workFolder('attach-check');
const at = (name: string): string => path.join(folder, name);

describe('the check', () => {
  const value = (...data: readonly number[]): TensorValue => ({
    type: 'float32',
    dims: [1, 1, data.length],
    data: Float32Array.from(data),
  });

  it('tells outputs apart by one bit, and by their shape', () => {
    const before = [new Map([['logits', value(1, 0)]])];
    const held = (other: TensorValue, limit = 0): number | undefined =>
      outputDifferences(before, [new Map([['logits', other]])], limit).get('logits');
    expect(held(value(1, 0))).toBe(0);
    for (const other of [value(1, -0), value(1), { ...value(1, 0), dims: [1, 2, 1] }])
      expect(() => held(other)).toThrow(/not what the model gave/);
  });

  it('of a model in 16 bits tells floats apart that are further than its steps, and whole numbers by one bit', () => {
    const before = [new Map([['logits', value(8, 0)]])];
    const held = (other: TensorValue): number | undefined =>
      outputDifferences(before, [new Map([['logits', other]])], 4e-3).get('logits');
    expect(held(value(8, 0.03125))).toBe(0.03125);
    for (const other of [value(8, 0.0625), value(8, Number.NaN), value(Number.POSITIVE_INFINITY, 0)])
      expect(() => held(other)).toThrow(/not what the model gave/);
    const whole = (id: number) => ({ type: 'int32', dims: [1], data: Int32Array.of(id) }) as const;
    expect(() =>
      outputDifferences([new Map([['ids', whole(8)]])], [new Map([['ids', whole(9)]])], 1),
    ).toThrow(/not what the model gave/);
  });

  it('tells a score from one that is a hundred-thousandth beside it', async () => {
    const model = await openModel(MODEL);
    const saved = await loadProbe(probeFile('goal'));
    const { request } = planMonitor(
      model,
      { name: 'goal', file: probeFile('goal'), saved },
      { positions: 'all', otherModel: false },
    );
    await model.close();
    const small = {
      ...request,
      width: 2,
      classes: 2,
      weights: Float32Array.of(0.5, 0.25, 0, 0),
      bias: Float64Array.of(0.125, Number.NEGATIVE_INFINITY),
    };
    const hidden = [new Map([[request.value, value(1, -1)]])];
    const scores = (...data: readonly number[]) => [new Map([['mesascope.goal', value(...data)]])];
    const none = Number.NEGATIVE_INFINITY;
    expect(largestScoreDifference(small, hidden, scores(0.375, none))).toBe(0);
    expect(largestScoreDifference(small, hidden, scores(0.375004, none))).toBeCloseTo(4e-6, 7);
    for (const wrong of [scores(0.37502, none), scores(0.375, 0), scores(Number.NaN, none), scores(0.375)])
      expect(() => largestScoreDifference(small, hidden, wrong)).toThrow(/mesascope\.goal/);
  });

  it('says what to give where no input can be made up', async () => {
    const spec = residualSpec();
    const nodes = [{ opType: 'Tanh', inputs: ['x'], outputs: ['r0'] }, ...spec.nodes.slice(1)];
    const model = at('shapeless.onnx');
    writeFileSync(model, buildModel({ ...spec, nodes, inputs: [{ name: 'x', type: 'float32' }] }));
    const probe = await randomProbe(folder, 'shapeless', { hook: 'embed', width: 16, model });
    const request = { model, probes: [{ name: 'goal', file: probe }], out: at('shaped.onnx') };
    await expect(attachProbes(request)).rejects.toMatchObject({
      code: 'INPUT_UNKNOWN',
      remedy: expect.stringContaining('--data'),
    });
    const data = Array.from({ length: 48 }, (_, i) => Math.sin(i));
    const inputs = [{ kind: 'tensors' as const, tensors: { x: { dims: [3, 16], data } } }];
    const { check } = await attachProbes({ ...request, inputs });
    expect(check).toMatchObject({ inputs: 1, sameOutputs: ['logits'] });
  });
});
