/** @file onnx: which axis of a value is which, told from its example sizes; picks the best laid out of equal values. */
import type { HookAxis } from './contract.ts';
import type { Structure } from './structure-facts.ts';

/** Example sizes of the two axes that are not widths. */
export type AxisSizes = { readonly batch: number; readonly position: number | undefined };

export type Placed = {
  readonly value: number;
  readonly axes: readonly HookAxis[];
  readonly width: number | undefined;
};

/** What a value is: decides how many axes it may have and what its last one is called. */
export type Layout = 'stream' | 'heads' | 'pattern' | 'logits';

/**
 * The first of the best laid out among `values`, which hold the same numbers in different layouts; undefined when none
 * has axes that can be told apart. Best is [batch, position, ...], which position picking needs; values whose sizes are
 * not known are taken for [batch, position, width] when nothing better is there.
 */
export function bestPlaced(
  structure: Structure,
  values: readonly number[],
  options: { readonly layout: Layout; readonly sizes: AxisSizes },
): Placed | undefined {
  let best: { readonly placed: Placed; readonly rank: number } | undefined;
  for (const value of values) {
    const dims = structure.facts[value]!.dims;
    const axes = axesOf(dims, options);
    // A value inside a fused operator has no name to ask for, and whole numbers are a coded form of the value beside them.
    if (axes === undefined || structure.graph.names[value] === undefined) continue;
    if (!structure.facts[value]!.isFloat) continue;
    const rank = orderOf(axes) + (dims === undefined ? 10 : 0);
    if (best !== undefined && best.rank <= rank) continue;
    best = { placed: { value, axes, width: widthOf(axes, dims) }, rank };
  }
  return best?.placed;
}

function widthOf(axes: readonly HookAxis[], dims: readonly number[] | undefined): number | undefined {
  const last = axes.at(-1);
  return last === 'width' || last === 'head_width' || last === 'vocabulary' ? dims?.at(-1) : undefined;
}

function orderOf(axes: readonly HookAxis[]): number {
  if (axes[0] !== 'batch') return 4;
  if (axes[1] !== 'position') return 2;
  return axes.length === 4 || axes.length === 2 ? 0 : 1;
}

function axesOf(
  dims: readonly number[] | undefined,
  options: { readonly layout: Layout; readonly sizes: AxisSizes },
): readonly HookAxis[] | undefined {
  const { layout, sizes } = options;
  if (layout === 'pattern') return patternAxes(dims, sizes);
  const last = layout === 'logits' ? 'vocabulary' : 'width';
  if (dims === undefined) return layout === 'heads' ? undefined : ['batch', 'position', last];
  if (dims.length === 2 && layout !== 'heads') return dims[0] === sizes.batch ? ['batch', last] : undefined;
  if (dims.length === 3) return threeAxes(dims, { sizes, last });
  return dims.length === 4 && layout === 'heads' ? headAxes(dims, sizes) : undefined;
}

function threeAxes(
  dims: readonly number[],
  options: { readonly sizes: AxisSizes; readonly last: HookAxis },
): readonly HookAxis[] | undefined {
  const { batch, position } = options.sizes;
  const [first, second] = dims;
  if (first === batch && (position === undefined || second === position))
    return ['batch', 'position', options.last];
  return second === batch && first === position ? ['position', 'batch', options.last] : undefined;
}

/** Heads come before what is inside a head in every layout that occurs; sizes that coincide cannot be told apart. */
function headAxes(dims: readonly number[], { batch, position }: AxisSizes): readonly HookAxis[] | undefined {
  const b = dims.indexOf(batch);
  const p = dims.findIndex((size, i) => i !== b && size === position);
  if (b < 0 || p < 0 || dims.some((size, i) => i !== b && i !== p && size === position)) return undefined;
  const rest: HookAxis[] = ['head', 'head_width'];
  return dims.map((_, i) => (i === b ? 'batch' : i === p ? 'position' : rest.shift()!));
}

function patternAxes(
  dims: readonly number[] | undefined,
  { batch }: AxisSizes,
): readonly HookAxis[] | undefined {
  if (dims === undefined || dims[0] !== batch) return undefined;
  if (dims.length === 4) return ['batch', 'head', 'query', 'key'];
  return dims.length === 3 ? ['batch', 'query', 'key'] : undefined;
}
