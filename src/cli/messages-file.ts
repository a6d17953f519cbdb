/** @file cli: a chat from a file, which is not trusted; the template that turns it into text is model's. */
import { readFile, stat } from 'node:fs/promises';
import type { ChatMessage } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';

/** More than any model has positions for. */
const MOST_BYTES = 1 << 24;

/** A JSON list of objects with `role` and `content`, both text. Throws `BAD_SETTING`, naming the file and the message. */
export async function readMessages(file: string): Promise<ChatMessage[]> {
  const bad = (seen: string, cause?: unknown): MesascopeError =>
    new MesascopeError('BAD_SETTING', seen, {
      location: { file },
      remedy: 'A chat is a JSON list of messages, [{"role": "user", "content": "Hello"}].',
      ...(cause === undefined ? {} : { cause }),
    });
  const size = await stat(file).then(
    (found) => found.size,
    (cause: unknown) => {
      throw bad(`cannot read the messages ${file}`, cause);
    },
  );
  if (size > MOST_BYTES)
    throw bad(`the file of messages has ${size} bytes, and at most ${MOST_BYTES} are read`);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw bad(`cannot read the messages ${file}`, cause);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad('the file of messages is not JSON', cause);
  }
  if (!Array.isArray(value) || value.length === 0)
    throw bad('the file of messages holds no list of messages');
  return value.map((each: unknown, i): ChatMessage => {
    const { role, content, ...others } = (typeof each === 'object' && each !== null ? each : {}) as Readonly<
      Record<string, unknown>
    >;
    if (typeof role !== 'string' || role === '' || typeof content !== 'string')
      throw bad(`message ${i} of the file has no \`role\` and \`content\` that are texts`);
    const unknown = Object.keys(others)[0];
    if (unknown !== undefined)
      throw bad(`message ${i} of the file has \`${unknown}\` beside \`role\` and \`content\``);
    return { role, content };
  });
}
