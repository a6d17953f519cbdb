/** @file model: what each input of a graph is for, from the graph's own list; decides, and feeds nothing. */
import { type ErrorLocation, MesascopeError, nearestNames } from '../core/errors.ts';
import { cacheWidths } from '../onnx/cache-width.ts';
import { DATA_TYPE, type ModelIndex, type ValueInfo } from '../onnx/contract.ts';
import { cacheNames } from './cache-names.ts';

/** Element types that can be fed. */
export type InputType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';

/**
 * `tokens`: integer ids [batch, position]. `attention-mask`: 1 at every position, since rows are never padded.
 * `positions`: 0, 1, 2 ... `token-types`: 0. `cache`: keys or values of no earlier position. `filled-cache`: keys or values
 * that a graph cannot begin without, of an encoder's states above all. `decoder-tokens`: integer ids of a decoder that attends
 * to the tokens' encoder: the token that starts it, where the data give none. `flag`: false (a merged decoder's
 * "use the cache"). `tensor`: floats that the data must give. `unknown`: an input nobody can supply.
 */
export type InputRole =
  | 'tokens'
  | 'attention-mask'
  | 'positions'
  | 'token-types'
  | 'cache'
  | 'filled-cache'
  | 'decoder-tokens'
  | 'flag'
  | 'tensor'
  | 'unknown';

export type DescribedInput = {
  readonly name: string;
  readonly role: InputRole;
  readonly type: InputType | undefined;
  /** As the file declares it: sizes, symbols, or null where nothing is said; undefined when no rank is stated. */
  readonly shape: readonly (number | string | null)[] | undefined;
};

const TYPE_NAMES: Readonly<Record<number, InputType>> = {
  [DATA_TYPE.float32]: 'float32',
  [DATA_TYPE.float64]: 'float64',
  [DATA_TYPE.float16]: 'float16',
  [DATA_TYPE.int64]: 'int64',
  [DATA_TYPE.int32]: 'int32',
  [DATA_TYPE.uint8]: 'uint8',
  [DATA_TYPE.bool]: 'bool',
};

/**
 * The inputs that must be fed, with their roles. Names are those that transformers' exporters write (`attention_mask`,
 * `position_ids`, `token_type_ids`, `past_key_values.0.key`); what is left over is told by its type: one integer input is the
 * tokens, floats are tensors.
 */
export function describeInputs(index: ModelIndex): DescribedInput[] {
  const widthOf = cacheWidths(index);
  const described = index.inputs.map((given): DescribedInput => {
    const value = CACHE_NAME.test(given.name.toLowerCase()) ? withWidth(given, widthOf) : given;
    return { name: value.name, role: roleByName(value), type: typeOf(value), shape: value.shape };
  });
  const caches = cacheNames(index);
  // A merged decoder is run without its caches.
  const switched = described.some(({ role }) => role === 'flag');
  const known = described.map((input): DescribedInput => {
    const filled = input.role === 'cache' && !switched && !caches.beginsEmpty(input.name);
    return filled ? { ...input, role: 'filled-cache' } : input;
  });
  if (known.some(({ role }) => role === 'tokens')) return known;
  const integers = known.filter(
    ({ role, type }) => role === 'unknown' && (type === 'int64' || type === 'int32'),
  );
  if (integers.length !== 1) return known;
  return known.map((input) => (input === integers[0] ? { ...input, role: 'tokens' } : input));
}

const CACHE_NAME = /^past(_key_values)?\W?/;

/** A cache with its last axis as a number, where the file has a symbol and the graph tells. */
function withWidth(value: ValueInfo, widthOf: (input: string) => number | undefined): ValueInfo {
  const { shape } = value;
  if (shape?.length !== 4 || typeof shape[3] === 'number') return value;
  return { ...value, shape: [...shape.slice(0, 3), widthOf(value.name) ?? shape[3]!] };
}

function typeOf({ dataType }: ValueInfo): InputType | undefined {
  return dataType === undefined ? undefined : TYPE_NAMES[dataType];
}

function roleByName(value: ValueInfo): InputRole {
  const type = typeOf(value);
  const name = value.name.toLowerCase();
  const rank = value.shape?.length;
  const integer = type === 'int64' || type === 'int32';
  if (integer && /^(input_ids|tokens|token_ids)$/.test(name)) return 'tokens';
  if (integer && name === 'decoder_input_ids') return 'decoder-tokens';
  if (
    /^((encoder_|decoder_)?attention_mask|input_mask|mask)$/.test(name) &&
    (rank === undefined || rank === 2)
  )
    return 'attention-mask';
  if (integer && /^(position_ids|positions|cache_position)$/.test(name)) return 'positions';
  if (integer && /^(token_type_ids|segment_ids)$/.test(name)) return 'token-types';
  if (CACHE_NAME.test(name) && rank === 4 && cacheDims(value.shape, 1) !== undefined) return 'cache';
  if (type === 'bool' && name === 'use_cache_branch') return 'flag';
  return type === 'float32' || type === 'float64' || type === 'float16' ? 'tensor' : 'unknown';
}

/** [batch, heads, 0, head width]; undefined when heads or width are not stated. */
export function cacheDims(shape: DescribedInput['shape'], batch: number): number[] | undefined {
  const [, heads, , width] = shape ?? [];
  return typeof heads === 'number' && typeof width === 'number' ? [batch, heads, 0, width] : undefined;
}

/** Which of the data's fields goes to which input; everything else is derived. */
export type InputPlan = {
  /** The tokens' input, for data of tokens. */
  readonly tokens: DescribedInput | undefined;
  /** Tensor field of the data to input. */
  readonly tensors: ReadonlyMap<string, DescribedInput>;
  readonly derived: readonly DescribedInput[];
  /** Token that a decoder starts with; -1 where none is known and none is needed. */
  readonly decoderStart: number;
};

/**
 * Settles every input for data of one kind. `mapping` is the data set's `inputs`: our field (`tokens` or a tensor's name) to the
 * model's input name; fields that it leaves out go by the graph's own list.
 *
 * Throws `INPUT_UNKNOWN` when the mapping names no input of the model, or an input is left that nothing supplies;
 * `INPUT_INVALID` when the model takes no tokens; `MODEL_UNSUPPORTED` when it goes on from caches that the data do not give.
 */
export function planInputs(
  inputs: readonly DescribedInput[],
  data: {
    readonly kind: 'tokens' | 'tensors';
    readonly fields: readonly string[];
    readonly mapping: Readonly<Record<string, string>>;
    /** Token that starts a decoder, where the model's configuration names one. */
    readonly decoderStart?: number | undefined;
    /** Where the mapping stands, for messages. */
    readonly location?: ErrorLocation;
  },
): InputPlan {
  const byName = new Map(inputs.map((input) => [input.name, input]));
  const mapped = (field: string, fallback: string | undefined): DescribedInput | undefined => {
    const name = Object.hasOwn(data.mapping, field) ? data.mapping[field]! : fallback;
    if (name === undefined) return undefined;
    const input = byName.get(name);
    if (input !== undefined) return input;
    const near = nearestNames(name, byName.keys());
    throw new MesascopeError(
      'INPUT_UNKNOWN',
      `\`inputs.${field}\` names ${JSON.stringify(name)}, but the model's inputs are ${[...byName.keys()].join(', ')}`,
      {
        ...(data.location === undefined ? {} : { location: data.location }),
        ...(near.length === 0 ? {} : { remedy: `Did you mean ${near.join(' or ')}?` }),
        facts: { name, nearest: near },
      },
    );
  };
  const taken = new Set<string>();
  let tokens: DescribedInput | undefined;
  const tensors = new Map<string, DescribedInput>();
  if (data.kind === 'tokens') {
    tokens = mapped('tokens', inputs.find(({ role }) => role === 'tokens')?.name);
    if (tokens === undefined || (tokens.type !== 'int64' && tokens.type !== 'int32')) {
      throw new MesascopeError(
        'INPUT_INVALID',
        `the data hold tokens, but ${tokens === undefined ? 'no input of the model takes them' : `input ${JSON.stringify(tokens.name)} is of type ${tokens.type}`}`,
        { facts: { inputs: inputs.map(({ name, type, role }) => ({ name, type, role })) } },
      );
    }
    taken.add(tokens.name);
  } else {
    for (const field of data.fields) {
      const input = mapped(field, field)!;
      tensors.set(field, input);
      taken.add(input.name);
    }
  }
  const derived: DescribedInput[] = [];
  for (const input of inputs) {
    if (taken.has(input.name)) continue;
    if (input.role === 'filled-cache') throw goesOnOnly(input);
    if (
      input.role === 'unknown' ||
      input.role === 'tensor' ||
      input.role === 'tokens' ||
      input.type === undefined
    ) {
      throw new MesascopeError(
        'INPUT_UNKNOWN',
        `the model needs the input ${JSON.stringify(input.name)} (${input.type ?? 'of an unsupported type'}), and the data do not give it`,
        { facts: { name: input.name, type: input.type, shape: input.shape } },
      );
    }
    if (input.role === 'decoder-tokens' && data.decoderStart === undefined) {
      throw new MesascopeError(
        'INPUT_UNKNOWN',
        `the model needs the input ${JSON.stringify(input.name)}, the data do not give it, and no config.json beside the model names a \`decoder_start_token_id\``,
        {
          facts: { name: input.name },
          remedy: `Put the model's config.json beside it, or give ${JSON.stringify(input.name)} as a tensor in every example.`,
        },
      );
    }
    derived.push(input);
  }
  return { tokens, tensors, derived, decoderStart: data.decoderStart ?? -1 };
}

/** About a graph whose first step is another file's. */
function goesOnOnly({ name, type, shape }: DescribedInput): MesascopeError {
  return new MesascopeError(
    'MODEL_UNSUPPORTED',
    `the model only goes on from keys and values that another graph has computed: fed none as ${JSON.stringify(name)}, it would run and read nothing there`,
    {
      facts: { name, type, shape },
      remedy:
        'Use the file of the same model that begins without caches: `decoder_model_merged.onnx` or `decoder_model.onnx` beside a `decoder_with_past_model.onnx`.',
    },
  );
}
