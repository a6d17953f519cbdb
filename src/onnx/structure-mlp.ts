/** @file onnx: the parts of an MLP branch around its nonlinearity: what goes in, what comes out. */
import type { Structure } from './structure-facts.ts';
import { hidesNonlinearity, isHeavy, isNonlinear } from './structure-operators.ts';
import { activationInputs, isActivation, producerOf, stepBack } from './structure-steps.ts';
import { type Light, layoutsAfter, layoutsBefore, lightBefore } from './structure-trace.ts';

/** Values that hold a part in different layouts, or why there is none. */
export type MlpPart = { readonly values: readonly number[] } | { readonly reason: string };

export type MlpParts = {
  /** What the nonlinearity takes; in a gated MLP, of the two products the one that goes through it. */
  readonly pre: MlpPart;
  /** What the last product takes. */
  readonly post: MlpPart;
};

/** The parts of the MLP that ends in `branch`. `region` holds its nodes. */
export function mlpParts(structure: Structure, branch: number, region: readonly number[]): MlpParts {
  const none = (reason: string): MlpParts => ({ pre: { reason }, post: { reason } });
  const inside = new Set(region);
  const down = lastProduct(structure, branch, inside);
  if (down === undefined) return none('what this branch adds is no plain product with a weight');
  const inputs = activationInputs(structure, structure.graph.nodes[down]!);
  const hidden = inputs.find((value) => inside.has(structure.graph.producer[value]!));
  if (hidden === undefined || inputs.length !== 1)
    return none('its last product takes more than one activation');
  const light = lightBefore(structure, hidden, inside);
  if (light.products.length === 0)
    return none('it has one product only, so nothing lies before and after a nonlinearity');
  return { pre: preActivation(structure, light), post: { values: layoutsBefore(structure, hidden) } };
}

/** Position of the product that `branch` comes out of, through bias, scale, norm and layout. */
function lastProduct(structure: Structure, branch: number, inside: ReadonlySet<number>): number | undefined {
  let at = branch;
  for (let steps = 0; steps < 16; steps++) {
    const position = structure.graph.producer[at]!;
    const node = producerOf(structure, at);
    if (node === undefined || !inside.has(position)) return undefined;
    if (isHeavy(node.op)) return position;
    const step = stepBack(structure, at);
    if (step === undefined) return undefined;
    at = step.from;
  }
  return undefined;
}

function preActivation(structure: Structure, light: Light): MlpPart {
  const { graph } = structure;
  const nonlinear = [...light.nodes].filter((at) => isNonlinear(graph.nodes[at]!.op));
  if (light.products.some((at) => hidesNonlinearity(graph.nodes[at]!))) {
    return { reason: 'the product before the nonlinearity applies it in the same operator' };
  }
  if (nonlinear.length === 0) return { reason: 'no nonlinearity lies between its last two products' };
  const biased = nonlinear.some(
    (at) => /:(BiasGelu|FastGelu)$/.test(graph.nodes[at]!.op) && hasBias(structure, at),
  );
  if (biased) return { reason: 'its bias is added inside the operator that also applies the nonlinearity' };
  const before = valuesBefore(structure, nonlinear, light);
  const gates: (readonly number[])[] = [];
  for (const product of light.products) {
    const start = graph.nodes[product]!.outputs[0];
    if (!isActivation(structure, start)) continue;
    for (const list of layoutsAfter(structure, start, light)) if (before.has(list.at(-1)!)) gates.push(list);
  }
  const [values] = gates;
  return values === undefined || gates.length > 1
    ? { reason: `${gates.length} products feed its nonlinearities, so none of them is the one before` }
    : { values };
}

function hasBias(structure: Structure, at: number): boolean {
  const bias = structure.graph.nodes[at]!.inputs[1];
  return bias !== undefined && bias >= 0;
}

/** All values from which the given nodes are computed, within `light`. */
function valuesBefore(structure: Structure, from: readonly number[], light: Light): ReadonlySet<number> {
  const { graph } = structure;
  const seen = new Set<number>();
  const done = new Set<number>();
  const open = [...from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (done.has(at)) continue;
    done.add(at);
    for (const value of graph.nodes[at]!.inputs) {
      if (!light.values.has(value)) continue;
      seen.add(value);
      if (light.nodes.has(graph.producer[value]!)) open.push(graph.producer[value]!);
    }
  }
  return seen;
}
