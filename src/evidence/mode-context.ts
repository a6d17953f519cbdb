/** @file evidence: mode steering when the context is known: pushes examples of one context towards another, and holds the turn against nulls. */
import { takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import type { CausalInputs } from './causal-side.ts';
import { type Columns, type NamedLabels, pickInts, rowsOnSide } from './columns.ts';
import type { DirectionFamily, DoseResponse } from './figures.ts';
import { doseResponseOf } from './mode-figure.ts';
import {
  agreeingOn,
  firstOf,
  judgeMode,
  MODE_FAMILIES,
  type ModeBases,
  type ModeJudgement,
  mayAct,
  modeBases,
  pushAgreeing,
  pushAll,
  shareOf,
} from './mode-push.ts';
import type { Sides } from './reading.ts';
import { permutationPValue, summariseNull } from './resample-permutation.ts';
import type { NullComparison } from './rung.ts';
import { nullOf } from './statistic.ts';
import { directionsOf, FAMILIES, familyCodes, meanCodes } from './steering-directions.ts';
import type { Place } from './steering-push.ts';

/** In gaps between the means of two contexts. */
const CONTEXT_DOSES: readonly number[] = [0.5, 1, 1.5, 2];
/** Doses shown in the figure beside the one that was chosen. */
export const SHOWN_DOSES: readonly number[] = [-1, 0.5, 1, 1.5, 2];
/** Bases on which candidates are compared, and on which null directions are run. */
const SELECT_BASES = 60;
const NULL_BASES = 100;
/** Rows in which the goals agree, on each side. */
const SELECT_AGREEING = 40;
const TEST_AGREEING = 200;
/** Contexts with more values than this are no modes. */
const MAX_VALUES = 4;

export type ModeRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly inputs: CausalInputs;
  /** Positions that were captured; a mode may be written anywhere, so a push is made at all of them together. */
  readonly positions: readonly number[];
  readonly randomDirections: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

export type ModeResult = {
  readonly id: string;
  readonly label: string;
  readonly site: Place;
  readonly dose: number;
  readonly bases: ModeBases;
  readonly judgement: ModeJudgement;
  readonly nulls: readonly NullComparison[];
  /** Absent where nothing was pushed but an input changed. */
  readonly figure?: DoseResponse;
};

/** One push per context variable and pair of its values; the hook and the dose are chosen on select rows, the test rows are read once. */
export async function contextModes(request: ModeRequest): Promise<ModeResult[]> {
  const results: ModeResult[] = [];
  for (const context of request.columns.contexts) {
    const { classes } = context.labels;
    if (classes < 2 || classes > MAX_VALUES) continue;
    for (let from = 0; from < classes; from++) {
      for (let to = 0; to < classes; to++) {
        if (from === to) continue;
        const result = await oneMode(request, context, { from, to });
        if (result !== undefined) results.push(result);
      }
    }
  }
  return results;
}

/** Fit rows of the sets in which both contexts occur: a set that shows one of them alone would lend the direction its own mark. */
function fitRows(request: ModeRequest, context: NamedLabels, move: { from: number; to: number }): Int32Array {
  const { columns } = request;
  const { values } = context.labels;
  return Int32Array.from(
    [columns.train, columns.apart].flatMap((set) => {
      const rows = rowsOnSide(columns, 'fit', set).filter((row) =>
        [move.from, move.to].includes(values[row]!),
      );
      const seen = new Set(pickInts(values, rows));
      return seen.size === 2 ? [...rows] : [];
    }),
  );
}

async function oneMode(
  request: ModeRequest,
  context: NamedLabels,
  move: { readonly from: number; readonly to: number },
): Promise<ModeResult | undefined> {
  const { columns, inputs, random, alpha, linalg } = request;
  const { values, classes, names } = context.labels;
  const here = (rows: Int32Array): Int32Array => rows.filter((row) => values[row] === move.from);
  const select = firstOf(modeBases(columns, here(inputs.select.bases)), SELECT_BASES);
  const test = modeBases(columns, here(inputs.test.bases));
  const fit = fitRows(request, context, move);
  if (select.rows.length === 0 || test.rows.length === 0 || fit.length === 0) return undefined;

  const moves = { from: Int32Array.of(move.from), to: Int32Array.of(move.to) };
  /** The gap at each position, laid side by side. */
  const gapAt = (hook: string): Float64Array =>
    Float64Array.from(
      request.positions.flatMap((position) => {
        const x = takeRows(inputs.activations({ hook, position }), fit);
        return [...directionsOf(meanCodes(x, pickInts(values, fit), classes), moves).data];
      }),
    );
  const calm = here(agreeingOn(columns, 'select', columns.rows)).subarray(0, SELECT_AGREEING);
  const agreeing = here(agreeingOn(columns, 'test', columns.rows)).subarray(0, TEST_AGREEING);
  let best:
    | {
        site: Place;
        dose: number;
        vector: Float64Array;
        turned: number;
        effect: number;
      }
    | undefined;
  for (const hook of inputs.chain) {
    const site = { hook, position: request.positions };
    const vector = gapAt(hook);
    if (vector.every((value) => value === 0)) continue;
    const pushes = CONTEXT_DOSES.map((dose) => ({ vector, dose }));
    const outcomes = await pushAll(request, site, select, pushes);
    const elsewhere = await pushAgreeing(request, site, calm, pushes);
    for (const [d, outcome] of outcomes.entries()) {
      const turned = shareOf(outcome.turned) - shareOf(elsewhere[d]!.marks);
      const effect = outcome.effects.reduce((sum, value) => sum + value, 0) / outcome.effects.length;
      if (best === undefined || turned > best.turned || (turned === best.turned && effect > best.effect))
        best = { site, dose: CONTEXT_DOSES[d]!, vector, turned, effect };
    }
  }
  if (best === undefined) return undefined;

  const { site, dose, vector } = best;
  const some = firstOf(test, NULL_BASES);
  const [observed] = await pushAll(request, site, some, [{ vector, dose }]);
  const statistic = shareOf(observed!.turned);
  const [outcome] = await pushAll(request, site, test, [{ vector, dose }]);
  const [calmly] = await pushAgreeing(request, site, agreeing, [{ vector, dose }]);
  const families = mayAct(outcome!, test.groups, calmly!) ? FAMILIES : [];
  const width = vector.length / request.positions.length;
  const places = await Promise.all(
    request.positions.map(async (position, p) => {
      const activations = inputs.activations({ hook: site.hook, position });
      const x = takeRows(activations, fit);
      return {
        length: Float64Array.of(Math.hypot(...vector.subarray(p * width, (p + 1) * width))),
        source: {
          columns,
          activations,
          fit,
          labels: context.labels,
          covariance: await centeredCovariance(x, { linalg }),
          others: otherLabels(columns, context),
        },
      };
    }),
  );
  const nulls: NullComparison[] = [];
  const pValues: (number | undefined)[] = [];
  for (const family of families) {
    // A position at which nothing varies is not pushed, and has no covariance to draw with.
    const draws = places.map(({ length, source }) =>
      length[0] === 0 ? undefined : { length, draw: familyCodes(source, family) },
    );
    if (draws.every((one) => one?.draw === undefined)) continue;
    const drawn = (i: number): Float64Array =>
      Float64Array.from(
        draws.flatMap((one, p) =>
          one?.draw === undefined
            ? [...new Float64Array(width)]
            : [
                ...outsideOf(
                  directionsOf(
                    one.draw(random.fork(`${context.name}/${move.to}/${family}/${i}/${p}`)),
                    moves,
                    one.length,
                  ).data,
                  vector.subarray(p * width, (p + 1) * width),
                ),
              ],
        ),
      );
    const outcomes = await pushAll(
      request,
      site,
      some,
      Array.from({ length: request.randomDirections }, (_, i) => ({
        dose,
        vector: drawn(i),
      })),
    );
    const shares = Float64Array.from(outcomes, ({ turned }) => shareOf(turned));
    const pValue = permutationPValue({
      observed: statistic,
      values: shares,
      alternative: 'greater',
    });
    pValues.push(pValue);
    nulls.push(familyNull(family, shares, pValue));
  }
  const shown = await pushAll(
    request,
    site,
    test,
    [...new Set([...SHOWN_DOSES, dose])].sort((a, b) => a - b).map((value) => ({ vector, dose: value })),
  );
  const judgement = judgeMode({
    outcome: outcome!,
    agreeing: calmly!,
    groups: test.groups,
    choices: columns.choices.length,
    pValues,
    alpha,
    bootstrapDraws: request.bootstrapDraws,
    random: random.fork(`${context.name}/${move.from}/${move.to}`),
  });
  const label = `${context.name}: from ${names[move.from]} towards ${names[move.to]}`;
  return {
    id: `mode.${context.name}.${names[move.from]}-${names[move.to]}`,
    label,
    site,
    dose,
    bases: test,
    judgement,
    nulls,
    figure: doseResponseOf({
      ...request,
      id: `mode.${context.name}.${names[move.from]}-${names[move.to]}`,
      label,
      site,
      bases: test,
      doses: [...new Set([...SHOWN_DOSES, dose])].sort((a, b) => a - b),
      outcomes: shown,
      length: Math.hypot(...vector),
    }),
  };
}

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

/** Share of its length that a null direction must have across the mode's own to count as another direction. */
const LEFT_FLOOR = 0.01;

export function familyNull(family: DirectionFamily, shares: Float64Array, pValue: number): NullComparison {
  return nullOf(
    family,
    `${MODE_FAMILIES[family]}, across the mode's own direction, same length`,
    summariseNull(shares),
    pValue,
  );
}

/** Variables other than this context: the irrelevant one, other contexts, nuisance variables. */
function otherLabels(columns: Columns, context: NamedLabels): { classes: number; values: Int32Array }[] {
  const named = [...columns.contexts.filter(({ name }) => name !== context.name), ...columns.nuisance];
  const { irrelevant } = columns.labels;
  return [...(irrelevant === undefined ? [] : [irrelevant]), ...named.map(({ labels }) => labels)].filter(
    ({ classes }) => classes >= 2 && classes <= 200,
  );
}
