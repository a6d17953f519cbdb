/** @file capture: seeded inputs that a model accepts, for self-checks when the user gives none; they mean nothing. */
import type { ModelInput, TensorInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { Model } from '../model/open-model.ts';

/** Short enough for any table of positions, long enough for attention to have something to attend to. */
const LENGTHS = [5, 3, 5, 4, 2, 5, 4, 3] as const;
/** Ids below this exist in any vocabulary whose size the graph does not show. */
const SMALL_VOCABULARY = 32;
/** Size taken for an axis that the graph leaves open. */
const OPEN_AXIS = 4;

/**
 * Eight inputs, of mixed lengths where the graph takes any: random token ids below the vocabulary, or standard normal
 * tensors. The same seed gives the same inputs. Throws `INPUT_UNKNOWN` when the graph says too little about an input.
 */
export function randomInputs(model: Model, seed: number | string): ModelInput[] {
  const random = seededRandom(seed).fork('self-check inputs');
  const tokens = model.inputs.find(({ role }) => role === 'tokens');
  if (tokens !== undefined) {
    const fixed = tokens.shape?.[1];
    const ids = (name: string, length: number): number[] => {
      const vocabulary = model.vocabularyOf(name) ?? SMALL_VOCABULARY;
      return Array.from({ length }, () => random.integer(vocabulary));
    };
    const decoder = model.inputs.find(({ role }) => role === 'decoder-tokens');
    return LENGTHS.map((length): ModelInput => {
      const own = ids(tokens.name, typeof fixed === 'number' ? fixed : length);
      if (decoder === undefined || model.decoderStart() !== undefined) return { kind: 'tokens', tokens: own };
      const other = ids(decoder.name, Math.max(2, length - 1));
      const tensor = (data: number[]): TensorInput => ({ dims: [data.length], data });
      return {
        kind: 'tensors',
        tensors: { [tokens.name]: tensor(own), [decoder.name]: tensor(other) },
      };
    });
  }
  const tensors = model.inputs.filter(({ role }) => role === 'tensor');
  const unclear = tensors.find(({ shape }) => shape === undefined);
  if (tensors.length === 0 || unclear !== undefined) {
    throw new MesascopeError(
      'INPUT_UNKNOWN',
      unclear === undefined
        ? `${model.name} takes neither tokens nor tensors`
        : `the model states no shape for its input ${JSON.stringify(unclear.name)}, so none can be made up`,
    );
  }
  return LENGTHS.map((length) => ({
    kind: 'tensors',
    tensors: Object.fromEntries(
      tensors.map(({ name, shape }) => {
        const image = shape!.length === 4 ? model.imageSize() : undefined;
        const edges = image === undefined ? [] : [image.channels, image.height, image.width];
        const dims = shape!.slice(1).map((size, axis, all) => {
          if (typeof size !== 'number' && edges.length > 0) return edges[axis]!;
          return typeof size === 'number' ? size : axis === 0 && all.length > 1 ? length : OPEN_AXIS;
        });
        return [name, normalTensor(dims, random)];
      }),
    ),
  }));
}

function normalTensor(dims: readonly number[], random: Random): TensorInput {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { dims, data: Array.from({ length: size }, () => random.normal()) };
}
