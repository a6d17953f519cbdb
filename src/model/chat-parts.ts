/** @file model: where the messages of a chat stand in the text that a template makes of it; knows no template and no token. */
import type { ChatMessage } from '../core/data-set.ts';

/** `start` to `end` in the text of a chat (UTF-16 units), without the blanks around it. */
export type ChatRange = { readonly start: number; readonly end: number };

/**
 * The content of one message. `ranges` are in reading order: one as a rule; none where it is blank or the template leaves it out; several
 * where it is repeated. `unclear`: it stands where its letters cannot be told from the template's.
 */
export type ChatPart =
  | { readonly state: 'located'; readonly role: string; readonly ranges: readonly ChatRange[] }
  | { readonly state: 'unclear'; readonly role: string };

/** Letters for private use; digits between them count the messages. */
const [OPEN, CLOSE, END] = ['\uf8f0', '\uf8f1', '\uf8f2'];
const MARK = new RegExp(`([${OPEN}${CLOSE}])(\\d+)${END}`, 'g');
const ANY_MARK = new RegExp(`[${OPEN}${CLOSE}${END}]`);

/**
 * One part per message. `render` is called again with marks around the contents, which are then taken out: where the text without them
 * is `text`, they stand where the contents do, whatever else the template repeats, trims or moves. A message whose marks change what
 * the template does (it looks into the content) is tried alone, and is unclear when that fails as well.
 */
export function chatParts(
  text: string,
  messages: readonly ChatMessage[],
  render: (marked: readonly ChatMessage[]) => string,
): ChatPart[] {
  const found = new Map<number, readonly ChatRange[] | undefined>();
  const written = messages.flatMap(({ content }, i) => (content.trim() === '' ? [] : [i]));
  const ownMarks = ANY_MARK.test(text) || messages.some(({ content }) => ANY_MARK.test(content));
  const locate = (wanted: readonly number[]): boolean => {
    const all = ownMarks ? undefined : rangesOf(text, rendered(messages, wanted, render));
    for (const i of wanted) found.set(i, all === undefined ? undefined : rangesOfOne(all, i));
    return all !== undefined;
  };
  if (!locate(written) && !ownMarks && written.length > 1) for (const i of written) locate([i]);
  return messages.map(({ role }, i): ChatPart => {
    const ranges = found.has(i) ? found.get(i) : [];
    return ranges === undefined ? { state: 'unclear', role } : { state: 'located', role, ranges };
  });
}

function rendered(
  messages: readonly ChatMessage[],
  wanted: readonly number[],
  render: (marked: readonly ChatMessage[]) => string,
): string | undefined {
  const marked = messages.map((message, i) => {
    if (!wanted.includes(i)) return message;
    // Inside the blanks, so that a template which trims its messages trims them all the same.
    const [, before, core, after] = /^(\s*)(.*?)(\s*)$/s.exec(message.content)!;
    return { ...message, content: `${before}${OPEN}${i}${END}${core}${CLOSE}${i}${END}${after}` };
  });
  try {
    return render(marked);
  } catch (cause) {
    // The marks themselves may be what it refuses; what takes too long, or too much, is thrown for the text itself.
    if ((cause as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    return undefined;
  }
}

type Mark = { readonly opens: boolean; readonly message: number; readonly at: number };

/** The marks by their places in the text without them; undefined where that is another text. */
function rangesOf(text: string, marked: string | undefined): readonly Mark[] | undefined {
  if (marked === undefined || marked.replace(MARK, '') !== text) return undefined;
  let taken = 0;
  return [...marked.matchAll(MARK)].map(({ 0: mark, 1: kind, 2: message, index }) => {
    const at = index - taken;
    taken += mark.length;
    return { opens: kind === OPEN, message: Number(message), at };
  });
}

/** Its marks must come in pairs, each opened before it is closed: a template may keep one half of a content. */
function rangesOfOne(marks: readonly Mark[], message: number): readonly ChatRange[] | undefined {
  const own = marks.filter((mark) => mark.message === message);
  const paired = own.length % 2 === 0 && own.every(({ opens }, i) => opens === (i % 2 === 0));
  if (!paired) return undefined;
  return own.flatMap(({ opens, at }, i) => (opens ? [{ start: at, end: own[i + 1]!.at }] : []));
}
