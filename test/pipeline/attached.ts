/** @file pipeline test: probes of random weights, saved for a model, to be attached to it; and the bits of 16-bit numbers. */
import path from 'node:path';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { openModel } from '../../src/model/open-model.ts';
import { saveProbe } from '../../src/pipeline/probe-files.ts';
import type { SavedProbe } from '../../src/probe/probe-file.ts';

export type RandomProbe = Partial<SavedProbe['origin']> & {
  readonly width: number;
  /** Path of the model whose hash it bears. */
  readonly model: string;
};

/** A probe of three classes, saved under `name` in a folder; gives its path. */
export async function randomProbe(folder: string, name: string, change: RandomProbe): Promise<string> {
  const { width, model: file, ...origin } = change;
  const random = seededRandom(name);
  const model = await openModel(file);
  await model.close();
  const saved: SavedProbe = {
    probe: {
      kind: 'ridge',
      classes: 3,
      width,
      classNames: ['a', 'b', 'c'],
      weights: matrix(
        3,
        width,
        Float32Array.from({ length: 3 * width }, () => random.normal() / Math.sqrt(width)),
      ),
      bias: Float64Array.of(0.5, -1, 2),
      settings: { kind: 'ridge', penalty: 1, standardise: true },
    },
    origin: {
      hook: 'embed',
      position: -1,
      reads: name,
      modelSha256: model.sha256,
      dataSha256: 'none',
      splitSeed: '1',
      version: '0',
      ...origin,
    },
  };
  const probe = path.join(folder, `${name}.safetensors`);
  await saveProbe(probe, saved);
  return probe;
}

/** Bits of the float16 nearest to zero from a value between 6e-5 and 65504 in size; smaller ones become 0. */
export function halfBits(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const sign = (bits >>> 16) & 0x8000;
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
