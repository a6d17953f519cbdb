/** @file onnx: writes a fused embedding whose sum is the stream as its tables, sums and norm. */
import type { NodeSpec } from './build.ts';
import type { NodeView } from './contract.ts';
import { attributesOf, nodeNameOf, stepWriter } from './unfuse-writer.ts';
import type { FreshNames } from './value-names.ts';

/** Epsilon where the node states none (ContribOperators.md). */
const DEFAULT_EPSILON = 1e-12;

/**
 * com.microsoft:EmbedLayerNormalization whose third output, the sum before the norm, is read: the norm reads the operator's own sum, so
 * that an edit of the third output would not reach it, and nothing says that the one comes from the other. Written as rows of tables,
 * their sums and a norm of the last. The second output (real tokens per row) stays the operator's where it is read.
 *
 * Undefined where the sum is not read: then the normed value is the stream, and it is a value already.
 */
export function embeddingSteps(
  node: NodeView,
  { names, isRead }: { readonly names: FreshNames; readonly isRead: (value: string) => boolean },
): readonly NodeSpec[] | undefined {
  const [normed = '', count = '', sum = ''] = node.outputs;
  const [ids = '', types = '', words = '', positions = '', typeTable = '', gain = '', shift = ''] =
    node.inputs;
  const places = node.inputs[8] ?? '';
  if (normed === '' || sum === '' || !isRead(sum)) return undefined;
  if ([ids, words, positions, gain, shift].includes('') || (types === '') !== (typeTable === ''))
    return undefined;
  const { steps, add, scalar } = stepWriter(node, names);
  const rows = (table: string, at: string, wish: string): string =>
    add('Gather', [table, at], wish, { axis: { int: 0 } });
  const counted = (): string => {
    const one = scalar(1, 'one');
    const length = add('Gather', [add('Shape', [ids], 'sizes'), one], 'length', { axis: { int: 0 } });
    return add('Range', [scalar(0, 'zero'), length, one], 'places');
  };
  const placed = [
    rows(words, ids, 'words'),
    rows(positions, places === '' ? counted() : places, 'positions'),
  ];
  // In the operator's own order.
  const terms = types === '' ? placed : [add('Add', placed, 'placed'), rows(typeTable, types, 'types')];
  steps.push({ opType: 'Add', inputs: terms, outputs: [sum], name: names.fresh(`mesascope/${sum}`) });
  steps.push({
    opType: 'LayerNormalization',
    inputs: [sum, gain, shift],
    outputs: [normed],
    attributes: { axis: { int: -1 }, epsilon: { float: node.attributes.epsilon?.float ?? DEFAULT_EPSILON } },
    name: nodeNameOf(node, names),
  });
  if (count !== '' && isRead(count)) {
    steps.push({
      opType: node.opType,
      domain: node.domain,
      inputs: node.inputs,
      outputs: [names.fresh(`${normed}__unused`), count],
      attributes: attributesOf(node),
      name: names.fresh(`mesascope/${count}`),
    });
  }
  return steps;
}
