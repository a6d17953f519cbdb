/** @file onnx test: built graphs are valid ONNX, run in ONNX Runtime, and read back as they were written. */
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

const gemm = buildModel({
  inputs: [{ name: 'x', type: 'float32', shape: ['n', 2] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['n', 3] }],
  nodes: [
    {
      opType: 'Gemm',
      inputs: ['x', 'w', 'b'],
      outputs: ['y'],
      attributes: { alpha: { float: 2 }, transB: { int: 1 } },
    },
  ],
  initializers: [
    { name: 'w', dims: [3, 2], type: 'float32', data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'b', dims: [3], type: 'float32', data: Float32Array.of(10, 20, 30) },
  ],
});

describe('a built graph', () => {
  it('runs in ONNX Runtime and gives 2 x W^T + b', async () => {
    const session = await openSession({ kind: 'bytes', bytes: gemm });
    const { y } = await session.run({ x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, -1) } });
    await session.close();
    expect(y).toEqual({ type: 'float32', dims: [1, 3], data: Float32Array.of(8, 18, 28) });
  });

  it('is indexed with its nodes, attributes, weights, inputs and outputs', () => {
    const index = indexModel(gemm);
    expect(index.opsets).toEqual({ '': 17 });
    expect(index.irVersion).toBe(8);
    expect(index.nodes).toHaveLength(1);
    expect(index.nodes[0]).toMatchObject({
      opType: 'Gemm',
      inputs: ['x', 'w', 'b'],
      outputs: ['y'],
      attributes: { alpha: { float: 2 }, transB: { int: 1 } },
    });
    expect(index.inputs).toEqual([{ name: 'x', dataType: 1, shape: ['n', 2] }]);
    expect(index.outputs).toEqual([{ name: 'y', dataType: 1, shape: ['n', 3] }]);
    expect(readTensor(index, index.initializers.get('w')!).data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  });

  it('refuses tensor data that does not fit its dims', () => {
    const build = (): unknown =>
      buildModel({
        inputs: [],
        outputs: [{ name: 'w' }],
        nodes: [],
        initializers: [{ name: 'w', dims: [2, 2], type: 'float32', data: new Float32Array(3) }],
      });
    expect(build).toThrow(expect.objectContaining({ code: 'MATRIX_SHAPE' }));
  });
});
