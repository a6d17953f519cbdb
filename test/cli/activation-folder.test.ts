/** @file cli: the folder that `capture` writes: readable by other programs, complete or absent. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HookActivations, mustBeFree, writeActivations } from '../../src/cli/activation-folder.ts';

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'mesascope-activations-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

const ROWS = 300;
const ABOUT = {
  model: { file: 'model.onnx', sha256: 'aa' },
  data: { file: 'data.jsonl', sha256: 'bb' },
  runtime: '1.30.0',
  positions: [-2, -1],
  examples: Array.from({ length: ROWS }, (_, i) => ({ id: `x${i}`, set: 'train', group: `g${i % 7}` })),
};

/** Row i, position p, unit u holds 100 i + 10 p + u. */
function ramp(hook: string, width: number): HookActivations {
  return {
    hook,
    positions: 2,
    width,
    row: (i) =>
      Float32Array.from(
        { length: 2 * width },
        (_, at) => 100 * i + 10 * Math.floor(at / width) + (at % width),
      ),
  };
}

/** Independent of the writer: header length, JSON header, data, as the safetensors documentation has it. */
function readSafetensors(file: string): { name: string; shape: number[]; values: Float32Array } {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const [name, tensor] = Object.entries(header).find(([key]) => key !== '__metadata__')!;
  expect(tensor.dtype).toBe('F32');
  const data = bytes.subarray(8 + length + tensor.data_offsets[0], 8 + length + tensor.data_offsets[1]);
  const values = Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i));
  return { name, shape: tensor.shape, values };
}

describe('a folder of activations', () => {
  it('holds one tensor per hook in the order of the examples, with an index that says so', async () => {
    const folder = path.join(parent, 'new', 'acts');
    const written = await writeActivations(folder, [ramp('embed', 3), ramp('blocks.0.resid_post', 4)], ABOUT);
    const index = JSON.parse(readFileSync(path.join(folder, 'index.json'), 'utf8')) as typeof written;
    expect(index).toEqual(written);
    expect(index.examples[299]).toEqual({ id: 'x299', set: 'train', group: 'g5' });
    expect(index.hooks.map(({ hook, shape }) => [hook, shape])).toEqual([
      ['embed', [ROWS, 2, 3]],
      ['blocks.0.resid_post', [ROWS, 2, 4]],
    ]);
    const [file] = index.hooks[1]!.files;
    const { name, shape, values } = readSafetensors(path.join(folder, file!.file));
    expect([name, shape, file!.rows]).toEqual([index.tensor, [ROWS, 2, 4], ROWS]);
    expect([...values.subarray(8 * 299, 8 * 300)]).toEqual([
      29900, 29901, 29902, 29903, 29910, 29911, 29912, 29913,
    ]);
    const sha256 = createHash('sha256').update(readFileSync(path.join(folder, file!.file)));
    expect(file!.sha256).toBe(sha256.digest('hex'));
  });

  it('appears complete or not at all', async () => {
    const folder = path.join(parent, 'broken');
    const failing: HookActivations = {
      ...ramp('embed', 3),
      row(i) {
        if (i === 200) throw new Error('stop');
        return new Float32Array(6);
      },
    };
    await expect(writeActivations(folder, [failing], ABOUT)).rejects.toThrow('stop');
    expect(readdirSync(parent).filter((name) => name.startsWith('broken'))).toEqual([]);
  });

  it('is refused where something lies already, and left alone', async () => {
    const folder = path.join(parent, 'full');
    mkdirSync(folder);
    await mustBeFree(folder);
    await mustBeFree(path.join(parent, 'missing'));
    writeFileSync(path.join(folder, 'mine.txt'), 'mine');
    await expect(mustBeFree(folder)).rejects.toMatchObject({ code: 'BAD_SETTING' });
    await expect(writeActivations(folder, [ramp('embed', 3)], ABOUT)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['mine.txt']);
  });
});
