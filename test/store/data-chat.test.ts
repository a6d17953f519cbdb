/** @file test: messages in data files: what they become, what the first line gives them, and what is refused. */
import { describe, expect, it } from 'vitest';
import { dataSetSha256, readDataSet } from '../../src/store/data-set.ts';
import { dataFile, EXAMPLE, HEADER, readFault } from './data-file.ts';

const { tokens: _, counterfactuals: __, ...rest } = EXAMPLE;
const { inputs: ___, ...described } = HEADER;
const hello = [{ role: 'user', content: 'Hello' }];
const header = (changes: object = {}): object => ({ ...described, input: 'text', ...changes });
const example = (changes: object = {}): object => ({ ...rest, messages: hello, ...changes });

describe('messages in a data file', () => {
  it('stand in place of a text, of examples and counterfactuals, with what the first line gives to all', async () => {
    const { dataSet } = await readDataSet(
      await dataFile(
        header({ chat: { add_generation_prompt: false } }),
        example({
          counterfactuals: {
            proxy: [
              { messages: [...hello, ...hello], goal: 2 },
              { text: 'Hello', goal: 3 },
            ],
            same: [{ messages: hello, chat: { day: 1 } }],
          },
        }),
      ),
    );
    const chat = { add_generation_prompt: false };
    expect(dataSet.inputKind).toBe('text');
    expect(Object.keys(dataSet)).not.toContain('chat');
    expect(dataSet.examples[0]!.input).toEqual({ kind: 'messages', messages: hello, chat });
    expect(dataSet.examples[0]!.counterfactuals.proxy!.map(({ input }) => input)).toEqual([
      { kind: 'messages', messages: [...hello, ...hello], chat },
      { kind: 'text', text: 'Hello' },
    ]);
    expect(dataSet.examples[0]!.counterfactuals.same![0]!.input).toEqual({
      kind: 'messages',
      messages: hello,
      chat: { day: 1 },
    });
  });

  it('say what they say wherever it is said: the hash is that of what each chat is given', async () => {
    const chat = { enable_thinking: false };
    const hashOf = async (...lines: readonly object[]): Promise<string> =>
      (await readDataSet(await dataFile(...lines))).sha256;
    const above = await hashOf(header({ chat }), example());
    expect(above).toBe(await hashOf(header(), example({ chat })));
    expect(above).not.toBe(await hashOf(header(), example()));
    const read = await readDataSet(await dataFile(header({ chat }), example()));
    expect(dataSetSha256(read.dataSet)).toBe(above);
  });

  it.each([
    [
      'beside a text',
      header(),
      example({ text: 'Hello' }),
      'DATA_FIELD',
      '`text` is given beside `messages`',
    ],
    [
      'beside a response',
      header(),
      example({ response: 'Hi' }),
      'DATA_FIELD',
      "the assistant's last message",
    ],
    [
      'that are none',
      header(),
      example({ messages: [] }),
      'DATA_FIELD',
      '`messages` must hold at least one message',
    ],
    ['that are no list', header(), example({ messages: 'Hello' }), 'DATA_FIELD', '`messages` must be a list'],
    [
      'without a role',
      header(),
      example({ messages: [{ content: 'Hello' }] }),
      'DATA_FIELD',
      '`messages[0].role` is missing',
    ],
    [
      'with an empty role',
      header(),
      example({ messages: [{ role: '', content: 'Hello' }] }),
      'DATA_FIELD',
      '`messages[0].role` must not be empty',
    ],
    [
      'with content in parts',
      header(),
      example({ messages: [...hello, { role: 'user', content: [{ type: 'text', text: 'Hello' }] }] }),
      'DATA_FIELD',
      '`messages[1].content` must be a string, not a list of 1',
    ],
    [
      'with a misspelt field',
      header(),
      example({ messages: [{ role: 'user', contents: 'Hello' }] }),
      'DATA_UNKNOWN_FIELD',
      '`messages[0].contents`; did you mean `content`?',
    ],
    [
      'misspelt in a counterfactual',
      header(),
      example({ counterfactuals: { same: [{ messages: [{ rol: 'user', content: 'Hello' }] }] } }),
      'DATA_UNKNOWN_FIELD',
      '`counterfactuals.same[0].messages[0].rol`; did you mean `role`?',
    ],
    ['misspelt', header(), { ...rest, mesages: hello }, 'DATA_UNKNOWN_FIELD', 'did you mean `messages`'],
    ['left out', header(), rest, 'DATA_FIELD', '`text` is missing, and so are `messages`'],
    ['among tokens', HEADER, { ...EXAMPLE, messages: hello }, 'DATA_FIELD', 'the input is "tokens"'],
    [
      'left out beside what a template is given',
      header(),
      { ...rest, text: 'Hello', chat: {} },
      'DATA_FIELD',
      '`chat` is for a chat template',
    ],
    ['given what is no object', header(), example({ chat: [1] }), 'DATA_FIELD', '`chat` must be an object'],
    [
      'given a name that objects have already',
      header(),
      `{"id": "a", "set": "apart", "group": "g", "messages": [{"role": "user", "content": "x"}], "chat": {"__proto__": {}}}`,
      'DATA_FIELD',
      '`__proto__` is not allowed as a name',
    ],
  ])('%s are refused, with line and field', async (_name, first, second, code, seen) => {
    const fault = await readFault(await dataFile(first, second));
    expect([fault.code, fault.location?.line]).toEqual([code, 2]);
    expect(fault.message).toContain(seen);
  });

  it('have a first line that gives a template nothing where there are no texts', async () => {
    const fault = await readFault(await dataFile({ ...HEADER, chat: {} }, EXAMPLE));
    expect([fault.code, fault.location?.line]).toEqual(['DATA_FIELD', 1]);
    expect(fault.message).toContain('`chat` is for chats among texts');
  });
});
