/** @file test: data files with a fault are refused by code, at the line and field of the fault, with a remedy. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDataSet } from '../../src/store/data-set.ts';
import { dataFile, EXAMPLE, HEADER, readFault, temporaryFolder } from './data-file.ts';

const example = (change: Record<string, unknown>): Record<string, unknown> => ({ ...EXAMPLE, ...change });
const header = (change: Record<string, unknown>): Record<string, unknown> => ({ ...HEADER, ...change });

describe('a bad data file', () => {
  /** Lines, code, line number, what the message must hold. */
  const cases: readonly (readonly [string, readonly unknown[], string, number, string])[] = [
    ['no format', [{ input: 'tokens' }, EXAMPLE], 'DATA_FIELD', 1, '`format` is missing'],
    [
      'another format',
      [header({ format: 'csv' }), EXAMPLE],
      'DATA_FIELD',
      1,
      'must be "mesascope-data/1", not "csv"',
    ],
    [
      'a misspelt header field',
      [header({ choises: {} }), EXAMPLE],
      'DATA_UNKNOWN_FIELD',
      1,
      'did you mean `choices`?',
    ],
    [
      'an unknown goal role',
      [header({ goals: { intnded: 'x' } }), EXAMPLE],
      'DATA_UNKNOWN_FIELD',
      1,
      '`intended`',
    ],
    [
      'an unknown field of a goal',
      [header({ goals: { proxy: { text: 'x', knd: 1 } } }), EXAMPLE],
      'DATA_UNKNOWN_FIELD',
      1,
      '`goals.proxy.knd`; did you mean `kind`',
    ],
    [
      'two choices of one index',
      [header({ choices: { up: 1, down: 1 } }), EXAMPLE],
      'DATA_FIELD',
      1,
      '`choices.down` has the index 1 of `up`',
    ],
    [
      'a negative choice',
      [header({ choices: { up: -1 } }), EXAMPLE],
      'DATA_FIELD',
      1,
      '`choices.up` must not be negative',
    ],
    [
      'a misspelt field',
      [HEADER, { ...EXAMPLE, group: undefined, grup: 'a' }],
      'DATA_UNKNOWN_FIELD',
      2,
      '`grup`; did you mean `group`?',
    ],
    ['a missing group', [HEADER, example({ group: undefined })], 'DATA_FIELD', 2, '`group` is missing'],
    ['an empty id', [HEADER, example({ id: '' })], 'DATA_FIELD', 2, '`id` must not be empty'],
    ['a number as id', [HEADER, example({ id: 17 })], 'DATA_FIELD', 2, '`id` must be a string, not 17'],
    ['a list as an example', [HEADER, '[1, 2]'], 'DATA_FIELD', 2, 'not a JSON object'],
    [
      'a fractional token',
      [HEADER, example({ tokens: [1, 2.5] })],
      'DATA_FIELD',
      2,
      '`tokens[1]` must be a whole number, not 2.5',
    ],
    [
      'no tokens',
      [HEADER, example({ tokens: [] })],
      'DATA_FIELD',
      2,
      '`tokens` must hold at least one token',
    ],
    ['tokens missing', [HEADER, example({ tokens: undefined })], 'DATA_FIELD', 2, '`tokens` is missing'],
    [
      'text beside tokens',
      [HEADER, example({ text: 'a' })],
      'DATA_FIELD',
      2,
      '`text` is given, but the first line says that the input is "tokens"',
    ],
    [
      'a fractional category',
      [HEADER, example({ goals: { intended: 0.5 } })],
      'DATA_FIELD',
      2,
      'declare the goal with "kind": "number"',
    ],
    [
      'a string as a number goal',
      [
        header({ goals: { intended: { text: 'x', kind: 'number' } } }),
        example({ goals: { intended: 'a' }, counterfactuals: {} }),
      ],
      'DATA_FIELD',
      2,
      '`goals.intended` must be a number',
    ],
    [
      'a goal that was not described',
      [header({ goals: { intended: 'x' } }), EXAMPLE],
      'DATA_FIELD',
      2,
      '`goals.proxy` has a value, but',
    ],
    [
      'a goal that is a list',
      [HEADER, example({ goals: { intended: [1] } })],
      'DATA_FIELD',
      2,
      '`goals.intended`',
    ],
    [
      'a bad coding',
      [HEADER, example({ goals: { intended: { cell: true } } })],
      'DATA_FIELD',
      2,
      '`goals.intended.cell` must be a number or a string, not true',
    ],
    [
      'an unknown action',
      [HEADER, example({ actions: { proxy: 'jump' } })],
      'DATA_FIELD',
      2,
      '`actions.proxy` names "jump", which is not one of the choices up, down',
    ],
    [
      'an action of the bystander',
      [HEADER, example({ actions: { irrelevant: 'up' } })],
      'DATA_UNKNOWN_FIELD',
      2,
      '`actions.irrelevant`',
    ],
    [
      'an undeclared context',
      [HEADER, example({ context: { monitr: 1 } })],
      'DATA_UNKNOWN_FIELD',
      2,
      '`context.monitr`; did you mean `monitor`?',
    ],
    [
      'an unknown counterfactual',
      [HEADER, example({ counterfactuals: { proxi: [] } })],
      'DATA_UNKNOWN_FIELD',
      2,
      '`counterfactuals.proxi`; did you mean `proxy`?',
    ],
    [
      'a misspelt counterfactual field',
      [HEADER, example({ counterfactuals: { same: [{ tokens: [1], gaol: 1 }] } })],
      'DATA_UNKNOWN_FIELD',
      2,
      '`counterfactuals.same[0].gaol`; did you mean `goal`?',
    ],
    [
      'action and actions at once',
      [HEADER, example({ counterfactuals: { same: [{ tokens: [1], action: 'up', actions: ['up'] }] } })],
      'DATA_FIELD',
      2,
      '`counterfactuals.same[0]` has both',
    ],
    [
      'a counterfactual without input',
      [HEADER, example({ counterfactuals: { proxy: [{ goal: 1 }] } })],
      'DATA_FIELD',
      2,
      '`counterfactuals.proxy[0].tokens` is missing',
    ],
    [
      'a picture item outside the grid',
      [
        HEADER,
        example({
          picture: {
            kind: 'grid',
            rows: 1,
            columns: 1,
            items: [{ row: 1, column: 0, label: '', role: 'other' }],
          },
        }),
      ],
      'DATA_FIELD',
      2,
      '`picture.items[0]` lies outside',
    ],
    [
      'a picture role',
      [
        HEADER,
        example({
          picture: {
            kind: 'grid',
            rows: 1,
            columns: 1,
            items: [{ row: 0, column: 0, label: '', role: 'gem' }],
          },
        }),
      ],
      'DATA_FIELD',
      2,
      '`picture.items[0].role` must be',
    ],
    [
      'the role of a token in a picture',
      [
        HEADER,
        example({ picture: { kind: 'tokens', tokens: [{ text: 'a' }, { text: 'b', role: 'agent' }] } }),
      ],
      'DATA_FIELD',
      2,
      '`picture.tokens[1].role` must be',
    ],
    [
      'a misspelt field of a token in a picture',
      [HEADER, example({ picture: { kind: 'tokens', tokens: [{ text: 'a', rolle: 'proxy' }] } })],
      'DATA_UNKNOWN_FIELD',
      2,
      'unknown field `picture.tokens[0].rolle`; did you mean `role`?',
    ],
    [
      'a picture of another kind',
      [HEADER, example({ picture: { kind: 'graph', nodes: [] } })],
      'DATA_FIELD',
      2,
      'must be a picture of kind "grid" or "tokens"',
    ],
    [
      'a prototype as a name',
      [HEADER, JSON.stringify(EXAMPLE).replace('"agent"', '"__proto__"')],
      'DATA_FIELD',
      2,
      '__proto__',
    ],
    [
      'a number beyond all numbers',
      [HEADER, JSON.stringify(EXAMPLE).replace('"agent":4', '"agent":[1e999]')],
      'DATA_FIELD',
      2,
      '`meta` holds a number too large',
    ],
    ['a repeated id', [HEADER, EXAMPLE, EXAMPLE], 'DATA_DUPLICATE_ID', 3, '"x17", as in line 2'],
  ];
  for (const [name, lines, code, line, words] of cases) {
    it(`with ${name} is refused at its line`, async () => {
      const path = await dataFile(...lines);
      const fault = await readFault(path);
      expect(fault).toMatchObject({ code, location: { file: path, line }, exitCode: 3 });
      expect(fault.message).toContain(words);
    });
  }

  it('with a tensor of the wrong size, or under an unknown name, is refused', async () => {
    const { tokens: _, counterfactuals: __, ...rest } = EXAMPLE;
    const first = header({ input: 'tensors', inputs: { board: 'features' } });
    const size = await readFault(
      await dataFile(first, { ...rest, tensors: { board: { dims: [2, 2], data: [1] } } }),
    );
    expect(size.message).toContain('has 1 values, but its dimensions ask for 4');
    const name = await readFault(
      await dataFile(first, { ...rest, tensors: { bord: { dims: [1], data: [1] } } }),
    );
    expect(name).toMatchObject({ code: 'DATA_UNKNOWN_FIELD', facts: { nearest: ['board'] } });
  });

  it('that is not JSON is refused at line and column', async () => {
    const path = await dataFile(HEADER, '{"id": "a", }');
    expect(await readFault(path)).toMatchObject({
      code: 'DATA_SYNTAX',
      location: { file: path, line: 2, column: 13 },
    });
    const cut = await dataFile(HEADER, EXAMPLE, JSON.stringify(EXAMPLE).slice(0, 40));
    expect(await readFault(cut)).toMatchObject({ code: 'DATA_SYNTAX', location: { line: 3, column: 41 } });
  });

  it('that is not text is refused', async () => {
    const path = join(await temporaryFolder(), 'data.jsonl');
    await writeFile(path, Buffer.from([0x7b, 0xff, 0xfe, 0x0a]));
    expect(await readFault(path)).toMatchObject({ code: 'DATA_SYNTAX', location: { line: 1 } });
  });

  it('that is empty, or holds the description alone, is refused', async () => {
    expect((await readFault(await dataFile(''))).code).toBe('DATA_EMPTY');
    expect((await readFault(await dataFile(HEADER))).code).toBe('DATA_EMPTY');
  });

  it('that is missing, a folder, or named by no legal path is refused', async () => {
    const folder = join(await temporaryFolder(), 'folder');
    await mkdir(folder);
    for (const path of [folder, join(folder, 'none.jsonl'), 'a\0b']) {
      expect((await readFault(path)).code).toBe('DATA_NOT_FOUND');
    }
  });

  it('with nesting that would overflow a stack, or a line without end, meets a limit', async () => {
    const deep = `{"meta": {"a": ${'['.repeat(200_000)}${']'.repeat(200_000)}}}`;
    expect(await readFault(await dataFile(HEADER, deep))).toMatchObject({
      code: 'DATA_LIMIT',
      location: { line: 2 },
    });
    const long = await dataFile(HEADER, `{"id": "${'x'.repeat(17 * 2 ** 20)}"}`);
    expect(await readFault(long)).toMatchObject({ code: 'DATA_LIMIT', location: { line: 2 } });
  });

  it('with equal inputs in two groups, codings left out or values spelled two ways is read with warnings', async () => {
    const { warnings } = await readDataSet(
      await dataFile(
        HEADER,
        example({ goals: { intended: { cell: 7, row: 1 } } }),
        example({ id: 'x18', group: 'other', goals: { intended: { cell: '7' } } }),
      ),
    );
    expect(warnings.join('\n')).toMatch(
      /1 of 2 examples have the input of an example in another group .*"x18"/,
    );
    expect(warnings.join('\n')).toContain('coding `row` is given in 1 of 2');
    expect(warnings.join('\n')).toContain('both as a number and as a string');
  });
});
