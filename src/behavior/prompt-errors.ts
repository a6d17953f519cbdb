/** @file behavior: what reading a data file would say of an example, in the words of somebody who writes prompts; runs nothing. */
import { MesascopeError } from '../core/errors.ts';

/** What the layers below say of data, and what it is here. */
const MESSAGES: readonly (readonly [string, string])[] = [
  ['the data hold text', 'a prompt is a text'],
  ['the data hold messages', 'a prompt is a chat'],
  ['the data hold tokens', 'prompts are tokens'],
];
const REMEDIES: readonly (readonly [string, string])[] = [
  [
    'tokenize the text yourself and give `tokens` in place of `text`',
    'give prompts as token ids: `--tokens 1,2,3`',
  ],
  ['give `tokens` in place of `text`', 'give prompts as token ids: `--tokens 1,2,3`'],
  [
    'give `text` as the model is to be fed it in place of `messages`',
    'give the text that the model is to be fed: `--prompt TEXT`',
  ],
];

/** Prompts as answers are numbered: from 1. */
export function promptName(row: number): string {
  return `prompt ${row + 1}`;
}

/** Runs `work`; its coded errors come through speaking of prompts, counted from 1, and not of data and examples. `facts.row` counts from 0. */
export function speakingOfPrompts<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MesascopeError)) throw error;
    const { code, facts, cause, location } = error;
    const message = replaced(error.message, MESSAGES).replace(/^example (\d+)\b/, (_, row) =>
      promptName(Number(row)),
    );
    throw new MesascopeError(code, message, {
      ...(location === undefined ? {} : { location }),
      remedy: remedyOf(error),
      facts,
      cause,
    });
  }
}

function remedyOf({ code, facts, remedy }: MesascopeError): string {
  const { inputs, limit, needed, piece, vocabulary } = facts;
  switch (code) {
    case 'TOKEN_RANGE':
      return typeof vocabulary === 'number' ? `Ids of this model run from 0 to ${vocabulary - 1}.` : remedy;
    case 'INPUT_TOO_LONG':
      return typeof limit === 'number' ? `Shorten the prompt to at most ${limit} tokens.` : remedy;
    case 'INPUT_INVALID':
      if (inputs !== undefined)
        return 'Only a decoder over tokens writes; `mesascope inspect MODEL` lists the inputs.';
      if (typeof needed === 'number') return `Give prompts of exactly ${needed} tokens.`;
      return piece === undefined
        ? 'Give prompts of at least one token each, as text, token ids or messages.'
        : 'Leave it out of the prompt, or give token ids: `--tokens 1,2,3`.';
    default:
      return replaced(remedy, REMEDIES);
  }
}

function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((known, [from, to]) => known.replace(from, to), text);
}
