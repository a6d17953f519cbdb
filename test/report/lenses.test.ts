/** @file test: the part of the page that lenses fill: its sentences follow from the numbers, what is undefined says why, and older records have none. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LensReadings, LensShares, LensStreams } from '../../src/record/parts.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { attentionFigures } from '../../src/report/figure-attention.ts';
import { sharesFigure, streamsFigure } from '../../src/report/figure-lenses.ts';
import { noLenses, sampleLenses } from './sample-lenses.ts';
import { pageOf } from './sample-page.ts';
import { sampleRecord } from './sample-record.ts';

type Measured<T> = Extract<T, { state: 'measured' }>;

const lenses = sampleLenses();
const attention = lenses.attention as Measured<LensReadings['attention']>;

function mean(value: number, half = 0.1): Measured<LensStreams>['points'][number]['difference'] {
  const interval = { low: value - half, high: value + half, level: 0.95, method: 'made up' };
  return { value: { state: 'measured', value }, interval };
}

function streamsSaying(...values: readonly number[]): string {
  const points = values.map((value, i) => ({ hook: `stream ${i}`, difference: mean(value) }));
  return streamsFigure({ state: 'measured', points })!.data.finding;
}

describe('a page', () => {
  let html: string;
  beforeAll(async () => {
    html = await pageOf(sampleRecord());
  });

  test('without lenses in its record has neither their part nor a link to it', async () => {
    const { lenses: _, ...older } = sampleRecord();
    const page = await pageOf(older);
    const sections = [...page.matchAll(/<section id="([a-z]+)"/g)].map(([, id]) => id);
    expect(sections).toEqual([
      'verdict',
      'warnings',
      'behavior',
      'ladder',
      'where',
      'causal',
      'geometry',
      'examples',
      'about',
    ]);
    expect(page).not.toContain('href="#lenses"');
    expect(page).not.toContain('id="lens-streams"');
  });

  test('says that nothing there is evidence, how many rows were looked at, and that these looks are not counted', () => {
    expect(html).toContain('href="#lenses"');
    const part = /<section id="lenses"[\s\S]*?<\/section>/.exec(html)![0];
    expect(part).toContain('Exploratory: no rung reads any of this');
    expect(part).toContain('200 of 420 test rows (150 groups)');
    expect(part).toContain('not in the count of looks at the test rows');
    expect(part).toContain('Undefined: attention patterns of block 2.');
    expect([...part.matchAll(/<figure /g)].length).toBe(5);
  });

  test('gives the reason once where nothing is defined, and draws nothing', async () => {
    const page = await pageOf({ ...sampleRecord(), lenses: noLenses() });
    const part = /<section id="lenses"[\s\S]*?<\/section>/.exec(page)![0];
    expect(part).toContain('Undefined: logit lens, direct logit attribution, attention patterns.');
    expect([...part.matchAll(/in no test row do the goals part/g)].length).toBe(1);
    expect(part).not.toContain('<figure');
    expect(part).toContain('No row was looked at.');
  });

  test('of a far larger model stays within its size', async () => {
    const keys = 270;
    const big: RunRecord = {
      ...sampleRecord(),
      lenses: {
        ...lenses,
        attention: {
          ...attention,
          places: Array.from({ length: keys }, () => ({})),
          heads: Array.from({ length: 144 }, (_, i) => ({
            ...attention.heads[0]!,
            block: Math.floor(i / 12),
            head: i % 12,
            mean: Array.from({ length: keys }, () => 1 / keys),
          })),
          example: { ...attention.example, full: { state: 'undefined', reason: 'too many numbers' } },
        },
      },
    };
    const page = await pageOf(big);
    const data = /<script type="application\/json"[^>]*>([\s\S]*?)<\/script>/.exec(page)![1]!;
    expect(Buffer.byteLength(page) - Buffer.byteLength(data)).toBeLessThan(2_000_000);
    expect(page).toContain('the pattern of one example');
  });
});

describe('the sentence of the logit lens', () => {
  test('names what is favoured in the end, and from where on at least half of it is there to stay', () => {
    expect(streamsSaying(0, -4, -1, -5, -6)).toBe(
      'In the end the model favours the proxy\u2019s action: \u22126\u00a0logits [\u22126.1, \u22125.9]. At least half of that is there from stream 3 on.',
    );
    expect(streamsSaying(5, 4)).toMatch(
      /^In the end the model favours the intended action: .* from stream 0 on\.$/,
    );
  });

  test('takes no side where the interval holds 0', () => {
    expect(streamsSaying(3, 0.05)).toMatch(
      /favours neither action clearly: 0\.05\u00a0logits \[\u22120\.05, 0\.15\]\.$/,
    );
  });
});

describe('the sentence of the attribution', () => {
  const sentence = (...values: readonly number[]): string => {
    const parts = values.map((value, i) => ({ part: `part ${i}`, difference: mean(value) }));
    const total = mean(values.reduce((sum, value) => sum + value, 0));
    const shares: Measured<LensShares> = { state: 'measured', parts, total, error: 0, whole: [] };
    return sharesFigure(shares)!.data.finding;
  };

  test('names the largest shares, and none that is rounding beside them', () => {
    expect(sentence(1e-8, -3, 0.5, 8, 2)).toContain(
      'the largest shares are those of part 3 (8), part 1 (\u22123), part 4 (2).',
    );
    expect(sentence(1e-8, 0, 8)).toContain('the largest share is that of part 2 (8).');
  });
});

describe('attention', () => {
  test('has a figure for goals, places and the example, and fewer where the record holds less', () => {
    const ids = (of: typeof attention): string[] => attentionFigures(of).map(({ data }) => data.id);
    expect(ids(attention)).toEqual(['attention-goals', 'attention-places', 'attention-example']);
    const heads = attention.heads.map((head) => ({ ...head, onto: {} }));
    const example = { ...attention.example, full: { state: 'undefined', reason: 'too many' } as const };
    expect(ids({ ...attention, heads, even: {}, example })).toEqual(['attention-places']);
  });

  test('says which head looks most at each goal, and marks the tokens of the example by goal', () => {
    const [goals, places, example] = attentionFigures(attention).map(({ data }) => data);
    expect(goals!.finding).toContain(
      'Intended goal: most from block 0, head 0, 76\u202f% (14\u202f% if it looked everywhere alike).',
    );
    expect(goals!.finding).toContain('Proxy: most from block 0, head 1');
    expect(places!.finding).toMatch(/^Mean over 180 rows of 7 positions \(of 200 looked at, the 20 others/);
    expect(places!.drawing).toMatchObject({
      keys: ['\u22127: 0', '\u22126', '\u22125', '\u22124', '\u22123', '\u22122: 120', '\u22121: 121'],
    });
    expect(example!.drawing).toMatchObject({
      keys: ['0', '14', '\u25cf 30', '\u25c6 61', '\u25a1 88', '120', '121'],
    });
  });
});

/** The page's own script, as far as a drawing needs it. */
const CLIENT = new URL('../../src/report/client/', import.meta.url);
const script = ['palette.js', 'draw-parts.js', 'draw-maps.js', 'draw-interchange.js', 'draw-lenses.js']
  .map((file) => readFileSync(new URL(file, CLIENT), 'utf8'))
  .join('\n');
type Trace = { readonly type: string; readonly y: number[]; readonly marker: { readonly color: string[] } };
type Drawn = { readonly traces: readonly Trace[]; readonly layout: { readonly height: number } };

function draw(call: string, columns: Readonly<Record<string, readonly unknown[]>>, plan: object = {}): Drawn {
  const table = { column: (name: string) => columns[name] ?? [] };
  const code = `${script}\nconst numbers = (column) => column, texts = (column) => column.map(String); ${call}`;
  return runInNewContext(code, { table, plan }) as Drawn;
}

describe('the drawings', () => {
  const columns = {
    part: ['embed', 'blocks.0.head.0', 'blocks.0.mlp_out', 'blocks.1.mlp_out', 'constant'],
    block: [null, 0, 0, 1, null],
    head: [null, 0, null, null, null],
    share_logits: [0.02, 2, -3, 4, null],
    low: [-0.1, 1.5, -3.5, -1, null],
    high: [0.1, 2.5, -2.5, 9, null],
  };

  test('colour a share by the goal that it speaks for, and by none where its interval holds 0', () => {
    const [bars] = draw('drawShares(table, LIGHT, 800)', columns).traces;
    const [intended, proxy, neither] = ['#0068a8', '#cc5200', '#70767d'];
    expect([...bars!.marker.color]).toEqual([neither, intended, proxy, neither]);
    // What belongs to one block stands together, and the undefined share has no bar.
    expect([...bars!.y].map((y) => Math.round(10 * y) / 10)).toEqual([0, 1.6, 2.6, 4.2]);
  });

  test('of one block show its heads alone', () => {
    const panels = [0, 0, 1].map((block, i) => ({
      column: `head ${i}`,
      title: `head ${i}`,
      chance: 0,
      span: 1,
      percent: true,
      block,
    }));
    const plan = { kind: 'attention', queries: ['a', 'b'], keys: ['a', 'b'], panels };
    const cells = Object.fromEntries(panels.map(({ column }) => [column, [1, 0, 0.5, 0.5]]));
    const maps = (block: string): number =>
      draw(`drawAttention(table, plan, ${block}, DARK, 1000)`, cells, plan).traces.filter(
        ({ type }) => type === 'heatmap',
      ).length;
    expect([maps('undefined'), maps("'0'"), maps("'1'")]).toEqual([3, 2, 1]);
  });
});
