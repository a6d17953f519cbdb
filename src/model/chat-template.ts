/** @file model: reads the chat template beside a model, which is untrusted, and turns messages into text; knows no token. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import type { ChatMessage, ModelInput } from '../core/data-set.ts';
import { type ErrorDetails, MesascopeError } from '../core/errors.ts';
import { Refusal, runTemplate } from './chat-interpreter.ts';
import { type ChatPart, chatParts } from './chat-parts.ts';
import { limited, TEXTS_AT_A_TIME } from './limited.ts';
import { foldersBeside, readObject } from './model-config.ts';

export type Chat = Omit<ModelInput & { readonly kind: 'messages' }, 'kind'>;

/** A chat as the template wrote it, special tokens included, and where its messages stand. */
export type RenderedChat = { readonly text: string; readonly parts: readonly ChatPart[] };

export type ChatTemplate = {
  /** Path of the file that holds it. */
  readonly path: string;
  /**
   * Each chat as `apply_chat_template` of the Python package transformers writes it. `add_generation_prompt` is true unless the chat says
   * otherwise or ends with a message of the assistant, which is a response then.
   *
   * Throws `CHAT_TEMPLATE_INVALID`, `CHAT_REFUSED` (the template does not take these messages) and `INPUT_INVALID` (what the chat gives
   * it), with `facts.row` where one chat is to blame.
   */
  render(chats: readonly Chat[]): RenderedChat[];
};

/** Templates are some ten thousand characters long. */
const MOST_BYTES = 2 ** 20;
const MOST_REASON = 300;
const [OWN_FILE, CONFIG_FILE, OLDER_FILE] = [
  'chat_template.jinja',
  'tokenizer_config.json',
  'chat_template.json',
];
/** What `apply_chat_template` takes beside the template's variables; it would be ignored in silence here. */
const NOT_VARIABLES: readonly string[] = [
  'messages',
  'conversation',
  'chat_template',
  'continue_final_message',
];

/** The file that holds the template, as it is; `text` is missing where it cannot be read or is larger than a template. */
export type TemplateFile = { readonly path: string; readonly text?: string };

/** Looks in each folder for a file of its own first, as transformers does, then in the tokenizer's configuration. Throws nothing. */
export function templateFile(beside: string | undefined): TemplateFile | undefined {
  for (const folder of beside === undefined ? [] : foldersBeside(beside)) {
    for (const name of [OWN_FILE, CONFIG_FILE, OLDER_FILE]) {
      const path = join(folder, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found?.isFile() !== true) continue;
      if (name === CONFIG_FILE && !describesTemplate(path)) continue;
      // A configuration may be large for other reasons, and was small enough to be read.
      if (name !== CONFIG_FILE && found.size > MOST_BYTES) return { path };
      try {
        return { path, text: readFileSync(path, 'utf8') };
      } catch {
        return { path };
      }
    }
  }
  return undefined;
}

/** One template, or several by name. */
function describesTemplate(configPath: string): boolean {
  const template = readObject(configPath)?.chat_template;
  return typeof template === 'string' || Array.isArray(template);
}

/** Throws `CHAT_TEMPLATE_MISSING`, `CHAT_TEMPLATE_INVALID`. */
export function openChatTemplate(
  file: TemplateFile | undefined,
  of: {
    readonly mostMs: number;
    /** The tokenizer's folder, for messages. */
    readonly looked: string;
    readonly specialTokens: ReadonlyMap<string, string>;
  },
): ChatTemplate {
  const { mostMs, looked, specialTokens } = of;
  if (file === undefined) {
    throw new MesascopeError(
      'CHAT_TEMPLATE_MISSING',
      `the data hold messages, and no chat template lies beside the model: neither ${join(looked, OWN_FILE)} nor \`chat_template\` in ${CONFIG_FILE} is there`,
      { facts: { looked } },
    );
  }
  const { path } = file;
  const invalid = invalidAt(path);
  const source = sourceOf(file);
  const program: unknown = limited(
    mostMs,
    () => new Template(source).parsed,
    (cause, tooLong) =>
      invalid(
        tooLong
          ? `takes more than ${mostMs / 1000} s for being read`
          : `cannot be read as Jinja: ${reason(cause)}`,
        { cause },
      ),
  );
  const renderOne = ({ messages, chat = {} }: Chat): RenderedChat => {
    const variables = new Map<string, unknown>([
      ...specialTokens,
      ['tools', null],
      ['documents', null],
      ['add_generation_prompt', messages.at(-1)?.role !== 'assistant'],
      ...Object.entries(chat),
    ]);
    const render = (each: readonly ChatMessage[]): string =>
      runTemplate(program, variables.set('messages', each));
    const text = render(messages);
    return { text, parts: chatParts(text, messages, render) };
  };
  return {
    path,
    render(chats) {
      for (const [row, chat] of chats.entries()) mustBeRenderable(chat, row);
      const rendered: RenderedChat[] = [];
      for (let from = 0; from < chats.length; from += TEXTS_AT_A_TIME) {
        const some = chats.slice(from, from + TEXTS_AT_A_TIME);
        limited(
          mostMs,
          () => {
            for (const chat of some) rendered.push(renderOne(chat));
          },
          (cause, tooLong) => {
            const row = rendered.length;
            if (cause instanceof Refusal)
              return new MesascopeError('CHAT_REFUSED', `the chat template refuses it: ${reason(cause)}`, {
                cause,
                facts: { row, template: path },
              });
            return invalid(
              tooLong
                ? `takes more than ${mostMs / 1000} s for ${TEXTS_AT_A_TIME} chats`
                : `fails on a chat: ${reason(cause)}`,
              { cause, facts: { row } },
            );
          },
        );
      }
      return rendered;
    },
  };
}

/** What a file says that the template is, whichever of the forms it has. */
function sourceOf({ path, text }: TemplateFile): string {
  const invalid = invalidAt(path);
  if (text === undefined) throw invalid(`cannot be read, or has more than ${MOST_BYTES} bytes`);
  if (path.endsWith('.jinja')) return text;
  const given = readObject(path)?.chat_template;
  const source = Array.isArray(given) ? defaultOf(given, invalid) : given;
  if (typeof source !== 'string') throw invalid('holds no `chat_template` that is a text');
  if (source.length > MOST_BYTES) throw invalid(`has a template of more than ${MOST_BYTES} characters`);
  return source;
}

/** Several templates by name, of which `default` is meant where none is asked for. */
function defaultOf(given: readonly unknown[], invalid: Invalid): unknown {
  const named = given.map((each) => (each ?? {}) as { readonly name?: unknown; readonly template?: unknown });
  const found = named.find(({ name }) => name === 'default');
  if (found !== undefined) return found.template;
  throw invalid(
    `has several templates and none named \`default\`: ${named.map(({ name }) => String(name)).join(', ')}`,
  );
}

/** Throws `INPUT_INVALID`: data that a program made come here unread by anyone. */
function mustBeRenderable({ messages, chat = {} }: Chat, row: number): void {
  const seen = (): string | undefined => {
    if (messages.length === 0) return 'is a chat without messages';
    const odd = Object.keys(chat).find((name) => NOT_VARIABLES.includes(name));
    if (odd !== undefined) return `gives the chat template \`${odd}\`, which is no variable of a template`;
    const { add_generation_prompt: prompt, strftime_now: day } = chat;
    if (prompt !== undefined && typeof prompt !== 'boolean')
      return 'gives the chat template an `add_generation_prompt` that is neither true nor false';
    if (day !== undefined && !isDay(day))
      return 'gives the chat template a `strftime_now` that is no day as in "2026-01-31"';
    return undefined;
  };
  const fault = seen();
  if (fault !== undefined) throw new MesascopeError('INPUT_INVALID', fault, { facts: { row } });
}

function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false;
  const date = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
}

type Invalid = (seen: string, details?: Omit<ErrorDetails, 'location'>) => MesascopeError;

function invalidAt(path: string): Invalid {
  return (seen, details = {}) =>
    new MesascopeError('CHAT_TEMPLATE_INVALID', `the chat template ${seen}`, {
      ...details,
      location: { file: path },
    });
}

/** Enough of what went wrong: a template may put anything into its words. */
function reason(cause: unknown): string {
  const words = cause instanceof Error ? cause.message : String(cause);
  return words.length > MOST_REASON ? `${words.slice(0, MOST_REASON)} ...` : words;
}
