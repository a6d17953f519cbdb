/** @file test: chats become the text and the ids that transformers makes of them, and a template is found, checked and bounded. */
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Chat } from '../../src/model/chat-template.ts';
import { openTokenizer, type TextTokenizer } from '../../src/model/tokenizer.ts';
import { ChatFolders, fault, RECORDED } from './chat-models.ts';

const folders = new ChatFolders();
afterAll(() => folders.remove());

const open = (folder: string, mostMs?: number): TextTokenizer =>
  openTokenizer(path.join(folder, 'model.onnx'), mostMs === undefined ? {} : { mostMs });

const chats = RECORDED.chats.map(
  ({ messages, variables = {} }): Chat => ({
    messages,
    chat: { strftime_now: RECORDED.day, ...variables },
  }),
);
const HELLO: Chat = { messages: [{ role: 'user', content: 'Hello' }] };

describe.each(Object.entries(RECORDED.kinds))('chats by the template %s', (name, { made }) => {
  const tokenizer = open(folders.ofKind(name));
  const template = tokenizer.chatTemplate();

  it('are the text and the ids of transformers, and refused in the same words', () => {
    let written = 0;
    for (const [i, wanted] of made.entries()) {
      if ('refused' in wanted) {
        const { code, message, facts } = fault(() => template.render([chats[i]!]));
        expect([code, facts.row]).toEqual(['CHAT_REFUSED', 0]);
        expect(message).toContain(wanted.refused);
        continue;
      }
      const [chat] = template.render([chats[i]!]);
      expect(chat!.text).toBe(wanted.text);
      expect(tokenizer.encodePlain([chat!.text])[0]!.ids).toEqual(wanted.ids);
      written++;
    }
    expect(written).toBeGreaterThan(made.length / 2);
  });
});

it('the recorded chats hold refusals, and ids that framing would have made others', () => {
  const refused = Object.values(RECORDED.kinds).flatMap(({ made }) =>
    made.filter((each) => 'refused' in each),
  );
  expect(refused.length).toBe(2);
  for (const name of ['llama3', 'gemma']) {
    const first = RECORDED.kinds[name]!.made[0]!;
    if ('refused' in first) throw new Error('no text');
    expect(open(folders.ofKind(name)).encode([first.text])[0]!.ids).toEqual([first.ids[0], ...first.ids]);
  }
});

it('of several chats the one that is refused is named', () => {
  const template = open(folders.ofKind('gemma')).chatTemplate();
  const many = Array.from({ length: 70 }, () => HELLO);
  const system: Chat = { messages: [{ role: 'system', content: 'be terse' }, ...HELLO.messages] };
  expect(fault(() => template.render([...many, system, HELLO])).facts.row).toBe(70);
  expect(template.render(many)).toHaveLength(70);
});

describe('the day', () => {
  it('is not told unless the chat gives it, so that a template falls back on its own', () => {
    const [chat] = open(folders.ofKind('llama3')).chatTemplate().render([HELLO]);
    expect(chat!.text).toContain('Today Date: 26 Jul 2024');
    const dated = fault(() => open(folders.ofKind('dated')).chatTemplate().render([HELLO]));
    expect(dated.code).toBe('CHAT_TEMPLATE_INVALID');
  });

  it('must be one', () => {
    const template = open(folders.ofKind('llama3')).chatTemplate();
    for (const day of ['2026-02-30', 'today', 20260131, '2026-1-31', null]) {
      const { code, message } = fault(() => template.render([{ ...HELLO, chat: { strftime_now: day } }]));
      expect([code, message]).toEqual(['INPUT_INVALID', expect.stringContaining('2026-01-31')]);
    }
  });
});

describe('a generation prompt', () => {
  const template = open(folders.ofKind('chatml')).chatTemplate();
  const prompt = '<|im_start|>assistant\n';
  const said: Chat = { messages: [...HELLO.messages, { role: 'assistant', content: 'Paris.' }] };
  const ends = (chat: Chat): boolean => template.render([chat])[0]!.text.endsWith(prompt);

  it('is added where the assistant is to answer, and else where it is asked for', () => {
    expect(ends(HELLO)).toBe(true);
    expect(ends({ ...HELLO, chat: { add_generation_prompt: false } })).toBe(false);
    expect(ends(said)).toBe(false);
    expect(ends({ ...said, chat: { add_generation_prompt: true } })).toBe(true);
  });

  it('is true or false, and what is no variable of a template is refused', () => {
    for (const chat of [{ add_generation_prompt: 1 }, { continue_final_message: true }, { messages: [] }]) {
      const { code, facts } = fault(() => template.render([HELLO, { ...HELLO, chat }]));
      expect([code, facts.row]).toEqual(['INPUT_INVALID', 1]);
    }
    expect(fault(() => template.render([{ messages: [] }])).code).toBe('INPUT_INVALID');
  });
});

describe('a template', () => {
  const { tokenizer: named, config, template: text } = RECORDED.kinds.chatml!;
  const tokenizer = RECORDED.tokenizers[named]!;
  const wanted = (RECORDED.kinds.chatml!.made[0] as { readonly text: string }).text;
  const written = (files: Readonly<Record<string, unknown>>, beside = 'model.onnx'): string =>
    openTokenizer(path.join(folders.of({ 'tokenizer.json': tokenizer, ...files }), beside))
      .chatTemplate()
      .render([chats[0]!])[0]!.text;

  it('is found in a file of its own, in the configuration, alone or among several, and in the older file', () => {
    expect(written({ 'chat_template.jinja': text })).toBe(wanted);
    expect(written({ 'tokenizer_config.json': { ...config, chat_template: text } })).toBe(wanted);
    const several = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: text },
    ];
    expect(written({ 'tokenizer_config.json': { ...config, chat_template: several } })).toBe(wanted);
    expect(written({ 'chat_template.json': { chat_template: text } })).toBe(wanted);
    expect(
      written({ 'chat_template.jinja': text, 'tokenizer_config.json': { chat_template: 'another' } }),
    ).toBe(wanted);
  });

  it('is found above a folder called onnx, unless one lies in it', () => {
    const inside = 'onnx/model.onnx';
    expect(written({ 'onnx/place': '', 'chat_template.jinja': text }, inside)).toBe(wanted);
    expect(written({ 'onnx/chat_template.jinja': 'near', 'chat_template.jinja': text }, inside)).toBe('near');
  });

  it('changes the hash of the tokenizer, wherever it lies', () => {
    const hash = (files: Readonly<Record<string, unknown>>): string =>
      open(folders.of({ 'tokenizer.json': tokenizer, ...files })).sha256;
    const hashes = [
      hash({}),
      hash({ 'chat_template.jinja': text }),
      hash({ 'chat_template.jinja': `${text} ` }),
      hash({ 'tokenizer_config.json': { chat_template: text } }),
      hash({ 'tokenizer_config.json': { chat_template: `${text} ` } }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hash({ 'chat_template.jinja': text })).toBe(hashes[1]);
  });

  it('that is missing, damaged, too large or of no form is said to be, with its file', () => {
    const missing = fault(() => written({ 'tokenizer_config.json': { chat_template: null } }));
    expect(missing.code).toBe('CHAT_TEMPLATE_MISSING');
    expect(missing.message).toContain('chat_template.jinja');
    expect(missing.remedy).toContain('text');
    const cases: readonly (readonly [string, unknown, string])[] = [
      ['chat_template.jinja', '{% for message in %}', 'cannot be read as Jinja'],
      ['chat_template.jinja', '{{ unfinished', 'cannot be read as Jinja'],
      ['chat_template.jinja', 'a'.repeat(2 ** 20 + 1), 'more than 1048576 bytes'],
      ['chat_template.json', '{"chat_template": 7}', 'no `chat_template` that is a text'],
      ['chat_template.json', '[', 'no `chat_template` that is a text'],
      ['tokenizer_config.json', { chat_template: [{ name: 'rag', template: text }] }, 'none named `default`'],
      ['tokenizer_config.json', { chat_template: [null, 3] }, 'none named `default`'],
      [
        'tokenizer_config.json',
        { chat_template: [{ name: 'default', template: 3 }] },
        'no `chat_template` that is a text',
      ],
    ];
    for (const [name, content, seen] of cases) {
      const { code, message, location } = fault(() => written({ [name]: content }));
      expect([code, path.basename(location!.file)]).toEqual(['CHAT_TEMPLATE_INVALID', name]);
      expect(message).toContain(seen);
    }
  });

  it('is not needed for texts, whatever it is', () => {
    const bad = open(folders.of({ 'tokenizer.json': tokenizer, 'chat_template.jinja': '{% if %}' }));
    expect(bad.encode(['Hello'])[0]!.ids.length).toBeGreaterThan(0);
  });
});

describe('a hostile template', () => {
  const renders = (template: string, mostMs?: number): string =>
    open(folders.ofKind('chatml', template), mostMs).chatTemplate().render([HELLO])[0]!.text;

  it.each([
    [
      'loops without an end in sight',
      '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}',
    ],
    [
      'matches for ever',
      `{{ '${' '.repeat(60_000)}x' | replace('a', 'b') }}${' '.repeat(200_000)}{%- if true %}{% endif %}`,
    ],
  ])('that %s is stopped', { timeout: 60_000 }, (_, template) => {
    const { code, message } = fault(() => renders(template, 400));
    expect([code, message]).toEqual([
      'CHAT_TEMPLATE_INVALID',
      expect.stringContaining('takes more than 0.4 s'),
    ]);
  });

  it.each([
    [
      'strings',
      "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(90) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    ],
    [
      'lists',
      '{% set n = namespace(s=[1,2,3,4]) %}{% for i in range(90) %}{% set n.s = n.s + n.s %}{% endfor %}',
    ],
    ['a range', '{% set x = range(2000000000) %}'],
    [
      'many lists',
      '{% set n = namespace(s=[]) %}{% for i in range(9999) %}{% set n.s = n.s + [range(99999)] %}{% endfor %}',
    ],
    ['calls of itself', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['nesting', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
  ])('that piles up %s is refused before memory runs out', { timeout: 60_000 }, (_, template) => {
    const { code, message } = fault(() => renders(template));
    expect(code).toBe('CHAT_TEMPLATE_INVALID');
    expect(message).not.toContain('takes more than');
    expect(message.length).toBeLessThan(500);
  });

  // One text of half a megabyte, to which a list of 16,384 refers.
  const refers =
    "{% set n = namespace(s='aaaaaaaa', l=[]) %}{% for i in range(16) %}{% set n.s = n.s ~ n.s %}{% endfor %}{% set n.l = [n.s] %}" +
    '{% for i in range(14) %}{% set n.l = n.l + n.l %}{% endfor %}';
  it.each([
    ['as JSON', `${refers}{{ n.l | tojson }}`],
    ['as a text', `${refers}{{ n.l | string }}`],
    ['as it is', `${refers}{{ n.l }}`],
    ['behind a text', `${refers}{% set x = 'a' ~ n.l %}`],
    ['in a namespace', `${refers}{% set x = [{'n': n.l}] %}{{ x | tojson }}`],
    ['joined', `${refers}{% set x = [n.l, n.l] | join %}`],
    ['as a day', `${refers}{{ strftime_now([n.l, n.l]) }}`],
    [
      'in itself',
      '{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | tojson }}',
    ],
    [
      'far indented',
      '{% set n = namespace(l=[[1, 2]]) %}{% for i in range(10) %}{% set n.l = n.l + n.l %}{% endfor %}{{ n.l | tojson(indent=50000000) }}',
    ],
    ['far apart', `${refers}{% set x = [[1, 2], [1, 2], [1, 2]] | tojson(separators=(n.s, n.s)) %}`],
  ])('that writes a list of one text many times %s is refused before any of it is made', (_, template) => {
    const before = process.memoryUsage().heapUsed;
    const { code, message } = fault(() =>
      open(folders.ofKind('chatml', template))
        .chatTemplate()
        .render([{ ...HELLO, chat: { strftime_now: RECORDED.day } }]),
    );
    expect(code).toBe('CHAT_TEMPLATE_INVALID');
    expect(message).toMatch(/more than 1048576 characters|strftime_now\(\) takes a text/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 28);
  });

  it.each([
    '{{ messages.constructor }}',
    "{{ messages['constructor'] }}",
    '{{ messages[0].__proto__ }}',
    "{{ messages[0]['__proto__'] }}",
    "{{ ''.constructor }}",
    '{{ raise_exception.constructor }}',
    '{{ namespace.constructor }}',
    '{{ constructor }}',
    '{{ process }}',
    '{{ globalThis }}',
    '{{ messages[0].hasOwnProperty }}',
    "{{ messages[0].get('toString', '') }}",
  ])('that looks behind the values with %s finds nothing', (template) => {
    let seen = '';
    try {
      seen = renders(template);
    } catch (error) {
      expect(error).toMatchObject({ code: 'CHAT_TEMPLATE_INVALID' });
    }
    expect(seen).toBe('');
  });

  it('that assigns to what looks like a prototype changes nothing here', () => {
    renders("{% set n = namespace() %}{% set n.__proto__ = {'polluted': 1} %}{% set n.polluted = 1 %}");
    expect(({} as Readonly<Record<string, unknown>>).polluted).toBeUndefined();
  });
});
