/** @file report: the part that lenses fill: what the model's own read-out makes of its stream, and where heads look; no verdict. */
import type { LensReadings } from '../record/parts.ts';
import type { RunRecord } from '../record/record.ts';
import type { Figure } from './figure.ts';
import { attentionFigures } from './figure-attention.ts';
import { sharesFigure, streamsFigure } from './figure-lenses.ts';
import { whole } from './format.ts';
import { type Html, html, NOTHING, outside } from './html.ts';
import { NEEDS_SCRIPT } from './sections-figures.ts';
import { section } from './view.ts';

/** In the order of the page; none for a record without lenses. */
export function lensFigures({ lenses }: RunRecord): readonly Figure[] {
  if (lenses === undefined) return [];
  const { streams, shares, attention } = lenses;
  return [
    streams.state === 'measured' ? streamsFigure(streams) : undefined,
    shares.state === 'measured' ? sharesFigure(shares) : undefined,
    ...(attention.state === 'measured' ? attentionFigures(attention) : []),
  ].filter((one) => one !== undefined);
}

/** Nothing for a record without lenses. */
export function lensesSection({ lenses, testReads }: RunRecord, figures: readonly Figure[]): Html {
  if (lenses === undefined) return NOTHING;
  const { rows, ofRows, groups } = lenses;
  return section({
    id: 'lenses',
    title: 'Through lenses',
    lead: html`Exploratory: no rung reads any of this, and the verdict does not depend on it. What the model\u2019s own unembedding makes of its stream, and where its attention heads look; nothing is exchanged or taken out, so nothing here shows a cause.`,
    body: html`<p class="how maps-scale">${
      rows === 0
        ? 'No row was looked at.'
        : html`Looked at: ${rows < ofRows && html`${whole(rows)} of `}${whole(ofRows)} test rows (${whole(groups)} groups) in which each goal calls for one action, and not the same one. All differences are the logit of the intended action minus that of the proxy\u2019s: above 0 speaks for the intended one.${testReads.length > 0 && ' As nothing is decided by these looks, they are not in the count of looks at the test rows.'}`
    }</p>${figures.length > 0 && NEEDS_SCRIPT}${missing(lenses)}${figures.map(({ markup }) => markup)}`,
  });
}

/** What could not be shown, with the reason; one line for all where it is the same. */
function missing({ streams, shares, attention }: LensReadings): Html {
  const reasons = new Map<string, string[]>();
  const add = (what: string, reason: string): void => {
    reasons.set(reason, [...(reasons.get(reason) ?? []), what]);
  };
  if (streams.state === 'undefined') add('logit lens', streams.reason);
  if (shares.state === 'undefined') add('direct logit attribution', shares.reason);
  if (attention.state === 'undefined') add('attention patterns', attention.reason);
  else {
    for (const { block, reason } of attention.missing) add(`attention patterns of block ${block}`, reason);
    if (attention.example.full.state === 'undefined')
      add('the pattern of one example', attention.example.full.reason);
  }
  if (reasons.size === 0) return NOTHING;
  return html`<ul class="plain-list">${[...reasons].map(
    ([reason, what]) =>
      html`<li>Undefined: ${what.join(', ')}. <span class="small">${outside(reason)}</span></li>`,
  )}</ul>`;
}
