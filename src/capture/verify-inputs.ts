/** @file capture: seeded inputs that a model accepts, for self-checks when the user gives none; they mean nothing. */
import type { ModelInput, TensorInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { DescribedInput } from '../model/input-roles.ts';
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
  const floats = model.inputs.filter(({ role }) => role === 'tensor');
  const unclear = floats.find(({ shape }) => shape === undefined);
  if (unclear !== undefined || (tokens === undefined && floats.length === 0)) {
    throw new MesascopeError(
      'INPUT_UNKNOWN',
      unclear === undefined
        ? `${model.name} takes neither tokens nor tensors`
        : `the model states no shape for its input ${JSON.stringify(unclear.name)}, so none can be made up`,
    );
  }
  const floatTensor = ({ shape }: DescribedInput, length: number): TensorInput =>
    normalTensor(exampleDims(shape!, length, model), random);
  if (tokens === undefined) {
    return LENGTHS.map((length) => ({
      kind: 'tensors',
      tensors: Object.fromEntries(floats.map((input) => [input.name, floatTensor(input, length)])),
    }));
  }
  const ids = (name: string, length: number): number[] => {
    const vocabulary = model.vocabularyOf(name) ?? SMALL_VOCABULARY;
    return Array.from({ length }, () => random.integer(vocabulary));
  };
  const started = model.decoderStart() !== undefined;
  const decoder = started ? undefined : model.inputs.find(({ role }) => role === 'decoder-tokens');
  const fixed = tokens.shape?.[1];
  return LENGTHS.map((length): ModelInput => {
    const own = ids(tokens.name, typeof fixed === 'number' ? fixed : length);
    if (decoder === undefined && floats.length === 0) return { kind: 'tokens', tokens: own };
    const tensors: Record<string, TensorInput> = { [tokens.name]: { dims: [own.length], data: own } };
    if (decoder !== undefined) {
      const other = ids(decoder.name, Math.max(2, length - 1));
      tensors[decoder.name] = { dims: [other.length], data: other };
    }
    // States of an encoder, of a length of their own.
    for (const input of floats) tensors[input.name] = floatTensor(input, length + 1);
    return { kind: 'tensors', tensors };
  });
}

/** Sizes of one row: as stated, of the images that the model is made for, `length` positions, or a few. */
function exampleDims(shape: NonNullable<DescribedInput['shape']>, length: number, model: Model): number[] {
  const image = shape.length === 4 ? model.imageSize() : undefined;
  const edges = image === undefined ? [] : [image.channels, image.height, image.width];
  return shape.slice(1).map((size, axis, all) => {
    if (typeof size === 'number') return size;
    return edges[axis] ?? (axis === 0 && all.length > 1 ? length : OPEN_AXIS);
  });
}

function normalTensor(dims: readonly number[], random: Random): TensorInput {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { dims, data: Array.from({ length: size }, () => random.normal()) };
}
