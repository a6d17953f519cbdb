/** @file store: examples put aside come back as they were, from a file that no other process finds. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ExampleSpool, type SpooledExample } from '../../src/store/example-spool.ts';
import { temporaryFolder } from './data-file.ts';

it('examples of any size come back in any order, and nothing of an earlier process is among them', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'inputs.71');
  // A process of the same number was killed.
  writeFileSync(path, 'what it had written');
  const examples = Array.from({ length: 40 }, (_, i): SpooledExample => {
    const tokens = Array.from({ length: i % 9 === 0 ? 100_000 : i }, (_, j) => j - 1 / 3);
    const input = { kind: 'tokens', tokens } as const;
    return {
      id: `x${i}`,
      set: 'any',
      group: `g${i}`,
      input,
      place: { file: 'f', line: i + 2, headerLine: 1 },
    };
  });
  const spool = new ExampleSpool(path);
  for (const example of examples) spool.append(example);
  expect(readdirSync(folder)).toEqual([]);
  // Another process of that number, in a container of its own, takes the name and nothing else.
  const other = new ExampleSpool(path);
  other.append(examples[3]!);
  expect(other.read(0)).toEqual(examples[3]);
  other.close();
  for (const row of [39, 0, 18, 1, 27, 2]) expect(spool.read(row)).toEqual(examples[row]);
  spool.close();
});
