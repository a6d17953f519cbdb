/** @file onnx test: scores added to a graph: the bytes that stay, the names that are refused, the types that are read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { attachScores, type ScoreRequest } from '../../src/onnx/attach-scores.ts';
import { buildModel, type ElementType } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import type { FilePiece } from '../../src/onnx/rewrite-model.ts';
import { FIXTURES, fixtureBytes } from './hooks-fixtures.ts';
import { float32, floats, run } from './ort-run.ts';
import { decodeModel, encodeModel } from './schema.ts';
import { castModel, IDS, residualModel, residualSpec, WIDTH } from './small-models.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'mesascope-scores-'));
afterAll(() => rmSync(folder, { recursive: true }));

function request(change: Partial<ScoreRequest> = {}): ScoreRequest {
  const { classes = 3, width = WIDTH } = change;
  const random = seededRandom('scores');
  return {
    output: 'mesascope.goal',
    value: 'r1',
    positions: 'every',
    vectorAxes: 1,
    classes,
    width,
    weights: Float32Array.from({ length: classes * width }, () => random.normal()),
    bias: Float64Array.from({ length: classes }, () => random.normal()),
    type: 'float32',
    description: '{"what":"a score"}',
    ...change,
  };
}

/** The file that pieces make of an original. */
function joined(original: Uint8Array, pieces: readonly FilePiece[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      pieces.map((piece) =>
        piece.kind === 'made' ? piece.bytes : original.subarray(piece.range.start, piece.range.end),
      ),
    ),
  );
}

function attached(original: Uint8Array, ...requests: readonly ScoreRequest[]): Uint8Array {
  return joined(original, attachScores(indexModel(original), requests));
}

/** x W^T + b in 64 bits, for x [rows, width]. */
function expectedScores({ weights, bias, classes, width }: ScoreRequest, x: ArrayLike<number>): number[] {
  const scores: number[] = [];
  for (let row = 0; row < x.length / width; row++) {
    for (let c = 0; c < classes; c++) {
      let score = bias[c]!;
      for (let j = 0; j < width; j++) score += weights[c * width + j]! * x[row * width + j]!;
      scores.push(score);
    }
  }
  return scores;
}

function expectNear(seen: ArrayLike<number>, wanted: readonly number[], within: number): void {
  expect(seen).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(Math.abs(seen[i]! - value)).toBeLessThanOrEqual(within);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof MesascopeError) return error.code;
    throw error;
  }
  return 'none';
}

describe('the bytes of a model with scores', () => {
  it.each(FIXTURES)('of %s are those of the model, with nodes, outputs and metadata behind them', (name) => {
    const original = fixtureBytes(name);
    const [value] = indexModel(original).nodes.at(-1)!.outputs;
    const bytes = attached(original, request({ value: value!, width: 4 }));
    // Another implementation of protobuf: what it reads of the new file is the old file and what was added.
    const [before, after] = [decodeModel(original), decodeModel(bytes)];
    const nodes = before.graph.node.length;
    const added = after.graph.node.splice(nodes);
    expect(added.map(({ op_type: type }) => type)).toEqual(['Constant', 'MatMul', 'Constant', 'Add']);
    const [output] = after.graph.output.splice(before.graph.output.length);
    expect(output).toMatchObject({
      name: 'mesascope.goal',
      type: {
        tensor_type: {
          elem_type: 1,
          shape: {
            dim: [{ dim_param: 'mesascope_batch' }, { dim_param: 'mesascope_position' }, { dim_value: '3' }],
          },
        },
      },
    });
    expect(after.metadata_props!.pop()).toEqual({ key: 'mesascope.goal', value: '{"what":"a score"}' });
    expect(Buffer.from(encodeModel(after)).equals(Buffer.from(encodeModel(before)))).toBe(true);
  });

  it('are copied ranges of the file but for what is new: no weight passes through memory', () => {
    const original = fixtureBytes('bert');
    const index = indexModel(original);
    const [value] = index.nodes.at(-1)!.outputs;
    const pieces = attachScores(index, [request({ value: value!, width: 4 })]);
    const made = pieces.filter((piece) => piece.kind === 'made').map((piece) => piece.bytes.length);
    expect(made.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(1200);
  });

  it('may leave large weights in the model’s file', async () => {
    const original = residualModel();
    writeFileSync(path.join(folder, 'model.onnx'), original);
    const wanted = request();
    const pieces = attachScores(indexModel(original), [wanted], {
      kind: 'reference',
      modelFile: 'model.onnx',
    });
    const small = joined(original, pieces);
    expect(small.length).toBeLessThan(original.length / 2);
    const outputs = await run(small, { ids: IDS }, { folder });
    expect(outputs).toEqual(await run(attached(original, wanted), { ids: IDS }));
  });
});

describe('a score', () => {
  it('is the product with the value, plus the bias, at every position', async () => {
    const wanted = request();
    const spec = residualSpec();
    const shown = buildModel({ ...spec, outputs: [...spec.outputs, { name: 'r1' }] });
    const plain = await run(shown, { ids: IDS });
    const outputs = await run(attached(residualModel(), wanted), { ids: IDS });
    expect(outputs.logits).toEqual(plain.logits);
    expect(outputs['mesascope.goal']!.dims).toEqual([2, 5, 3]);
    expectNear(floats(outputs['mesascope.goal']), expectedScores(wanted, floats(plain.r1)), 1e-5);
  });

  it.each([-1, -3, 2])('at position %i alone is that row of the scores at every position', async (at) => {
    const every = await run(attached(residualModel(), request()), { ids: IDS });
    const picked = await run(attached(residualModel(), request({ positions: at })), { ids: IDS });
    expect(picked['mesascope.goal']!.dims).toEqual([2, 3]);
    const all = floats(every['mesascope.goal']);
    const from = (at + 5) % 5;
    expectNear(
      floats(picked['mesascope.goal']),
      [...all.subarray(3 * from, 3 * from + 3), ...all.subarray(15 + 3 * from, 15 + 3 * from + 3)],
      1e-6,
    );
  });

  it.each<ElementType>(['float16', 'bfloat16', 'float64'])('reads a %s value as float32', async (type) => {
    const wanted = request({ value: 'hidden', width: 4, positions: 'every' });
    const random = seededRandom(type);
    const x = float32(
      [2, 3, 4],
      Float32Array.from({ length: 24 }, () => random.normal()),
    );
    const outputs = await run(attached(castModel(type), wanted), { x });
    // `y` is the hidden value again, as float32.
    expectNear(floats(outputs['mesascope.goal']), expectedScores(wanted, floats(outputs.y)), 1e-5);
  });

  it('of several axes reads them as one vector', async () => {
    const spec = buildModel({
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', 'position', 2, 3] }],
      outputs: [{ name: 'z', type: 'float32', shape: ['batch', 'position', 2, 3] }],
      nodes: [{ opType: 'Tanh', inputs: ['x'], outputs: ['z'] }],
    });
    const x = float32(
      [2, 2, 2, 3],
      Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
    );
    for (const positions of ['every', -1] as const) {
      const wanted = request({ value: 'z', width: 6, vectorAxes: 2, positions });
      const outputs = await run(attached(spec, wanted), { x });
      const z = floats(outputs.z);
      const read = positions === 'every' ? z : [...z.subarray(6, 12), ...z.subarray(18, 24)];
      expectNear(floats(outputs['mesascope.goal']), expectedScores(wanted, read), 1e-5);
    }
  });

  it('in 64 bits keeps the digits of a large offset', async () => {
    const bias = Float64Array.of(1.7e9 + 0.015625);
    const small = request({ classes: 1, bias: new Float64Array(1) });
    const large = { ...small, bias, type: 'float64' as const };
    const [plain, offset] = [attached(residualModel(), small), attached(residualModel(), large)];
    const scores = floats((await run(plain, { ids: IDS }))['mesascope.goal']);
    const seen = (await run(offset, { ids: IDS }))['mesascope.goal']!;
    expect(seen.type).toBe('float64');
    expectNear(
      seen.data as Float64Array,
      Array.from(scores, (score) => score + bias[0]!),
      1e-6,
    );
  });

  it('of an absent class is minus infinity', async () => {
    const wanted = request({ classes: 2, bias: Float64Array.of(0.5, Number.NEGATIVE_INFINITY) });
    const outputs = await run(attached(residualModel(), wanted), { ids: IDS });
    const scores = floats(outputs['mesascope.goal']);
    expect([...scores].filter((_, i) => i % 2 === 1)).toEqual(Array(10).fill(Number.NEGATIVE_INFINITY));
    expect(scores.some(Number.isNaN)).toBe(false);
  });
});

describe('what cannot be attached', () => {
  const index = indexModel(residualModel());
  it.each<[string, readonly ScoreRequest[], string]>([
    ['two scores of one name', [request(), request({ value: 'r2' })], 'BAD_SETTING'],
    ['a name that the model has', [request({ output: 'logits' })], 'BAD_SETTING'],
    ['a name of an inner value', [request({ output: 'r0' })], 'BAD_SETTING'],
    ['a value that there is not', [request({ value: 'r9' })], 'VALUE_UNKNOWN'],
    ['a value that holds whole numbers', [request({ value: 'ids' })], 'MODEL_UNSUPPORTED'],
  ])('%s', (_, requests, code) => {
    expect(codeOf(() => attachScores(index, requests))).toBe(code);
  });

  it('a name that a score of an earlier attachment took', () => {
    const again = indexModel(attached(residualModel(), request()));
    expect(codeOf(() => attachScores(again, [request()]))).toBe('BAD_SETTING');
    expect(codeOf(() => attachScores(again, [request({ output: 'mesascope.other' })]))).toBe('none');
  });

  it('a position from the end, before the operators knew one', () => {
    const old = indexModel(residualModel({ opset: 10 }));
    expect(codeOf(() => attachScores(old, [request({ positions: -1 })]))).toBe('MODEL_UNSUPPORTED');
    expect(codeOf(() => attachScores(old, [request({ positions: 1 })]))).toBe('none');
  });
});
