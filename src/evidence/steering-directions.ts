/** @file evidence: the directions of L6: from one value of a goal to another, and four families of null directions of equal length. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { samplerOfCovariance } from '../linalg/covariance-sampler.ts';
import type { Dense } from '../linalg/dense.ts';
import { type Covariance, centred, classMeans, columnMoments } from '../linalg/moments.ts';
import { type Columns, denseGroups, pickInts } from './columns.ts';
import type { DirectionFamily } from './figures.ts';
import { planGroupExchange } from './resample-label-permutation.ts';

export const FAMILIES: readonly DirectionFamily[] = [
  'isotropic',
  'covariance-matched',
  'label-shuffled',
  'other-concept',
];

/** One vector per class of a variable, [classes, width]; a class without fit rows has none. */
export type Codes = { readonly vectors: Dense; readonly known: Uint8Array };

/** Mean activation of each class among `rows`: the codes of the mass-mean direction (Marks and Tegmark 2024). */
export function meanCodes(x: Matrix, labels: Int32Array, classes: number): Codes {
  const { means, counts } = classMeans(x, labels, classes);
  return { vectors: means, known: Uint8Array.from(counts, (count) => (count > 0 ? 1 : 0)) };
}

/** Rounds of the joint fit at most, and the change of any mean, relative to the largest deviation, at which it has settled. */
const JOINT_ROUNDS = 400;
const JOINT_TOLERANCE = 1e-6;

/**
 * Codes of one variable with another held fixed: least squares of x on the classes of both, additive, by backfitting (Breiman and Friedman
 * 1985; exact in the limit for two factors). Where the two go together, plain class means of the one hold a share of the other's code,
 * and a push along them would move what only the other does. Equal to the plain means, up to a constant, where the two are balanced.
 */
export function jointCodes(
  x: Matrix,
  labels: { readonly values: Int32Array; readonly classes: number },
  other: { readonly values: Int32Array; readonly classes: number } | undefined,
): Codes {
  let codes = meanCodes(x, labels.values, labels.classes);
  if (other === undefined || x.rows === 0) return codes;
  const scale = largest(centred(x, columnMoments(x).mean).data);
  for (let round = 0; round < JOINT_ROUNDS; round++) {
    const beside = meanCodes(less(x, labels.values, codes), other.values, other.classes);
    const next = meanCodes(less(x, other.values, beside), labels.values, labels.classes);
    const change = largest(next.vectors.data.map((value, i) => value - codes.vectors.data[i]!));
    codes = next;
    if (change <= JOINT_TOLERANCE * scale) break;
  }
  return codes;
}

/** Each row without the code of its class; a row without a class stays as it is. */
function less(x: Matrix, labels: Int32Array, { vectors }: Codes): Matrix {
  const { rows, columns } = x;
  const data = x.data.slice();
  for (let i = 0; i < rows; i++) {
    const from = labels[i]! * columns;
    if (from < 0) continue;
    for (let j = 0; j < columns; j++) data[i * columns + j]! -= vectors.data[from + j]!;
  }
  return { rows, columns, data };
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

/** From which class to which, per base. */
export type Moves = { readonly from: Int32Array; readonly to: Int32Array };

/**
 * code(to) - code(from) per base, [bases, width]. With `lengths` each is stretched to that length; a direction of length zero stays zero.
 */
export function directionsOf(codes: Codes, moves: Moves, lengths?: Float64Array): Dense {
  const width = codes.vectors.columns;
  const { from, to } = moves;
  const data = new Float64Array(from.length * width);
  for (let i = 0; i < from.length; i++) {
    const [a, b] = [from[i]! * width, to[i]! * width];
    let squares = 0;
    for (let j = 0; j < width; j++) {
      const value = codes.vectors.data[b + j]! - codes.vectors.data[a + j]!;
      data[i * width + j] = value;
      squares += value * value;
    }
    if (lengths === undefined || squares === 0) continue;
    const stretch = lengths[i]! / Math.sqrt(squares);
    for (let j = 0; j < width; j++) data[i * width + j]! *= stretch;
  }
  return { rows: from.length, columns: width, data };
}

/** Length of each row. */
export function rowLengths({ rows, columns, data }: Dense): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    let squares = 0;
    for (let j = 0; j < columns; j++) squares += data[i * columns + j]! ** 2;
    return Math.sqrt(squares);
  });
}

export type FamilyRequest = {
  readonly columns: Columns;
  /** Activations of all examples at the site, [examples, width]. */
  readonly activations: Matrix;
  /** Rows that the goal's own codes were fitted on. */
  readonly fit: Int32Array;
  readonly labels: { readonly classes: number; readonly values: Int32Array };
  readonly covariance: Covariance;
  /** Variables that are not the goal: their classes, at every example. */
  readonly others: readonly { readonly classes: number; readonly values: Int32Array }[];
};

/**
 * Draws codes for one family. A null direction is as consistent as the goal's own: each draw gives every class one vector, and a base moves
 * from its class's vector to another's, so that only the content differs.
 *
 * - `isotropic`: independent standard normal vectors.
 * - `covariance-matched`: normal vectors with the covariance of the activations.
 * - `label-shuffled`: class means after the labels of the fit rows were exchanged between groups.
 * - `other-concept`: class means of another variable of the data, its classes dealt out to the goal's at random, mixed at random
 *   where it has too few; undefined without one.
 */
export function familyCodes(
  request: FamilyRequest,
  family: DirectionFamily,
): ((random: Random) => Codes) | undefined {
  const { labels, covariance, fit, columns } = request;
  const { classes } = labels;
  const known = new Uint8Array(classes).fill(1);
  const width = request.activations.columns;
  switch (family) {
    case 'isotropic':
      return (random) => ({
        known,
        vectors: {
          rows: classes,
          columns: width,
          data: Float64Array.from({ length: classes * width }, () => random.normal()),
        },
      });
    case 'covariance-matched': {
      const sampler = samplerOfCovariance(covariance);
      return (random) => {
        const drawn = sampler.draw({ count: classes, random });
        const data = new Float64Array(classes * width);
        for (let c = 0; c < classes; c++)
          for (let j = 0; j < width; j++) data[c * width + j] = drawn.data[j * classes + c]!;
        return { known, vectors: { rows: classes, columns: width, data } };
      };
    }
    case 'label-shuffled': {
      const x = takeRows(request.activations, fit);
      const own = pickInts(labels.values, fit);
      const exchange = planGroupExchange({ groups: denseGroups(columns, fit).groups });
      return (random) => {
        const source = exchange.draw(random);
        return meanCodes(
          x,
          Int32Array.from(own, (_, i) => own[source[i]!]!),
          classes,
        );
      };
    }
    case 'other-concept': {
      const x = takeRows(request.activations, fit);
      const concepts = request.others
        .map((other) => meanCodes(x, pickInts(other.values, fit), other.classes))
        .map((codes) => ({ codes, present: [...codes.known.keys()].filter((c) => codes.known[c] === 1) }))
        .filter(({ present }) => present.length >= 2);
      if (concepts.length === 0) return undefined;
      return (random) => {
        const { codes, present } = concepts[random.integer(concepts.length)]!;
        const data = new Float64Array(classes * width);
        const add = (c: number, of: number, weight: number): void => {
          for (let j = 0; j < width; j++)
            data[c * width + j]! += weight * codes.vectors.data[of * width + j]!;
        };
        const dealt = random.shuffled(present);
        for (let c = 0; c < classes; c++) {
          if (dealt.length >= classes) add(c, dealt[c]!, 1);
          // Too few to deal: two values of the goal with one class between them would not be pushed at all, and the null be weaker for it.
          else for (const { of, weight } of weightsOf(dealt, random)) add(c, of, weight);
        }
        return { known, vectors: { rows: classes, columns: width, data } };
      };
    }
  }
}

/** Normal weights that sum to zero, so that a mix of class means holds their differences alone. */
function weightsOf(dealt: readonly number[], random: Random): { of: number; weight: number }[] {
  const drawn = dealt.map(() => random.normal());
  const centre = drawn.reduce((sum, weight) => sum + weight, 0) / drawn.length;
  return dealt.map((of, i) => ({ of, weight: drawn[i]! - centre }));
}

/** Mean squared cosine between rows of the two, over rows in which neither is zero, 0 to 1; 0 where there is none. */
export function directionOverlap(a: Dense, b: Dense): number {
  let sum = 0;
  let rows = 0;
  for (let i = 0; i < a.rows; i++) {
    const { product, first, second } = productsOf(a, b, i);
    if (first === 0 || second === 0) continue;
    sum += product ** 2 / (first * second);
    rows++;
  }
  return rows === 0 ? 0 : sum / rows;
}

/** Share of a direction's squared length below which what is left of it is rounding. */
const REST_FLOOR = 1e-9;

/** Each row of `directions` without its part along that row of `own`, at its old length; undefined where nothing is left of a row. */
export function withoutOwn(directions: Dense, own: Dense): Dense | undefined {
  const { rows, columns } = directions;
  const data = directions.data.slice();
  for (let i = 0; i < rows; i++) {
    const { product, first, second } = productsOf(directions, own, i);
    if (first === 0 || second === 0) continue;
    const rest = first - product ** 2 / second;
    if (rest <= REST_FLOOR * first) return undefined;
    const stretch = Math.sqrt(first / rest);
    for (let j = i * columns; j < (i + 1) * columns; j++)
      data[j] = stretch * (data[j]! - (product / second) * own.data[j]!);
  }
  return { rows, columns, data };
}

/** Inner product of row `i` of both, and the squared length of each. */
function productsOf(
  a: Dense,
  b: Dense,
  i: number,
): { readonly product: number; readonly first: number; readonly second: number } {
  let product = 0;
  let first = 0;
  let second = 0;
  for (let j = i * a.columns; j < (i + 1) * a.columns; j++) {
    product += a.data[j]! * b.data[j]!;
    first += a.data[j]! ** 2;
    second += b.data[j]! ** 2;
  }
  return { product, first, second };
}
