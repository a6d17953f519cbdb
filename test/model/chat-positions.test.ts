/** @file test: which tokens of a chat are its messages, by transformers' own mask and by what they spell; unclear ones are said to be. */
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { rememberPlace } from '../../src/core/data-place.ts';
import type { ChatMessage } from '../../src/core/data-set.ts';
import { roleMask } from '../../src/model/chat-positions.ts';
import { positionsOfSpan, responseMask } from '../../src/model/text-positions.ts';
import type { FedText, NamedText } from '../../src/model/tokenize.ts';
import { openTokenizer, type TextTokenizer } from '../../src/model/tokenizer.ts';
import { ChatFolders, fault, RECORDED } from './chat-models.ts';

const folders = new ChatFolders();
afterAll(() => folders.remove());
const open = (name: string, template?: string): TextTokenizer =>
  openTokenizer(path.join(folders.ofKind(name, template), 'model.onnx'));

function named(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  variables: Readonly<Record<string, unknown>> = {},
): NamedText {
  const chat = { strftime_now: RECORDED.day, ...variables };
  const [rendered] = tokenizer.chatTemplate().render([{ messages, chat }]);
  const input: FedText = { kind: 'text', ...rendered! };
  rememberPlace(input, { file: 'data.jsonl', line: 7, headerLine: 1 });
  return { name: 'x7', input, tokens: tokenizer.encodePlain([input.text])[0]! };
}

const said = (...turns: readonly string[]): ChatMessage[] =>
  turns.map((turn) => {
    const [, role, content] = /^(\w+): (.*)$/s.exec(turn)!;
    return { role: role!, content: content! };
  });
const spelled = (tokenizer: TextTokenizer, { tokens }: NamedText, mask: readonly boolean[]): string =>
  tokenizer.decode(tokens.ids.filter((_, i) => mask[i]));

it("the assistant's tokens are those of the mask that transformers makes of generation blocks", () => {
  const tokenizer = open('masked');
  let seen = 0;
  for (const [i, made] of RECORDED.kinds.masked!.made.entries()) {
    const { messages, variables } = RECORDED.chats[i]!;
    if ('refused' in made || !made.mask!.includes('1')) continue;
    const mask = roleMask(tokenizer, named(tokenizer, messages, variables), 'assistant');
    expect(mask.map(Number).join('')).toBe(made.mask);
    seen++;
  }
  expect(seen).toBeGreaterThan(5);
});

describe.each(['chatml', 'masked', 'llama3', 'gemma'])('in chats by the template %s', (kind) => {
  const tokenizer = open(kind);

  it('the tokens of each role spell what its messages say, and the response the last of the assistant', () => {
    let roles = 0;
    for (const [i, made] of RECORDED.kinds[kind]!.made.entries()) {
      if ('refused' in made) continue;
      const { messages, variables } = RECORDED.chats[i]!;
      const text = named(tokenizer, messages, variables);
      for (const role of new Set(messages.map((message) => message.role))) {
        const own = messages.filter((message) => message.role === role);
        const contents = own.map(({ content }) => content.trim()).filter((content) => content !== '');
        if (contents.length === 0) continue;
        expect(spelled(tokenizer, text, roleMask(tokenizer, text, role)).trim()).toBe(contents.join(''));
        if (role !== 'assistant') continue;
        expect(spelled(tokenizer, text, responseMask(tokenizer, text)).trim()).toBe(
          own.at(-1)!.content.trim(),
        );
      }
      roles++;
    }
    expect(roles).toBeGreaterThan(5);
  });

  it('words are found by what surrounds them, whoever says them', () => {
    const text = named(tokenizer, said('user: the lazy dog', 'assistant: the quick dog'));
    const [first, last] = (['first', 'last'] as const).map((which) =>
      positionsOfSpan(tokenizer, text, { words: 'dog', which }),
    );
    expect(first!.map((i) => roleMask(tokenizer, text, 'user')[i])).not.toContain(false);
    expect(last!.map((i) => roleMask(tokenizer, text, 'assistant')[i])).not.toContain(false);
    expect(first).not.toEqual(last);
  });

  it('each message lies where it was put, whatever it says', () => {
    const word = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom('user', 'assistant', '<|im_end|>', '<end_of_turn>', '\n', ' ', '0', '12', 'system\n'),
    );
    const content = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 6 }), (contents) => {
        const messages = contents.map((each, i) => ({
          role: i % 2 === 0 ? 'user' : 'assistant',
          content: each,
        }));
        const { text, parts } = tokenizer.chatTemplate().render([{ messages }])[0]!;
        const found = parts.map((part) =>
          part.state === 'unclear'
            ? [part.state]
            : part.ranges.map(({ start, end }) => text.slice(start, end)),
        );
        expect(found).toEqual(contents.map((each) => (each.trim() === '' ? [] : [each.trim()])));
        const starts = parts.flatMap((part) => (part.state === 'located' ? part.ranges : []));
        expect(starts.map(({ start }) => start)).toEqual(
          starts.map(({ start }) => start).sort((a, b) => a - b),
        );
      }),
      { numRuns: 60, seed: Number(process.env.FC_SEED ?? 1) },
    );
  });
});

describe('a template that does more than to write what it is given', () => {
  const locate = (template: string, messages: readonly ChatMessage[]): readonly unknown[] => {
    const { text, parts } = open('chatml', template).chatTemplate().render([{ messages }])[0]!;
    return parts.map((part) =>
      part.state === 'unclear' ? 'unclear' : part.ranges.map(({ start, end }) => text.slice(start, end)),
    );
  };
  const chat = said('system: Be terse', 'user: Hello', 'assistant: <think>hm</think>Paris.');

  it('and moves, repeats or leaves out messages: they lie where they went', () => {
    expect(
      locate('{{ messages[2].content ~ messages[0].content ~ "|" ~ messages[0].content }}', chat),
    ).toEqual([['Be terse', 'Be terse'], [], ['<think>hm</think>Paris.']]);
    expect(locate('{% for m in messages %}{{ m.content | upper }}{% endfor %}', chat.slice(0, 2))).toEqual([
      ['BE TERSE'],
      ['HELLO'],
    ]);
  });

  it('and keeps a part of one: that one is unclear, the others are not', () => {
    const template = "{% for m in messages %}{{ m.role ~ m.content.split('</think>')[-1] }}{% endfor %}";
    expect(locate(template, chat)).toEqual([['Be terse'], ['Hello'], 'unclear']);
  });

  it('and looks into one: that one is unclear, the others are not', () => {
    const template =
      "{% for m in messages %}{{ m.role }}{% if m.content.startswith('Hello') %}!{% endif %}{{ m.content }}{% endfor %}";
    expect(locate(template, chat)).toEqual([['Be terse'], 'unclear', ['<think>hm</think>Paris.']]);
    const counting = '{% for m in messages %}{{ m.content | length }}{% endfor %}';
    expect(locate(counting, chat)).toEqual(['unclear', 'unclear', 'unclear']);
  });

  it('and refuses marks: what it refuses is unclear', () => {
    const template =
      "{% for m in messages %}{% if m.content not in ['Hello', 'Be terse'] %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}";
    expect(locate(template, chat.slice(0, 2))).toEqual(['unclear', 'unclear']);
  });

  it('letters that marks are made of are unclear in a message', () => {
    expect(locate('{{ messages[0].content }}', said('user: \uf8f00\uf8f2'))).toEqual(['unclear']);
  });

  it('is an error only where the unclear message is asked for, which names example, line and message', () => {
    const tokenizer = open(
      'chatml',
      "{% for m in messages %}{{ m.role ~ '\n' ~ m.content.split('</think>')[-1] ~ '<|im_end|>' }}{% endfor %}",
    );
    const text = named(tokenizer, chat);
    expect(spelled(tokenizer, text, roleMask(tokenizer, text, 'user')).trim()).toBe('Hello');
    for (const work of [() => roleMask(tokenizer, text, 'assistant'), () => responseMask(tokenizer, text)]) {
      const { code, message, location } = fault(work);
      expect([code, location]).toEqual(['SPAN_UNCLEAR', { file: 'data.jsonl', line: 7 }]);
      expect(message).toContain('message 2 of example "x7"');
    }
  });
});

describe('tokens are refused', () => {
  it('where no message of the role says anything', () => {
    const tokenizer = open('chatml');
    const text = named(tokenizer, said('user: Hello', 'system:  \n'));
    for (const [work, role] of [
      [() => roleMask(tokenizer, text, 'tool'), 'tool'],
      [() => roleMask(tokenizer, text, 'system'), 'system'],
      [() => responseMask(tokenizer, text), 'assistant'],
    ] as const) {
      const { code, message } = fault(work);
      expect([code, message]).toEqual(['SPAN_MISSING', expect.stringContaining(`"${role}"`)]);
    }
    const input = { kind: 'text', text: 'Hello' } as const;
    const plain = { name: 'x', input, tokens: tokenizer.encode(['Hello'])[0]! };
    expect(fault(() => roleMask(tokenizer, plain, 'user')).code).toBe('SPAN_MISSING');
  });

  it('where one holds the end of a message and what stands beside it', () => {
    const tokenizer = open('chatml', "{{ 'ist' ~ messages[0].content ~ ' fox' }}");
    expect(tokenizer.encodePlain(['istant'])[0]!.pieces).toEqual(['istant']);
    const { code, message } = fault(() => roleMask(tokenizer, named(tokenizer, said('user: ant')), 'user'));
    expect([code, message]).toEqual(['SPAN_UNCLEAR', expect.stringContaining('"istant"')]);
  });

  it('where a message ends with words that the tokenizer does not know', () => {
    const words = ['[UNK]', 'user', 'says', 'hello', 'end'];
    const folder = folders.of({
      'tokenizer.json': {
        model: {
          type: 'WordLevel',
          unk_token: '[UNK]',
          vocab: Object.fromEntries(words.map((word, id) => [word, id])),
        },
        pre_tokenizer: { type: 'Whitespace' },
      },
      'chat_template.jinja':
        "{{ 'user says ' ~ messages[0].content ~ ('-what' if messages[1] else '') ~ ' end' }}",
    });
    const tokenizer = openTokenizer(path.join(folder, 'model.onnx'));
    const of = (...turns: readonly string[]): boolean[] =>
      roleMask(tokenizer, named(tokenizer, said(...turns)), 'user');
    // Alone between words that are known, an unknown one is told apart.
    expect(of('user: hello zebra')).toEqual([false, false, true, true, false]);
    expect(fault(() => of('user: hello zebra', 'assistant: .')).code).toBe('SPAN_UNCLEAR');
    expect(fault(() => of('user: zebra', 'assistant: .')).code).toBe('SPAN_UNCLEAR');
  });
});
