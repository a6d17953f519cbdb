/** @file pipeline test: probes of random weights, saved for a model, to be attached to it. */
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
