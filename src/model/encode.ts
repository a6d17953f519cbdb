/** @file model: a list of inputs as flat arrays that any batch of rows can be fed from; checks them once, before running. */
import { locatedAt, locatedAtHeader } from '../core/data-place.ts';
import type { InputKind, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Sha256, sha256, sha256Of } from '../core/hash.ts';
import type { StreamName } from '../onnx/contract.ts';
import type { TensorValue } from '../runtime/contract.ts';
import { decoderStartIn, derivedFeeds, derivedLength, integers, numbers } from './feeds.ts';
import { type DescribedInput, type InputPlan, planInputs } from './input-roles.ts';
import type { Model } from './open-model.ts';
import { streamLengths } from './sequences.ts';
import { kindOf, tokenizedInputs, type WrittenInput } from './tokenize.ts';

/** Inputs ready to run; row i is input i. */
export type Encoded = {
  readonly rows: number;
  /** Positions of each row: tokens, or the first axis of a tensor of ids or of two or more axes, else 1. */
  readonly lengths: Int32Array;
  /** Rows of one shape class can share a batch without padding. */
  readonly shapeClass: Int32Array;
  /** Hash of the inputs and of where they go, made when it is first asked for; a part of every cache key. */
  readonly sha256: Sha256;
  /** Batch size that the graph fixes, if it does. */
  readonly fixedBatch: number | undefined;
  /** Feeds for rows of one shape class: [rows.length, ...]. */
  feeds(rows: Int32Array): Record<string, TensorValue>;
  /** Positions that each row has in a stream of the model: what negative positions count from. */
  positionsIn(stream: StreamName): Int32Array;
};

/** What the kinds of input have in common is added by `encode`. */
type Flat = Omit<Encoded, 'positionsIn' | 'sha256'> & { readonly digest: () => Sha256 };

/** Where inputs stand in data of which they are a part. */
export type PartOfData = {
  /** Row of the first of them, for messages. */
  readonly firstRow: number;
  /** The first input of the whole, whose kind and fields all others must have. */
  readonly first: ModelInput | undefined;
};

/**
 * Checks and flattens inputs for a model. `mapping` is the data set's `inputs`; rows are named as those of the whole when they are a part.
 *
 * Throws `INPUT_UNKNOWN`, `MODEL_UNSUPPORTED` (caches that cannot begin empty), `INPUT_INVALID` (mixed kinds, a shape that the graph does not take), `INPUT_TOO_LONG`, `TOKEN_RANGE` (example and
 * position named; only where the graph shows its table), `TOKENIZER_MISSING`, `TOKENIZER_INVALID` (text alone), `CHAT_TEMPLATE_MISSING`, `CHAT_TEMPLATE_INVALID`, `CHAT_REFUSED` (chats alone). Faults of an input that was read from a file point at its line.
 */
export function encode(
  model: Model,
  inputs: readonly ModelInput[],
  mapping: Readonly<Record<string, string>>,
  part: PartOfData = { firstRow: 0, first: inputs[0] },
): Encoded {
  const kind = part.first === undefined ? 'tokens' : kindOf(part.first);
  const stranger = inputs.findIndex((input) => kindOf(input) !== kind);
  if (stranger >= 0) {
    const row = part.firstRow + stranger;
    throw new MesascopeError(
      'INPUT_INVALID',
      `input ${row} is of kind ${inputs[stranger]!.kind}, the ones before it of kind ${kind}`,
      { ...locatedAt(inputs[stranger]), facts: { row } },
    );
  }
  const { digest, ...flat } = flattened(model, kind, inputs, { mapping, part });
  let hash: Sha256 | undefined;
  const known = new Map<StreamName, Int32Array>();
  const rows = {
    hooks: model.hooks,
    described: model.inputs,
    inputs,
    mapping,
    lengths: flat.lengths,
    count: model.countPositions,
  };
  return {
    ...flat,
    get sha256() {
      hash ??= digest();
      return hash;
    },
    // Rows that change each other inside a batch are run alone.
    fixedBatch: flat.fixedBatch ?? (model.mixesRows ? 1 : undefined),
    positionsIn(stream) {
      const lengths = known.get(stream) ?? streamLengths(rows, stream);
      known.set(stream, lengths);
      return lengths;
    },
  };
}

function flattened(
  model: Model,
  kind: InputKind,
  inputs: readonly ModelInput[],
  { mapping, part }: Whole,
): Flat {
  switch (kind) {
    case 'text':
      return encodeTokens(model, tokenizedInputs(model, inputs as readonly WrittenInput[], part).inputs, {
        mapping: mapping.text === undefined ? mapping : { ...mapping, tokens: mapping.text },
        part,
      });
    case 'tokens':
      return encodeTokens(model, inputs as readonly TokensInput[], { mapping, part });
    case 'tensors':
      return encodeTensors(model, inputs as readonly TensorsInput[], { mapping, part });
  }
}

type TokensInput = ModelInput & { readonly kind: 'tokens' };
type TensorsInput = ModelInput & { readonly kind: 'tensors' };
type Whole = { readonly mapping: Readonly<Record<string, string>>; readonly part: PartOfData };

function encodeTokens(model: Model, inputs: readonly TokensInput[], { mapping, part }: Whole): Flat {
  const { firstRow } = part;
  const plan = planInputs(model.inputs, {
    kind: 'tokens',
    fields: [],
    mapping,
    ...locatedAtHeader(inputs[0]),
    decoderStart: model.decoderStart(),
  });
  const input = plan.tokens!;
  const rows = inputs.length;
  const lengths = Int32Array.from(inputs, ({ tokens }) => tokens.length);
  const starts = new Int32Array(rows + 1);
  for (let i = 0; i < rows; i++) starts[i + 1] = starts[i]! + lengths[i]!;
  const flat = new Int32Array(starts[rows]!);
  for (let i = 0, at = 0; i < rows; i++) {
    const { tokens } = inputs[i]!;
    for (let j = 0; j < tokens.length; j++, at++) {
      flat[at] = tokens[j]!;
      // What an int32 would turn into another id is an id outside any vocabulary.
      if (flat[at] !== tokens[j]) flat[at] = -1;
    }
  }
  mustBeInVocabulary(model, input, { inputs, flat, starts, firstRow });
  const fixed = fixedSizes(input);
  if (fixed.length !== undefined) {
    const other = lengths.findIndex((length) => length !== fixed.length);
    if (other >= 0) {
      throw new MesascopeError(
        'INPUT_INVALID',
        `example ${firstRow + other} has ${lengths[other]} tokens, but the model takes exactly ${fixed.length}`,
        {
          ...locatedAt(inputs[other]),
          facts: { row: firstRow + other, tokens: lengths[other], needed: fixed.length },
        },
      );
    }
  }
  mustHaveRoom(model, input, { plan, inputs, lengths, firstRow });
  return {
    rows,
    lengths,
    shapeClass: lengths,
    digest: () => sha256('tokens:', input.name, '\n', ...decoderStartIn(plan), starts, flat),
    fixedBatch: fixed.batch,
    feeds(wanted) {
      const length = lengths[wanted[0]!] ?? 0;
      const batch = new Int32Array(wanted.length * length);
      for (let i = 0; i < wanted.length; i++) {
        const start = starts[wanted[i]!]!;
        batch.set(flat.subarray(start, start + length), i * length);
      }
      const tokens = integers(input.type, [wanted.length, length], batch);
      return { [input.name]: tokens, ...derivedFeeds(plan, wanted.length, derivedLength(plan, length)) };
    },
  };
}

function mustBeInVocabulary(
  model: Model,
  input: DescribedInput,
  tokens: {
    readonly inputs: readonly TokensInput[];
    readonly flat: Int32Array;
    readonly starts: Int32Array;
    readonly firstRow: number;
  },
): void {
  const { inputs, flat, starts, firstRow } = tokens;
  const empty = inputs.findIndex((row) => row.tokens.length === 0);
  if (empty >= 0) {
    throw new MesascopeError('INPUT_INVALID', `example ${firstRow + empty} has no tokens`, {
      ...locatedAt(inputs[empty]),
      facts: { row: firstRow + empty },
    });
  }
  const size = model.vocabularyOf(input.name);
  const limit = size ?? 0x7fffffff;
  for (let at = 0, row = 0; at < flat.length; at++) {
    if (flat[at]! >= 0 && flat[at]! < limit) continue;
    while (starts[row + 1]! <= at) row++;
    const position = at - starts[row]!;
    const id = inputs[row]!.tokens[position]!;
    throw new MesascopeError(
      'TOKEN_RANGE',
      `example ${firstRow + row} has the token id ${id} at position ${position}, outside the ${size === undefined ? 'range of ids' : `vocabulary of ${size}`}`,
      { ...locatedAt(inputs[row]), facts: { row: firstRow + row, position, id, vocabulary: size } },
    );
  }
}

/** Throws `INPUT_TOO_LONG` for a row that reaches past the end of the graph's table of positions. */
function mustHaveRoom(
  model: Model,
  input: DescribedInput,
  rows: {
    readonly plan: InputPlan;
    readonly inputs: readonly ModelInput[];
    readonly lengths: Int32Array;
    readonly firstRow: number;
  },
): void {
  const derived = rows.plan.derived.filter(({ role }) => role === 'positions').map(({ name }) => name);
  const limit = model.positionLimitOf({ tokens: input.name, positions: derived });
  const row = limit === undefined ? -1 : rows.lengths.findIndex((length) => length > limit);
  if (row < 0) return;
  const tokens = rows.lengths[row]!;
  throw new MesascopeError(
    'INPUT_TOO_LONG',
    `example ${rows.firstRow + row} has ${tokens} tokens, but the model has positions for ${limit}`,
    {
      ...locatedAt(rows.inputs[row]),
      facts: { row: rows.firstRow + row, tokens, limit },
      remedy: `Shorten every row to at most ${limit} tokens, or use a model that was trained on longer ones.`,
    },
  );
}

function encodeTensors(model: Model, inputs: readonly TensorsInput[], { mapping, part }: Whole): Flat {
  const { firstRow } = part;
  const fields = Object.keys(part.first?.kind === 'tensors' ? part.first.tensors : {}).sort();
  const plan = planInputs(model.inputs, {
    kind: 'tensors',
    fields,
    mapping,
    ...locatedAtHeader(inputs[0]),
    decoderStart: model.decoderStart(),
  });
  const classes = new Map<string, number>();
  const shapes: (readonly (readonly number[])[])[] = [];
  const lengths = new Int32Array(inputs.length);
  const shapeClass = Int32Array.from(inputs, ({ tensors }, row) => {
    if (String(Object.keys(tensors).sort()) !== String(fields)) {
      throw new MesascopeError(
        'INPUT_INVALID',
        `example ${firstRow + row} gives the tensors ${Object.keys(tensors).join(', ')}, the first one ${fields.join(', ')}`,
        { ...locatedAt(inputs[row]), facts: { row: firstRow + row } },
      );
    }
    const dims = fields.map((field) =>
      rowDims({ example: inputs[row]!, field, input: plan.tensors.get(field)!, row: firstRow + row }),
    );
    for (const [f, field] of fields.entries()) {
      // Integers are ids, one per position; of floats the last axis is a vector.
      const { type } = plan.tensors.get(field)!;
      const sequence = dims[f]!.length >= (type === 'int64' || type === 'int32' ? 1 : 2);
      lengths[row] = Math.max(lengths[row]!, 1, sequence ? dims[f]![0]! : 1);
    }
    const key = JSON.stringify(dims);
    let known = classes.get(key);
    if (known === undefined) {
      known = shapes.push(dims) - 1;
      classes.set(key, known);
    }
    return known;
  });
  const ids = [...plan.tensors.values()].find(({ role }) => role === 'tokens');
  if (ids !== undefined) mustHaveRoom(model, ids, { plan, inputs, lengths, firstRow });
  // Piece by piece: the numbers of a few hundred images as one text are longer than a string may be.
  function* pieces(): Generator<NodeJS.ArrayBufferView | string> {
    yield JSON.stringify({
      kind: 'tensors',
      fields: fields.map((field) => [field, plan.tensors.get(field)!.name]),
    });
    yield* decoderStartIn(plan);
    for (const { tensors } of inputs) {
      for (const field of fields) {
        const { dims, data } = tensors[field]!;
        yield JSON.stringify(dims);
        yield Float64Array.from(data);
      }
    }
  }
  const batches = [...plan.tensors.values()].map((input) => fixedSizes(input).batch);
  return {
    rows: inputs.length,
    lengths,
    shapeClass,
    digest: () => sha256Of(pieces()),
    fixedBatch: batches.find((batch) => batch !== undefined),
    feeds(wanted) {
      const first = wanted[0] ?? 0;
      const dims = shapes[shapeClass[first] ?? 0] ?? [];
      const feeds: Record<string, TensorValue> = {};
      for (const [f, field] of fields.entries()) {
        const input = plan.tensors.get(field)!;
        const size = dims[f]!.reduce((product, dim) => product * dim, 1);
        const batch = new Float64Array(wanted.length * size);
        for (let i = 0; i < wanted.length; i++) batch.set(inputs[wanted[i]!]!.tensors[field]!.data, i * size);
        feeds[input.name] = numbers(input.type, [wanted.length, ...dims[f]!], batch);
      }
      const sizes = new Map(fields.map((field, f) => [plan.tensors.get(field)!, dims[f]?.[0] ?? 1]));
      const ofLength = derivedLength(plan, lengths[first] ?? 1, sizes);
      return { ...feeds, ...derivedFeeds(plan, wanted.length, ofLength) };
    },
  };
}

/** A row's shape without the batch axis; data may write a leading 1 for it. */
function rowDims(of: {
  readonly example: TensorsInput;
  readonly field: string;
  readonly input: DescribedInput;
  readonly row: number;
}): readonly number[] {
  const { example, input, row } = of;
  const { dims, data } = example.tensors[of.field]!;
  const rank = input.shape?.length;
  const own = rank === dims.length && dims[0] === 1 ? dims.slice(1) : dims;
  const declared = input.shape?.slice(1);
  const fits =
    (declared === undefined ||
      (declared.length === own.length &&
        declared.every((size, axis) => typeof size !== 'number' || size === own[axis]))) &&
    data.length === own.reduce((product, dim) => product * dim, 1);
  if (!fits) {
    throw new MesascopeError(
      'INPUT_INVALID',
      `example ${row} has a tensor [${dims.join(', ')}] of ${data.length} values for the input ${JSON.stringify(input.name)} [${(input.shape ?? []).map((size) => size ?? '?').join(', ')}]`,
      { ...locatedAt(example), facts: { row, dims, input: input.name, shape: input.shape } },
    );
  }
  return own;
}

function fixedSizes({ shape }: DescribedInput): {
  readonly batch: number | undefined;
  readonly length: number | undefined;
} {
  const [batch, length] = shape ?? [];
  return {
    batch: typeof batch === 'number' && batch > 0 ? batch : undefined,
    length: typeof length === 'number' && length > 0 ? length : undefined,
  };
}
