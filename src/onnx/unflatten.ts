/** @file onnx: gives values whose batch and position are one axis a form with two, read by everything that read the flat one. */
import type { NodeSpec } from './build.ts';
import { nodeMessage } from './build.ts';
import type { ModelIndex, NodeView } from './contract.ts';
import { producers } from './prune.ts';
import { renameOutputs, rewriteModel } from './rewrite-model.ts';
import { FreshNames } from './value-names.ts';
import type { MessageWriter } from './wire-write.ts';

/** A value [batch * position, width], and one [batch, position, ...] that is known before it. */
export type FlatValue = { readonly value: string; readonly width: number; readonly like: string };

/**
 * The same model in which every flat value X is computed as `X__flat`, put into rows as `X__rows` [batch, position, width] and flattened
 * again as X. No number changes. Throws `MODEL_CORRUPT`.
 */
export function unflatten(index: ModelIndex, flat: readonly FlatValue[]): Uint8Array<ArrayBuffer> {
  const names = new FreshNames(index);
  const producer = producers(index);
  const added = new Map<number, NodeSpec[]>();
  const renamed = new Map<string, string>();
  const node = (
    opType: string,
    inputs: string[],
    wish: string,
    attributes?: NodeSpec['attributes'],
  ): NodeSpec => {
    const output = names.fresh(wish);
    const name = names.fresh(`mesascope/${output}`);
    return { opType, inputs, outputs: [output], name, ...(attributes === undefined ? {} : { attributes }) };
  };
  const numbers = (wish: string, values: readonly bigint[]): NodeSpec =>
    node('Constant', [], wish, {
      value: { tensor: { dims: [values.length], type: 'int64', data: BigInt64Array.from(values) } },
    });
  for (const { value, width, like } of flat) {
    const maker = producer.get(value);
    if (maker === undefined || renamed.has(value)) continue;
    const before = names.fresh(`${value}__flat`);
    renamed.set(value, before);
    const size = node('Shape', [like], `${value}__like`);
    const first = numbers(`${value}__axes`, [0n, 1n]);
    const lead = node('Gather', [size.outputs[0]!, first.outputs[0]!], `${value}__lead`, {
      axis: { int: 0 },
    });
    const last = numbers(`${value}__width`, [BigInt(width)]);
    const shape = node('Concat', [lead.outputs[0]!, last.outputs[0]!], `${value}__shape`, {
      axis: { int: 0 },
    });
    const rows = node('Reshape', [before, shape.outputs[0]!], `${value}__rows`);
    const open = numbers(`${value}__open`, [-1n, BigInt(width)]);
    const again: NodeSpec = {
      opType: 'Reshape',
      inputs: [rows.outputs[0]!, open.outputs[0]!],
      outputs: [value],
      name: names.fresh(`mesascope/${value}`),
    };
    const list = added.get(maker.index) ?? [];
    added.set(maker.index, [...list, size, first, lead, last, shape, rows, open, again]);
  }
  return rewriteModel(index, {
    node(one: NodeView) {
      const after = added.get(one.index);
      if (after === undefined) return 'keep';
      const parts: MessageWriter[] = [renameOutputs(index, one, renamed)];
      return [...parts, ...after.map(nodeMessage)];
    },
  });
}
