/** @file onnx test: the limit read off a graph is the one that ONNX Runtime runs into, and nothing is claimed where it runs into none. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DescribedInput, describeInputs } from '../../src/model/input-roles.ts';
import { buildModel, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { positionLimit } from '../../src/onnx/position-limit.ts';
import { EXPORTS, exportPath, GRID_MODEL } from '../capture/small-models.ts';
import { run } from './ort-run.ts';

const ROWS = 9;
const table = (name: string, dims: readonly number[]): NonNullable<ModelSpec['initializers']>[number] => ({
  name,
  dims: [...dims],
  type: 'float32',
  data: new Float32Array(dims.reduce((product, size) => product * size, 1)),
});
const whole = (name: string, data: readonly number[], dims: readonly number[] = [data.length]) => ({
  name,
  dims: [...dims],
  type: 'int64' as const,
  data: BigInt64Array.from(data, BigInt),
});

/** words[ids] plus whatever the nodes make of `length` under the name `where`. */
function graph(nodes: readonly NodeSpec[], extra: ModelSpec['inputs'] = []): Uint8Array {
  return buildModel({
    inputs: [{ name: 'input_ids', type: 'int64', shape: ['batch', 'length'] }, ...extra],
    outputs: [{ name: 'sum', type: 'float32', shape: ['batch', 'length', 4] }],
    initializers: [
      table('words', [30, 4]),
      table('places', [ROWS, 4]),
      table('wide', [1, ROWS, 4]),
      whole('zero', [0], []),
      whole('one', [1], []),
      whole('two', [2], []),
      whole('most', [ROWS - 1], []),
      whole('[0]', [0]),
      whole('[1]', [1]),
      whole(
        'counted',
        Array.from({ length: ROWS }, (_, i) => i),
      ),
    ],
    nodes: [
      { opType: 'Gather', inputs: ['words', 'input_ids'], outputs: ['word'] },
      { opType: 'Shape', inputs: ['input_ids'], outputs: ['shape'] },
      { opType: 'Gather', inputs: ['shape', 'one'], outputs: ['length'] },
      { opType: 'Gather', inputs: ['shape', '[1]'], outputs: ['[length]'] },
      ...nodes,
      { opType: 'Add', inputs: ['word', 'where'], outputs: ['sum'] },
    ],
  });
}
const count: NodeSpec = { opType: 'Range', inputs: ['zero', 'length', 'one'], outputs: ['count'] };
const lookUp = (indices: string): NodeSpec => ({
  opType: 'Gather',
  inputs: ['places', indices],
  outputs: ['where'],
});

/** Whether ONNX Runtime runs one row of that many tokens, with positions counted from 0 and nothing masked. */
async function runs(bytes: Uint8Array, inputs: readonly DescribedInput[], length: number): Promise<boolean> {
  const fill: Readonly<Record<string, (at: number) => number>> = {
    tokens: () => 3,
    positions: (at) => at,
    'attention-mask': () => 1,
    'token-types': () => 0,
  };
  const feeds = inputs.map(({ name, role }) => {
    const data = BigInt64Array.from({ length }, (_, at) => BigInt(fill[role]!(at)));
    return [name, { type: 'int64', dims: [1, length], data }] as const;
  });
  return run(bytes, Object.fromEntries(feeds)).then(
    () => true,
    () => false,
  );
}

async function expectLimit(bytes: Uint8Array, limit: number | undefined): Promise<void> {
  const index = indexModel(bytes);
  const inputs = describeInputs(index);
  const positions = inputs.filter(({ role }) => role === 'positions').map(({ name }) => name);
  expect(positionLimit(index, { tokens: 'input_ids', positions })).toBe(limit);
  const lengths = limit === undefined ? [1, 40] : [1, limit, limit + 1];
  const ran = await Promise.all(lengths.map((length) => runs(bytes, inputs, length)));
  expect(ran).toEqual(limit === undefined ? [true, true] : [true, true, false]);
}

describe('the most positions of a row', () => {
  it.each([
    ...EXPORTS.map((name) => [name, exportPath(name)] as const),
    ['the grid agent', GRID_MODEL],
  ] as const)('of %s is what ONNX Runtime runs into', async (name, file) => {
    // test/fixtures/onnx/make.py sets 16 positions; rotary models compute theirs.
    const limit = name === 'the grid agent' ? 6 : ['llama', 'gpt-neox'].includes(name) ? undefined : 16;
    await expectLimit(readFileSync(file), limit);
  });

  it.each<[string, Uint8Array, number]>([
    ['counted from 0', graph([count, lookUp('count')]), ROWS],
    [
      'counted with an offset',
      graph([count, { opType: 'Add', inputs: ['two', 'count'], outputs: ['late'] }, lookUp('late')]),
      ROWS - 2,
    ],
    [
      'counted from 1',
      graph([
        { opType: 'Add', inputs: ['length', 'one'], outputs: ['end'] },
        { opType: 'Range', inputs: ['one', 'end', 'one'], outputs: ['count'] },
        lookUp('count'),
      ]),
      ROWS - 1,
    ],
    [
      'cut from a stored count',
      graph([
        { opType: 'Slice', inputs: ['counted', '[0]', '[length]', '[0]'], outputs: ['count'] },
        lookUp('count'),
      ]),
      ROWS,
    ],
    [
      'cut from a table',
      graph([{ opType: 'Slice', inputs: ['places', '[0]', '[length]', '[0]'], outputs: ['where'] }]),
      ROWS,
    ],
    [
      'cut from a table with a batch axis',
      graph([{ opType: 'Slice', inputs: ['wide', '[0]', '[length]', '[1]'], outputs: ['where'] }]),
      ROWS,
    ],
    [
      'fed',
      graph([lookUp('position_ids')], [{ name: 'position_ids', type: 'int64', shape: ['batch', 'length'] }]),
      ROWS,
    ],
  ])('is found where they are %s', async (_, bytes, limit) => {
    await expectLimit(bytes, limit);
  });

  it.each<[string, Uint8Array]>([
    [
      'clipped to the table',
      graph([count, { opType: 'Min', inputs: ['count', 'most'], outputs: ['clipped'] }, lookUp('clipped')]),
    ],
    [
      'wrapped around it',
      graph([
        count,
        { opType: 'Add', inputs: ['most', 'one'], outputs: ['rows'] },
        { opType: 'Mod', inputs: ['count', 'rows'], outputs: ['wrapped'] },
        lookUp('wrapped'),
      ]),
    ],
    [
      'counted along the batch',
      graph([
        { opType: 'Gather', inputs: ['shape', 'zero'], outputs: ['rows'] },
        { opType: 'Range', inputs: ['zero', 'rows', 'one'], outputs: ['count'] },
        lookUp('count'),
      ]),
    ],
    [
      'cut from a table and then averaged',
      graph([
        { opType: 'Slice', inputs: ['places', '[0]', '[length]', '[0]'], outputs: ['cut'] },
        { opType: 'ReduceMean', inputs: ['cut'], outputs: ['where'] },
      ]),
    ],
  ])('is not claimed where positions are %s', async (_, bytes) => {
    await expectLimit(bytes, undefined);
  });
});
