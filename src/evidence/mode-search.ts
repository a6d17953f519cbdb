/** @file evidence: mode steering when no context is known: tries the directions in which examples differ most, and holds the best one against
 *  the same search among random directions. */
import {
  type Candidates,
  candidatesAt,
  columnOf,
  randomlike,
  searchedPositions,
  searchRows,
} from './mode-candidates.ts';
import { type ModeRequest, type ModeResult, SHOWN_DOSES } from './mode-context.ts';
import { doseResponseOf } from './mode-figure.ts';
import { drawsFor } from './mode-level.ts';
import {
  agreeingOn,
  byRank,
  firstOf,
  judgeMode,
  type ModeBases,
  mayAct,
  modeBases,
  pushAgreeing,
  pushAll,
  shareOf,
} from './mode-push.ts';
import { type CheckedPush, type ModeCheck, modeCheck } from './mode-validity.ts';
import { permutationPValue, summariseNull } from './resample-permutation.ts';
import { nullOf } from './statistic.ts';
import { meanOf } from './steering-validity.ts';

/** In standard deviations of the activations along the direction. */
const SEARCH_DOSES: readonly number[] = [2];
const SELECT_BASES = 40;
/** Rows in which the goals part at each look, half as many in which they agree, and pushes that are kept. */
const LOOKS = [
  { rows: 16, keep: 8 },
  { rows: SELECT_BASES, keep: 8 },
] as const;
const NULL_BASES = 100;
/** Rows in which the goals agree, on each side. */
const SELECT_AGREEING = 20;
const TEST_AGREEING = 200;
/** Fewest searches among random directions: the smallest p is 1 / 20. */
const NULL_SEARCHES = 19;
type Found = {
  readonly candidate: number;
  readonly direction: number;
  readonly dose: number;
};

/** Undefined where no base does as intended, or nothing varies besides the named variables. */
export async function searchMode(request: ModeRequest): Promise<ModeResult | undefined> {
  const { columns, inputs, random } = request;
  const select = firstOf(modeBases(columns, inputs.select.bases), SELECT_BASES);
  const test = modeBases(columns, inputs.test.bases);
  if (select.rows.length === 0 || test.rows.length === 0) return undefined;
  const candidates: Candidates[] = [];
  for (const hook of inputs.chain) {
    for (const position of searchedPositions(request)) {
      const found = await candidatesAt(request, { hook, position });
      if (found !== undefined) candidates.push(found);
    }
  }
  if (candidates.length === 0) return undefined;
  const some = firstOf(test, NULL_BASES);
  const calm = agreeingOn(columns, 'select', SELECT_AGREEING);
  const own = await firstValid(
    request,
    candidates,
    select,
    await searched(request, candidates, select, calm),
  );
  const { site, basis, spread } = candidates[own.candidate]!;
  const vector = columnOf(basis, own.direction, spread[own.direction]! * Math.sign(own.dose));
  const doses = [...new Set([...SHOWN_DOSES, Math.abs(own.dose)])].sort((a, b) => a - b);
  const check = await checkOf(request, candidates[own.candidate]!, test, 'test');
  const checked: CheckedPush[] = [];
  for (const dose of doses) checked.push(await check({ vector, dose }));
  const { outcome, broken } = checked[doses.indexOf(Math.abs(own.dose))]!;
  const [agreeing] = await pushAgreeing(request, site, agreeingOn(columns, 'test', TEST_AGREEING), [
    { vector, dose: Math.abs(own.dose) },
  ]);
  const shares = new Float64Array(
    broken.length === 0 && mayAct(outcome, test.groups, agreeing!)
      ? drawsFor(request.alpha, NULL_SEARCHES)
      : 0,
  );
  for (let i = 0; i < shares.length; i++) {
    const drawn = candidates.map((candidate) => randomlike(candidate, random.fork(`search/${i}`)));
    // A null may take the push that turns most, valid or not, which makes it no easier to beat.
    const [best] = await searched(request, drawn, select, calm);
    shares[i] = await turnedShare(request, drawn, best!, some);
  }
  const pValue =
    shares.length === 0
      ? undefined
      : permutationPValue({
          observed: await turnedShare(request, candidates, own, some),
          values: shares,
          alternative: 'greater',
        });
  const judgement = judgeMode({
    outcome,
    broken,
    agreeing: agreeing!,
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
    alpha: request.alpha,
    bases: test,
    judgement,
    nulls:
      pValue === undefined
        ? []
        : [
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
      checked,
      length: Math.hypot(...vector),
    }),
  };
}

function searchSize(candidates: readonly Candidates[]): number {
  return candidates.reduce((sum, { basis }) => sum + 2 * basis.columns * SEARCH_DOSES.length, 0);
}

/**
 * The pushes that turn most choices of the select bases beyond those they change where the goals agree, best first; ties go to the larger
 * effect. A first look at few rows leaves few pushes for a second one at all of them.
 */
async function searched(
  request: ModeRequest,
  candidates: readonly Candidates[],
  select: ModeBases,
  calm: Int32Array,
): Promise<Found[]> {
  let left: Found[] = candidates.flatMap(({ basis }, candidate) =>
    Array.from({ length: basis.columns }, (_, direction) =>
      SEARCH_DOSES.flatMap((dose) => [dose, -dose].map((signed) => ({ candidate, direction, dose: signed }))),
    ).flat(),
  );
  for (const { rows, keep } of LOOKS) {
    const bases = firstOf(select, rows);
    const agreeing = calm.subarray(0, Math.ceil(rows / 2));
    const scored: { readonly found: Found; readonly order: readonly number[] }[] = [];
    for (const [candidate, { site, basis, spread }] of candidates.entries()) {
      const own = left.filter((found) => found.candidate === candidate);
      if (own.length === 0) continue;
      const pushes = own.map(({ direction, dose }) => ({
        vector: columnOf(basis, direction, spread[direction]!),
        dose,
      }));
      const outcomes = await pushAll(request, site, bases, pushes);
      const elsewhere = await pushAgreeing(request, site, agreeing, pushes);
      for (const [i, { turned, effects }] of outcomes.entries())
        scored.push({
          found: own[i]!,
          order: [shareOf(turned) - shareOf(elsewhere[i]!.marks), meanOf(effects)],
        });
    }
    left = scored
      .sort((x, y) => byRank(x.order, y.order))
      .slice(0, keep)
      .map(({ found }) => found);
  }
  return left;
}

/** The best of the pushes that are valid on the select bases, or the best of all where none is. */
async function firstValid(
  request: ModeRequest,
  candidates: readonly Candidates[],
  select: ModeBases,
  ranked: readonly Found[],
): Promise<Found> {
  for (const found of ranked) {
    const candidate = candidates[found.candidate]!;
    const check = await checkOf(request, candidate, select, 'select');
    const vector = columnOf(candidate.basis, found.direction, candidate.spread[found.direction]!);
    if ((await check({ vector, dose: found.dose })).broken.length === 0) return found;
  }
  return ranked[0]!;
}

/** Two standard deviations are the gap between two values that are equally frequent, so a dose of 2 is held against one class gap. */
const GAPS_PER_DEVIATION = 0.5;

function checkOf(
  { columns, inputs }: ModeRequest,
  { site, covariances }: Candidates,
  bases: ModeBases,
  side: 'select' | 'test',
): Promise<ModeCheck> {
  return modeCheck({
    columns,
    inputs,
    side,
    site,
    bases,
    fit: searchRows(columns, 'fit'),
    covariances,
    reference: searchRows(columns, 'select'),
    gapsPerDose: GAPS_PER_DEVIATION,
  });
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
