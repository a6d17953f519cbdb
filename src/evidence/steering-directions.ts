/** @file evidence: the directions of L6: from one value of a goal to another, and four families of null directions of equal length. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { samplerOfCovariance } from '../linalg/covariance-sampler.ts';
import type { Dense } from '../linalg/dense.ts';
import { type Covariance, classMeans } from '../linalg/moments.ts';
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
 * - `other-concept`: class means of another variable of the data, its classes dealt out to the goal's at random; undefined without one.
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
        const dealt = random.shuffled(present);
        const data = new Float64Array(classes * width);
        for (let c = 0; c < classes; c++) {
          const from = dealt[c % dealt.length]! * width;
          data.set(codes.vectors.data.subarray(from, from + width), c * width);
        }
        return { known, vectors: { rows: classes, columns: width, data } };
      };
    }
  }
}
