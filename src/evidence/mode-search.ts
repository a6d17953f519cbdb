/** @file evidence: mode steering when no context is known: tries the directions in which examples differ most, and holds the best one against
 *  the same search among random directions. */
import { takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { type Dense, plainProduct } from '../linalg/dense.ts';
import { firstColumns, orthonormalColumns, symmetricEigen } from '../linalg/factor.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import { pickInts, type Site } from './columns.ts';
import type { ModeRequest, ModeResult } from './mode-context.ts';
import { SHOWN_DOSES } from './mode-context.ts';
import { doseResponseOf } from './mode-figure.ts';
import { firstOf, judgeMode, type ModeBases, modeBases, pushAll, shareOf } from './mode-push.ts';
import { permutationPValue, summariseNull } from './resample-permutation.ts';
import { nullOf } from './statistic.ts';
import { classMeanBases } from './subspace.ts';

/** Directions tried at each hook and position, each both ways. */
const DIRECTIONS = 3;
/** In standard deviations of the activations along the direction. */
const SEARCH_DOSES: readonly number[] = [2];
const SELECT_BASES = 24;
const NULL_BASES = 100;
/** Searches among random directions: the smallest p is 1 / 20. */
const NULL_SEARCHES = 19;
/** Dimensions of each named variable's subspace that the directions are kept out of: what a goal's code does is no other mode. */
const NAMED_RANK = 8;

/** Directions of one hook, as columns [width, k], each of length one, with the spread of the activations along it. */
type Candidates = { readonly site: Site; readonly basis: Dense; readonly spread: Float64Array };
type Found = { readonly candidate: number; readonly direction: number; readonly dose: number };

/** Undefined where no base does as intended, or nothing varies besides the named variables. */
export async function searchMode(request: ModeRequest): Promise<ModeResult | undefined> {
  const { columns, inputs, random } = request;
  const select = firstOf(modeBases(columns, inputs.select.bases), SELECT_BASES);
  const test = modeBases(columns, inputs.test.bases);
  if (select.rows.length === 0 || test.rows.length === 0) return undefined;
  const candidates: Candidates[] = [];
  for (const hook of inputs.chain) {
    for (const position of request.positions) {
      const found = await candidatesAt(request, { hook, position });
      if (found !== undefined) candidates.push(found);
    }
  }
  if (candidates.length === 0) return undefined;
  const some = firstOf(test, NULL_BASES);
  const own = await searched(request, candidates, select);
  const observed = await turnedShare(request, candidates, own, some);
  const shares = new Float64Array(NULL_SEARCHES);
  for (let i = 0; i < NULL_SEARCHES; i++) {
    const drawn = candidates.map((candidate) => randomlike(candidate, random.fork(`search/${i}`)));
    shares[i] = await turnedShare(request, drawn, await searched(request, drawn, select), some);
  }
  const pValue = permutationPValue({ observed, values: shares, alternative: 'greater' });
  const { site, basis, spread } = candidates[own.candidate]!;
  const vector = columnOf(basis, own.direction, spread[own.direction]! * Math.sign(own.dose));
  const doses = [...new Set([...SHOWN_DOSES, Math.abs(own.dose)])].sort((a, b) => a - b);
  const outcomes = await pushAll(
    request,
    site,
    test,
    doses.map((dose) => ({ vector, dose })),
  );
  const judgement = judgeMode({
    outcome: outcomes[doses.indexOf(Math.abs(own.dose))]!,
    groups: test.groups,
    choices: columns.choices.length,
    pValues: [pValue],
    alpha: request.alpha,
    bootstrapDraws: request.bootstrapDraws,
    random: random.fork('search'),
  });
  const id = 'search.1';
  const label = `best of ${searchSize(candidates)} pushes along the directions in which examples differ most`;
  return {
    id,
    label,
    site,
    dose: Math.abs(own.dose),
    bases: test,
    judgement,
    nulls: [
      nullOf(
        'searches',
        'the same search among random directions of equal spread',
        summariseNull(shares),
        pValue,
      ),
    ],
    figure: doseResponseOf({
      ...request,
      id,
      label,
      site,
      bases: test,
      doses,
      outcomes,
      length: Math.hypot(...vector),
    }),
  };
}

function searchSize(candidates: readonly Candidates[]): number {
  return candidates.reduce((sum, { basis }) => sum + 2 * basis.columns * SEARCH_DOSES.length, 0);
}

/** Leading principal components of the fit rows at a site, outside the class-mean subspaces of the named variables. */
async function candidatesAt(request: ModeRequest, site: Site): Promise<Candidates | undefined> {
  const { columns, sides, inputs, linalg } = request;
  const { fit } = sides.apart;
  const x = takeRows(inputs.activations(site), fit);
  const { matrix } = await centeredCovariance(x, { linalg });
  const width = x.columns;
  const named = (['intended', 'proxy', 'irrelevant'] as const).flatMap((role) => {
    const labels = columns.labels[role];
    return labels === undefined
      ? []
      : classMeanBases(x, pickInts(labels.values, fit), labels.classes, [
          Math.min(NAMED_RANK, Math.floor(width / 4)),
        ]);
  });
  const outside = covarianceOutside(matrix, named);
  const { values, vectors } = symmetricEigen(outside);
  const kept = Math.min(DIRECTIONS, values.filter((value) => value > 1e-9 * Math.max(...values, 0)).length);
  if (kept === 0) return undefined;
  return {
    site,
    basis: firstColumns(vectors, kept),
    spread: values.slice(0, kept).map((value) => Math.sqrt(Math.max(0, value))),
  };
}

/** P C P with P the projection outside the span of the given subspaces. */
function covarianceOutside(covariance: Dense, subspaces: readonly Dense[]): Dense {
  const width = covariance.rows;
  const total = subspaces.reduce((sum, { columns }) => sum + columns, 0);
  if (total === 0 || total >= width) return covariance;
  const joined = { rows: width, columns: total, data: new Float64Array(width * total) };
  let from = 0;
  for (const { columns, data } of subspaces) {
    for (let j = 0; j < width; j++)
      for (let k = 0; k < columns; k++) joined.data[j * total + from + k] = data[j * columns + k]!;
    from += columns;
  }
  const basis = orthonormalColumns(joined);
  const inside = plainProduct(basis, basis, { transposeB: true });
  const keep = { ...inside, data: inside.data.map((value, i) => (i % (width + 1) === 0 ? 1 : 0) - value) };
  return plainProduct(plainProduct(keep, covariance), keep);
}

/** As many random orthogonal directions, pushed as far. */
function randomlike({ site, basis, spread }: Candidates, random: Random): Candidates {
  const data = Float64Array.from({ length: basis.data.length }, () => random.normal());
  return { site, spread, basis: orthonormalColumns({ ...basis, data }) };
}

/** The push that turns most choices of the select bases; ties go to the larger effect. */
async function searched(
  request: ModeRequest,
  candidates: readonly Candidates[],
  select: ModeBases,
): Promise<Found> {
  let best: (Found & { readonly turned: number; readonly effect: number }) | undefined;
  for (const [candidate, { site, basis, spread }] of candidates.entries()) {
    const tried = Array.from({ length: basis.columns }, (_, direction) =>
      SEARCH_DOSES.flatMap((dose) => [dose, -dose].map((signed) => ({ candidate, direction, dose: signed }))),
    ).flat();
    const outcomes = await pushAll(
      request,
      site,
      select,
      tried.map(({ direction, dose }) => ({ vector: columnOf(basis, direction, spread[direction]!), dose })),
    );
    for (const [i, { turned: marks, effects }] of outcomes.entries()) {
      const turned = shareOf(marks);
      const effect = effects.reduce((sum, value) => sum + value, 0) / effects.length;
      if (best === undefined || turned > best.turned || (turned === best.turned && effect > best.effect))
        best = { ...tried[i]!, turned, effect };
    }
  }
  return best!;
}

async function turnedShare(
  request: ModeRequest,
  candidates: readonly Candidates[],
  { candidate, direction, dose }: Found,
  bases: ModeBases,
): Promise<number> {
  const { site, basis, spread } = candidates[candidate]!;
  const [outcome] = await pushAll(request, site, bases, [
    { vector: columnOf(basis, direction, spread[direction]!), dose },
  ]);
  return shareOf(outcome!.turned);
}

function columnOf(basis: Dense, column: number, length: number): Float64Array {
  return Float64Array.from(
    { length: basis.rows },
    (_, j) => length * basis.data[j * basis.columns + column]!,
  );
}
