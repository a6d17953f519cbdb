/** @file test: made-up lens readings, and ones of which nothing is defined; no number in them was measured. */
import type { GoalRole } from '../../src/core/data-set.ts';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { LensMean, LensPlace, LensReadings } from '../../src/record/parts.ts';
import { sampleInterval } from './sample-evidence.ts';
import { HOOKS, round } from './sample-figures.ts';

function around(value: number, half: number): LensMean {
  return { value: measured(value), interval: sampleInterval(round(value - half), round(value + half)) };
}

const PLACES: readonly LensPlace[] = [
  { text: '0' },
  { text: '14' },
  { role: 'intended', text: '30' },
  { role: 'proxy', text: '61' },
  { role: 'irrelevant', text: '88' },
  { text: '120' },
  { text: '121' },
];
const ROLES: readonly GoalRole[] = ['intended', 'proxy', 'irrelevant'];

/** Two blocks of three heads, seven places; the proxy is spoken for by the last MLP. */
export function sampleLenses(): LensReadings {
  const heads = [0, 1].flatMap((block) => [0, 1, 2].map((head) => ({ block, head })));
  /** Most of the attention on the place after the head's number. */
  const line = (head: number): number[] => PLACES.map((_, key) => (key === head + 2 ? 0.76 : 0.04));
  return {
    rows: 200,
    groups: 150,
    ofRows: 420,
    streams: {
      state: 'measured',
      points: HOOKS.filter((hook) => !hook.includes('mid')).map((hook, i) => ({
        hook,
        difference: around(round(-3.1 * i + 0.1), 0.4),
      })),
    },
    shares: {
      state: 'measured',
      parts: [
        { part: 'embed', difference: around(0.02, 0.1) },
        ...heads.slice(0, 3).map(({ block, head }) => ({
          part: `blocks.0.head.${head}`,
          block,
          head,
          difference: around(round(0.1 - 0.2 * head), 0.1),
        })),
        { part: 'blocks.0.attn_bias', block: 0, difference: around(0.01, 0.005) },
        { part: 'blocks.0.mlp_out', block: 0, difference: around(-1.1, 0.3) },
        { part: 'blocks.1.attn_out', block: 1, difference: around(0.6, 0.2) },
        { part: 'blocks.1.mlp_out', block: 1, difference: around(-5.03, 0.6) },
        { part: 'constant', difference: { value: undefinedBecause('made up to be undefined') } },
      ],
      total: around(-6.1, 0.4),
      error: 3e-7,
      whole: [{ block: 1, reason: 'the graph has no values per head' }],
    },
    attention: {
      state: 'measured',
      rows: 180,
      ofRows: 200,
      readout: 6,
      places: PLACES.map(({ text }, i) => (i === 0 || i > 4 ? { text: text! } : {})),
      even: { intended: 0.143, proxy: 0.143, irrelevant: 0.143 },
      heads: heads.map(({ block, head }) => ({
        block,
        head,
        mean: line(head),
        onto: Object.fromEntries(ROLES.map((role, i) => [role, around(i === head ? 0.76 : 0.04, 0.02)])),
      })),
      example: {
        id: 'x1',
        places: PLACES,
        full: {
          state: 'measured',
          patterns: heads.map(({ head }) => PLACES.map((_, query) => (query === 6 ? line(head) : line(0)))),
        },
      },
      missing: [{ block: 2, reason: 'attention is one operator here' }],
    },
  };
}

/** A look at no row: every lens has its reason. */
export function noLenses(): LensReadings {
  const nothing = { state: 'undefined', reason: 'in no test row do the goals part' } as const;
  return { rows: 0, groups: 0, ofRows: 0, streams: nothing, shares: nothing, attention: nothing };
}
