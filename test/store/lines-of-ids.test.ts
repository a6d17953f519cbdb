/** @file store: lines of more ids than one map takes. */
import { expect, it } from 'vitest';
import { LinesOfIds } from '../../src/store/lines-of-ids.ts';

it('every id has its line, however many maps hold them', () => {
  const ids = new LinesOfIds(3);
  for (let i = 0; i < 10; i++) {
    expect([ids.size, ids.get(`x${i}`)]).toEqual([i, undefined]);
    ids.add(`x${i}`, i + 2);
  }
  for (let i = 0; i < 10; i++) expect(ids.get(`x${i}`)).toBe(i + 2);
});
