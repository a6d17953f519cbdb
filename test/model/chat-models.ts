/** @file test: folders with the tokenizers and chat templates of test/fixtures/chat, and what transformers made of its chats. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ChatMessage } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';

/** What transformers made of a chat: its text and ids, or the words with which the template refused it. */
export type Made =
  | { readonly text: string; readonly ids: readonly number[]; readonly mask?: string }
  | { readonly refused: string };

export type ChatKind = {
  readonly template: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Name of the tokenizer. */
  readonly tokenizer: string;
  readonly made: readonly Made[];
};

export const RECORDED = JSON.parse(
  readFileSync(new URL('../fixtures/chat/chats.json', import.meta.url), 'utf8'),
) as {
  readonly day: string;
  readonly chats: readonly {
    readonly messages: readonly ChatMessage[];
    readonly variables?: Readonly<Record<string, unknown>>;
  }[];
  readonly tokenizers: Readonly<Record<string, object>>;
  readonly kinds: Readonly<Record<string, ChatKind>>;
};

/** Folders that `remove` takes away again. */
export class ChatFolders {
  readonly #made: string[] = [];

  /** A folder of these files; values that are no texts are written as JSON. */
  of(files: Readonly<Record<string, unknown>>): string {
    const folder = mkdtempSync(path.join(tmpdir(), 'chat-'));
    this.#made.push(folder);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
    }
    return folder;
  }

  /** What transformers saves: tokenizer, configuration and template, or another template in its place. */
  ofKind(name: string, template?: string): string {
    const kind = RECORDED.kinds[name]!;
    return this.of({
      'tokenizer.json': RECORDED.tokenizers[kind.tokenizer],
      'tokenizer_config.json': kind.config,
      'chat_template.jinja': template ?? kind.template,
    });
  }

  remove(): void {
    for (const folder of this.#made) rmSync(folder, { recursive: true });
  }
}

/** The coded error that `work` ends in; throws where it ends in another one, or in none. */
export function fault(work: () => unknown): MesascopeError {
  try {
    work();
  } catch (error) {
    if (error instanceof MesascopeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
