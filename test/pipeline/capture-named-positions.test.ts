/** @file test: positions told by words, by the prompt and by the response are those of the words in the text, row by row. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runForward } from '../../src/capture/run-forward.ts';
import type { MesascopeError } from '../../src/core/errors.ts';
import { positionFrom } from '../../src/model/named-positions.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { captureToFolder } from '../../src/pipeline/capture-to-folder.ts';
import { readActivations } from '../capture/read-activations.ts';
import { GRID_MODEL } from '../capture/small-models.ts';
import { mesascope } from '../cli/captured-terminal.ts';
import { ChatFolders } from '../model/chat-models.ts';
import { temporaryFolder } from '../store/data-file.ts';

const READER = fileURLToPath(new URL('../../models/review/intended-1/', import.meta.url));
const TEMPLATE =
  '{{ bos_token }}{% for message in messages %}{{ " " ~ message.content }}{% endfor %}{{ " [ASK]" if add_generation_prompt else "" }}';
const HOOK = 'blocks.1.resid_post';

const folders = new ChatFolders();
const modelFolder = folders.of({
  'chat_template.jinja': TEMPLATE,
  'tokenizer_config.json': { bos_token: { content: '[BOS]', special: true } },
});
for (const file of ['model.onnx', 'tokenizer.json'])
  copyFileSync(path.join(READER, file), path.join(modelFolder, file));
const words = Object.keys(
  (JSON.parse(readFileSync(path.join(READER, 'tokenizer.json'), 'utf8')) as { model: { vocab: object } })
    .model.vocab,
).filter((word) => /^[a-z]+$/.test(word));

let model: Model;
let folder: string;
let out: string;
beforeAll(async () => {
  model = await openModel(path.join(modelFolder, 'model.onnx'));
});
beforeEach(async () => {
  folder = await temporaryFolder();
  out = path.join(folder, 'acts');
});
afterAll(async () => {
  await model.close();
  folders.remove();
});

type Line = Readonly<Record<string, unknown>>;
function dataOf(lines: readonly Line[], header: Line = { input: 'text' }): string {
  const file = path.join(folder, 'rows.jsonl');
  const all = [
    { format: 'mesascope-data/1', title: 'rows', ...header },
    ...lines.map((line, i) => ({ id: `row ${i}`, set: 'any', group: `g${i}`, ...line })),
  ];
  writeFileSync(file, all.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}
const [one, two, three, four] = words as [string, string, string, string];
/** Each word is one token, and one token stands in front of the text and one behind it. */
const TEXTS = [
  [one, two, three],
  [two, one, four],
  [four, two, three, one, four, one],
  [one, four],
];
const atOf = (file: string): unknown =>
  (readActivations(file).index.examples as { at?: number[] }[]).map(({ at }) => at);

async function refused(work: Promise<unknown>): Promise<MesascopeError> {
  try {
    await work;
  } catch (error) {
    return error as MesascopeError;
  }
  return expect.unreachable('nothing was refused');
}

describe('positions told by words', () => {
  it('are those of the first and the last occurrence in each row, beside positions by number', async () => {
    const data = dataOf(TEXTS.map((text) => ({ text: text.join(' ') })));
    const positions = [`span:${one}`, -1, `span:${one}@last`, 0];
    const made = await captureToFolder(model, { data, hooks: HOOK, positions, out });
    expect(made.positions).toEqual(positions);
    const ids = model.tokenizer().encode(TEXTS.map((text) => text.join(' ')));
    const expected = TEXTS.map((text, row) => [
      1 + text.indexOf(one),
      ids[row]!.ids.length - 1,
      1 + text.lastIndexOf(one),
      0,
    ]);
    expect(atOf(out)).toEqual(expected);
    // What was written is what a run of the row alone has at these places.
    const read = readActivations(out);
    for (const [row, places] of expected.entries()) {
      const alone = await runForward(model, {
        inputs: [{ kind: 'text', text: TEXTS[row]!.join(' ') }],
        mapping: {},
        hooks: [HOOK],
        positions: places,
        readout: -1,
        choices: [],
      });
      const written = read.row(HOOK, row);
      for (const [slot, place] of places.entries()) {
        const { data: values, columns } = alone.activations(HOOK, place);
        expect(written.length).toBe(places.length * columns);
        for (const [i, value] of values.entries()) expect(written[slot * columns + i]).toBeCloseTo(value, 4);
      }
    }
  });

  it('are the last token of several words', async () => {
    const data = dataOf([{ text: `${three} ${one} ${two} ${four}` }]);
    await captureToFolder(model, { data, hooks: HOOK, positions: [`span:${one} ${two}`], out });
    expect(atOf(out)).toEqual([[3]]);
  });

  it('are the end of the prompt and of the response, without what the tokenizer puts behind', async () => {
    const data = dataOf([
      { text: `${one} ${two}`, response: ` ${three}` },
      { text: `${one}`, response: ` ${three} ${four} ${two}` },
    ]);
    await captureToFolder(model, { data, hooks: HOOK, positions: ['prompt', 'response'], out });
    expect(atOf(out)).toEqual([
      [2, 3],
      [1, 4],
    ]);
  });

  it('are found in chats as the template writes them', async () => {
    const data = dataOf([
      {
        messages: [
          { role: 'user', content: `${two} ${one}` },
          { role: 'assistant', content: `${three} ${four}` },
        ],
      },
    ]);
    await captureToFolder(model, {
      data,
      hooks: HOOK,
      positions: [`span:${one}`, 'prompt', 'response'],
      out,
    });
    expect(atOf(out)).toEqual([[2, 2, 4]]);
  });

  it('refuse a row without the words by its line, before anything is written', async () => {
    const data = dataOf([{ text: `${one} ${two}` }, { text: `${two} ${three}` }]);
    const error = await refused(
      captureToFolder(model, { data, hooks: HOOK, positions: [`span:${one}`], out }),
    );
    expect(error).toMatchObject({ code: 'SPAN_MISSING', location: { file: data, line: 3 } });
    expect(error.message).toContain('"row 1"');
  });

  it('refuse a prompt where no row has a response, and places in rows that hold no text', async () => {
    const text = dataOf([{ text: one }]);
    expect(
      await refused(captureToFolder(model, { data: text, hooks: HOOK, positions: ['prompt'], out })),
    ).toMatchObject({ code: 'SPAN_MISSING', location: { line: 2 } });
    const tokens = dataOf([{ tokens: [1, 2, 3] }], { input: 'tokens' });
    const grid = await openModel(GRID_MODEL);
    try {
      expect(
        await refused(
          captureToFolder(grid, { data: tokens, hooks: 'blocks.0.resid_post', positions: ['prompt'], out }),
        ),
      ).toMatchObject({ code: 'BAD_SETTING', message: expect.stringContaining('the data hold tokens') });
    } finally {
      await grid.close();
    }
  });
});

describe('mesascope capture --positions', () => {
  const capture = (positions: string): ReturnType<typeof mesascope> =>
    mesascope([
      'capture',
      path.join(modelFolder, 'model.onnx'),
      '--data',
      path.join(folder, 'rows.jsonl'),
      '--hooks',
      HOOK,
      '--out',
      out,
      `--positions=${positions}`,
    ]);

  it('takes words and numbers in one list, and does nothing over where the same list is asked for again', async () => {
    dataOf(TEXTS.slice(1).map((text) => ({ text: text.join(' ') })));
    expect((await capture(`span:${four}@last,-1`)).exitCode).toBe(0);
    expect(atOf(out)).toEqual([
      [3, 4],
      [5, 7],
      [2, 3],
    ]);
    expect((await capture(`span:${four}@last,-1`)).stdout).toContain('all activations');
    const other = await capture(`span:${four},-1`);
    expect([other.exitCode, other.stderr]).toEqual([2, expect.stringContaining('BAD_SETTING')]);
  });

  it.each([
    [`span:${one}@all`, 'several positions'],
    ['span:', 'names no words'],
    ['half', 'is not a position'],
    ['', 'is not a position'],
    ['1.5', 'is not a position'],
  ])('refuses %j', (position, said) => {
    expect(() => positionFrom(position)).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING', message: expect.stringContaining(said) }),
    );
  });
});
