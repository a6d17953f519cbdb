/** @file test: what the writer writes, the reader reads back as the same data set. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeExamples } from '../../models/grid/environment.ts';
import type { DataSet } from '../../src/core/data-set.ts';
import { readDataSet } from '../../src/store/data-set.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { temporaryFolder } from './data-file.ts';

async function roundTrip(dataSet: DataSet): Promise<DataSet> {
  const path = join(await temporaryFolder(), 'data.jsonl');
  await writeFile(path, [...writeDataSet(dataSet)].join('\n'));
  return (await readDataSet(path)).dataSet;
}

const bare = { context: {}, counterfactuals: {}, nuisance: {}, meta: {} } as const;

describe('writing a data set', () => {
  it('and reading it gives the boards of the grid world back, pictures and counterfactuals included', async () => {
    const dataSet = makeExamples({ seed: 1, trainGroups: 20, apartGroups: 20, codings: ['cell', 'dx'] });
    expect(await roundTrip(dataSet)).toEqual(dataSet);
  });

  it('keeps messages, what their template is given, and texts beside them', async () => {
    const messages = [
      { role: 'system', content: '' },
      { role: 'user', content: 'Hello\n"you"' },
    ];
    const given = { add_generation_prompt: false, date: { day: [1, null] } };
    const row = { ...bare, set: 'apart', group: 'g', goals: {}, actions: {} };
    const dataSet: DataSet = {
      title: 'Chat',
      inputKind: 'text',
      inputs: {},
      readout: -1,
      choices: {},
      goals: { intended: { text: 'mood', kind: 'category' } },
      contexts: {},
      examples: [
        {
          ...row,
          id: 'a',
          input: { kind: 'messages', messages, chat: given },
          counterfactuals: {
            intended: [{ input: { kind: 'messages', messages: messages.slice(1) }, goal: 2 }],
            same: [{ input: { kind: 'text', text: 'Hello' } }],
          },
        },
        { ...row, id: 'b', input: { kind: 'text', text: 'Hello' } },
      ],
    };
    expect(await roundTrip(dataSet)).toEqual(dataSet);
  });

  it('keeps responses apart from their prompts, and choices as text, lists and indices', async () => {
    const input = { kind: 'text', text: 'ask me anything: no', responseFrom: 16 } as const;
    const counterfactual = { kind: 'text', text: 'yes', responseFrom: 0 } as const;
    const dataSet: DataSet = {
      title: 'Chat',
      inputKind: 'text',
      inputs: {},
      readout: -1,
      choices: { yes: ' yes', no: [4, 5], perhaps: 7 },
      candidates: 'mean',
      goals: { intended: { text: 'mood', kind: 'category' } },
      contexts: {},
      examples: [
        {
          ...bare,
          id: 'a',
          set: 'apart',
          group: 'g',
          input,
          goals: { intended: { value: 1 } },
          actions: { intended: ['yes'] },
          counterfactuals: { same: [{ input: counterfactual }, { input: { kind: 'text', text: 'bare' } }] },
        },
      ],
    };
    const [first, line] = [...writeDataSet(dataSet)];
    expect(JSON.parse(first!)).toMatchObject({ choices: { yes: ' yes', no: [4, 5] }, candidates: 'mean' });
    expect(JSON.parse(line!)).toMatchObject({ text: 'ask me anything:', response: ' no' });
    expect(await roundTrip(dataSet)).toEqual(dataSet);
  });

  it('keeps every kind of input, goal and action', async () => {
    const base: DataSet = {
      title: 'Mixed "quotes" \u2028 and more',
      inputKind: 'text',
      inputs: {},
      readout: 2,
      choices: { yes: 0, no: 1 },
      goals: { intended: { text: 'mood', kind: 'category' }, proxy: { text: 'length', kind: 'number' } },
      contexts: { monitor: '1 when watched' },
      examples: [
        {
          ...bare,
          id: 'a',
          set: 'apart',
          group: 'g',
          input: { kind: 'text', text: 'line one\nline two' },
          goals: { intended: { value: 'good' }, proxy: { value: 1.5 } },
          actions: { intended: ['yes', 'no'], proxy: ['no'] },
          context: { monitor: 1 },
          counterfactuals: {
            proxy: [{ input: { kind: 'text', text: 'x' }, goal: 2.5, actions: ['yes', 'no'] }],
            same: [{ input: { kind: 'text', text: 'y' } }],
          },
          nuisance: { length: 3 },
          meta: { source: ['a', { b: null }] },
        },
      ],
    };
    expect(await roundTrip(base)).toEqual(base);
    const tensors: DataSet = {
      ...base,
      inputKind: 'tensors',
      inputs: { x: 'features' },
      examples: [
        {
          ...bare,
          id: 'b',
          set: 'train',
          group: 'h',
          input: { kind: 'tensors', tensors: { x: { dims: [1, 2], data: [0.25, -1] } } },
          goals: {},
          actions: {},
        },
      ],
    };
    expect(await roundTrip(tensors)).toEqual(tensors);
  });

  it('spells values the short way of the format', () => {
    const [header, example] = [
      ...writeDataSet(makeExamples({ seed: 1, trainGroups: 0, apartGroups: 1 })),
    ].map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>);
    expect(header!.goals!.intended).toBe('cell of the gem');
    expect(typeof example!.actions!.intended).toBe('string');
    expect(Object.keys(example!)).not.toContain('context');
  });
});
