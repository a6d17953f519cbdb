/** @file evidence: mode steering when the context is known: pushes examples of one context towards another, and holds the turn against nulls. */
import { takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import type { CausalInputs } from './causal-side.ts';
import { type Columns, type NamedLabels, pickInts, rowsOnSide } from './columns.ts';
import type { DoseResponse } from './figures.ts';
import { doseResponseOf } from './mode-figure.ts';
import { drawsFor, levelOf } from './mode-level.ts';
import { familyNull, modeNull } from './mode-nulls.ts';
import {
  agreeingOn,
  byRank,
  firstOf,
  judgeMode,
  type ModeBases,
  type ModeJudgement,
  mayAct,
  modeBases,
  pushAgreeing,
  pushAll,
  shareOf,
} from './mode-push.ts';
import { type CheckedPush, covariancesAt, modeCheck } from './mode-validity.ts';
import type { Sides } from './reading.ts';
import { permutationPValue } from './resample-permutation.ts';
import type { NullComparison } from './rung.ts';
import { directionsOf, FAMILIES, meanCodes } from './steering-directions.ts';
import type { Place } from './steering-push.ts';
import { meanOf } from './steering-validity.ts';

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
  /** Level of each of its tests. */
  readonly alpha: number;
  readonly bases: ModeBases;
  readonly judgement: ModeJudgement;
  readonly nulls: readonly NullComparison[];
  /** Absent where nothing was pushed but an input changed. */
  readonly figure?: DoseResponse;
};

/** A push to be tried: where it starts from, where it goes, and the rows that it is chosen and tried on. */
type Planned = {
  readonly context: NamedLabels;
  readonly move: { readonly from: number; readonly to: number };
  readonly select: ModeBases;
  readonly test: ModeBases;
  readonly fit: Int32Array;
};

/**
 * One push per context variable and pair of its values; the hook and the dose are chosen on select rows, the test rows are read once. Any
 * of the pushes would be a finding, so the level is divided over those that can be tried.
 */
export async function contextModes(request: ModeRequest): Promise<ModeResult[]> {
  const planned = plannedPushes(request);
  const alpha = levelOf(request.alpha, planned.length);
  const results: ModeResult[] = [];
  for (const push of planned) {
    const result = await oneMode({ ...request, alpha }, push);
    if (result !== undefined) results.push(result);
  }
  return results;
}

function plannedPushes(request: ModeRequest): Planned[] {
  const { columns, inputs } = request;
  return columns.contexts.flatMap((context): Planned[] => {
    const { classes, values } = context.labels;
    if (classes < 2 || classes > MAX_VALUES) return [];
    const pairs = Array.from({ length: classes * classes }, (_, i) => ({
      from: Math.floor(i / classes),
      to: i % classes,
    })).filter(({ from, to }) => from !== to);
    return pairs.flatMap((move) => {
      const here = (rows: Int32Array): Int32Array => rows.filter((row) => values[row] === move.from);
      const select = firstOf(modeBases(columns, here(inputs.select.bases)), SELECT_BASES);
      const test = modeBases(columns, here(inputs.test.bases));
      const fit = rowsOfBoth(request, context, move, 'fit');
      return select.rows.length === 0 || test.rows.length === 0 || fit.length === 0
        ? []
        : [{ context, move, select, test, fit }];
    });
  });
}

/** Rows of the sets in which both contexts occur: a set that shows one of them alone would lend the direction its own mark. */
function rowsOfBoth(
  request: ModeRequest,
  context: NamedLabels,
  move: Planned['move'],
  side: 'fit' | 'select',
): Int32Array {
  const { columns } = request;
  const { values } = context.labels;
  return Int32Array.from(
    [columns.train, columns.apart].flatMap((set) => {
      const rows = rowsOnSide(columns, side, set).filter((row) =>
        [move.from, move.to].includes(values[row]!),
      );
      const seen = new Set(pickInts(values, rows));
      return seen.size === 2 ? [...rows] : [];
    }),
  );
}

async function oneMode(request: ModeRequest, planned: Planned): Promise<ModeResult | undefined> {
  const { columns, inputs, random, alpha, positions } = request;
  const { context, move, select, test, fit } = planned;
  const { values, classes, names } = context.labels;
  const here = (rows: Int32Array): Int32Array => rows.filter((row) => values[row] === move.from);
  const moves = { from: Int32Array.of(move.from), to: Int32Array.of(move.to) };
  /** The gap at each position, laid side by side. */
  const gapAt = (hook: string): Float64Array =>
    Float64Array.from(
      positions.flatMap((position) => {
        const x = takeRows(inputs.activations({ hook, position }), fit);
        return [...directionsOf(meanCodes(x, pickInts(values, fit), classes), moves).data];
      }),
    );
  const reference = rowsOfBoth(request, context, move, 'select');
  const calm = here(agreeingOn(columns, 'select', columns.rows)).subarray(0, SELECT_AGREEING);
  const agreeing = here(agreeingOn(columns, 'test', columns.rows)).subarray(0, TEST_AGREEING);
  let best: (PushChoice & { readonly order: readonly number[] }) | undefined;
  for (const hook of inputs.chain) {
    const site = { hook, position: positions };
    const vector = gapAt(hook);
    if (vector.every((value) => value === 0)) continue;
    const covariances = await covariancesAt(request, site, fit);
    const shared = { columns, inputs, site, fit, covariances, reference, gapsPerDose: 1 };
    const check = await modeCheck({ ...shared, side: 'select', bases: select });
    const pushes = CONTEXT_DOSES.map((dose) => ({ vector, dose }));
    const elsewhere = await pushAgreeing(request, site, calm, pushes);
    for (const [d, push] of pushes.entries()) {
      const { outcome, broken } = await check(push);
      // A push that is valid before one that is not, then the one that turns most, then the one with the largest effect.
      const order = [
        broken.length === 0 ? 1 : 0,
        shareOf(outcome.turned) - shareOf(elsewhere[d]!.marks),
        meanOf(outcome.effects),
      ];
      if (best === undefined || byRank(order, best.order) < 0) best = { ...shared, ...push, order };
    }
  }
  if (best === undefined) return undefined;

  const { site, dose, vector, covariances } = best;
  const check = await modeCheck({ ...best, side: 'test', bases: test });
  const doses = [...new Set([...SHOWN_DOSES, dose])].sort((a, b) => a - b);
  const checked: CheckedPush[] = [];
  for (const shown of doses) checked.push(await check({ vector, dose: shown }));
  const { outcome, broken } = checked[doses.indexOf(dose)]!;
  const some = firstOf(test, NULL_BASES);
  const [observed] = await pushAll(request, site, some, [{ vector, dose }]);
  const [calmly] = await pushAgreeing(request, site, agreeing, [{ vector, dose }]);
  const nulls: NullComparison[] = [];
  const pValues: (number | undefined)[] = [];
  const draws = drawsFor(alpha, request.randomDirections);
  for (const family of broken.length === 0 && mayAct(outcome, test.groups, calmly!) ? FAMILIES : []) {
    const { hook } = site;
    const drawn = modeNull(
      { columns, inputs, context, moves, hook, positions, vector, fit, covariances },
      family,
    );
    if (drawn === undefined) continue;
    const outcomes = await pushAll(
      request,
      site,
      some,
      Array.from({ length: draws }, (_, i) => ({
        dose,
        vector: drawn(random.fork(`${context.name}/${move.from}/${move.to}/${family}/${i}`)),
      })),
    );
    const shares = Float64Array.from(outcomes, ({ turned }) => shareOf(turned));
    const pValue = permutationPValue({
      observed: shareOf(observed!.turned),
      values: shares,
      alternative: 'greater',
    });
    pValues.push(pValue);
    nulls.push(familyNull(family, shares, pValue));
  }
  const judgement = judgeMode({
    outcome,
    broken,
    agreeing: calmly!,
    groups: test.groups,
    choices: columns.choices.length,
    pValues,
    alpha,
    bootstrapDraws: request.bootstrapDraws,
    random: random.fork(`${context.name}/${move.from}/${move.to}`),
  });
  const label = `${context.name}: from ${names[move.from]} towards ${names[move.to]}`;
  const id = `mode.${context.name}.${names[move.from]}-${names[move.to]}`;
  const length = Math.hypot(...vector);
  return {
    id,
    label,
    site,
    dose,
    alpha,
    bases: test,
    judgement,
    nulls,
    figure: doseResponseOf({ ...request, id, label, site, bases: test, doses, checked, length }),
  };
}

type PushChoice = Omit<Parameters<typeof modeCheck>[0], 'side' | 'bases'> & {
  readonly dose: number;
  readonly vector: Float64Array;
};
