/** @file onnx test: instrumented graphs in ONNX Runtime: outputs, pruning, weights by reference, and the bytes themselves. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { MessageWriter } from '../../src/onnx/wire-write.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { float32, floats, run, type Values } from './ort-run.ts';
import { decodeModel, encodeModel } from './schema.ts';
import { capturingModel, castModel, IDS, residualModel, residualSpec, WIDTH } from './small-models.ts';

const index = indexModel(residualModel());

let plain: Values;
beforeAll(async () => {
  plain = await run(appendOutputs(index, ['r0', 'r1', 'r2', 'm0', 'm1']), { ids: IDS });
});

describe('outputs', () => {
  it('appended to the file leave the logits as they were, bit for bit', async () => {
    const { logits } = await run(residualModel(), { ids: IDS });
    expect(plain.logits).toEqual(logits);
  });

  it('are the same from an instrumented graph as from an appended one', async () => {
    const model = instrument(index, { outputs: [{ value: 'r1', pick: 'all' }] });
    const outputs = await run(model.bytes, { ids: IDS });
    expect(outputs[model.outputNames.get('r1')!]).toEqual(plain.r1);
    expect(outputs.logits).toEqual(plain.logits);
  });

  it('at positions are the rows that a loop picks, negative positions counting from the end', async () => {
    const model = instrument(index, {
      outputs: [
        { value: 'r1', pick: 'positions' },
        { value: 'm1', pick: 'positions' },
      ],
      keepModelOutputs: false,
    });
    const positions: TensorValue = { type: 'int64', dims: [2, 2], data: BigInt64Array.of(0n, 3n, 2n, -1n) };
    const outputs = await run(model.bytes, { ids: IDS, [model.positionsInput!]: positions });
    expect(Object.keys(outputs)).toHaveLength(2);
    for (const name of ['r1', 'm1'] as const) {
      const whole = floats(plain[name]);
      const expected = [0, 3, 7, 9].flatMap((row) => [...whole.subarray(row * WIDTH, (row + 1) * WIDTH)]);
      const picked = outputs[model.outputNames.get(name)!]!;
      expect(picked.dims).toEqual([2, 2, WIDTH]);
      expect([...floats(picked)]).toEqual(expected);
    }
  });

  it.each(['float16', 'bfloat16'] as const)('of %s arrive as float32', async (type) => {
    const model = instrument(indexModel(castModel(type)), {
      outputs: [{ value: 'hidden', pick: 'all' }],
    });
    // Values that both 16-bit formats hold exactly.
    const x = float32([1, 2, 4], Float32Array.of(1, -2, 0.5, 1.5, 3, -0.25, 0, 96));
    const outputs = await run(model.bytes, { x });
    expect(outputs[model.outputNames.get('hidden')!]).toEqual(x);
  });

  it('may be inputs and stored tensors of the model', async () => {
    const model = instrument(index, {
      outputs: [
        { value: 'ids', pick: 'all' },
        { value: 'shift0', pick: 'all' },
      ],
      keepModelOutputs: false,
    });
    const outputs = await run(model.bytes, { ids: IDS });
    expect(outputs[model.outputNames.get('ids')!]).toEqual(IDS);
    expect(floats(outputs[model.outputNames.get('shift0')!])).toHaveLength(WIDTH);
  });

  it('that do not exist are refused with the nearest names, and those of a branch with the reason', () => {
    expect(() => appendOutputs(index, ['r9'])).toThrow(/nearest names are "r0"/);
    const capturing = indexModel(capturingModel());
    expect(() => instrument(capturing, { outputs: [{ value: 'Add_out', pick: 'all' }] })).toThrow(
      expect.objectContaining({ code: 'VALUE_UNKNOWN', message: expect.stringContaining('sub-graph') }),
    );
  });
});

describe('pruning', () => {
  it('drops what comes after the last requested value and leaves the value as it was', async () => {
    const model = instrument(index, { outputs: [{ value: 'r1', pick: 'all' }], keepModelOutputs: false });
    const pruned = indexModel(model.bytes);
    expect(pruned.nodes).toHaveLength(7);
    expect([...pruned.initializers.keys()]).toEqual([
      'embedding',
      'gain0',
      'shift0',
      'up0',
      'up_bias0',
      'down0',
    ]);
    expect(pruned.outputs.map(({ name }) => name)).toEqual(['r1']);
    expect((await run(model.bytes, { ids: IDS })).r1).toEqual(plain.r1);
  });

  it('keeps what only a branch of an If reads', async () => {
    const capturing = indexModel(capturingModel());
    const model = instrument(capturing, {
      outputs: [{ value: 'chosen', pick: 'all' }],
      keepModelOutputs: false,
    });
    expect(indexModel(model.bytes).nodes.map(({ opType }) => opType)).toEqual(['Tanh', 'Exp', 'If']);
    const feeds: Values = {
      x: float32([1, 1, 4], Float32Array.of(0, 1, 2, 3)),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(1) },
    };
    const chosen = floats((await run(model.bytes, feeds)).chosen);
    [0, 1, 2, 3].forEach((x, i) => {
      expect(chosen[i]).toBeCloseTo(Math.tanh(x) + Math.exp(x), 5);
    });
  });

  it('drops the declaration of a dropped weight where an old file declares weights as inputs', async () => {
    const spec = residualSpec({ opset: 9 });
    const inputs = [
      ...spec.inputs,
      ...spec.initializers!.map(({ name, type, dims }) => ({ name, type, shape: dims })),
    ];
    const norm = ['gain0', 'shift0'];
    const nodes = spec.nodes
      .filter(({ opType }) => opType !== 'LayerNormalization')
      .map((node) => ({ ...node, inputs: node.inputs.map((name) => name.replace(/^n(\d)$/, 'r$1')) }));
    const old = indexModel(buildModel({ ...spec, inputs, nodes, irVersion: 3 }));
    expect(old.inputs.map(({ name }) => name)).toEqual(['ids']);
    const model = instrument(old, { outputs: [{ value: 'r1', pick: 'all' }], keepModelOutputs: false });
    const outputs = await run(model.bytes, { ids: IDS });
    expect(outputs.r1!.dims).toEqual([2, 5, WIDTH]);
    expect([...indexModel(model.bytes).initializers.keys()].some((name) => norm.includes(name))).toBe(false);
  });
});

describe('the bytes of an instrumented graph', () => {
  it('decode, by another protobuf implementation, to the original plus the edit', () => {
    const before = decodeModel(index.bytes);
    const model = instrument(index, {
      outputs: [{ value: 'm0', pick: 'all' }],
      edits: [{ value: 'r1', kind: 'project-out', id: 'e' }],
    });
    const after = decodeModel(model.bytes);
    const producer = before.graph.node.findIndex((node) => node.output!.includes('r1'));
    const nodes = structuredClone(before.graph.node);
    nodes[producer]!.output = ['r1__pre'];
    expect(after.graph.node.slice(0, nodes.length)).toEqual(nodes);
    expect(after.graph.node.slice(nodes.length).map((node) => node.op_type)).toEqual([
      'MatMul',
      'Transpose',
      'MatMul',
      'Sub',
      'Where',
    ]);
    expect(after.graph.initializer).toEqual(before.graph.initializer);
    expect(after.graph.output.map((value) => value.name)).toEqual(['logits', 'm0']);
    expect(after.graph.input.map((value) => value.name)).toEqual([
      'ids',
      'mesascope/e/mask',
      'mesascope/e/basis',
    ]);
    expect({ ...after, graph: undefined }).toEqual({ ...before, graph: undefined });
  });

  it('of an instrumented graph can be instrumented again', async () => {
    const appended = indexModel(appendOutputs(index, ['r1']));
    expect(appended.graphPieces).toHaveLength(2);
    expect(appended.outputs.map(({ name }) => name)).toEqual(['logits', 'r1']);
    const model = instrument(appended, { outputs: [{ value: 'r2', pick: 'all' }] });
    expect(indexModel(model.bytes).graphPieces).toHaveLength(1);
    const outputs = await run(model.bytes, { ids: IDS });
    expect([outputs.r1, outputs.r2, outputs.logits]).toEqual([plain.r1, plain.r2, plain.logits]);
  });
});

describe('what this project does not read', () => {
  it('stays: local functions, documentation and fields of later ONNX versions', async () => {
    const opset_import = [
      { domain: '', version: 17 },
      { domain: 'local', version: 1 },
    ];
    const file = encodeModel({
      ir_version: 8,
      opset_import,
      graph: {
        node: [
          { op_type: 'Twice', domain: 'local', input: ['x'], output: ['hidden'], doc_string: 'kept' },
          { op_type: 'Neg', input: ['hidden'], output: ['y'] },
        ],
        name: 'g',
        doc_string: 'kept too',
        input: [{ name: 'x', type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_value: 2 }] } } } }],
        output: [{ name: 'y', type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_value: 2 }] } } } }],
      },
      functions: [
        {
          name: 'Twice',
          domain: 'local',
          input: ['a'],
          output: ['b'],
          node: [{ op_type: 'Add', input: ['a', 'a'], output: ['b'] }],
          opset_import: [{ domain: '', version: 17 }],
        },
      ],
    });
    const later = new MessageWriter()
      .copy(file, { start: 0, end: file.length })
      .string(999, 'from a later version');
    const local = indexModel(later.finish());
    expect(local.functions).toBe(1);
    const model = instrument(local, {
      outputs: [{ value: 'hidden', pick: 'all' }],
      edits: [{ value: 'hidden', kind: 'add', id: 'e' }],
      keepModelOutputs: false,
    });
    const text = Buffer.from(model.bytes).toString('latin1');
    for (const kept of ['kept', 'kept too', 'from a later version']) expect(text).toContain(kept);
    const outputs = await run(model.bytes, {
      x: float32([2], Float32Array.of(1, 2)),
      [model.edits[0]!.mask]: { type: 'bool', dims: [2], data: Uint8Array.of(0, 1) },
      [model.edits[0]!.value!]: float32([2], Float32Array.of(10, 10)),
    });
    expect([...floats(outputs.hidden)]).toEqual([2, 14]);
  });
});

describe('weights by reference', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesascope-onnx-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('give the same logits from a file that holds no large weight', async () => {
    const modelFile = join(folder, 'model.onnx');
    writeFileSync(modelFile, index.bytes);
    const model = instrument(index, {
      outputs: [{ value: 'r1', pick: 'all' }],
      weights: { kind: 'reference', modelFile },
    });
    const referring = indexModel(model.bytes);
    const up = referring.initializers.get('up0')!.data;
    expect(up).toMatchObject({ kind: 'external', location: 'model.onnx', length: 4 * 16 * 32 });
    expect(referring.initializers.get('shift0')!.data.kind).toBe('raw');
    const outputs = await run(model.bytes, { ids: IDS }, { folder });
    expect(outputs.r1).toEqual(plain.r1);
    expect(outputs.logits).toEqual(plain.logits);
    const again = instrument(referring, {
      outputs: [{ value: 'r2', pick: 'all' }],
      weights: { kind: 'reference', modelFile: join(folder, 'other.onnx') },
    });
    expect((await run(again.bytes, { ids: IDS }, { folder })).r2).toEqual(plain.r2);
  });
});

it('every refusal is a MesascopeError', () => {
  expect(() => instrument(index, { outputs: [{ value: '', pick: 'all' }] })).toThrow(MesascopeError);
});

describe('a given value', () => {
  it('takes the place of what computes it: the rest of the model runs from there, and nothing before', async () => {
    const model = instrument(index, {
      outputs: [{ value: 'logits', pick: 'all' }],
      given: ['r1'],
      keepModelOutputs: false,
    });
    const nodes = decodeModel(model.bytes).graph.node.flatMap(({ output }) => output ?? []);
    expect(nodes).toContain('n1');
    expect(nodes).not.toContain('n0');
    const feeds = { ids: IDS, [model.given.get('r1')!]: plain.r1! };
    expect((await run(model.bytes, feeds)).logits).toEqual(plain.logits);
    const other = float32(
      plain.r1!.dims,
      floats(plain.r1).map((x) => 2 * x),
    );
    expect((await run(model.bytes, { ...feeds, [model.given.get('r1')!]: other })).logits).not.toEqual(
      plain.logits,
    );
  });

  it('has no input where nothing that is asked for depends on it', () => {
    const model = instrument(index, {
      outputs: [{ value: 'r1', pick: 'all' }],
      given: ['r2'],
      keepModelOutputs: false,
    });
    expect(model.given.size).toBe(0);
  });

  it('of 16 bits is fed as float32', async () => {
    const half = instrument(indexModel(castModel('float16')), {
      outputs: [{ value: 'y', pick: 'all' }],
      given: ['hidden'],
      keepModelOutputs: false,
    });
    const x = float32([1, 1, 4], Float32Array.of(0.5, 1, 1 / 3, -2));
    const { y } = await run(half.bytes, { x, [half.given.get('hidden')!]: x });
    expect([...floats(y)]).toEqual([0.5, 1, Math.fround(0.333251953125), -2]);
  });

  it('must be a computed one, and leaves no room for the model’s own outputs', () => {
    const asked = { outputs: [{ value: 'logits', pick: 'all' as const }] };
    const attempt = (request: Parameters<typeof instrument>[1]): unknown => {
      try {
        return instrument(index, request);
      } catch (error) {
        return (error as MesascopeError).code;
      }
    };
    expect(attempt({ ...asked, given: ['ids'], keepModelOutputs: false })).toBe('VALUE_NOT_EDITABLE');
    expect(attempt({ ...asked, given: ['r9'], keepModelOutputs: false })).toBe('VALUE_UNKNOWN');
    expect(attempt({ ...asked, given: ['r1'] })).toBe('BAD_SETTING');
  });
});
