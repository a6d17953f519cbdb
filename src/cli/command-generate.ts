/** @file cli: `generate`: prompts in, what the model writes out, steered and read by saved probes if asked. */
import path from 'node:path';
import { decodingWarnings, type Generation, generate } from '../behavior/generate.ts';
import { speakingOfPrompts } from '../behavior/prompt-errors.ts';
import type { Sampling } from '../behavior/sampling.ts';
import type { SteeredPositions } from '../capture/steering.ts';
import type { ChatMessage, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { openLinalg } from '../linalg/linalg.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { saidOfTexts } from '../model/said-of-texts.ts';
import type { TextTokenizer } from '../model/tokenizer.ts';
import { loadProbe, mustBeFittedOn } from '../pipeline/probe-files.ts';
import { type AnswerScores, scoreAnswer } from '../pipeline/score-answers.ts';
import type { SavedProbe } from '../probe/probe-file.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { readMessages } from './messages-file.ts';
import { readSteering } from './steering-option.ts';
import { counted, numberText, plainLine, shownPath, table } from './words.ts';

export type GenerateOptions = {
  readonly model: string;
  readonly prompt?: readonly string[] | undefined;
  readonly tokens?: readonly string[] | undefined;
  /** Files that hold a list of messages each. */
  readonly messages?: readonly string[] | undefined;
  readonly samples?: number | undefined;
  readonly maxNew?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
  readonly stop?: string | undefined;
  /** False: run every step anew. */
  readonly caches?: boolean | undefined;
  readonly steer?: readonly string[] | undefined;
  readonly towards?: string | undefined;
  readonly dose?: number | undefined;
  readonly steerPositions?: SteeredPositions | undefined;
  readonly probe?: readonly string[] | undefined;
  /** Take probes, to show or to steer by, that were fitted on another model. */
  readonly otherModel?: boolean | undefined;
};

/** Of what a probe of numbers reads, in the terminal: seconds of a time stamp are told apart. */
const NUMBER_DIGITS = 10;

/**
 * Throws what `openModel`, `generate` and `loadProbe` throw, `PROBE_MISMATCH` for a probe of another model, and `BAD_SETTING` for options
 * that do not go together.
 */
export async function generateCommand(options: GenerateOptions, context: CommandContext): Promise<ExitCode> {
  const { workingFolder, control } = context;
  const sampling = samplingOf(options);
  const files = (options.probe ?? []).map((file) => path.resolve(workingFolder, file));
  const probes = await Promise.all(files.map(loadProbe));
  const chats = await Promise.all(
    (options.messages ?? []).map((file) => readMessages(path.resolve(workingFolder, file))),
  );
  const model = await openModel(options.model);
  try {
    if (options.otherModel !== true)
      for (const [i, saved] of probes.entries()) mustBeFittedOn(model, { file: files[i]!, saved });
    const prompts = promptsOf(options, chats);
    const texts = options.prompt ?? [];
    const needed = texts.length + chats.length > 0;
    const tokenizer = needed ? speakingOfPrompts(() => model.tokenizer()) : tokenizerIfAny(model);
    const caches = options.caches === false ? 'never' : 'auto';
    const steering = await readSteering(options, { model, workingFolder });
    const written = await generate(
      model,
      {
        prompts: prompts.flatMap((prompt) => Array.from({ length: options.samples ?? 1 }, () => prompt)),
        ...(options.maxNew === undefined ? {} : { maxNewTokens: options.maxNew }),
        sampling,
        seed: options.seed ?? 0,
        stop: stopTokens(options.stop, model, tokenizer),
        caches,
        steering,
        hooks: [...new Set(probes.map(({ origin }) => origin.hook))],
      },
      control,
    );
    // Behind the run, which names a prompt that cannot be read by its place.
    const warnings = [...saidOfTexts(model, prompts), ...decodingWarnings(model, { caches })];
    const scores = await allScores(written, probes);
    const answers = written.map((one, i) => answerOf(one, { tokenizer, probes, scores: scores[i]! }));
    const shown = shownPath(options.model, workingFolder);
    if (context.json) printJson({ model: shown, sha256: model.sha256, warnings, answers }, context);
    else {
      for (const warning of warnings) printLine(`note: ${plainLine(warning)}`, context);
      for (const [i, answer] of answers.entries()) printAnswer(i + 1, answer, context);
    }
    return 0;
  } finally {
    await model.close();
  }
}

function promptsOf(
  { prompt = [], tokens = [] }: GenerateOptions,
  chats: readonly (readonly ChatMessage[])[],
): ModelInput[] {
  if (prompt.length + tokens.length + chats.length === 0) {
    throw new MesascopeError('BAD_SETTING', 'there is no prompt', {
      remedy: 'Give --prompt TEXT, --tokens 1,2,3 or --messages FILE.json; each may be repeated.',
    });
  }
  return [
    ...prompt.map((text): ModelInput => ({ kind: 'text', text })),
    ...tokens.map((list): ModelInput => ({ kind: 'tokens', tokens: idList(list, '--tokens') })),
    ...chats.map((messages): ModelInput => ({ kind: 'messages', messages })),
  ];
}

/** `1,2,3`. Throws `BAD_SETTING`. */
function idList(text: string, option: string): number[] {
  const ids = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (ids.every(Number.isSafeInteger)) return ids;
  throw new MesascopeError('BAD_SETTING', `${option} ${text} is not a list of token ids`, {
    remedy: `For example ${option} 1,2,3.`,
  });
}

function samplingOf({ temperature, topK, topP, samples = 1, seed }: GenerateOptions): Sampling {
  if (temperature === undefined && topK === undefined && topP === undefined) {
    mustBeDrawn(samples > 1 ? '--samples' : seed === undefined ? undefined : '--seed');
    return { kind: 'greedy' };
  }
  if (temperature === 0) {
    throw new MesascopeError('BAD_SETTING', '--temperature must be above 0, and is 0', {
      remedy: 'For the likeliest token each time, leave out --temperature, --top-k and --top-p.',
    });
  }
  return {
    kind: 'sampled',
    temperature: temperature ?? 1,
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
  };
}

/** Throws `BAD_SETTING` for an option that changes nothing where every token is the likeliest one. */
function mustBeDrawn(option: string | undefined): void {
  if (option === undefined) return;
  throw new MesascopeError('BAD_SETTING', `${option} does nothing where every token is the likeliest one`, {
    remedy: `Give --temperature, --top-k or --top-p as well, or leave out ${option}.`,
  });
}

/** The tokens named, none for `none`, and else those that end a text by the configurations of the model and of the tokenizer. */
function stopTokens(
  stop: string | undefined,
  model: Model,
  tokenizer: TextTokenizer | undefined,
): readonly number[] {
  if (stop === 'none') return [];
  if (stop !== undefined) return idList(stop, '--stop');
  return [...model.endTokens(), ...(tokenizer?.endId === undefined ? [] : [tokenizer.endId])];
}

/** Token ids need no tokenizer; where there is one, answers are shown as text as well. */
function tokenizerIfAny(model: Model): TextTokenizer | undefined {
  try {
    return model.tokenizer();
  } catch (error) {
    if (error instanceof MesascopeError && error.code === 'TOKENIZER_MISSING') return undefined;
    throw error;
  }
}

/** Per answer and probe, [new tokens, classes]. */
async function allScores(
  written: readonly Generation[],
  probes: readonly SavedProbe[],
): Promise<AnswerScores[][]> {
  if (probes.length === 0) return written.map(() => []);
  const linalg = await openLinalg({ threads: 1 });
  try {
    const scores: AnswerScores[][] = [];
    for (const one of written) {
      const own: AnswerScores[] = [];
      for (const saved of probes) own.push(await scoreAnswer(one, saved, { linalg }));
      scores.push(own);
    }
    return scores;
  } finally {
    await linalg.close();
  }
}

type ShownTokens = {
  readonly tokens: readonly number[];
  /** As the vocabulary spells them, special tokens included; null without a tokenizer. */
  readonly pieces: readonly string[] | null;
  readonly text: string | null;
};

type ShownAnswer = {
  readonly prompt: ShownTokens;
  readonly answer: ShownTokens;
  readonly ended: Generation['ended'];
  readonly logProbabilities: readonly number[];
  readonly probes: readonly {
    readonly hook: string;
    readonly position: number;
    readonly kind: SavedProbe['probe']['kind'];
    readonly reads: string;
    readonly classes: readonly string[];
    /** One row per new token, one number per class. */
    readonly scores: readonly (readonly number[])[];
  }[];
};

function answerOf(
  { prompt, answer, ended, logProbabilities }: Generation,
  of: {
    readonly tokenizer: TextTokenizer | undefined;
    readonly probes: readonly SavedProbe[];
    readonly scores: readonly AnswerScores[];
  },
): ShownAnswer {
  const { tokenizer } = of;
  const before = tokenizer?.decode(prompt) ?? null;
  const shown = (tokens: readonly number[], text: string | null): ShownTokens => ({
    tokens,
    pieces: tokenizer === undefined ? null : tokens.map((id) => tokenizer.pieceOf(id)),
    text,
  });
  return {
    prompt: shown(prompt, before),
    answer: shown(answer, before === null ? null : textBehind(before, { prompt, answer }, tokenizer!)),
    ended,
    logProbabilities: Array.from(logProbabilities),
    probes: of.probes.map(({ probe, origin: { hook, position, reads } }, p) => ({
      hook,
      position,
      kind: probe.kind,
      reads,
      classes: probe.classNames,
      scores: answer.map((_, t) => {
        const { data, columns } = of.scores[p]!;
        return Array.from(data.subarray(t * columns, (t + 1) * columns));
      }),
    })),
  };
}

/** What the answer adds to the prompt's text. Decoders leave out a blank at the very beginning, which is not that of an answer. */
function textBehind(
  before: string,
  { prompt, answer }: Pick<Generation, 'prompt' | 'answer'>,
  tokenizer: TextTokenizer,
): string {
  const whole = tokenizer.decode([...prompt, ...answer]);
  // A character whose bytes are parted between the two is none of the prompt's text.
  return whole.startsWith(before) ? whole.slice(before.length) : tokenizer.decode(answer);
}

function printAnswer(
  number: number,
  { prompt, answer, ended, logProbabilities, probes }: ShownAnswer,
  context: CommandContext,
): void {
  const { bold } = context.terminal.colors;
  const spelled = ({ tokens, pieces }: ShownTokens): string =>
    plainLine((pieces ?? tokens.map(String)).join(' '));
  const sum = logProbabilities.reduce((total, each) => total + each, 0);
  printLine(`${number > 1 ? '\n' : ''}${bold(`prompt ${number}`)}  ${spelled(prompt)}`, context);
  printLine(
    `${bold('answer')}    ${plainLine(answer.text ?? spelled(answer))}  (${counted(answer.tokens.length, 'tokens')}, ${ended === 'stop' ? 'ended by itself' : 'ended at the length asked for'}, log probability ${numberText(sum)})`,
    context,
  );
  const heads = probes.flatMap(({ reads, classes }) => classes.map((name) => `${reads}: ${name}`));
  const rows = answer.tokens.map((id, t) => [
    String(id),
    ...(answer.pieces === null ? [] : [answer.pieces[t]!]),
    numberText(logProbabilities[t]!),
    ...probes.flatMap(({ kind, scores }) =>
      scores[t]!.map((score) => numberText(score, kind === 'regression' ? NUMBER_DIGITS : undefined)),
    ),
  ]);
  printLine(table(['ID', ...(answer.pieces === null ? [] : ['TOKEN']), 'LOG P', ...heads], rows), context);
}
