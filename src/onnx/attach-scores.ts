/** @file onnx: a model with linear scores of its hidden values as further outputs; the rest of the file is copied byte for byte. */
import { MesascopeError } from '../core/errors.ts';
import { AddedParts } from './added-parts.ts';
import type { ModelIndex } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { MODEL, STRING_ENTRY } from './fields.ts';
import { referenceTensor } from './reference-weights.ts';
import { type Fate, type FilePiece, rewritePieces } from './rewrite-model.ts';
import { FreshNames, mustBeOuterValue, outerValues } from './value-names.ts';
import { valueTypes } from './value-types.ts';
import { MessageWriter } from './wire-write.ts';

/** One linear read-out x W^T + b of a hidden value, to become an output of the model. */
export type ScoreRequest = {
  /** Name of the output; it must occur nowhere in the file. */
  readonly output: string;
  /** The value read, [batch, position, ...vector] or [batch, ...vector]. */
  readonly value: string;
  /**
   * `every`: a score at each position, [batch, position, classes]. A number: that position only, [batch, classes]; a
   * negative one counts from the end of the batch, padding included. `none`: the value has no positions.
   */
  readonly positions: 'every' | 'none' | number;
  /** Axes of the value that make up its vector; several are read as one, row-major. */
  readonly vectorAxes: number;
  readonly classes: number;
  readonly width: number;
  /** W, [classes, width] row-major. */
  readonly weights: Float32Array;
  /** b, [classes]; -Infinity is a class that is never predicted. */
  readonly bias: Float64Array;
  /** float64: the bias is added and the score given in 64 bits. */
  readonly type: 'float32' | 'float64';
  /** What the output is, kept in the file's `metadata_props` under the output's name. */
  readonly description: string;
};

export type AttachWeights =
  | { readonly kind: 'inline' }
  /** Raw tensors of 1 KB and more stay in `modelFile`, a name beside the new file. */
  | { readonly kind: 'reference'; readonly modelFile: string };

/**
 * The model with one output per request, as pieces of a file. Values of 16 or 64 bits are read as float32. The added
 * weights are constants of the graph, so nothing new has to be fed.
 *
 * Throws `VALUE_UNKNOWN`, `BAD_SETTING` (an output's name is taken, by the model or by another request),
 * `MODEL_UNSUPPORTED` (the opset is too old, a value is not floating).
 */
export function attachScores(
  index: ModelIndex,
  requests: readonly ScoreRequest[],
  weights: AttachWeights = { kind: 'inline' },
): readonly FilePiece[] {
  const outer = outerValues(index);
  const types = valueTypes(index);
  mustBeFree(
    index,
    requests.map(({ output }) => output),
  );
  const parts = new AddedParts(index);
  // All names first: none of them may go to an inner value of another score.
  for (const { output } of requests) parts.names.fresh(output);
  for (const request of requests) {
    mustBeOuterValue(index, outer, request.value);
    addScore(parts, request, types.get(request.value));
  }
  return rewritePieces(index, {
    ...(weights.kind === 'inline'
      ? {}
      : { initializer: (tensor): Fate => referenceTensor(tensor, weights.modelFile) }),
    add: (graph) => parts.writeTo(graph),
    addToModel(model) {
      for (const { output, description } of requests) {
        model.message(
          MODEL.metadataProps,
          new MessageWriter().string(STRING_ENTRY.key, output).string(STRING_ENTRY.value, description),
        );
      }
    },
  });
}

function mustBeFree(index: ModelIndex, outputs: readonly string[]): void {
  const names = new FreshNames(index);
  for (const [at, name] of outputs.entries()) {
    const twice = outputs.indexOf(name) < at;
    if (!twice && names.fresh(name) === name && index.metadata[name] === undefined) continue;
    throw new MesascopeError(
      'BAD_SETTING',
      twice
        ? `two scores would be called ${JSON.stringify(name)}`
        : `the model uses the name ${JSON.stringify(name)} already`,
      { facts: { name }, remedy: 'Choose another name for that probe: NAME=FILE.' },
    );
  }
}

/** Axes in front of the vector. */
function leadingAxes({ positions }: ScoreRequest): number {
  return positions === 'every' ? 2 : 1;
}

/** Adds the nodes from the value to the output. */
function addScore(parts: AddedParts, request: ScoreRequest, dataType: number | undefined): void {
  const { output, value, positions, vectorAxes, classes, width } = request;
  const wish = (part: string): string => `${output}/${part}`;
  let x = value;
  if (typeof positions === 'number') {
    // A negative index of Gather is allowed from opset 11 (ONNX, Changelog.md).
    if (positions < 0) parts.require('Gather from the end', 11);
    const at = constant('position', { dims: [], type: 'int64', data: BigInt64Array.of(BigInt(positions)) });
    x = parts.node({
      opType: 'Gather',
      inputs: [x, at],
      wish: wish('picked'),
      attributes: { axis: { int: 1 } },
    });
  }
  if (vectorAxes > 1) {
    // 0 copies the size of an axis.
    const sizes = [...Array.from({ length: leadingAxes(request) }, () => 0), width];
    const shape = constant('shape', {
      dims: [sizes.length],
      type: 'int64',
      data: BigInt64Array.from(sizes, BigInt),
    });
    x = parts.node({ opType: 'Reshape', inputs: [x, shape], wish: wish('vector') });
  }
  if (dataType !== undefined && dataType !== DATA_TYPE.float32) {
    const floating: readonly number[] = [DATA_TYPE.float16, DATA_TYPE.bfloat16, DATA_TYPE.float64];
    if (!floating.includes(dataType)) {
      throw new MesascopeError(
        'MODEL_UNSUPPORTED',
        `the value ${JSON.stringify(value)} has data type ${dataType}, which is not floating, so a probe cannot read it`,
        { facts: { value, dataType } },
      );
    }
    x = parts.cast(x, { to: DATA_TYPE.float32, wish: wish('float32') });
  }
  const w = constant('weights', { dims: [width, classes], type: 'float32', data: transposed(request) });
  // [batch, position, width] x [width, classes] -> [batch, position, classes]
  let product = parts.node({ opType: 'MatMul', inputs: [x, w], wish: wish('product') });
  if (request.type === 'float64') {
    product = parts.cast(product, { to: DATA_TYPE.float64, wish: wish('float64') });
  }
  const bias = request.type === 'float64' ? request.bias : Float32Array.from(request.bias);
  const b = constant('bias', { dims: [classes], type: request.type, data: bias });
  parts.node({ opType: 'Add', inputs: [product, b], wish: output, as: output });
  // Names of their own: the model's symbols may mean another length.
  const places = ['mesascope_batch', 'mesascope_position'].slice(0, leadingAxes(request));
  parts.output(output, { type: request.type, shape: [...places, classes] });

  function constant(
    part: string,
    tensor: {
      readonly dims: readonly number[];
      readonly type: 'float32' | 'float64' | 'int64';
      readonly data: Float32Array | Float64Array | BigInt64Array;
    },
  ): string {
    // A node rather than a stored tensor, which before IR 4 would have to be declared as an input.
    return parts.node({
      opType: 'Constant',
      inputs: [],
      wish: wish(part),
      attributes: { value: { tensor } },
    });
  }
}

/** W^T, [width, classes]. */
function transposed({ weights, classes, width }: ScoreRequest): Float32Array {
  const turned = new Float32Array(classes * width);
  for (let c = 0; c < classes; c++)
    for (let j = 0; j < width; j++) turned[j * classes + c] = weights[c * width + j]!;
  return turned;
}
