/** @file onnx test: what an index says of a file, held against protobufjs; limits; stored values in every form. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../src/onnx/build.ts';
import { checkExternalLocation } from '../../src/onnx/external-location.ts';
import { GRAPH, MODEL } from '../../src/onnx/fields.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import { valueTypes } from '../../src/onnx/value-types.ts';
import { MessageWriter } from '../../src/onnx/wire-write.ts';
import { decodeModel, encodeModel } from './schema.ts';
import { capturingModel, residualModel } from './small-models.ts';

const FIXTURES = new URL('../fixtures/onnx/', import.meta.url);
const exported = readdirSync(FIXTURES).filter((name) => name.endsWith('.onnx'));

const coded = (code: string): unknown => expect.objectContaining({ code });

/** A file with one initializer `w` in the given form. */
function withTensor(tensor: object): Uint8Array {
  return encodeModel({
    ir_version: 8,
    opset_import: [{ domain: '', version: 17 }],
    graph: {
      node: [{ op_type: 'Identity', input: ['w'], output: ['y'] }],
      initializer: [{ name: 'w', ...tensor }],
      output: [{ name: 'y' }],
    },
  });
}
const read = (tensor: object): unknown => {
  const index = indexModel(withTensor(tensor));
  return readTensor(index, index.initializers.get('w')!).data;
};

describe('the index of an exported model', () => {
  it.each(exported)('%s has the nodes, names, weights and metadata that protobufjs reads', (name) => {
    const bytes = new Uint8Array(readFileSync(new URL(name, FIXTURES)));
    const index = indexModel(bytes);
    const { graph } = decodeModel(bytes);
    const plain = graph.node.map(({ op_type, input, output }) => ({
      opType: op_type,
      inputs: input ?? [],
      outputs: output ?? [],
    }));
    expect(index.nodes.map(({ opType, inputs, outputs }) => ({ opType, inputs, outputs }))).toEqual(plain);
    for (const tensor of graph.initializer) {
      const own = index.initializers.get(tensor.name!)!;
      expect(own.dims.map(String)).toEqual(tensor.dims ?? []);
      expect(own.dataType).toBe(tensor.data_type);
      if (own.data.kind !== 'raw') continue;
      const { start, end } = own.data.range;
      expect(Buffer.compare(bytes.subarray(start, end), tensor.raw_data!)).toBe(0);
    }
    expect(index.outputs.map((value) => value.name)).toEqual(graph.output.map((value) => value.name));
    const scopes = graph.node.map((node) => {
      const entries = (node as { metadata_props?: { key: string; value: string }[] }).metadata_props ?? [];
      return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
    });
    expect(index.nodes.map((node) => ({ ...node.metadata }))).toEqual(scopes);
  });
});

describe('the index', () => {
  it('of a graph in two pieces is that of the merged graph', () => {
    const bytes = residualModel();
    const whole = indexModel(bytes);
    const half = whole.nodes[4]!.range.end;
    const front = new MessageWriter().copy(bytes, { start: whole.graphRange.start, end: half });
    const back = new MessageWriter().copy(bytes, { start: half, end: whole.graphRange.end });
    const file = new MessageWriter()
      .message(MODEL.graph, front)
      .varint(MODEL.irVersion, 8)
      .message(MODEL.graph, back);
    const merged = indexModel(file.finish());
    expect(merged.graphPieces).toHaveLength(2);
    const names = (index: typeof whole): unknown => [
      index.nodes.map(({ outputs, index: at }) => [at, ...outputs]),
      [...index.initializers.keys()],
      index.inputs,
      index.outputs,
    ];
    expect(names(merged)).toEqual(names(whole));
  });

  it('counts what branches read from outside as captures, and their own names as nested', () => {
    const index = indexModel(capturingModel());
    const branching = index.nodes.find(({ opType }) => opType === 'If')!;
    expect(branching.captures).toEqual(['r', 'captured']);
    expect([...index.nestedNames].sort()).toEqual(['Add_out', 'Mul_out']);
    expect(branching.attributes.then_branch!.hasGraph).toBe(true);
    expect(index.nodes[0]!.captures).toBeUndefined();
  });

  it('reads attributes whose zero values a writer of proto3 habits left out', () => {
    const index = indexModel(
      encodeModel({
        graph: {
          node: [
            {
              op_type: 'X',
              attribute: [
                { name: 'axis', type: 2 },
                { name: 'alpha', type: 1 },
                { name: 'axes', type: 7 },
                { name: '__proto__', type: 2, i: 3 },
              ],
            },
          ],
        },
      }),
    );
    const { attributes } = index.nodes[0]!;
    expect(attributes.axis).toMatchObject({ int: 0 });
    expect(attributes.alpha).toMatchObject({ float: 0 });
    expect(attributes.axes).toMatchObject({ ints: [] });
    expect(Object.keys(attributes)).toContain('__proto__');
    expect(attributes.constructor).toBeUndefined();
  });

  it('knows value types where nothing is declared', () => {
    const node = (opType: string, input: string, output: string, attributes = {}) => ({
      opType,
      inputs: [input],
      outputs: [output],
      attributes,
    });
    const index = indexModel(
      buildModel({
        inputs: [{ name: 'x', type: 'float16', shape: [1] }],
        outputs: [{ name: 'y' }],
        nodes: [
          node('Tanh', 'x', 'half'),
          node('Cast', 'half', 'wide', { to: { int: 1 } }),
          node('Shape', 'wide', 'shape'),
          node('Not', 'flag', 'y'),
        ],
      }),
    );
    expect([...valueTypes(index)]).toEqual([
      ['x', 10],
      ['half', 10],
      ['wide', 1],
      ['shape', 7],
      ['y', 9],
    ]);
  });

  it.each([
    ['maxNodes', { maxNodes: 13 }],
    ['maxInitializers', { maxInitializers: 3 }],
    ['maxValues', { maxValues: 1 }],
    ['maxRank', { maxRank: 1 }],
    ['maxNameBytes', { maxNameBytes: 4 }],
    ['maxDepth', { maxDepth: 0 }],
    ['maxParts', { maxParts: 5 }],
  ])('keeps to %s', (name, limits) => {
    const bytes = name === 'maxDepth' ? capturingModel() : residualModel();
    expect(() => indexModel(bytes, { limits })).toThrow(coded('MODEL_LIMIT'));
    expect(() => indexModel(bytes)).not.toThrow();
  });

  it.each([
    ['an empty file', '', 'MODEL_CORRUPT'],
    ['a file without a graph', '\x08\x08', 'MODEL_CORRUPT'],
  ])('refuses %s', (_, text, code) => {
    expect(() => indexModel(new TextEncoder().encode(text))).toThrow(coded(code));
  });

  it.each([
    ['a web page', '\n<!doctype html><html></html>', 'MODEL_CORRUPT'],
    ['JSON', '\uFEFF{\n  "model_type": "llama"}', 'MODEL_CORRUPT'],
    ['safetensors', '\x0f\0\0\0\0\0\0\0{"__metadata__":{}}', 'MODEL_CORRUPT'],
    ['Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n', 'MODEL_CORRUPT'],
    ['ORT format', '\x20\x00\x00\x00ORTM\x00\x00', 'MODEL_UNSUPPORTED'],
  ])('says of a file in another format that it is %s', (name, text, code) => {
    const bytes = new TextEncoder().encode(text);
    expect(() => indexModel(bytes)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(name) }),
    );
  });

  it('refuses a name that is not UTF-8', () => {
    const output = new MessageWriter().bytes(1, Uint8Array.of(0xff, 0xfe));
    const file = new MessageWriter().message(MODEL.graph, new MessageWriter().message(GRAPH.output, output));
    expect(() => indexModel(file.finish())).toThrow(coded('MODEL_CORRUPT'));
  });
});

describe('stored values', () => {
  it.each([
    ['float32', { data_type: 1, dims: [2], float_data: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ['float64', { data_type: 11, dims: [2], double_data: [0.1, -2] }, Float64Array.of(0.1, -2)],
    [
      'int64',
      { data_type: 7, dims: [2], int64_data: ['-9223372036854775808', 5] },
      BigInt64Array.of(-(2n ** 63n), 5n),
    ],
    ['int32', { data_type: 6, dims: [2], int32_data: [-5, 2147483647] }, Int32Array.of(-5, 2147483647)],
    ['int8', { data_type: 3, dims: [2], int32_data: [-5, 127] }, Int8Array.of(-5, 127)],
    ['uint8', { data_type: 2, dims: [1], int32_data: [255] }, Uint8Array.of(255)],
    ['bool', { data_type: 9, dims: [2], int32_data: [1, 0] }, Uint8Array.of(1, 0)],
    [
      'uint64',
      { data_type: 13, dims: [1], uint64_data: ['18446744073709551615'] },
      BigUint64Array.of(2n ** 64n - 1n),
    ],
    // Bit patterns of IEEE 754 binary16: 1, -2, the smallest subnormal, infinity; of bfloat16: 1, -2, 2^-133.
    [
      'float16',
      { data_type: 10, dims: [4], int32_data: [0x3c00, 0xc000, 1, 0x7c00] },
      Float32Array.of(1, -2, 2 ** -24, Number.POSITIVE_INFINITY),
    ],
    [
      'bfloat16',
      { data_type: 16, dims: [3], int32_data: [0x3f80, 0xc000, 1] },
      Float32Array.of(1, -2, 2 ** -133),
    ],
    ['a scalar', { data_type: 1, float_data: [3] }, Float32Array.of(3)],
    ['nothing', { data_type: 1, dims: [0, 5] }, new Float32Array(0)],
  ])('one by one: %s', (_, tensor, expected) => {
    expect(read(tensor)).toEqual(expected);
  });

  it('not packed are read as packed ones are', () => {
    const tensor = new MessageWriter().varint(1, 3).varint(2, 7).string(8, 'w');
    for (const value of [4, -1, 6]) tensor.varint(7, value);
    const file = new MessageWriter().message(
      MODEL.graph,
      new MessageWriter().message(GRAPH.initializer, tensor),
    );
    const index = indexModel(file.finish());
    expect(readTensor(index, index.initializers.get('w')!).data).toEqual(BigInt64Array.of(4n, -1n, 6n));
  });

  it('as raw bytes are read at any alignment', () => {
    const raw = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
    for (let shift = 0; shift < 8; shift++) {
      const plain = withTensor({ data_type: 1, dims: [3], raw_data: raw, doc_string: 'x'.repeat(shift) });
      const index = indexModel(plain);
      expect(readTensor(index, index.initializers.get('w')!).data).toEqual(Float32Array.of(1, 2, 3));
    }
  });

  it('are copied out, also when the file is a Node Buffer', () => {
    const file = Buffer.from(withTensor({ data_type: 1, dims: [1], raw_data: new Uint8Array(4) }));
    const index = indexModel(file);
    (readTensor(index, index.initializers.get('w')!).data as Float32Array)[0] = 9;
    expect(readTensor(index, index.initializers.get('w')!).data).toEqual(Float32Array.of(0));
  });

  it.each([
    ['fewer than dims say', { data_type: 1, dims: [3], float_data: [1] }],
    ['more than dims say', { data_type: 1, dims: [1], float_data: [1, 2] }],
    ['none where there should be', { data_type: 1, dims: [3] }],
    ['raw of another length', { data_type: 1, dims: [3], raw_data: new Uint8Array(11) }],
    ['of 2^60 values', { data_type: 7, dims: ['1152921504606846976'], int64_data: [1] }],
    ['of 10^12 values', { data_type: 1, dims: [1000000, 1000000], float_data: [1] }],
  ])('%s are refused without allocating them', (_, tensor) => {
    expect(() => read(tensor)).toThrow(coded('MODEL_CORRUPT'));
  });

  it('of strings, complex numbers and types under eight bits are refused as not handled', () => {
    for (const data_type of [8, 14, 15, 21, 22, 99]) {
      expect(() => read({ data_type, dims: [1], raw_data: new Uint8Array(16) })).toThrow(
        coded('MODEL_UNSUPPORTED'),
      );
    }
  });
});

describe('a weight file named by a model', () => {
  it.each([
    '/etc/passwd',
    '../secret',
    'a/../../secret',
    'C:\\weights',
    'C:weights',
    '\\\\host\\share',
    'a\\b',
    'a//b',
    'weights\0',
    '*/_ORT_MEM_ADDR_/*',
    '',
  ])('at %j is refused', (location) => {
    expect(() => checkExternalLocation(location)).toThrow(coded('EXTERNAL_DATA_PATH'));
    const file = withTensor({
      data_type: 1,
      dims: [1],
      data_location: 1,
      external_data: [{ key: 'location', value: location }],
    });
    expect(() => indexModel(file)).toThrow(coded('EXTERNAL_DATA_PATH'));
  });

  it.each(['model.onnx.data', './weights', 'weights/part..1', 'sub/folder/w'])(
    'at %j is accepted and read',
    (location) => {
      const file = withTensor({
        data_type: 1,
        dims: [2],
        data_location: 1,
        external_data: [
          { key: 'location', value: location },
          { key: 'offset', value: '4' },
        ],
      });
      const index = indexModel(file);
      const bytes = new Uint8Array(Float32Array.of(7, 8, 9).buffer);
      const { data } = readTensor(index, index.initializers.get('w')!, {
        external: (part) =>
          part.location === location ? bytes.subarray(part.offset, part.offset + part.length) : undefined,
      });
      expect(data).toEqual(Float32Array.of(8, 9));
    },
  );
});
