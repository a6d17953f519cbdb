/**
 * @file models/grid: writes a data file that `mesascope audit --data` reads, with nothing in it but boards and their labels.
 * `npx tsx models/grid/write-data.ts --out grid.jsonl [--seed 0] [--train-groups 500] [--apart-groups 900] [--variants 2]`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { makeExamples } from './examples.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '0' },
    'train-groups': { type: 'string', default: '500' },
    'apart-groups': { type: 'string', default: '900' },
    variants: { type: 'string', default: '2' },
  },
});
if (values.out === undefined) throw new Error('--out FILE is missing');
const dataSet = makeExamples({
  seed: values.seed,
  trainGroups: Number(values['train-groups']),
  apartGroups: Number(values['apart-groups']),
  variants: Number(values.variants),
});
writeFileSync(values.out, `${[...writeDataSet(dataSet)].join('\n')}\n`);
