/** @file test: thousands of damaged data files give a data set or a coded error, and none hangs the reader. */
import { expect, it } from 'vitest';
import { fuzzDataReader, SEED_FILE } from '../fuzz/data-reader.ts';

it('three thousand damaged data files are each read or refused by code', async () => {
  const { finds, codes, accepted } = await fuzzDataReader(SEED_FILE, 3000, 20_240_607);
  expect(finds.map(({ error, bytes }) => `${error}\n${bytes.toString('latin1')}`)).toEqual([]);
  // The mutations must reach every check, or passing would mean little.
  expect(accepted).toBeGreaterThan(50);
  for (const code of ['DATA_SYNTAX', 'DATA_FIELD', 'DATA_UNKNOWN_FIELD', 'DATA_DUPLICATE_ID']) {
    expect(codes.get(code) ?? 0, code).toBeGreaterThan(5);
  }
});
