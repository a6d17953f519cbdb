/** @file onnx test: edited hidden values in ONNX Runtime, held against plain loops on the captured values. */
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import { buildModel } from '../../src/onnx/build.ts';
import type { EditKind, InstrumentedModel, InstrumentRequest } from '../../src/onnx/contract.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import type { OptimizationLevel, TensorValue } from '../../src/runtime/contract.ts';
import { float32, floats, run, type Values } from './ort-run.ts';
import { capturingModel, castModel, IDS, residualModel, residualSpec, WIDTH } from './small-models.ts';

/** Mask [2, 5, 1] that is true at the given flat rows. */
function mask(...rows: number[]): TensorValue {
  const data = new Uint8Array(10);
  for (const row of rows) data[row] = 1;
  return { type: 'bool', dims: [2, 5, 1], data };
}

const random = seededRandom('instrument-test');
const someValue = Float32Array.from({ length: 10 * WIDTH }, () => random.normal());
/** Two orthonormal columns of WIDTH: [width, 2]. */
const basis = ((): Float32Array => {
  const columns = Array.from({ length: 2 }, () => Array.from({ length: WIDTH }, () => random.normal()));
  const [a, b] = columns as [number[], number[]];
  const normalise = (v: number[]): void => {
    const norm = Math.hypot(...v);
    for (let i = 0; i < v.length; i++) v[i] = v[i]! / norm;
  };
  normalise(a);
  const overlap = a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  for (let i = 0; i < b.length; i++) b[i] = b[i]! - overlap * a[i]!;
  normalise(b);
  return Float32Array.from({ length: 2 * WIDTH }, (_, i) => columns[i % 2]![i >> 1]!);
})();

/** What the contract says an edit does to one row, in float64 and plain loops. */
function edited(kind: EditKind, row: Float32Array, value: Float32Array): number[] {
  const dot = (v: ArrayLike<number>, column: number): number => {
    let sum = 0;
    for (let i = 0; i < WIDTH; i++) sum += v[i]! * basis[2 * i + column]!;
    return sum;
  };
  const inside = (v: ArrayLike<number>): number[] => {
    const coordinates = [dot(v, 0), dot(v, 1)];
    return Array.from(
      { length: WIDTH },
      (_, i) => basis[2 * i]! * coordinates[0]! + basis[2 * i + 1]! * coordinates[1]!,
    );
  };
  switch (kind) {
    case 'add':
      return [...row].map((x, i) => x + value[i]!);
    case 'replace':
      return [...value];
    case 'project-out': {
      const part = inside(row);
      return [...row].map((x, i) => x - part[i]!);
    }
    case 'replace-in-subspace': {
      const part = inside(value.map((v, i) => v - row[i]!));
      return [...row].map((x, i) => x + part[i]!);
    }
  }
}

function feedsFor(model: InstrumentedModel, gate: TensorValue, value: Float32Array = someValue): Values {
  const feeds: Values = { ids: IDS };
  for (const edit of model.edits) {
    feeds[edit.mask] = gate;
    if (edit.value !== undefined) feeds[edit.value] = float32([2, 5, WIDTH], value);
    if (edit.basis !== undefined) feeds[edit.basis] = float32([WIDTH, 2], basis);
  }
  return feeds;
}

const index = indexModel(residualModel());
const KINDS: readonly EditKind[] = ['add', 'replace', 'project-out', 'replace-in-subspace'];
const LEVELS: readonly OptimizationLevel[] = ['basic', 'disabled'];

let plain: Record<'basic' | 'disabled', Values>;
beforeAll(async () => {
  const all = appendOutputs(index, ['r0', 'r1', 'r2', 'm0', 'm1']);
  plain = {
    basic: await run(all, { ids: IDS }),
    disabled: await run(all, { ids: IDS }, { optimization: 'disabled' }),
  };
});

describe('edits', () => {
  it.each(LEVELS.flatMap((level) => KINDS.map((kind) => [kind, level] as const)))(
    '%s with an all-false mask changes no bit at level %s',
    async (kind, level) => {
      const model = instrument(index, {
        outputs: [{ value: 'r1', pick: 'all' }],
        edits: [{ value: 'r1', kind, id: 'e' }],
      });
      const outputs = await run(model.bytes, feedsFor(model, mask()), { optimization: level });
      expect(outputs.r1).toEqual(plain[level as 'basic' | 'disabled'].r1);
      expect(outputs.logits).toEqual(plain[level as 'basic' | 'disabled'].logits);
    },
  );

  it.each(LEVELS)('replacing a value with itself changes no bit at level %s', async (level) => {
    const own = plain[level as 'basic' | 'disabled'];
    const model = instrument(index, {
      outputs: [],
      edits: [{ value: 'r1', kind: 'replace', id: 'e' }],
    });
    const everywhere = mask(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    const feeds = feedsFor(model, everywhere, floats(own.r1));
    const outputs = await run(model.bytes, feeds, { optimization: level });
    expect(outputs.logits).toEqual(own.logits);
  });

  it.each(KINDS)('%s gives what plain loops give inside the mask and the same bits outside', async (kind) => {
    const model = instrument(index, {
      outputs: [{ value: 'r1', pick: 'all' }],
      edits: [{ value: 'r1', kind, id: 'e' }],
    });
    const inMask = [1, 4, 7];
    const outputs = await run(model.bytes, feedsFor(model, mask(...inMask)));
    const [after, before] = [floats(outputs.r1), floats(plain.basic.r1)];
    for (let row = 0; row < 10; row++) {
      const span = [row * WIDTH, (row + 1) * WIDTH] as const;
      if (!inMask.includes(row)) {
        expect(after.subarray(...span)).toEqual(before.subarray(...span));
        continue;
      }
      const expected = edited(kind, before.subarray(...span), someValue.subarray(...span));
      expected.forEach((x, i) => {
        expect(Math.abs(after[span[0] + i]! - x)).toBeLessThan(1e-5);
      });
    }
    expect(outputs.logits).not.toEqual(plain.basic.logits);
  });

  it('of one value apply in the order of the request', async () => {
    const twice: InstrumentRequest = {
      outputs: [{ value: 'r1', pick: 'all' }],
      edits: [
        { value: 'r1', kind: 'replace', id: 'first' },
        { value: 'r1', kind: 'add', id: 'second' },
      ],
    };
    const model = instrument(index, twice);
    const feeds = feedsFor(model, mask(3));
    feeds[model.edits[1]!.value!] = float32([WIDTH], new Float32Array(WIDTH).fill(2));
    const row = floats((await run(model.bytes, feeds)).r1).subarray(3 * WIDTH, 4 * WIDTH);
    expect(row).toEqual(someValue.subarray(3 * WIDTH, 4 * WIDTH).map((x) => x + 2));
    const reversed = instrument(index, { ...twice, edits: [...twice.edits!].reverse() });
    const other = feedsFor(reversed, mask(3));
    other[reversed.edits[0]!.value!] = float32([WIDTH], new Float32Array(WIDTH).fill(2));
    const last = floats((await run(reversed.bytes, other)).r1).subarray(3 * WIDTH, 4 * WIDTH);
    expect(last).toEqual(someValue.subarray(3 * WIDTH, 4 * WIDTH));
  });

  it('at two places see each other: the second receives what the first caused', async () => {
    const model = instrument(index, {
      outputs: [
        { value: 'r1', pick: 'all' },
        { value: 'r2', pick: 'all' },
      ],
      edits: [
        { value: 'r1', kind: 'add', id: 'a' },
        { value: 'r2', kind: 'add', id: 'b' },
      ],
    });
    const zero = feedsFor(model, mask());
    zero[model.edits[0]!.mask] = mask(0);
    const outputs = await run(model.bytes, zero);
    expect(floats(outputs.r2).subarray(0, WIDTH)).not.toEqual(floats(plain.basic.r2).subarray(0, WIDTH));
    expect(floats(outputs.r2).subarray(WIDTH)).toEqual(floats(plain.basic.r2).subarray(WIDTH));
  });

  it('that no requested output depends on keep their inputs and change nothing', async () => {
    const model = instrument(index, {
      outputs: [{ value: 'r1', pick: 'all' }],
      edits: [{ value: 'r2', kind: 'add', id: 'later' }],
      keepModelOutputs: false,
    });
    const outputs = await run(model.bytes, feedsFor(model, mask(0)));
    expect(outputs.r1).toEqual(plain.basic.r1);
  });

  it.each(['float16', 'bfloat16', 'float64'] as const)('work on %s values', async (type) => {
    const casting = indexModel(castModel(type));
    const model = instrument(casting, { outputs: [], edits: [{ value: 'hidden', kind: 'add', id: 'e' }] });
    const [edit] = model.edits;
    const x = float32([1, 2, 4], Float32Array.of(1, -2, 0.5, 1.5, 3, -0.25, 0, 96));
    const outputs = await run(model.bytes, {
      x,
      [edit!.mask]: { type: 'bool', dims: [1, 2, 1], data: Uint8Array.of(0, 1) },
      [edit!.value!]: float32([4], Float32Array.of(1, 1, 1, 32)),
    });
    expect([...floats(outputs.y)]).toEqual([1, -2, 0.5, 1.5, 4, 0.75, 1, 128]);
  });

  it('reach the readers inside a branch', async () => {
    const model = instrument(indexModel(capturingModel()), {
      outputs: [],
      edits: [{ value: 'captured', kind: 'replace', id: 'e' }],
    });
    const [edit] = model.edits;
    const feeds: Values = {
      x: float32([1, 1, 4], new Float32Array(4)),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(1) },
      [edit!.mask]: { type: 'bool', dims: [1, 1, 1], data: Uint8Array.of(1) },
      [edit!.value!]: float32([4], Float32Array.of(1, 2, 3, 4)),
    };
    expect([...floats((await run(model.bytes, feeds)).y)]).toEqual([1, 2, 3, 4]);
  });

  it('take names that collide with none of the graph', async () => {
    const spec = residualSpec();
    const crowded = indexModel(
      buildModel({
        ...spec,
        inputs: [...spec.inputs, { name: 'mesascope/e/mask', type: 'float32', shape: [1] }],
        nodes: [...spec.nodes, { opType: 'Neg', inputs: ['mesascope/e/mask'], outputs: ['r1__pre'] }],
      }),
    );
    const model = instrument(crowded, { outputs: [], edits: [{ value: 'r1', kind: 'add', id: 'e' }] });
    expect(model.edits[0]!.mask).toBe('mesascope/e/mask_2');
    const feeds = { ...feedsFor(model, mask()), 'mesascope/e/mask': float32([1], Float32Array.of(0)) };
    expect((await run(model.bytes, feeds)).logits).toEqual(plain.basic.logits);
  });

  it('are refused on inputs, stored tensors and integers, on repeated ids, and with no output left', () => {
    const edit = (value: string): (() => unknown) => {
      return () => instrument(index, { outputs: [], edits: [{ value, kind: 'add', id: 'e' }] });
    };
    expect(edit('ids')).toThrow(expect.objectContaining({ code: 'VALUE_NOT_EDITABLE' }));
    expect(edit('up0')).toThrow(expect.objectContaining({ code: 'VALUE_NOT_EDITABLE' }));
    const integer = indexModel(castModel('int32'));
    expect(() =>
      instrument(integer, { outputs: [], edits: [{ value: 'hidden', kind: 'add', id: 'e' }] }),
    ).toThrow(expect.objectContaining({ code: 'VALUE_NOT_EDITABLE' }));
    const twice = { value: 'r1', kind: 'add', id: 'e' } as const;
    expect(() => instrument(index, { outputs: [], edits: [twice, twice] })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
    expect(() => instrument(index, { outputs: [], keepModelOutputs: false })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });

  it('name the opset they need when the model is too old', () => {
    const old = indexModel(residualModel({ opset: 8 }));
    expect(() => instrument(old, { outputs: [], edits: [{ value: 'r1', kind: 'add', id: 'e' }] })).toThrow(
      expect.objectContaining({
        code: 'MODEL_UNSUPPORTED',
        message: expect.stringMatching(/opset 8.*Where.*opset 9/),
      }),
    );
    const older = indexModel(residualModel({ opset: 11 }));
    expect(() => instrument(older, { outputs: [{ value: 'r1', pick: 'positions' }] })).toThrow(
      /opset 11.*GatherND.*opset 12/,
    );
  });
});
