/** @file onnx: a model's weight-shuffled twin: the same graph and the same numbers, with what was learned scrambled. */
import { MesascopeError } from '../core/errors.ts';
import { seededRandom } from '../core/random.ts';
import type { ModelIndex, ReadLimits, TensorView } from './contract.ts';
import { copiesOf } from './equal-tensors.ts';
import { indexModel } from './index-model.ts';
import { inlineWeights } from './inline-weights.ts';
import { permuteTensor } from './permute-tensor.ts';
import { type ExternalReader, readTensor, valueCount } from './read-tensor.ts';
import { redrawTensor } from './redraw-tensor.ts';
import { storedTensors } from './stored-tensors.ts';
import { type WeightRole, weightRoles } from './weight-roles.ts';

export type TwinKind = 'shuffled' | 're-initialised';

export type TwinOptions = {
  /** Each tensor's order depends on this and on the tensor's name alone. */
  readonly seed: number | string;
  /**
   * `shuffled` (default): each tensor keeps its values, in random order. `re-initialised`: fresh normal numbers with the tensor's own mean
   * and deviation; needs float32 weights.
   */
  readonly kind?: TwinKind;
  /** What stays as it was trained; both default to true. */
  readonly keep?: { readonly norms?: boolean; readonly embeddings?: boolean };
  /** Reads weights that lie in other files; the twin holds them inline. */
  readonly external?: ExternalReader;
};

/** The file was within its reader's limits when it was indexed; what is made of it here must not fail on others. */
const NO_LIMITS: ReadLimits = {
  maxNodes: Number.POSITIVE_INFINITY,
  maxInitializers: Number.POSITIVE_INFINITY,
  maxValues: Number.POSITIVE_INFINITY,
  maxParts: Number.POSITIVE_INFINITY,
  maxDepth: 64,
  maxRank: Number.POSITIVE_INFINITY,
  maxNameBytes: Number.POSITIVE_INFINITY,
};

/**
 * A copy of the model in which the values of every weight matrix and bias are permuted within their tensor.
 *
 * What a tensor is, its readers decide (`weightRoles`): a norm's gain and bias are vectors that a normalisation operator
 * takes, or that multiply, or are added after, a value divided by the root of a mean or sum; an embedding is a table whose
 * rows are gathered or that is added to activations. A table that is an embedding and an unembedding at once counts as an
 * embedding, also when the exporter wrote the unembedding as a (transposed) copy. Integers, scalars, masks, rotary
 * frequencies, scales of quantised weights and vectors in user-made operators stay. Apart from permuted values the bytes
 * are the file's own, except that external weights are inlined.
 *
 * Throws `MODEL_UNSUPPORTED` when nothing would be permuted (all weights are quantised, or lie in sub-graphs) or a tensor to be
 * re-initialised is not float32,
 * `EXTERNAL_DATA_MISSING`, `MODEL_CORRUPT`.
 */
export function shuffledTwin(index: ModelIndex, options: TwinOptions): Uint8Array<ArrayBuffer> {
  const isExternal = ({ data }: TensorView): boolean => data.kind === 'external';
  const whole = [...index.initializers.values()].some(isExternal)
    ? indexModel(inlineWeights(index, options.external), { limits: NO_LIMITS })
    : index;
  const stored = storedTensors(whole);
  const names = permutedNames(whole, { stored, keep: options.keep });
  if (names.length === 0) {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      'the model has no floating weight matrix outside sub-graphs, so a twin would equal it',
    );
  }
  const twin = new Uint8Array(whole.bytes);
  const { kind = 'shuffled' } = options;
  const random = seededRandom(options.seed).fork(
    kind === 'shuffled' ? 'weight-shuffled twin' : 're-initialised twin',
  );
  for (const name of names) {
    const tensor = stored.get(name)!;
    if (kind === 'shuffled') permuteTensor(twin, tensor, random.fork(name));
    else redrawTensor(twin, tensor, random.fork(name));
  }
  return twin;
}

function permutedNames(
  index: ModelIndex,
  context: { readonly stored: ReadonlyMap<string, TensorView>; readonly keep: TwinOptions['keep'] },
): string[] {
  const { stored, keep } = context;
  const roles = weightRoles(index);
  const keeps = (role: WeightRole): boolean =>
    role === 'other' ||
    (role === 'norm' && keep?.norms !== false) ||
    (role === 'embedding' && keep?.embeddings !== false);
  const withRole = (role: WeightRole): TensorView[] =>
    [...roles].filter(([, own]) => own === role).map(([name]) => stored.get(name)!);
  const copies = keeps('embedding')
    ? copiesOf(index, withRole('embedding'), withRole('matrix'))
    : new Set<TensorView>();
  return [...roles]
    .filter(([name, role]) => {
      const tensor = stored.get(name)!;
      if (keeps(role) || valueCount(tensor.dims) < 2 || copies.has(tensor)) return false;
      return role !== 'embedding' || !isMask(index, tensor);
    })
    .map(([name]) => name);
}

/** A table that holds -inf or a number of that size is an attention mask: no learned table does. */
function isMask(index: ModelIndex, tensor: TensorView): boolean {
  return readTensor(index, tensor).data.some((value: number | bigint) => !(Math.abs(Number(value)) < 1e4));
}
