/** @file pipeline: what saved probes say at each token that a model wrote; writes nothing itself. */
import type { Generation } from '../behavior/generate.ts';
import { MesascopeError } from '../core/errors.ts';
import { takeRows } from '../core/matrix.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { predictSaved, type SavedProbe, scoreSaved } from '../probe/probe-file.ts';

/** [rows, columns] = [new tokens, classes], row-major: a score per class, or the number that a probe of numbers reads, in its unit. */
export type AnswerScores = {
  readonly rows: number;
  readonly columns: number;
  /** 64 bits: the offset of a number (a year, a time stamp) would use up 32. */
  readonly data: Float64Array;
};

/**
 * Scores of a saved probe at each new token: at the position that the probe was fitted at, counted from the
 * end of what the model had before it as it chose the token (-1: the position at which it was chosen), or from the front. The hook of
 * the probe must be among those that `generate` was asked to read. That the model which wrote is the one that the probe was fitted on
 * (`origin.modelSha256`) is for the caller to know: an answer does not say.
 *
 * Throws `POSITION_RANGE` where there is no such position yet, `PROBE_MISMATCH`, `BAD_SETTING` for a hook that was not read.
 */
export async function scoreAnswer(
  generation: Generation,
  saved: SavedProbe,
  { linalg }: { readonly linalg: Linalg },
): Promise<AnswerScores> {
  const { hook, position } = saved.origin;
  const { prompt, answer } = generation;
  const rows = answer.map((_, t) => {
    const length = prompt.length + t;
    const row = position < 0 ? length + position : position;
    if (row >= 0 && row < length) return row;
    throw new MesascopeError(
      'POSITION_RANGE',
      `the probe of ${hook} reads position ${position}, and new token ${t} was chosen after ${length}`,
      {
        facts: { hook, position, length },
        remedy: 'Give a longer prompt, or a probe that was fitted at the end of rows.',
      },
    );
  });
  const site = { hook, position, x: takeRows(generation.hidden(hook), rows) };
  if (saved.probe.kind === 'regression') {
    return { rows: rows.length, columns: 1, data: await predictSaved(saved, site, { linalg }) };
  }
  const { columns, data } = await scoreSaved(saved, site, { linalg });
  return { rows: rows.length, columns, data: Float64Array.from(data) };
}
