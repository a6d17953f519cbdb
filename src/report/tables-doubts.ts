/** @file report: tables beside the figures of doubt: effects within contexts and nuisance values, and what a careless split would add. */
import type { LeakReading, StratumEffect } from '../record/parts.ts';
import { measuredText, whole, withInterval } from './format.ts';
import { type Html, html, outside } from './html.ts';
import { readerTable } from './table.ts';
import { ROLE_NAMES } from './words.ts';

/** Effects within contexts and nuisance values. */
export function strataTable(strata: readonly StratumEffect[]): Html {
  return html`${
    strata.length > 0 &&
    html`<h3 id="strata">Within contexts and nuisance values</h3>${readerTable({
      caption: 'Effect of exchanging each goal, by the value of another variable',
      heads: [
        { text: 'Variable' },
        { text: 'Value' },
        { text: 'Bases', number: true },
        { text: 'Groups', number: true },
        { text: 'Intended goal', number: true },
        { text: 'Proxy', number: true },
        { text: 'Intended' },
        { text: 'Proxy' },
      ],
      rows: strata.map((stratum) => [
        html`${outside(stratum.variable)} (${stratum.kind})`,
        outside(stratum.value),
        whole(stratum.bases),
        whole(stratum.groups),
        withInterval(stratum.intended, stratum.intendedInterval, 'nats'),
        withInterval(stratum.proxy, stratum.proxyInterval, 'nats'),
        stratum.use.intended,
        stratum.use.proxy,
      ]),
    })}`
  }`;
}

/** What a split by row would have added. */
export function leakTable(leaks: readonly LeakReading[]): Html {
  return html`${
    leaks.length > 0 &&
    html`<h3 id="leaks">What a careless split would add</h3><p class="how">Mean accuracy over random splits of the come-apart rows, at the site of the contrast. By row: rows are dealt out singly, so that one group lies on both sides. By group: groups are kept whole, as everywhere else on this page. Above zero, rows of one group gave each other away.</p>${readerTable(
      {
        caption: 'Accuracy on come-apart rows split singly, and split by whole groups',
        heads: [
          { text: 'Variable' },
          { text: 'Read at' },
          { text: 'By row', number: true },
          { text: 'By group', number: true },
          { text: 'Difference', number: true },
        ],
        rows: leaks.map((leak) => [
          ROLE_NAMES[leak.role],
          html`<code>${leak.hook} @ ${String(leak.position)}</code>`,
          measuredText(leak.rowSplit, 'accuracy'),
          measuredText(leak.groupSplit, 'accuracy'),
          measuredText(leak.difference, 'points'),
        ]),
      },
    )}`
  }`;
}
