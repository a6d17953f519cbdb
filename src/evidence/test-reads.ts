/** @file evidence: how often the test rows were looked at, and for what: the fewer looks, the more a p-value means what it says. */
import type { TestRead } from './figures.ts';
import type { RungResult } from './rung.ts';

/**
 * One line per rung and purpose. Statistics that decide are held against a rule that was fixed before; the ones that are reported, and the
 * marks of figures, are looks without a test.
 */
export function testReads(
  rungs: readonly RungResult[],
  figures: readonly { readonly rung: string; readonly what: string; readonly marks: number }[],
): TestRead[] {
  const ofRungs = rungs.flatMap(({ id, statistics }) => {
    const reported = statistics.filter(({ state }) => state === 'reported').length;
    return [
      { rung: id, what: 'statistics that decide', times: statistics.length - reported },
      { rung: id, what: 'statistics that are shown', times: reported },
    ];
  });
  const ofFigures = figures.map(({ rung, what, marks }) => ({ rung, what, times: marks }));
  return [...ofRungs, ...ofFigures].filter(({ times }) => times > 0);
}
