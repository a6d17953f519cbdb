/** @file test: a model opens by path or from bytes, with its weights wherever they lie, and twins are other models. */
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runForward } from '../../src/capture/run-forward.ts';
import { sha256 } from '../../src/core/hash.ts';
import { closeModel, type Model, openModel } from '../../src/model/open-model.ts';
import { twinOf } from '../../src/model/twin.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { codeOf, GRID_HOOKS, GRID_MODEL, randomRows } from '../capture/small-models.ts';
import { temporaryFolder } from '../store/data-file.ts';

const inputs = randomRows({ count: 20, seed: 3 });
const capture = async (model: Model) => {
  const result = await runForward(model, {
    inputs,
    mapping: {},
    hooks: GRID_HOOKS,
    positions: [-1],
    readout: -1,
    choices: [101, 102],
    optimization: 'basic',
  });
  return [...GRID_HOOKS.map((hook) => result.activations(hook, -1)), result.choiceLogits];
};

/** The organism with its weights in a file beside it; gives the folder. */
async function externalCopy(): Promise<string> {
  const folder = await temporaryFolder();
  cpSync(GRID_MODEL, join(folder, 'weights.bin'));
  const index = indexModel(readFileSync(GRID_MODEL));
  const { bytes } = instrument(index, {
    outputs: [],
    weights: { kind: 'reference', modelFile: 'weights.bin' },
  });
  writeFileSync(join(folder, 'model.onnx'), bytes);
  return folder;
}

describe('an opened model', () => {
  it('knows its file, its inputs and its hooks', async () => {
    const model = await openModel(GRID_MODEL);
    const bytes = readFileSync(GRID_MODEL);
    expect(model).toMatchObject({
      name: 'model.onnx',
      path: GRID_MODEL,
      byteLength: bytes.length,
      sha256: sha256(bytes),
    });
    expect(model.source).toEqual({ kind: 'path', path: GRID_MODEL });
    expect(model.inputs).toEqual([
      { name: 'input_ids', role: 'tokens', type: 'int64', shape: ['batch', 'position'] },
    ]);
    expect(model.hooks.blocks.length).toBe(2);
    await closeModel(model);
    expect(await codeOf(capture(model))).toBe('INTERNAL');
  });

  it('is the same model from bytes as from its path', async () => {
    const [byPath, byBytes] = [
      await openModel(GRID_MODEL),
      await openModel({ bytes: readFileSync(GRID_MODEL), name: 'x' }),
    ];
    expect(byBytes.sha256).toBe(byPath.sha256);
    expect(await capture(byBytes)).toEqual(await capture(byPath));
    await Promise.all([byPath.close(), byBytes.close()]);
  });

  it('whose weights lie in a file beside it gives the same bits, and its hash and size count that file', async () => {
    const folder = await externalCopy();
    const [external, whole] = [await openModel(join(folder, 'model.onnx')), await openModel(GRID_MODEL)];
    expect(await capture(external)).toEqual(await capture(whole));
    const parts = ['model.onnx', 'weights.bin'].map((name) => readFileSync(join(folder, name)));
    expect(external.sha256).toBe(sha256(...parts));
    expect(external.byteLength).toBe(parts[0]!.length + parts[1]!.length);
    const bytes = await openModel({ bytes: parts[0]!, name: 'bytes', folder });
    expect(await capture(bytes)).toEqual(await capture(whole));
    await Promise.all([external.close(), whole.close(), bytes.close()]);
  });

  it('is refused when a weight file is missing, too short or outside its folder', async () => {
    const folder = await externalCopy();
    const path = join(folder, 'model.onnx');
    expect(await codeOf(openModel({ bytes: readFileSync(path), name: 'no folder' }))).toBe(
      'EXTERNAL_DATA_MISSING',
    );
    writeFileSync(
      join(folder, 'weights.bin'),
      readFileSync(GRID_MODEL).subarray(0, statSync(GRID_MODEL).size - 40_000),
    );
    expect(await codeOf(openModel(path))).toBe('EXTERNAL_DATA_MISSING');
    const text = readFileSync(path).toString('latin1').replaceAll('weights.bin', '../../a.bin');
    writeFileSync(path, Buffer.from(text, 'latin1'));
    expect(await codeOf(openModel(path))).toBe('EXTERNAL_DATA_PATH');
  });

  it('is refused, with its path, when the file is missing, a folder, or no model', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'model.onnx');
    expect(await codeOf(openModel(path))).toBe('MODEL_NOT_FOUND');
    mkdirSync(path);
    expect(await codeOf(openModel(path))).toBe('MODEL_NOT_FOUND');
    const cut = join(folder, 'cut.onnx');
    writeFileSync(cut, readFileSync(GRID_MODEL).subarray(0, 5000));
    await expect(openModel(cut)).rejects.toMatchObject({ code: 'MODEL_CORRUPT', location: { file: cut } });
  });

  it('is named where a folder that holds it is given; of a name that no folder bears it is said that nothing is downloaded', async () => {
    const folder = await temporaryFolder();
    const remedyOf = (path: string): Promise<string> =>
      openModel(path).then(
        () => 'opened',
        ({ remedy }: { remedy: string }) => remedy,
      );
    expect(await remedyOf(folder)).toMatch(/holds no \.onnx file/);
    mkdirSync(join(folder, 'onnx'));
    for (const name of ['model_q4.onnx', 'model.onnx', 'config.json'])
      writeFileSync(join(folder, 'onnx', name), '');
    const [plain, small] = ['model.onnx', 'model_q4.onnx'].map((name) => join(folder, 'onnx', name));
    expect(await remedyOf(folder)).toBe(`Give a file: it holds ${plain}, ${small}.`);
    expect(await remedyOf('some-owner/some-model-1B')).toMatch(/^Nothing is downloaded/);
    expect(await remedyOf('src/some-model')).not.toMatch(/downloaded/);
  });

  it('that is large leaves its weights in the file, runs the same, and has the same twins', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'large.onnx');
    writeFileSync(path, Buffer.concat([readFileSync(GRID_MODEL), unusedWeight(17 * 2 ** 18)]));
    const [large, small] = [await openModel(path), await openModel(GRID_MODEL)];
    expect(large.index.bytes.length).toBeLessThan(200_000);
    expect(large.hooks).toEqual(small.hooks);
    expect(await capture(large)).toEqual(await capture(small));
    const twins = [await twinOf(large, { seed: 4 }), await twinOf(small, { seed: 4 })];
    expect(await capture(twins[0]!)).toEqual(await capture(twins[1]!));
    await Promise.all([large, small, ...twins].map((model) => model.close()));
  });
});

/** A second piece of the graph (protobuf merges the two) with one tensor that no node reads, of that many float32 zeros. */
function unusedWeight(size: number): Buffer {
  const tensor = Buffer.concat([
    Buffer.from([1 << 3, ...varint(size)]), // dims
    Buffer.from([2 << 3, 1]), // data_type float32
    field(8, Buffer.from('unused')), // name
    field(9, Buffer.alloc(4 * size)), // raw_data
  ]);
  return field(7, field(5, tensor)); // ModelProto.graph, GraphProto.initializer
}

function field(number: number, contents: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(contents.length)]), contents]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) return bytes;
  }
}

describe('a twin', () => {
  it('has the hooks and the shapes of its model, other values, and is the same for the same seed', async () => {
    const model = await openModel(GRID_MODEL);
    const twins = await Promise.all([1, 1, 2].map((seed) => twinOf(model, { seed })));
    const [own, first, again, other] = await Promise.all([model, ...twins].map(capture));
    expect(twins[0]!.hooks).toBe(model.hooks);
    expect(again).toEqual(first);
    for (const [i, values] of own!.entries()) {
      expect(first![i]).toMatchObject({ rows: values!.rows, columns: values!.columns });
      // Embeddings are kept: what enters the first block is the model's own.
      if (GRID_HOOKS[i] === 'embed') expect(first![i]).toEqual(values);
      else {
        expect(first![i]).not.toEqual(values);
        expect(other![i]).not.toEqual(first![i]);
      }
    }
    const fresh = await twinOf(model, { seed: 1, keep: { embeddings: false } });
    expect((await capture(fresh))[0]).not.toEqual(own![0]);
    await Promise.all([model, fresh, ...twins].map((one) => one.close()));
  });
});
