/** @file test: data files are read as documented, and everything wrong with one is named by code, line and field. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { DataSet } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { dataSetSha256, readDataSet } from '../../src/store/data-set.ts';
import { dataFile, EXAMPLE, HEADER, readFault } from './data-file.ts';

const example = (change: Record<string, unknown>): Record<string, unknown> => ({ ...EXAMPLE, ...change });
const header = (change: Record<string, unknown>): Record<string, unknown> => ({ ...HEADER, ...change });

describe('what examples use and the first line does not declare', () => {
  const rows = (...changes: readonly Record<string, unknown>[]): Record<string, unknown>[] =>
    changes.map((change, i) => example({ id: `x${i}`, ...change }));
  const { tokens: _, counterfactuals: __, ...bare } = EXAMPLE;
  const board = { x: { dims: [1], data: [1] } };

  it.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['a choice', { choices: { ...HEADER.choices, up: undefined, uup: 101 } }, {}, '`choices` has no "up"'],
    ['a goal', { goals: { ...HEADER.goals, proxy: undefined } }, {}, '`goals` does not describe `proxy`'],
    ['a context', { contexts: { monitr: 'x' } }, {}, '`contexts` does not describe `monitor`'],
    ['a kind of input', { input: 'tensors' }, {}, '`input` is "tensors" and not "tokens"'],
    [
      'a tensor',
      { input: 'tensors', inputs: { y: 'board' } },
      { ...bare, tokens: undefined, counterfactuals: undefined, tensors: board },
      '`inputs` has no `x`',
    ],
  ])('is blamed on the first line when two use it: %s', async (_, first, row, seen) => {
    const fault = await readFault(await dataFile(header(first), ...rows(row, row)));
    expect([fault.code, fault.location?.line]).toEqual(['DATA_FIELD', 1]);
    expect(fault.message).toContain(`${seen}, but lines 2 and 3 use it`);
  });

  it('is blamed on the example that uses it alone', async () => {
    const odd = { actions: { intended: 'jump' } };
    for (const [changes, line] of [
      [[odd, {}, {}], 2],
      [[{}, odd, { context: { monitr: 1 } }], 3],
    ] as const) {
      const fault = await readFault(await dataFile(HEADER, ...rows(...changes)));
      expect([fault.location?.line, fault.message]).toEqual([line, expect.stringContaining('"jump"')]);
    }
  });
});

describe('the pages on the data format', () => {
  it('show a description and an example of each kind that can be read as they stand', async () => {
    const page = await readFile(new URL('../../docs/data.md', import.meta.url), 'utf8');
    const blocks = [...page.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(
      ([, body]) => JSON.parse(body!) as unknown,
    );
    const kinds: string[] = [];
    for (let i = 0; i < blocks.length; i += 2) {
      const { dataSet } = await readDataSet(await dataFile(blocks[i], blocks[i + 1]));
      expect(dataSet.examples).toHaveLength(1);
      kinds.push(dataSet.inputKind);
    }
    expect(kinds).toEqual(['tokens', 'text', 'text', 'tensors']);
  });
});

describe('a response', () => {
  it('goes on from a text, and from nothing else', async () => {
    const fault = await readFault(await dataFile(HEADER, example({ response: 'yes' })));
    expect([fault.code, fault.location?.line]).toEqual(['DATA_FIELD', 2]);
    expect(fault.message).toBe('field `response` goes on from a text, and the input is "tokens"');
    const { tokens: _, counterfactuals: __, ...rest } = EXAMPLE;
    const alone = await readFault(await dataFile(header({ input: 'text' }), { ...rest, response: 'yes' }));
    expect(alone.message).toContain('`text` is missing');
  });
});

describe('a good data file', () => {
  it('gives the example of the documentation, with lists and codings spelled out', async () => {
    const { dataSet, warnings } = await readDataSet(await dataFile(HEADER, EXAMPLE));
    expect(dataSet.title).toBe('Grid agent');
    expect(dataSet.goals.proxy).toEqual({ text: 'cell of the halo', kind: 'category' });
    const [row] = dataSet.examples;
    expect(row?.input).toEqual({ kind: 'tokens', tokens: [0, 12, 57, 80, 33] });
    expect(row?.goals.intended).toEqual({ value: 7 });
    expect(row?.actions).toEqual({ intended: ['left'], proxy: ['up'] });
    expect(row?.counterfactuals.proxy).toEqual([
      { input: { kind: 'tokens', tokens: [0, 12, 57, 90, 33] }, goal: 2, actions: ['right'] },
    ]);
    expect(row?.counterfactuals.same?.[0]).toEqual({
      input: { kind: 'tokens', tokens: [0, 14, 57, 80, 33] },
    });
    expect(warnings).toEqual(['no example is of set `train`; the sets are apart']);
  });

  it('takes several codings, numbers, lists of actions, tensors, text and a picture', async () => {
    const picture = {
      kind: 'grid',
      rows: 2,
      columns: 2,
      items: [{ row: 1, column: 0, label: 'gem', role: 'intended' }],
    };
    const numbers = await readDataSet(
      await dataFile(
        header({ goals: { intended: { text: 'distance', kind: 'number' } } }),
        example({
          goals: { intended: { metres: 0.5, steps: 3 } },
          actions: { intended: ['up', 'left'] },
          counterfactuals: { intended: [{ tokens: [1], goal: 0.25, actions: ['up'] }] },
          picture,
        }),
      ),
    );
    expect(numbers.dataSet.examples[0]?.goals.intended).toEqual({ metres: 0.5, steps: 3 });
    expect(numbers.dataSet.examples[0]?.actions.intended).toEqual(['up', 'left']);
    expect(numbers.dataSet.examples[0]?.picture).toEqual(picture);
    const { tokens: _, counterfactuals: __, ...rest } = EXAMPLE;
    const tensors = { x: { dims: [1, 2], data: [0.5, -1] } };
    const floats = await readDataSet(
      await dataFile(header({ input: 'tensors', inputs: { x: 'features' } }), { ...rest, tensors }),
    );
    expect(floats.dataSet.examples[0]?.input).toEqual({ kind: 'tensors', tensors });
    const text = await readDataSet(
      await dataFile(header({ input: 'text', inputs: {} }), { ...rest, text: 'hello' }),
    );
    expect(text.dataSet.examples[0]?.input).toEqual({ kind: 'text', text: 'hello' });
  });

  it('may have a byte-order mark, blank lines, Windows line ends and no last newline', async () => {
    const path = await dataFile(
      `\ufeff${JSON.stringify(HEADER)}\r`,
      '',
      `${JSON.stringify(EXAMPLE)}\r`,
      '  ',
    );
    expect((await readDataSet(path)).dataSet.examples).toHaveLength(1);
  });

  it('reports progress and stops when asked to', async () => {
    const rows = Array.from({ length: 2785 }, (_, i) => example({ id: `x${i}` }));
    const path = await dataFile(HEADER, ...rows);
    const seen: (string | number)[] = [];
    await readDataSet(path, {
      onProgress: (event) => seen.push(event.kind === 'stage-progress' ? event.done : event.kind),
    });
    // The last number is that of all examples: the end of a stage shows it.
    expect(seen).toEqual(['stage-start', 2000, 2785, 'stage-end']);
    await expect(readDataSet(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

describe('the hash of a data set', () => {
  it('is that of the same data set made in memory, and does not see spacing or the order of keys', async () => {
    const file = await readDataSet(await dataFile(HEADER, EXAMPLE));
    const inMemory: DataSet = structuredClone(file.dataSet);
    expect(dataSetSha256(inMemory)).toBe(file.sha256);
    const turned = Object.fromEntries(Object.entries(EXAMPLE).reverse());
    const spaced = await dataFile(
      ` ${JSON.stringify(HEADER)}`,
      JSON.stringify(turned).replaceAll('":', '" : '),
    );
    expect((await readDataSet(spaced)).sha256).toBe(file.sha256);
  });

  it('changes with any value, the order of the examples and the picture', async () => {
    const { dataSet, sha256 } = await readDataSet(await dataFile(HEADER, EXAMPLE, example({ id: 'x18' })));
    const [first, second] = dataSet.examples;
    expect(dataSetSha256({ ...dataSet, readout: -2 })).not.toBe(sha256);
    expect(dataSetSha256({ ...dataSet, examples: [second!, first!] })).not.toBe(sha256);
    expect(dataSetSha256({ ...dataSet, examples: [{ ...first!, context: {} }, second!] })).not.toBe(sha256);
  });

  it('refuses a data set made in memory that holds NaN', async () => {
    const { dataSet } = await readDataSet(await dataFile(HEADER, EXAMPLE));
    const bad = { ...dataSet, examples: [{ ...dataSet.examples[0]!, context: { monitor: Number.NaN } }] };
    expect(() => dataSetSha256(bad)).toThrow(MesascopeError);
  });
});
