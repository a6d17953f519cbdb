/** @file pipeline: looks through the lenses at the test rows in which the goals call for different actions; no rule reads what it finds. */
import { type AttentionPatterns, attentionPatterns } from '../capture/attention-patterns.ts';
import type { LensRequest } from '../capture/lens-logit.ts';
import { logitLens } from '../capture/lens-logit.ts';
import { attributeLogits } from '../capture/logit-attribution.ts';
import { type Example, GOAL_ROLES, type GoalRole } from '../core/data-set.ts';
import type { ErrorCode } from '../core/error-code-names.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { seededRandom } from '../core/random.ts';
import type { Columns } from '../evidence/columns.ts';
import type {
  LensAttention,
  LensMean,
  LensPlace,
  LensReadings,
  LensShares,
  LensStreams,
} from '../evidence/lens-figures.ts';
import {
  attentionOnto,
  type ContestedRows,
  contestedRows,
  evenAttention,
  goalDifference,
  type LensSample,
  lensMean,
  lensSample,
} from '../evidence/lens-readings.ts';
import { choiceColumns } from '../model/choice-tokens.ts';
import { encode } from '../model/encode.ts';
import type { MappedModel } from './mapped-model.ts';
import type { ResolvedSettings } from './resolve-settings.ts';
import { rolesOfPlaces } from './token-picture.ts';

export type LensesRequest = {
  readonly mapped: MappedModel;
  /** The tokens of each example as their text, where the data are text. */
  readonly pieces: readonly (readonly string[])[] | undefined;
  readonly columns: Columns;
  readonly settings: Pick<ResolvedSettings, 'seed' | 'lensRows' | 'bootstrapDraws'>;
  readonly control: RunControl;
};

/** Longer rows have patterns that fill the memory: 12 blocks of 12 heads take 150 MB a row. */
const MOST_POSITIONS = 512;
/** Rows times blocks times squared positions: a second or two where a block has 12 heads. */
const PATTERN_BUDGET = 4_000_000;
/** Numbers of averages, and of the one example, that a record holds. */
const MOST_MEANS = 40_000;
const MOST_IN_EXAMPLE = 20_000;

/** What a graph can do to a lens that it does to no run of the whole model. */
const REASONS: ReadonlySet<ErrorCode> = new Set([
  'SESSION_FAILED',
  'RUN_FAILED',
  'MODEL_UNSUPPORTED',
  'HOOK_UNAVAILABLE',
  'POSITION_RANGE',
  'VALUE_UNKNOWN',
]);

/**
 * Logit lens, direct logit attribution and attention patterns on at most `lensRows` rows; absent where that is 0. Each is undefined with its
 * reason where graph or data do not allow it. Draws come from a stream of its own, so no other number of a run depends on it.
 */
export async function runLenses(request: LensesRequest): Promise<LensReadings | undefined> {
  const { mapped, columns, settings } = request;
  if (settings.lensRows === 0) return undefined;
  const random = seededRandom(settings.seed).fork('lenses');
  const chosen = contestedRows(columns, settings.lensRows, random.fork('rows'));
  const { count, ...sample } = lensSample(columns, chosen.rows, { draws: settings.bootstrapDraws, random });
  const seen = { rows: chosen.rows.length, groups: count, ofRows: chosen.of };
  if (seen.rows === 0) {
    const nothing = {
      state: 'undefined',
      reason: 'in no test row does each goal call for one action, and not the same one',
    } as const;
    return { ...seen, streams: nothing, shares: nothing, attention: nothing };
  }
  const { dataSet } = mapped;
  const inputs = Array.from(chosen.rows, (row) => dataSet.examples[row]!.input);
  const base = { inputs, mapping: dataSet.inputs, readout: dataSet.readout };
  const looks = { ...request, chosen, sample, control: { signal: request.control.signal } };
  // Choices of several tokens have no logit.
  const several = Object.values(dataSet.choices).some((choice) => typeof choice === 'object');
  const choices = several ? undefined : choiceColumns(dataSet);
  const noLogit = {
    state: 'undefined',
    reason: 'choices of several tokens have a score over several passes, and no logit of their own',
  } as const;
  return {
    ...seen,
    streams: choices === undefined ? noLogit : await orReason(() => streams(looks, { ...base, choices })),
    shares: choices === undefined ? noLogit : await orReason(() => shares(looks, { ...base, choices })),
    attention: await orReason(() => attention(looks, base)),
  };
}

type Looks = Pick<LensesRequest, 'mapped' | 'pieces'> & {
  readonly chosen: ContestedRows;
  readonly sample: LensSample;
  readonly control: RunControl;
};

async function orReason<T>(
  work: () => Promise<T>,
): Promise<T | { readonly state: 'undefined'; readonly reason: string }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MesascopeError && REASONS.has(error.code))
      return { state: 'undefined', reason: error.message };
    throw error;
  }
}

async function streams(looks: Looks, request: LensRequest): Promise<LensStreams> {
  const lens = await logitLens(looks.mapped.model, request, looks.control);
  if (lens.state === 'undefined') return lens;
  return {
    state: 'measured',
    points: lens.streams.map(({ hook, logits }) => ({ hook, difference: differenceOf(looks, logits) })),
  };
}

async function shares(looks: Looks, request: LensRequest): Promise<LensShares> {
  const found = await attributeLogits(looks.mapped.model, request, looks.control);
  if (found.state === 'undefined') return found;
  return {
    state: 'measured',
    parts: found.shares.map(({ part, block, head, shares: own }) => ({
      part,
      ...(block === undefined ? {} : { block }),
      ...(head === undefined ? {} : { head }),
      difference: differenceOf(looks, own),
    })),
    total: differenceOf(looks, found.logits),
    error: found.error,
    whole: found.whole,
  };
}

function differenceOf({ chosen, sample }: Looks, logits: Matrix): LensMean {
  return lensMean(goalDifference(logits, chosen), sample);
}

async function attention(
  looks: Looks,
  request: Pick<LensRequest, 'inputs' | 'mapping' | 'readout'>,
): Promise<LensAttention> {
  const { inputs, mapping, readout } = request;
  const { mapped, control } = looks;
  // Positions of the model: an image has patches, and an array of ids as many as a row of tokens.
  const lengths = encode(mapped.model, inputs, mapping).positionsIn('main');
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
  if (longest > MOST_POSITIONS) {
    return {
      state: 'undefined',
      reason: `rows of up to ${longest} positions have patterns beyond what a record can hold (${MOST_POSITIONS} positions); \`attentionPatterns\` gives them to a script`,
    };
  }
  const blocks = Math.max(1, mapped.model.hooks.blocks.length);
  const most = Math.min(inputs.length, Math.max(1, Math.floor(PATTERN_BUDGET / (blocks * longest ** 2))));
  // Evenly spaced: data are often in the order of their sets.
  const taken = Int32Array.from({ length: most }, (_, i) => Math.floor((i * inputs.length) / most));
  const found = await attentionPatterns(
    mapped.model,
    { inputs: Array.from(taken, (i) => inputs[i]!), mapping, query: readout },
    control,
  );
  if (found.state === 'undefined') return found;
  return attentionReading(looks, { ...found, averaged: found.averaged.map((i) => taken[i]!) }, readout);
}

type MeasuredPatterns = Extract<AttentionPatterns, { state: 'measured' }>;

/** `averaged`: indices into the chosen rows; the first of them is the example. */
function attentionReading(looks: Looks, found: MeasuredPatterns, readout: number): LensAttention {
  const { mapped, chosen, sample } = looks;
  const { rows: queries, columns: keys } = found.heads[0]!.mean;
  if (found.heads.some(({ mean }) => mean.rows !== queries || mean.columns !== keys))
    return { state: 'undefined', reason: 'the blocks attend over different numbers of positions' };
  if (found.heads.some(({ mean }) => mean.data.some((value) => !Number.isFinite(value))))
    return { state: 'undefined', reason: 'some attention is not a finite number' };
  const means = found.heads.length * keys;
  if (means > MOST_MEANS) {
    return {
      state: 'undefined',
      reason: `${found.heads.length} heads by ${keys} positions are more than a record holds (${MOST_MEANS} numbers); \`attentionPatterns\` gives them to a script`,
    };
  }
  const rowOf = (input: number): number => chosen.rows[input]!;
  const fed = Array.from(found.averaged, (input) => mapped.dataSet.examples[rowOf(input)]!);
  const roles = fed.map((example) => rolesIn(example, keys));
  const words = Array.from(found.averaged, (input, i) =>
    wordsIn(fed[i]!, looks.pieces?.[rowOf(input)], keys),
  );
  const own: LensSample = {
    ...sample,
    groups: Int32Array.from(found.averaged, (input) => sample.groups[input]!),
  };
  const perRole = <T>(of: (role: GoalRole) => T | undefined): Partial<Record<GoalRole, T>> =>
    Object.fromEntries(
      GOAL_ROLES.flatMap((role) => {
        const value = of(role);
        return value === undefined ? [] : [[role, value]];
      }),
    );
  const numbers = found.heads.length * queries * keys;
  return {
    state: 'measured',
    rows: found.rows,
    ofRows: chosen.rows.length,
    readout: readout < 0 ? queries + readout : readout,
    places: Array.from({ length: keys }, (_, place) =>
      placeOf(shared(words.map((row) => row?.[place])), shared(roles.map((row) => row[place]))),
    ),
    even: perRole((role) => evenAttention(roles, role)),
    heads: found.heads.map(({ block, head, mean, from }) => ({
      block,
      head,
      mean: line(mean, readout < 0 ? queries + readout : readout),
      onto: perRole((role) => attentionOnto(from!, roles, role, own)),
    })),
    example: {
      id: fed[0]!.id,
      places: Array.from({ length: keys }, (_, place) => placeOf(words[0]?.[place], roles[0]![place])),
      full:
        numbers > MOST_IN_EXAMPLE
          ? {
              state: 'undefined',
              reason: `${found.heads.length} heads of ${queries} by ${keys} positions are more than a record holds of one example (${MOST_IN_EXAMPLE} numbers)`,
            }
          : {
              state: 'measured',
              patterns: found.heads.map(({ example }) =>
                Array.from({ length: queries }, (_, query) => line(example, query)),
              ),
            },
    },
    missing: found.missing,
  };
}

/** Roles by key; none where the keys are not the row's tokens. */
function rolesIn(fed: Example, keys: number): (GoalRole | undefined)[] {
  const tokens = fed.input.kind === 'tokens' && fed.input.tokens.length === keys;
  return tokens ? rolesOfPlaces(fed, keys) : Array.from({ length: keys }, () => undefined);
}

/** The row's tokens as text, or their ids; undefined where the keys are not the row's tokens. */
function wordsIn(
  { input, picture }: Example,
  pieces: readonly string[] | undefined,
  keys: number,
): readonly string[] | undefined {
  if (input.kind !== 'tokens' || input.tokens.length !== keys) return undefined;
  if (pieces?.length === keys) return pieces;
  return picture?.kind === 'tokens' && picture.tokens.length === keys
    ? picture.tokens.map(({ text }) => text)
    : input.tokens.map(String);
}

/** What all are; undefined where they differ. */
function shared<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

function placeOf(text: string | undefined, role: GoalRole | undefined): LensPlace {
  return { ...(text === undefined ? {} : { text }), ...(role === undefined ? {} : { role }) };
}

/** One query's attention; four digits are more than a picture shows. */
function line({ data, columns }: Matrix, query: number): number[] {
  // JSON has no negative zero, so a record must hold none.
  return Array.from(
    data.subarray(query * columns, (query + 1) * columns),
    (value) => Number(value.toFixed(4)) + 0,
  );
}
