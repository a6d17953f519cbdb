/** @file pipeline: the features of an input that need no network, and the network's last word, as baselines for its activations. */
import type { DataSet } from '../core/data-set.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { BaselineFeatures } from '../evidence/baselines.ts';
import type { Columns, NamedLabels } from '../evidence/columns.ts';

/** Rarer tokens beyond this many share one column: a baseline must not be wider than its rows can fill. */
const MAX_COLUMNS = 1024;

/** Baselines that the data set allows; `embedding` is the mean of the captured embeddings over the searched positions. */
export function baselineFeatures(request: {
  readonly dataSet: DataSet;
  readonly columns: Columns;
  readonly embedding: Matrix | undefined;
}): BaselineFeatures[] {
  const { dataSet, columns, embedding } = request;
  const rows = dataSet.examples.map(({ input }) => (input.kind === 'tokens' ? input.tokens : undefined));
  const tokens = rows.every((row) => row !== undefined) ? rows : undefined;
  const features: BaselineFeatures[] = [];
  if (embedding !== undefined)
    features.push({ id: 'embedding', label: 'embeddings, mean over the searched positions', x: embedding });
  if (tokens !== undefined) {
    features.push({ id: 'bag-of-tokens', label: 'how often each token occurs', x: bagOfTokens(tokens) });
    if (columns.tokens !== null)
      features.push({ id: 'position', label: 'which token stands where', x: tokensInPlace(columns.tokens) });
    features.push({
      id: 'length',
      label: 'length of the row',
      x: oneHot(Int32Array.from(tokens, (row) => row.length)),
    });
  }
  const given = [...columns.contexts, ...columns.nuisance];
  if (given.length > 0)
    features.push({
      id: 'nuisance',
      label: 'contexts and nuisance variables',
      x: manyHot(given, columns.rows),
    });
  features.push({
    id: 'output-logits',
    label: 'what the model says: log probabilities of the choices',
    x: finite(columns.logProbabilities),
  });
  return features;
}

/** Counts per token, the most frequent tokens first. */
function bagOfTokens(rows: readonly (readonly number[])[]): Matrix {
  const frequency = new Map<number, number>();
  for (const row of rows) for (const token of row) frequency.set(token, (frequency.get(token) ?? 0) + 1);
  const kept = [...frequency].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MAX_COLUMNS);
  const columnOf = new Map(kept.map(([token], i) => [token, i]));
  const x = matrix(rows.length, kept.length);
  for (const [i, row] of rows.entries()) {
    for (const token of row) {
      const column = columnOf.get(token);
      if (column !== undefined) x.data[i * kept.length + column]! += 1;
    }
  }
  return x;
}

/** One column per position and token, the most frequent pairs first. */
function tokensInPlace(tokens: Matrix): Matrix {
  const { rows, columns, data } = tokens;
  const pairs = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => data[i * columns + j]! * columns + j),
  );
  return bagOfTokens(pairs);
}

function oneHot(values: Int32Array): Matrix {
  const kinds = [...new Set(values)].sort((a, b) => a - b).slice(0, MAX_COLUMNS);
  const columnOf = new Map(kinds.map((value, i) => [value, i]));
  const x = matrix(values.length, kinds.length);
  for (const [i, value] of values.entries()) {
    const column = columnOf.get(value);
    if (column !== undefined) x.data[i * kinds.length + column] = 1;
  }
  return x;
}

function manyHot(given: readonly NamedLabels[], rows: number): Matrix {
  const width = given.reduce((sum, { labels }) => sum + Math.min(labels.classes, MAX_COLUMNS), 0);
  const x = matrix(rows, width);
  let from = 0;
  for (const { labels } of given) {
    const classes = Math.min(labels.classes, MAX_COLUMNS);
    for (let i = 0; i < rows; i++) {
      const value = labels.values[i]!;
      if (value >= 0 && value < classes) x.data[i * width + from + value] = 1;
    }
    from += classes;
  }
  return x;
}

/** Minus infinity, the logarithm of no probability at all, as a number that a probe can be fitted on. */
function finite({ rows, columns, data }: Matrix): Matrix {
  return { rows, columns, data: data.map((value) => Math.max(value, -50)) };
}
