/** @file onnx: a model with values brought out and hidden values made editable, as one new file's bytes. */
import { MesascopeError } from '../core/errors.ts';
import { AddedParts } from './added-parts.ts';
import type {
  EditInputs,
  EditRequest,
  InstrumentedModel,
  InstrumentRequest,
  ModelIndex,
  NodeView,
  OutputRequest,
} from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { addEditInputs, addEditNodes } from './edit-nodes.ts';
import { addOutput, addPositions } from './output-nodes.ts';
import { type Needed, neededFor, producers } from './prune.ts';
import { referenceTensor } from './reference-weights.ts';
import { type Fate, renameOutputs, rewriteModel } from './rewrite-model.ts';
import { mustBeOuterValue, outerValues } from './value-names.ts';
import { valueTypes } from './value-types.ts';

/**
 * The model with the requested outputs and edits.
 *
 * Outputs: a value as it is, or its rows at the int64 [batch, p] positions fed (negative ones count from the end);
 * float16 and bfloat16 values arrive as float32. A value that is edited comes out as it is after all its edits.
 *
 * Edits: the node that computes X is made to compute `X__pre`, and added nodes compute X from it, so every reader of X,
 * sub-graphs included, sees the edited value. Several edits of one value apply in the order of the request. Inputs and
 * stored tensors cannot be edited (feed another value instead). Edit and position inputs are required: feed all of them.
 *
 * A value that is given is fed in place of being computed, so that the rest of the model runs from there on; what it depended on
 * is pruned.
 *
 * Without the model's own outputs the graph is pruned to what the requested ones need; the model's inputs all stay, so
 * that the same feeds fit, and so do the inputs of an edit that no requested output depends on.
 *
 * `weights: reference`: raw tensors of 1 KB and more point into `modelFile`'s last path component; open the result with
 * the folder of the model file. `index.bytes` must be that file's bytes, or the offsets mean nothing.
 *
 * Throws `VALUE_UNKNOWN`, `VALUE_NOT_EDITABLE`, `MODEL_UNSUPPORTED` (the opset is too old; the message has the number),
 * `BAD_SETTING` (no outputs, a value asked for in two ways, an edit id used twice,
 * a value given beside the model's own outputs), `MODEL_CORRUPT`.
 */
export function instrument(index: ModelIndex, request: InstrumentRequest): InstrumentedModel {
  const outer = outerValues(index);
  const types = valueTypes(index);
  const edits = request.edits ?? [];
  const keepOutputs = request.keepModelOutputs ?? true;
  const given = new Set(request.given);
  for (const value of given) mustBeOuterValue(index, outer, value);
  if (keepOutputs && given.size > 0) {
    throw new MesascopeError(
      'BAD_SETTING',
      "values can be given only where the model's own outputs are not kept",
    );
  }
  const computed = producers(index);
  for (const value of given) mustBeComputed(computed, value);
  // Nobody computes what is given.
  const producer = new Map([...computed].filter(([value]) => !given.has(value)));
  const outputs = distinctOutputs(request.outputs);
  for (const { value } of outputs) mustBeOuterValue(index, outer, value);
  checkEdits(index, { edits, outer, producer });
  if (!keepOutputs && outputs.length === 0) {
    throw new MesascopeError('BAD_SETTING', "no output is asked for and the model's own are not kept");
  }
  const needed = keepOutputs
    ? undefined
    : neededFor(
        producer,
        outputs.map(({ value }) => value),
      );

  const parts = new AddedParts(index);
  const editInputs = edits.map((edit) => addEditInputs(parts, edit));
  const renamed = applyEdits({ parts, edits, editInputs, types, producer, needed });
  const givenInputs = new Map<string, string>();
  for (const value of given) {
    if (needed?.values.has(value) !== true) continue;
    givenInputs.set(value, addGiven(parts, value, types.get(value)));
    // Its node may be kept for another of its outputs.
    renamed.set(value, parts.names.fresh(`${value}__computed`));
  }
  const outputNames = new Map<string, string>();
  const present = new Set(keepOutputs ? index.outputs.map(({ name }) => name) : []);
  let positions: ReturnType<typeof addPositions> | undefined;
  for (const output of outputs) {
    const source = {
      dataType: types.get(output.value),
      computed: producer.has(output.value),
      present: present.has(output.value),
    };
    const name = addOutput(parts, output, source, () => {
      positions ??= addPositions(parts);
      return positions.indices;
    });
    outputNames.set(output.value, name);
  }

  const staysDeclared = needed === undefined ? (): boolean => true : stays(producer, needed);
  const bytes = rewriteModel(index, {
    node(node): Fate {
      if (needed !== undefined && !needed.nodes.has(node.index)) return 'drop';
      return node.outputs.some((name) => renamed.has(name)) ? renameOutputs(index, node, renamed) : 'keep';
    },
    initializer(tensor): Fate {
      if (needed !== undefined && !needed.values.has(tensor.name)) return 'drop';
      const { weights } = request;
      return weights?.kind === 'reference' ? referenceTensor(tensor, fileName(weights.modelFile)) : 'keep';
    },
    keepOutputs,
    ...(needed === undefined
      ? {}
      : {
          // Before IR 4 stored tensors are declared as inputs too; left behind, the declaration would ask to be fed.
          keepInput: (name): boolean => needed.values.has(name) || !index.initializers.has(name),
          keepValueInfo: (name): boolean => !given.has(name) && staysDeclared(name),
        }),
    add: (graph) => parts.writeTo(graph),
  });
  return { bytes, outputNames, positionsInput: positions?.input, edits: editInputs, given: givenInputs };
}

/** The input that a given value is fed through; the value itself keeps its name and type. */
function addGiven(parts: AddedParts, value: string, dataType: number | undefined): string {
  const input = parts.input(`mesascope/given/${value}`, { type: 'float32' });
  const node = { inputs: [input], wish: value, as: value };
  if (dataType === undefined || dataType === DATA_TYPE.float32) parts.node({ opType: 'Identity', ...node });
  else parts.node({ opType: 'Cast', attributes: { to: { int: dataType } }, ...node });
  return input;
}

/** A declaration stays while its value is computed; of a kept node's unused outputs as well. */
function stays(producer: ReadonlyMap<string, NodeView>, needed: Needed): (name: string) => boolean {
  return (name) => {
    const node = producer.get(name);
    return node === undefined ? needed.values.has(name) : needed.nodes.has(node.index);
  };
}

/** Drops repetitions; throws `BAD_SETTING` when one value is asked for both whole and at positions. */
function distinctOutputs(requests: readonly OutputRequest[]): OutputRequest[] {
  const picks = new Map<string, OutputRequest>();
  for (const request of requests) {
    const before = picks.get(request.value);
    if (before !== undefined && before.pick !== request.pick) {
      throw new MesascopeError(
        'BAD_SETTING',
        `the value ${JSON.stringify(request.value)} is asked for both whole and at positions`,
        { facts: { value: request.value } },
      );
    }
    picks.set(request.value, request);
  }
  return [...picks.values()];
}

function checkEdits(
  index: ModelIndex,
  context: {
    readonly edits: readonly EditRequest[];
    readonly outer: ReadonlySet<string>;
    readonly producer: ReadonlyMap<string, NodeView>;
  },
): void {
  const ids = new Set<string>();
  for (const { id, value } of context.edits) {
    if (ids.has(id)) {
      throw new MesascopeError('BAD_SETTING', `two edits have the id ${JSON.stringify(id)}`, {
        facts: { id },
      });
    }
    ids.add(id);
    mustBeOuterValue(index, context.outer, value);
    mustBeComputed(context.producer, value);
  }
}

function mustBeComputed(producer: ReadonlyMap<string, NodeView>, value: string): void {
  if (producer.has(value)) return;
  throw new MesascopeError(
    'VALUE_NOT_EDITABLE',
    `${JSON.stringify(value)} is an input or a stored tensor of the model, not a computed value`,
    { facts: { value } },
  );
}

/** Adds every edit's nodes, chained per value; returns old name -> name under which its node must compute it. */
function applyEdits(context: {
  readonly parts: AddedParts;
  readonly edits: readonly EditRequest[];
  readonly editInputs: readonly EditInputs[];
  readonly types: ReadonlyMap<string, number>;
  readonly producer: ReadonlyMap<string, NodeView>;
  readonly needed: Needed | undefined;
}): Map<string, string> {
  const { parts, edits, editInputs, types, producer, needed } = context;
  const renamed = new Map<string, string>();
  const lastOf = new Map(edits.map(({ value }, i) => [value, i]));
  const before = new Map<string, string>();
  edits.forEach(({ value, id }, i) => {
    if (needed !== undefined && !needed.nodes.has(producer.get(value)!.index)) return;
    if (!renamed.has(value)) {
      const pre = parts.names.fresh(`${value}__pre`);
      renamed.set(value, pre);
      before.set(value, pre);
    }
    const to = lastOf.get(value) === i ? value : parts.names.fresh(`${value}__after_${id}`);
    addEditNodes(parts, editInputs[i]!, {
      from: before.get(value)!,
      to,
      dataType: types.get(value) ?? DATA_TYPE.float32,
    });
    before.set(value, to);
  });
  return renamed;
}

/** The last component of a path in either notation: external data is named relative to the model's folder. */
function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
