/** @file onnx test: weight-shuffled twins keep every number and every other byte, and know weights by their readers. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { buildModel, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';
import type { ModelIndex, TensorView } from '../../src/onnx/contract.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import { redrawTensor } from '../../src/onnx/redraw-tensor.ts';
import { shuffledTwin } from '../../src/onnx/twin.ts';
import { weightRoles } from '../../src/onnx/weight-roles.ts';
import { run } from './ort-run.ts';
import { decodeModel, encodeModel, type PlainTensor } from './schema.ts';
import { IDS, residualModel, residualSpec } from './small-models.ts';

const fixture = (name: string): ModelIndex =>
  indexModel(readFileSync(new URL(`../fixtures/onnx/${name}.onnx`, import.meta.url)));

const numbers = (index: ModelIndex, tensor: TensorView): number[] =>
  Array.from(readTensor(index, tensor).data as Iterable<number | bigint>, Number);
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** Names of initializers whose values differ between a model and its twin. */
function changed(index: ModelIndex, twin: ModelIndex): string[] {
  return [...index.initializers.values()]
    .filter((tensor) => {
      const before = numbers(index, tensor);
      return numbers(twin, twin.initializers.get(tensor.name)!).some((x, i) => !Object.is(x, before[i]));
    })
    .map(({ name }) => name);
}

describe.each([
  'bert',
  'decoder-by-hand',
  'encoder-post-norm',
  'gpt-neox',
  'gpt2-current-exporter',
  'gpt2-older-exporter',
  'llama',
  'no-residual-lstm',
])('the twin of %s', (name) => {
  const index = fixture(name);
  const bytes = shuffledTwin(index, { seed: 7 });
  const twin = indexModel(bytes);

  it('has the same values in every tensor, in another order where they are permuted', () => {
    const roles = weightRoles(index);
    const moved = changed(index, twin);
    expect(moved.length).toBeGreaterThan(3);
    for (const tensor of index.initializers.values()) {
      expect(sorted(numbers(twin, twin.initializers.get(tensor.name)!))).toEqual(
        sorted(numbers(index, tensor)),
      );
    }
    for (const tensorName of moved) expect(['matrix', 'bias']).toContain(roles.get(tensorName));
  });

  it('has the same bytes everywhere else', () => {
    expect(bytes.length).toBe(index.bytes.length);
    const weights = new Set(changed(index, twin));
    const inWeights = new Uint8Array(bytes.length);
    for (const tensor of index.initializers.values()) {
      if (!weights.has(tensor.name) || tensor.data.kind !== 'raw') continue;
      inWeights.fill(1, tensor.data.range.start, tensor.data.range.end);
    }
    const outside = (all: Uint8Array): Uint8Array => all.filter((_, i) => inWeights[i] === 0);
    expect(Buffer.compare(outside(bytes), outside(index.bytes))).toBe(0);
  });
});

describe('what a twin keeps', () => {
  it('is embeddings and norms by default, and neither when asked', () => {
    const index = indexModel(residualModel());
    const kept = (keep?: { norms?: boolean; embeddings?: boolean }): string[] => {
      const twin = indexModel(shuffledTwin(index, { seed: 1, ...(keep === undefined ? {} : { keep }) }));
      const moved = changed(index, twin);
      return [...index.initializers.keys()].filter((name) => !moved.includes(name));
    };
    expect(kept()).toEqual(['embedding', 'gain0', 'shift0', 'gain1', 'shift1']);
    expect(kept({ norms: false })).toEqual(['embedding']);
    expect(kept({ norms: false, embeddings: false })).toEqual([]);
  });

  it('includes an unembedding that the exporter wrote as a transposed copy of the embedding', () => {
    const index = fixture('gpt2-current-exporter');
    const unembedding = index.nodes.find(({ outputs }) => outputs[0] === index.outputs[0]!.name)!.inputs[1]!;
    expect(index.initializers.get(unembedding)!.dims).toEqual([32, 60]);
    expect(changed(index, indexModel(shuffledTwin(index, { seed: 1 })))).not.toContain(unembedding);
  });

  it('includes a table that is gathered and multiplied', () => {
    const spec = residualSpec();
    const nodes: NodeSpec[] = [
      ...spec.nodes.filter(({ outputs }) => outputs[0] !== 'logits'),
      {
        opType: 'Transpose',
        inputs: ['embedding'],
        outputs: ['turned'],
        attributes: { perm: { ints: [1, 0] } },
      },
      { opType: 'MatMul', inputs: ['r2', 'turned'], outputs: ['logits'] },
    ];
    const index = indexModel(buildModel({ ...spec, nodes }));
    expect(weightRoles(index).get('embedding')).toBe('embedding');
  });

  it('includes the gain and bias of a norm spelled out in elementary operators, but not the bias after it', () => {
    const vector = (name: string): NonNullable<ModelSpec['initializers']>[number] => ({
      name,
      dims: [4],
      type: 'float32',
      data: Float32Array.of(1, 2, 3, 4),
    });
    const scalar = (name: string, x: number): NonNullable<ModelSpec['initializers']>[number] => ({
      name,
      dims: [],
      type: 'float32',
      data: Float32Array.of(x),
    });
    const axes = { axes: { ints: [-1] } };
    const index = indexModel(
      buildModel({
        inputs: [{ name: 'x', type: 'float32', shape: ['b', 4] }],
        outputs: [{ name: 'y' }],
        nodes: [
          { opType: 'ReduceMean', inputs: ['x'], outputs: ['mean'], attributes: axes },
          { opType: 'Sub', inputs: ['x', 'mean'], outputs: ['centred'] },
          { opType: 'Pow', inputs: ['centred', 'two'], outputs: ['square'] },
          { opType: 'ReduceMean', inputs: ['square'], outputs: ['variance'], attributes: axes },
          { opType: 'Add', inputs: ['variance', 'epsilon'], outputs: ['safe'] },
          { opType: 'Sqrt', inputs: ['safe'], outputs: ['deviation'] },
          { opType: 'Div', inputs: ['centred', 'deviation'], outputs: ['normal'] },
          { opType: 'Mul', inputs: ['normal', 'gain'], outputs: ['scaled'] },
          { opType: 'Add', inputs: ['scaled', 'shift'], outputs: ['shifted'] },
          { opType: 'MatMul', inputs: ['shifted', 'weight'], outputs: ['product'] },
          { opType: 'Add', inputs: ['product', 'bias'], outputs: ['y'] },
        ],
        initializers: [
          vector('gain'),
          vector('shift'),
          vector('bias'),
          scalar('two', 2),
          scalar('epsilon', 1e-5),
          { name: 'weight', dims: [4, 2], type: 'float32', data: new Float32Array(8) },
        ],
        opset: 13,
      }),
    );
    expect(Object.fromEntries(weightRoles(index))).toEqual({
      gain: 'norm',
      shift: 'norm',
      bias: 'bias',
      weight: 'matrix',
      two: 'other',
      epsilon: 'other',
    });
  });
});

describe('a twin', () => {
  it('is the same for the same seed, another for another, and answers differently from the model', async () => {
    const index = indexModel(residualModel());
    const twin = shuffledTwin(index, { seed: 1 });
    expect(Buffer.compare(twin, shuffledTwin(index, { seed: 1 }))).toBe(0);
    expect(Buffer.compare(twin, shuffledTwin(index, { seed: 2 }))).not.toBe(0);
    const [before, after] = [await run(index.bytes, { ids: IDS }), await run(twin, { ids: IDS })];
    expect(after.logits!.dims).toEqual(before.logits!.dims);
    expect(after.logits).not.toEqual(before.logits);
  });

  it('of a model with weights in another file holds them itself', async () => {
    const index = indexModel(residualModel());
    const shifted = decodeModel(index.bytes);
    const chunks: Uint8Array[] = [];
    let offset = 0;
    for (const tensor of shifted.graph.initializer as (PlainTensor & { external_data?: object[] })[]) {
      const raw = tensor.raw_data!;
      tensor.data_location = 1;
      tensor.external_data = [
        { key: 'location', value: 'weights.bin' },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(raw.length) },
      ];
      delete tensor.raw_data;
      chunks.push(raw);
      offset += raw.length;
    }
    const file = Buffer.concat(chunks);
    const external = indexModel(encodeModel(shifted));
    const twin = shuffledTwin(external, {
      seed: 1,
      external: (part) =>
        part.location === 'weights.bin' ? file.subarray(part.offset, part.offset + part.length) : undefined,
    });
    const inline = await run(shuffledTwin(index, { seed: 1 }), { ids: IDS });
    expect((await run(twin, { ids: IDS })).logits).toEqual(inline.logits);
    expect(() => shuffledTwin(external, { seed: 1 })).toThrow(
      expect.objectContaining({ code: 'EXTERNAL_DATA_MISSING' }),
    );
    const short = (part: { length: number }): Uint8Array => new Uint8Array(part.length - 1);
    expect(() => shuffledTwin(external, { seed: 1, external: short })).toThrow(
      expect.objectContaining({ code: 'EXTERNAL_DATA_MISSING' }),
    );
  });

  it.each([
    ['float_data', 1, { float_data: [1, 2, 3, 4, 5, 6, 7, 8] }],
    ['double_data', 11, { double_data: [1, 2, 3, 4, 5, 6, 7, 8] }],
    ['float16 as int32_data', 10, { int32_data: [1, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 3] }],
    ['bfloat16 as raw_data', 16, { raw_data: Uint8Array.from({ length: 16 }, (_, i) => i) }],
  ])('permutes values stored as %s', (_, dataType, values) => {
    const index = indexModel(
      encodeModel({
        ir_version: 8,
        opset_import: [{ domain: '', version: 17 }],
        graph: {
          node: [{ op_type: 'MatMul', input: ['x', 'w'], output: ['y'] }],
          initializer: [{ name: 'w', dims: [2, 4], data_type: dataType, ...values }],
          input: [{ name: 'x' }],
          output: [{ name: 'y' }],
        },
      }),
    );
    const twin = indexModel(shuffledTwin(index, { seed: 5 }));
    const [before, after] = [index, twin].map((m) => numbers(m, m.initializers.get('w')!)) as [
      number[],
      number[],
    ];
    expect(sorted(after)).toEqual(sorted(before));
    expect(after).not.toEqual(before);
  });

  it('is refused where there is nothing to permute, rather than being the model itself', () => {
    const index = indexModel(
      buildModel({
        inputs: [{ name: 'x', type: 'float32', shape: [2] }],
        outputs: [{ name: 'y' }],
        nodes: [{ opType: 'Tanh', inputs: ['x'], outputs: ['y'] }],
      }),
    );
    expect(() => shuffledTwin(index, { seed: 1 })).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }),
    );
  });
});

describe('the re-initialised twin', () => {
  const index = fixture('gpt2-current-exporter');
  const twin = indexModel(shuffledTwin(index, { seed: 7, kind: 're-initialised' }));

  it('redraws the tensors that shuffling would permute, with their own mean and deviation', () => {
    const names = changed(index, twin);
    expect(names).toEqual(changed(index, indexModel(shuffledTwin(index, { seed: 7 }))));
    for (const name of names) {
      const before = numbers(index, index.initializers.get(name)!);
      const after = numbers(twin, twin.initializers.get(name)!);
      const moments = (values: readonly number[]): { mean: number; deviation: number } => {
        const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
        return {
          mean,
          deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length),
        };
      };
      const [own, drawn] = [moments(before), moments(after)];
      // Five standard errors of a mean and of a deviation of that many normal numbers.
      const error = (5 * own.deviation) / Math.sqrt(before.length);
      expect(Math.abs(drawn.mean - own.mean)).toBeLessThanOrEqual(error + 1e-12);
      expect(Math.abs(drawn.deviation - own.deviation)).toBeLessThanOrEqual(error + 1e-12);
    }
  });

  it('is the same for the same seed, and refused where values are not raw float32', () => {
    const again = indexModel(shuffledTwin(index, { seed: 7, kind: 're-initialised' }));
    expect(changed(twin, again)).toEqual([]);
    const tensor = [...index.initializers.values()].find(({ data }) => data.kind === 'raw')!;
    expect(() =>
      redrawTensor(new Uint8Array(index.bytes), { ...tensor, dataType: 10 }, seededRandom(1)),
    ).toThrow(expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }));
  });
});
