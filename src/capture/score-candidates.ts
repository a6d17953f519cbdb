/** @file capture: runs a model on rows with candidates behind them, and gives each candidate's score; edits nothing. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel, TensorValue } from '../model/runtime.ts';
import {
  addCandidateScores,
  type CandidateGroup,
  type Candidates,
  candidateGroups,
  extendedInputs,
  mustTakeCandidates,
  mustTellReadingAhead,
} from './candidates.ts';
import { capturePlan } from './capture-plan.ts';
import { positionFeed } from './capture-sites.ts';
import { choiceOutput } from './choice-logits.ts';

export type ScoreRequest = {
  /** Rows of tokens, each at its read-out's end. */
  readonly inputs: readonly ModelInput[];
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping: Readonly<Record<string, string>>;
  readonly candidates: Candidates;
  /** Must be -1: candidates follow the end of a row. */
  readonly readout: number;
  /** Default `all`. */
  readonly optimization?: OptimizationLevel;
  /** Rows times positions in one run (default 4096). */
  readonly maxBatchTokens?: number;
};

const DEFAULT_BATCH_TOKENS = 4096;
/** Log normalisers of one row that differ by more than this, with different tokens behind it, are not those of a causal model. */
const MOST_DIFFERENCE = 1e-3;
const STAGE = 'candidates';

/**
 * Scores of candidates of any number of tokens, [inputs, candidates], in nats: one pass over all rows for each set of candidates that
 * differ in their last token alone. Nothing is cached on disk.
 *
 * Throws what `encode` throws, `CHOICE_RANGE`, `BAD_SETTING` (read-out), `MODEL_UNSUPPORTED` (no logits per position, or the model reads
 * ahead: tokens behind a row change its logits, or it cannot be told whether it does), `ACTIVATIONS_NON_FINITE`, `RUN_FAILED`, `ABORTED`.
 */
export async function scoreCandidates(
  model: Model,
  request: ScoreRequest,
  control: RunControl = {},
): Promise<Matrix> {
  const { inputs, candidates } = request;
  const output = choiceOutput(model);
  mustTakeCandidates(model.name, output, request.readout);
  mustTellReadingAhead(model, candidates.tokens);
  const plan = capturePlan([], output);
  const groups = withBareRows(candidateGroups(candidates));
  const scores = matrix(inputs.length, candidates.tokens.length);
  const normalisers = new Float64Array(inputs.length).fill(Number.NaN);
  const started = performance.now();
  control.onProgress?.({
    kind: 'stage-start',
    stage: STAGE,
    unit: 'rows',
    total: inputs.length * groups.length,
  });
  let done = 0;
  const optimization = request.optimization ?? 'all';
  await model.sessions.use(plan.key, { steps: plan.steps, optimization }, async (open) => {
    const names = plan.names(open.instrumented);
    for (const group of groups) {
      const encoded = encode(model, extendedInputs(inputs, group), request.mapping);
      const maxTokens = request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS;
      const vectors = group.extension.length + 1;
      for (const batch of batchByLength(encoded, { maxRows: maxTokens, maxTokens }).batches) {
        throwIfAborted(control.signal);
        const fed = fedRows(encoded, batch);
        const last = encoded.lengths[batch[0]!]! - vectors;
        const feeds: Record<string, TensorValue> = {
          ...encoded.feeds(fed),
          [names.readout!]: positionFeed(
            fed.length,
            Array.from({ length: vectors }, (_, j) => last + j),
          ),
        };
        const outputs = await open.session.run(feeds, names.fetches);
        const first = addCandidateScores(outputs[names.choices!]!, {
          group,
          score: candidates.score,
          rows: batch,
          vectors,
          into: scores,
        });
        for (const [i, row] of batch.entries()) mustNotReadAhead(model, group, normalisers, row, first[i]!);
        done += batch.length;
        control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done });
        // A run blocks the event loop; here a signal handler gets its turn.
        await new Promise((resume) => setImmediate(resume));
      }
    }
  });
  const unknown = scores.data.findIndex(Number.isNaN);
  if (unknown >= 0) throw nonFinite(Math.floor(unknown / scores.columns));
  control.onProgress?.({ kind: 'stage-end', stage: STAGE, durationMs: performance.now() - started });
  return scores;
}

/** Candidates that all begin alike leave nothing to compare their rows with: then the rows are run alone as well. */
function withBareRows(groups: readonly CandidateGroup[]): readonly CandidateGroup[] {
  const compared = groups.length > 1 || groups.every(({ extension }) => extension.length === 0);
  return compared ? groups : [{ extension: [], members: [] }, ...groups];
}

function nonFinite(row: number): MesascopeError {
  return new MesascopeError('ACTIVATIONS_NON_FINITE', `the first output is not finite for example ${row}`, {
    facts: { row },
  });
}

function mustNotReadAhead(
  model: Model,
  group: CandidateGroup,
  normalisers: Float64Array,
  row: number,
  seen: number,
): void {
  if (!Number.isFinite(seen)) throw nonFinite(row);
  const before = normalisers[row]!;
  normalisers[row] = seen;
  if (Number.isNaN(before) || Math.abs(before - seen) <= MOST_DIFFERENCE * Math.max(1, Math.abs(before)))
    return;
  throw new MesascopeError(
    'MODEL_UNSUPPORTED',
    `the logits of ${model.name} at the end of a row change with the tokens behind it: it reads ahead, and so tells no probability of what comes next`,
    {
      facts: { row, extension: group.extension, difference: Math.abs(before - seen) },
      remedy: 'Give choices of one token each.',
    },
  );
}
