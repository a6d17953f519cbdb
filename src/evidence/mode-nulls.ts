/** @file evidence: null directions for a push from one context to another, at several positions together; pushes nothing. */
import type { Random } from '../core/random.ts';
import type { Covariance } from '../linalg/moments.ts';
import type { CausalInputs } from './causal-side.ts';
import type { Columns, NamedLabels } from './columns.ts';
import type { DirectionFamily } from './figures.ts';
import { MODE_FAMILIES } from './mode-push.ts';
import { summariseNull } from './resample-permutation.ts';
import type { NullComparison } from './rung.ts';
import { nullOf } from './statistic.ts';
import { directionsOf, familyCodes, type Moves } from './steering-directions.ts';

/** The push that nulls are drawn for. */
export type PushedMode = {
  readonly columns: Columns;
  readonly inputs: CausalInputs;
  readonly context: NamedLabels;
  readonly moves: Moves;
  readonly hook: string;
  readonly positions: readonly number[];
  /** The gap at each position, laid side by side, [positions x width]. */
  readonly vector: Float64Array;
  readonly fit: Int32Array;
  readonly covariances: readonly Covariance[];
};

/**
 * Draws of one family, each across the mode's own direction and as long as it at every position; undefined where the family has none. A
 * position at which nothing varies is not pushed, and has no covariance to draw with.
 */
export function modeNull(
  mode: PushedMode,
  family: DirectionFamily,
): ((random: Random) => Float64Array) | undefined {
  const { columns, inputs, context, moves, hook, positions, vector, fit } = mode;
  const width = vector.length / positions.length;
  const places = positions.map((position, p) => {
    const own = vector.subarray(p * width, (p + 1) * width);
    const length = Float64Array.of(Math.hypot(...own));
    const draw =
      length[0] === 0
        ? undefined
        : familyCodes(
            {
              columns,
              activations: inputs.activations({ hook, position }),
              fit,
              labels: context.labels,
              covariance: mode.covariances[p]!,
              others: otherLabels(columns, context),
            },
            family,
          );
    return { own, length, draw };
  });
  if (places.every(({ draw }) => draw === undefined)) return undefined;
  return (random) =>
    Float64Array.from(
      places.flatMap(({ own, length, draw }, p) =>
        draw === undefined
          ? [...new Float64Array(width)]
          : [...outsideOf(directionsOf(draw(random.fork(String(p))), moves, length).data, own)],
      ),
    );
}

/** What a family's draws turned, for the record. */
export function familyNull(family: DirectionFamily, shares: Float64Array, pValue: number): NullComparison {
  return nullOf(
    family,
    `${MODE_FAMILIES[family]}, across the mode's own direction, same length`,
    summariseNull(shares),
    pValue,
  );
}

/** Share of its length that a null direction must have across the mode's own to count as another direction. */
const LEFT_FLOOR = 0.01;

/**
 * What of a null direction lies across the mode's own, stretched to its old length; nothing where it lies along it. Where the context is most
 * of what varies at a position, draws with the covariance of the activations are the mode itself, and a null must not hold the effect.
 */
function outsideOf(drawn: Float64Array, own: Float64Array): Float64Array {
  const length = Math.hypot(...drawn);
  let dot = 0;
  let squares = 0;
  for (let j = 0; j < own.length; j++) {
    dot += drawn[j]! * own[j]!;
    squares += own[j]! * own[j]!;
  }
  const rest = drawn.map((value, j) => value - (squares === 0 ? 0 : dot / squares) * own[j]!);
  const left = Math.hypot(...rest);
  return left <= LEFT_FLOOR * length ? rest.fill(0) : rest.map((value) => (value * length) / left);
}

/** Variables other than this context: the irrelevant one, other contexts, nuisance variables. */
function otherLabels(columns: Columns, context: NamedLabels): { classes: number; values: Int32Array }[] {
  const named = [...columns.contexts.filter(({ name }) => name !== context.name), ...columns.nuisance];
  const { irrelevant } = columns.labels;
  return [...(irrelevant === undefined ? [] : [irrelevant]), ...named.map(({ labels }) => labels)].filter(
    ({ classes }) => classes >= 2 && classes <= 200,
  );
}
