/** @file capture: choices of several tokens: the rows that are fed for them, and their scores from logits; runs nothing. */
import { samePlace } from '../core/data-place.ts';
import type { CandidateScore, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { ChoiceOutput } from './choice-logits.ts';

/** Choices by the tokens that follow the last position of a row; each at least one. */
export type Candidates = {
  readonly tokens: readonly (readonly number[])[];
  readonly score: CandidateScore;
};

/** Candidates that are scored by one pass: their last tokens differ at most, and the last one is never fed. */
export type CandidateGroup = {
  /** What is fed behind the row. */
  readonly extension: readonly number[];
  readonly members: readonly CandidateMember[];
};

export type CandidateMember = {
  readonly column: number;
  readonly tokens: readonly number[];
  /** True where whatever begins with this candidate begins with another one too, whose probability holds this one's. */
  readonly within: boolean;
};

/** In the order of the first candidate of each. */
export function candidateGroups({ tokens: all }: Candidates): CandidateGroup[] {
  const groups = new Map<string, { extension: readonly number[]; members: CandidateMember[] }>();
  const firstOf = new Map<string, number>();
  for (const [column, tokens] of all.entries()) {
    const key = tokens.join(' ');
    if (!firstOf.has(key)) firstOf.set(key, column);
  }
  for (const [column, tokens] of all.entries()) {
    const extension = tokens.slice(0, -1);
    const key = extension.join(' ');
    const group = groups.get(key) ?? { extension, members: [] };
    const within =
      firstOf.get(tokens.join(' ')) !== column ||
      extension.some((_, last) => firstOf.has(tokens.slice(0, last + 1).join(' ')));
    group.members.push({ column, tokens, within });
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * Throws `MODEL_UNSUPPORTED` for a first output without a position axis, `BAD_SETTING` for a read-out that is not the last position, which
 * candidates follow.
 */
export function mustTakeCandidates(model: string, output: ChoiceOutput, readout: number): void {
  if (!output.positions) {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `choices of several tokens need logits at every position, and the first output of ${model}, ${JSON.stringify(output.value)}, has no position axis`,
      { remedy: 'Give choices of one index each.' },
    );
  }
  if (readout !== -1) {
    throw new MesascopeError(
      'BAD_SETTING',
      `choices of several tokens follow the end of a row, and the read-out is position ${readout}`,
      { remedy: 'Let the rows end at the read-out, and leave `readout` at -1.' },
    );
  }
}

/**
 * Throws `MODEL_UNSUPPORTED` for candidates of several tokens on a model that takes one scale over all positions of a row: tokens behind the row
 * change the logits in front of them, so that nothing tells such a model from one that reads ahead.
 */
export function mustTellReadingAhead(
  model: { readonly name: string; readonly mixesRows: boolean },
  tokens: Candidates['tokens'],
): void {
  if (!model.mixesRows || tokens.every(({ length }) => length <= 1)) return;
  throw new MesascopeError(
    'MODEL_UNSUPPORTED',
    `${model.name} quantises its activations by the values of the whole row, so that the tokens of a choice change the logits in front of them: whether it reads ahead cannot be told`,
    {
      remedy: 'Give choices of one token each, or use a file whose activations are not quantised as it runs.',
    },
  );
}

/** The rows with a group's extension behind them. Throws `INPUT_INVALID` for inputs that are not token rows. */
export function extendedInputs(
  inputs: readonly ModelInput[],
  { extension }: CandidateGroup,
): readonly ModelInput[] {
  if (extension.length === 0) return inputs;
  return inputs.map((input, row) => {
    if (input.kind !== 'tokens') {
      throw new MesascopeError(
        'INPUT_INVALID',
        `choices of several tokens follow rows of tokens, and example ${row} is of kind ${input.kind}`,
        { facts: { row } },
      );
    }
    const extended: ModelInput = { kind: 'tokens', tokens: [...input.tokens, ...extension] };
    samePlace(input, extended);
    return extended;
  });
}

/**
 * Scores of one batch into `into` [rows, candidates]: the sum or mean over a candidate's tokens of log p(token | row, tokens before it), in
 * nats, by the softmax over the whole output. `logits` is [batch, vectors, columns], of which the first `extension.length + 1` vectors
 * are those at the row's last position and after it; batch row i goes to row `rows[i]`.
 *
 * Adds to `mass` the probability that what comes next begins with one of the candidates, 0 to 1 over all groups. Gives back each row's log
 * normaliser at its last position, which in a causal model does not depend on the extension. Throws `CHOICE_RANGE`, `MODEL_UNSUPPORTED` when it is not of a float type.
 */
export function addCandidateScores(
  logits: TensorValue,
  of: {
    readonly group: CandidateGroup;
    readonly score: CandidateScore;
    readonly rows: Int32Array;
    readonly vectors: number;
    readonly into: Matrix;
    readonly mass?: Float64Array;
  },
): Float64Array {
  const { group, score, rows, vectors, into, mass } = of;
  if (logits.type !== 'float32' && logits.type !== 'float64')
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `the first output has type ${logits.type}, not a float type`,
    );
  const { data } = logits;
  const columns = logits.dims.at(-1) ?? 0;
  const beyond = group.members.flatMap(({ tokens }) => tokens).find((token) => token >= columns);
  if (beyond !== undefined) {
    throw new MesascopeError(
      'CHOICE_RANGE',
      `a choice has the token ${beyond}, outside the ${columns} columns of the first output`,
      { facts: { choice: beyond, columns } },
    );
  }
  const length = group.extension.length + 1;
  const first = new Float64Array(rows.length);
  for (const [i, row] of rows.entries()) {
    const starts = Array.from({ length }, (_, j) => (i * vectors + j) * columns);
    const normalisers = starts.map((start) => logNormaliser(data, start, columns));
    first[i] = normalisers[0]!;
    for (const { column, tokens, within } of group.members) {
      let sum = 0;
      for (const [j, token] of tokens.entries()) sum += data[starts[j]! + token]! - normalisers[j]!;
      into.data[row * into.columns + column] = score === 'sum' ? sum : sum / length;
      if (mass !== undefined && !within) mass[row]! += Math.exp(sum);
    }
  }
  return first;
}

function logNormaliser(data: Float32Array | Float64Array, from: number, columns: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = from; j < from + columns; j++) largest = Math.max(largest, data[j]!);
  let sum = 0;
  for (let j = from; j < from + columns; j++) sum += Math.exp(data[j]! - largest);
  return largest + Math.log(sum);
}
