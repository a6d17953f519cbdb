/** @file behavior: lets a model write: prompts in, answers out, with what it showed on the way; judges nothing. */
import { type Decoding, type DecodingSetup, openDecoding, type Step } from '../capture/decoding.ts';
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Matrix, matrix, rowOf } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { type Random, seededRandom } from '../core/random.ts';
import { encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import { tokenizedInputs } from '../model/tokenize.ts';
import { promptName, speakingOfPrompts } from './prompt-errors.ts';
import { chooseToken, mustBeSampling, type Sampling } from './sampling.ts';

export type GenerateRequest = DecodingSetup & {
  /** Token rows or texts, each of at least one token; they may differ in length. */
  readonly prompts: readonly ModelInput[];
  /** At least 1. Default: 20, or what the model's table of positions leaves of it. */
  readonly maxNewTokens?: number;
  /** Default greedy. */
  readonly sampling?: Sampling;
  /** Default 0. */
  readonly seed?: number | string;
  /** Tokens that end an answer; the one that did is its last token. */
  readonly stop?: readonly number[];
  /** Keep the logits that each token was chosen by (default false): 4 bytes x vocabulary per token. */
  readonly keepLogits?: boolean;
};

/** What a model wrote after one prompt. */
export type Generation = {
  readonly prompt: readonly number[];
  /** New tokens, a stop token included. */
  readonly answer: readonly number[];
  /** `stop`: by a stop token; `length`: all the tokens asked for were written. */
  readonly ended: 'stop' | 'length';
  /** Of each new token, by the softmax of the model's own logits (steered, if it was steered), in nats. */
  readonly logProbabilities: Float64Array;
  /** [new tokens, vocabulary]; only with `keepLogits`. */
  readonly logits?: Matrix;
  /**
   * [prompt + answer - 1, width] of a hook that was asked for, position by position: of the last token nothing is computed. Row
   * `prompt.length - 1 + t` is what new token t was chosen at. Throws `BAD_SETTING` for another hook.
   */
  hidden(hook: string): Matrix;
};

const DEFAULT_NEW_TOKENS = 20;
/** Rows that are run together at most, and tokens in their prompts. */
const MOST_ROWS = 64;
const MOST_TOKENS = 4096;
const STAGE = 'generate';

/**
 * Writes up to `maxNewTokens` after each prompt. Prompts of one length share a batch, so nothing is padded; each answer is what the
 * prompt gives alone, its random draws included: they depend on the seed, the prompt's tokens, and how often the same prompt came before.
 * Without caches a step runs the whole row anew, so that an answer costs the square of its length.
 *
 * Throws what `openDecoding`, `encode` and `tokenizedInputs` throw, `BAD_SETTING`, `INPUT_TOO_LONG` before anything is run when a prompt
 * and its answer would outgrow the model's positions, `TOKEN_RANGE` when the model chooses a token that it cannot read, `NON_FINITE`,
 * `ABORTED`.
 */
export async function generate(
  model: Model,
  request: GenerateRequest,
  control: RunControl = {},
): Promise<Generation[]> {
  const { sampling = { kind: 'greedy' }, stop = [], hooks = [] } = request;
  mustBeSampling(sampling);
  if (
    request.maxNewTokens !== undefined &&
    !(Number.isInteger(request.maxNewTokens) && request.maxNewTokens >= 1)
  )
    throw new MesascopeError(
      'BAD_SETTING',
      `maxNewTokens must be a whole number of at least 1, got ${request.maxNewTokens}`,
    );
  const decoding = speakingOfPrompts(() => openDecoding(model, request));
  const prompts = speakingOfPrompts(() => promptTokens(model, request.prompts));
  const inputs = prompts.map((tokens): ModelInput => ({ kind: 'tokens', tokens }));
  const { text, ...mapping } = request.mapping ?? {};
  const encoded = speakingOfPrompts(() =>
    encode(model, inputs, text === undefined ? mapping : { ...mapping, tokens: text }),
  );
  const most = prompts.map((prompt, row) => roomFor(decoding, { prompt, row, asked: request.maxNewTokens }));
  const streams = randomStreams(prompts, request.seed ?? 0);
  const started = performance.now();
  control.onProgress?.({ kind: 'stage-start', stage: STAGE, unit: 'answers', total: prompts.length });
  const answers: Answer[] = prompts.map((prompt, row) => ({
    prompt,
    most: most[row]!,
    random: streams[row]!,
    tokens: [],
    logProbabilities: [],
    logits: [],
    hidden: hooks.map(() => []),
  }));
  let done = 0;
  for (const batch of promptBatches(encoded.lengths, encoded.fixedBatch)) {
    const rows = batch.map((row) => answers[row]!);
    await writeAnswers({
      decoding,
      rows,
      sampling,
      stop: new Set(stop),
      keepLogits: request.keepLogits === true,
      control,
    });
    done += batch.length;
    control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done, total: prompts.length });
  }
  control.onProgress?.({ kind: 'stage-end', stage: STAGE, durationMs: performance.now() - started });
  return answers.map((answer) =>
    generationOf(answer, { hooks, stop: new Set(stop), keepLogits: request.keepLogits === true }),
  );
}

/** What is legal in decoding and probably not expected, in sentences. Throws what `openDecoding` throws. */
export function decodingWarnings(model: Model, setup: DecodingSetup): string[] {
  if (!model.mixesRows || !openDecoding(model, setup).cached) return [];
  return [
    `${model.name} quantises its activations by the values of all positions that it is fed: with caches these are those of each new token alone, so that logits and hidden values, and with them now and then a token, differ from those of the whole row run at once, which \`--no-caches\` does`,
  ];
}

/**
 * Prompt and answer as rows of tokens: what `runForward` takes, to read any hook over both in one pass. Steering is not part of it. A
 * model that quantises its activations as it runs (`Model.mixesRows`) holds other values there than as it wrote.
 */
export function promptsWithAnswers(generations: readonly Generation[]): ModelInput[] {
  return generations.map(({ prompt, answer }) => ({ kind: 'tokens', tokens: [...prompt, ...answer] }));
}

type Answer = {
  readonly prompt: readonly number[];
  readonly most: number;
  readonly random: Random;
  readonly tokens: number[];
  readonly logProbabilities: number[];
  readonly logits: Float32Array[];
  /** Per hook, piece by piece. */
  readonly hidden: Matrix[][];
};

function promptTokens(model: Model, prompts: readonly ModelInput[]): (readonly number[])[] {
  const texts = prompts.flatMap((prompt, row) =>
    prompt.kind === 'text' || prompt.kind === 'messages' ? [{ prompt, row }] : [],
  );
  const fromText = tokenizedInputs(
    model,
    texts.map(({ prompt }) => prompt),
    { nameOf: (text) => promptName(texts[text]!.row) },
  ).inputs.values();
  return prompts.map((prompt, row) => {
    if (prompt.kind === 'tokens') return prompt.tokens;
    if (prompt.kind !== 'tensors') return fromText.next().value!.tokens;
    throw new MesascopeError(
      'INPUT_INVALID',
      `${promptName(row)} is of tensors, and only tokens can be written on from`,
      {
        facts: { row },
      },
    );
  });
}

/** New tokens that a prompt may get: the last one is never fed, so it needs no position. Throws `INPUT_TOO_LONG`. */
function roomFor(
  { positionLimit = Number.POSITIVE_INFINITY }: Decoding,
  of: { readonly prompt: readonly number[]; readonly row: number; readonly asked: number | undefined },
): number {
  const { prompt, row, asked } = of;
  const room = positionLimit - prompt.length + 1;
  if (room < 1 || (asked !== undefined && asked > room)) {
    throw new MesascopeError(
      'INPUT_TOO_LONG',
      `${promptName(row)} has ${prompt.length} tokens${asked === undefined ? '' : ` and ${asked} new ones were asked for`}, but the model has positions for ${positionLimit}`,
      {
        facts: { row, tokens: prompt.length, asked, limit: positionLimit },
        remedy:
          room < 1
            ? `Shorten the prompt to at most ${positionLimit} tokens.`
            : `Ask for at most ${room} new tokens, or shorten the prompt.`,
      },
    );
  }
  return asked ?? Math.min(DEFAULT_NEW_TOKENS, room);
}

/** A stream per prompt that does not depend on the other prompts, but for how often the same one came before. */
function randomStreams(prompts: readonly (readonly number[])[], seed: number | string): Random[] {
  const random = seededRandom(seed).fork('generate');
  const seen = new Map<string, number>();
  return prompts.map((prompt) => {
    const key = prompt.join(' ');
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    return random.fork(`${key} #${times}`);
  });
}

/** Indices of prompts that run together: of one length, few enough for memory. */
function promptBatches(lengths: Int32Array, fixedBatch: number | undefined): number[][] {
  const byLength = new Map<number, number[]>();
  for (const [row, length] of lengths.entries()) byLength.set(length, [...(byLength.get(length) ?? []), row]);
  return [...byLength].flatMap(([length, rows]) => {
    const size = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_TOKENS / length), fixedBatch ?? MOST_ROWS));
    return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
      rows.slice(i * size, (i + 1) * size),
    );
  });
}

async function writeAnswers(work: {
  readonly decoding: Decoding;
  readonly rows: readonly Answer[];
  readonly sampling: Sampling;
  readonly stop: ReadonlySet<number>;
  readonly keepLogits: boolean;
  readonly control: RunControl;
}): Promise<void> {
  const { decoding, sampling, stop, keepLogits, control } = work;
  let rows = work.rows;
  let step: Step = await decoding.begin(rows.map(({ prompt }) => prompt));
  for (;;) {
    throwIfAborted(control.signal);
    const going: number[] = [];
    for (const [i, answer] of rows.entries()) {
      const logits = rowOf(step.logits, i);
      for (const [h, pieces] of answer.hidden.entries()) pieces.push(step.hidden[h]![i]!);
      const { token, logProbability } = chooseToken(logits, sampling, answer.random);
      answer.tokens.push(token);
      answer.logProbabilities.push(logProbability);
      if (keepLogits) answer.logits.push(logits.slice());
      if (!stop.has(token) && answer.tokens.length < answer.most) going.push(i);
    }
    if (going.length === 0) return;
    const tokens = Int32Array.from(going, (i) => rows[i]!.tokens.at(-1)!);
    mustBeReadable(decoding, tokens);
    rows = going.map((i) => rows[i]!);
    step = await decoding.next(Int32Array.from(going), tokens);
    // A run blocks the event loop; here a signal handler gets its turn.
    await new Promise((resume) => setImmediate(resume));
  }
}

/** Some models have more logits than they can read tokens. */
function mustBeReadable({ vocabulary }: Decoding, tokens: Int32Array): void {
  const token = tokens.find((id) => vocabulary !== undefined && id >= vocabulary);
  if (token === undefined) return;
  throw new MesascopeError(
    'TOKEN_RANGE',
    `the model chose the token ${token}, which it cannot read: its vocabulary has ${vocabulary}`,
    { facts: { token, vocabulary }, remedy: 'Choose among fewer tokens: greedily, or with a smaller top-k.' },
  );
}

function generationOf(
  answer: Answer,
  of: { readonly hooks: readonly string[]; readonly stop: ReadonlySet<number>; readonly keepLogits: boolean },
): Generation {
  const { hooks, stop, keepLogits } = of;
  const joined = new Map(hooks.map((hook, h) => [hook, joinedRows(answer.hidden[h]!)]));
  return {
    prompt: answer.prompt,
    answer: answer.tokens,
    ended: stop.has(answer.tokens.at(-1)!) ? 'stop' : 'length',
    logProbabilities: Float64Array.from(answer.logProbabilities),
    ...(keepLogits ? { logits: joinedRows(answer.logits.map((row) => matrix(1, row.length, row))) } : {}),
    hidden(hook) {
      const found = joined.get(hook);
      if (found !== undefined) return found;
      throw new MesascopeError('BAD_SETTING', `hook ${hook} was not read while the model wrote`, {
        facts: { hook, hooks },
      });
    },
  };
}

function joinedRows(pieces: readonly Matrix[]): Matrix {
  const columns = pieces[0]?.columns ?? 0;
  const joined = matrix(
    pieces.reduce((sum, { rows }) => sum + rows, 0),
    columns,
  );
  let at = 0;
  for (const { data } of pieces) {
    joined.data.set(data, at);
    at += data.length;
  }
  return joined;
}
