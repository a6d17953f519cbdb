/** @file test: error bars and null bands, which several drawings share. */
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, test } from 'vitest';

type Bars = { readonly array: number[]; readonly arrayminus: number[] };
type Band = { readonly x: number[]; readonly y: number[]; readonly fillcolor: string };
type Parts = {
  readonly errorBars: (
    marks: readonly { i: number; value: number }[],
    low: readonly (number | null)[],
    high: readonly (number | null)[],
    color: string,
  ) => Bars;
  readonly nullBand: (
    marks: readonly { i: number; x: number }[],
    low: readonly (number | null)[],
    high: readonly (number | null)[],
    style: { palette: { band: number }; color: string; overhang: number },
  ) => Band | undefined;
};

/** The page's scripts share one scope; the two files that are asked for stand alone. */
const context = createContext({ translucent: (color: string, alpha: number) => `${color}@${alpha}` });
runInContext(
  readFileSync(new URL('../../src/report/client/draw-parts.js', import.meta.url), 'utf8'),
  context,
);
const { errorBars, nullBand } = context as unknown as Parts;
const style = { palette: { band: 0.2 }, color: '#123456', overhang: 0 };
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('error bars', () => {
  test('reach from each mark to the ends of its interval, and nowhere where it has none', () => {
    const marks = [
      { i: 2, value: 1 },
      { i: 0, value: -1 },
    ];
    const bars = plain(errorBars(marks, [-1.5, 9, null], [0, 9, null], '#123456'));
    expect(bars.array).toEqual([0, 1]);
    expect(bars.arrayminus).toEqual([0, 0.5]);
  });
});

describe('the band of a null', () => {
  const marks = [0, 1, 2].map((x) => ({ i: x, x }));

  test('goes along the high ends and back along the low ones, without marks that have no null', () => {
    const band = plain(nullBand(marks, [-1, null, -3], [1, null, 3], { ...style, overhang: 0.3 }))!;
    expect(band.x).toEqual([-0.3, 0, 2, 2.3, 2.3, 2, 0, -0.3]);
    expect(band.y).toEqual([1, 1, 3, 3, -3, -3, -1, -1]);
    expect(band.fillcolor).toBe('#123456@0.2');
  });

  test('is not drawn where no mark has one, or a single mark leaves it no width', () => {
    expect(nullBand(marks, [null, null, null], [1, 1, 1], style)).toBeUndefined();
    expect(nullBand(marks.slice(0, 1), [-1], [1], style)).toBeUndefined();
    expect(nullBand(marks.slice(0, 1), [-1], [1], { ...style, overhang: 0.3 })!.x.length).toBe(6);
  });
});
