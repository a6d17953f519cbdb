/** @file report: the logit lens by stream and direct logit attribution by part, with their intervals; explains no cause. */
import type { LensMean, LensShares, LensStreams } from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { intervalText, inUnit, unitName, withInterval } from './format.ts';
import { html } from './html.ts';
import { numberOf, readerTable, tableOf } from './table.ts';

type Measured<T> = Extract<T, { state: 'measured' }>;

/** The difference after each stream; undefined where there are no streams. */
export function streamsFigure({ points }: Measured<LensStreams>): Figure | undefined {
  if (points.length === 0) return undefined;
  return figure({
    data: {
      id: 'lens-streams',
      title: 'Logit lens: what each stream would say',
      finding: streamsFinding(points),
      table: 'lens-streams-table',
      drawing: { kind: 'lens-streams', hooks: points.map(({ hook }) => hook) },
    },
    tableData: tableOf('lens-streams-table', points, [
      { name: 'hook', text: ({ hook }) => hook },
      { name: 'difference_logits', number: ({ difference }) => numberOf(difference.value) },
      { name: 'low', number: ({ difference }) => difference.interval?.low ?? null },
      { name: 'high', number: ({ difference }) => difference.interval?.high ?? null },
    ]),
    reader: readerTable({
      caption: 'Intended action minus proxy\u2019s action, as if the model stopped after each stream',
      heads: [{ text: 'Stream' }, { text: 'Logits', number: true }],
      rows: points.map(({ hook, difference }) => [html`<code>${hook}</code>`, meanCell(difference)]),
    }),
    howToRead: html`Each stream through the model\u2019s own last norm and unembedding, as if no block followed (nostalgebraist 2020); the last mark is what the model itself says. The band is the interval over groups. Earlier blocks may write in another code than the one that the unembedding reads, so a flat line shows no absence.`,
  });
}

/** Each part's share of the difference, in order of computation; undefined where there are no parts. */
export function sharesFigure(shares: Measured<LensShares>): Figure | undefined {
  const { parts, total, whole } = shares;
  if (parts.length === 0) return undefined;
  return figure({
    data: {
      id: 'lens-shares',
      title: 'Direct logit attribution: which part says it',
      finding: sharesFinding(shares),
      table: 'lens-shares-table',
      drawing: { kind: 'lens-shares' },
    },
    tableData: tableOf('lens-shares-table', parts, [
      { name: 'part', text: ({ part }) => part },
      { name: 'block', number: ({ block }) => block ?? null },
      { name: 'head', number: ({ head }) => head ?? null },
      { name: 'share_logits', number: ({ difference }) => numberOf(difference.value) },
      { name: 'low', number: ({ difference }) => difference.interval?.low ?? null },
      { name: 'high', number: ({ difference }) => difference.interval?.high ?? null },
    ]),
    reader: html`${readerTable({
      caption: 'Share of each part in intended action minus proxy\u2019s action',
      heads: [{ text: 'Part' }, { text: 'Logits', number: true }],
      rows: [
        ...parts.map(({ part, difference }) => [html`<code>${part}</code>`, meanCell(difference)]),
        ['all together', meanCell(total)],
      ],
    })}${
      whole.length > 0 &&
      html`<p class="small">Not split into heads: ${whole.map(
        ({ block, reason }, i) => html`${i > 0 && '; '}block ${block}, ${reason}`,
      )}.</p>`
    }`,
    howToRead: html`The last stream is the sum of what each part wrote into it; with the last norm held at the scale that it had in each row, each part has a share of every logit (Elhage et al. 2021). Bars from top to bottom in the order of computation, with intervals over groups. A share is direct: what a part passes on to later parts counts as theirs, and parts may cancel each other.`,
  });
}

function meanCell({ value, interval }: LensMean): ReturnType<typeof withInterval> {
  return withInterval(value, interval, 'logits');
}

/** `2.41 logits [2.1, 2.7]`. */
function said({ value, interval }: LensMean): string {
  if (value.state === 'undefined') return `undefined (${value.reason})`;
  const span = interval === undefined ? '' : ` ${intervalText(interval, 'logits', undefined)}`;
  return `${inUnit(value.value, 'logits')}${unitName('logits')}${span}`;
}

/** Which action a difference speaks for; neither where its interval holds 0. */
function favoured({ value, interval }: LensMean): string {
  if (value.state === 'undefined') return 'neither action';
  if (interval !== undefined && interval.low <= 0 && interval.high >= 0) return 'neither action clearly';
  return value.value > 0 ? 'the intended action' : 'the proxy\u2019s action';
}

function streamsFinding(points: Measured<LensStreams>['points']): string {
  const last = points.at(-1)!.difference;
  const own = `In the end the model favours ${favoured(last)}: ${said(last)}.`;
  if (last.value.state === 'undefined' || favoured(last) === 'neither action clearly') return own;
  const end = last.value.value;
  const reaches = ({ difference: { value } }: (typeof points)[number]): boolean =>
    value.state === 'measured' && value.value / end >= 0.5;
  // From where on it stays, not where it first came by.
  const before = points.findLastIndex((point) => !reaches(point));
  const first = points[before + 1];
  return first === undefined ? own : `${own} At least half of that is there from ${first.hook} on.`;
}

const NAMED_PARTS = 3;
/** Of the largest share; what is smaller is not worth a name. */
const NAMED_FROM = 0.05;

function sharesFinding({ parts, total }: Measured<LensShares>): string {
  const sizes = parts.flatMap(({ part, difference: { value } }) =>
    value.state === 'measured' ? [{ part, value: value.value }] : [],
  );
  sizes.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const least = NAMED_FROM * Math.abs(sizes[0]?.value ?? 0);
  const largest = sizes.filter(({ value }) => Math.abs(value) >= least).slice(0, NAMED_PARTS);
  const names = largest.map(({ part, value }) => `${part} (${inUnit(value, 'logits')})`);
  return `In all ${said(total)}; the largest share${names.length === 1 ? ' is that' : 's are those'} of ${names.join(', ')}.`;
}
