/** @file report: part 3, internal against behavior: what the model did, by what its activations say; the silent cell called out. */
import type { BehaviorTable, QuadrantTable, RollOutTable, Serves } from '../record/parts.ts';
import { fixed, intervalText, percent, sharedDecimals, whole } from './format.ts';
import { type Html, html, NOTHING, outside } from './html.ts';
import { roleShape, servesMark } from './marks.ts';
import { divergentTable } from './table-divergent.ts';
import { type ReportView, section } from './view.ts';
import { SERVES, SERVES_ORDER } from './words.ts';

export function behaviorSection({ record }: ReportView, scatter: Html | undefined): Html {
  const { quadrants, behavior, rollOuts } = record;
  return section({
    id: 'behavior',
    title: 'Internal against behavior',
    lead: 'Over the select and test rows of each set: rows are what the choice served, columns what the activations name. Where both goals recommend the choice it serves both, and where both have the value that is read it reads as both; only intended against proxy is a disagreement. The outlined cell behaves as intended while this reading, which is not calibrated, names the proxy.',
    body: html`${
      quadrants.length === 0
        ? html`<p>The record holds no such table: it needs decision states and a probe that reads both goals.</p>`
        : html`<div class="quadrants">${quadrants.map(quadrantTable)}</div>`
    }${scatter}${divergentTable(record)}${
      (behavior.length > 0 || rollOuts.length > 0) &&
      html`<h3>What it did</h3><div class="bars-grid">${behavior.map(behaviorBars)}${rollOuts.map(rollOutBars)}</div>`
    }`,
  });
}

function quadrantTable(table: QuadrantTable): Html {
  const cellOf = (behavior: Serves, internal: Serves): QuadrantTable['cells'][number] | undefined =>
    table.cells.find((cell) => cell.behavior === behavior && cell.internal === internal);
  // A row or a column that nothing falls into carries no information; the goals' own always stay.
  const shown = (side: 'behavior' | 'internal'): readonly Serves[] =>
    SERVES_ORDER.filter(
      (what) =>
        what === 'intended' ||
        what === 'proxy' ||
        table.cells.some((cell) => cell[side] === what && cell.count > 0),
    );
  const columns = shown('internal');
  return html`<div class="quadrant"><div class="table-frame" tabindex="0" role="region" aria-label="Behavior by internal reading"><table class="quadrant-table"><caption>Set <strong>${outside(table.set)}</strong>, ${whole(table.total)} select and test rows</caption>
<thead><tr><td></td>${columns.map((what) => html`<th scope="col"><span class="axis-word">reads as</span> ${servesMark(what, SERVES[what])}</th>`)}</tr></thead>
<tbody>${shown('behavior').map(
    (behavior) =>
      html`<tr><th scope="row"><span class="axis-word">behaves</span> ${servesMark(behavior, SERVES[behavior])}</th>${columns.map(
        (internal) => {
          const cell = cellOf(behavior, internal);
          const silent = behavior === 'intended' && internal === 'proxy';
          if (cell === undefined) return html`<td class="quadrant-cell empty">\u2013</td>`;
          const decimals = sharedDecimals(cell.share, cell.interval, 'share');
          return html`<td class="quadrant-cell${silent && ' silent'}${cell.count === 0 && ' empty'}" style="--share:${fixed(Math.min(1, Math.max(0, cell.share)), 3)}"><strong>${whole(cell.count)}</strong><span class="share">${percent(cell.share, decimals)}</span><span class="interval">${intervalText(cell.interval, 'share', decimals)}</span>${silent && html`<span class="silent-word">silent</span>`}</td>`;
        },
      )}</tr>`,
  )}</tbody></table></div><p class="finding">${silentSentence(table)}</p></div>`;
}

function silentSentence({ silent, set }: QuadrantTable): Html {
  if (silent.share.state === 'undefined') {
    return html`No silent divergence can be counted in ${outside(set)}: ${outside(silent.share.reason)}.`;
  }
  const decimals = sharedDecimals(silent.share, silent.interval, 'share');
  const share = html`${percent(silent.share.value, decimals)}${silent.interval !== undefined && html` ${intervalText(silent.interval, 'share', decimals)}`}`;
  return silent.count === 0
    ? html`No row of ${whole(silent.total)} where the goals part behaves as intended while it reads as proxy (${share}).`
    : html`<strong>${whole(silent.count)} of ${whole(silent.total)}</strong> rows where the goals part behave as intended while they read as proxy (${share}).`;
}

type Bar = {
  readonly mark: Html;
  readonly count: number;
  readonly share: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly className: string;
};

function behaviorBars(table: BehaviorTable): Html {
  const rows =
    table.decisionStates > 0
      ? `${whole(table.decisionStates)} of ${whole(table.rows)} rows, where the goals recommend different actions`
      : `${whole(table.rows)} rows; the goals never recommend different actions`;
  return bars({
    title: html`Choices in <strong>${outside(table.set)}</strong>`,
    note: html`${rows}`,
    bars: table.serves.map(({ what, ...rest }) => ({
      ...rest,
      mark: html`${roleShape(what)}<span>serves ${SERVES[what]}</span>`,
      className: `role-${what}`,
    })),
  });
}

function rollOutBars(table: RollOutTable): Html {
  return bars({
    title: html`Episodes: ${outside(table.title)}`,
    note: html`${whole(table.episodes)} episodes${table.meanSteps.state === 'measured' && `, ${fixed(table.meanSteps.value, 1)} steps on average`}`,
    bars: table.outcomes.map(({ what, ...rest }) => ({
      ...rest,
      mark: html`<span>${outside(what)}</span>`,
      className: 'role-none',
    })),
  });
}

function bars(options: { readonly title: Html; readonly note: Html; readonly bars: readonly Bar[] }): Html {
  if (options.bars.length === 0) return NOTHING;
  return html`<div class="bars"><h4>${options.title}</h4><p class="small">${options.note}</p><dl>${options.bars.map(
    ({ mark, count, share, interval, className }) => {
      const decimals = sharedDecimals(share, interval, 'share');
      return html`<div class="bar"><dt>${mark}</dt><dd class="bar-track" aria-hidden="true"><span class="bar-fill ${className}" style="width:${fixed(100 * Math.min(1, Math.max(0, share)), 2)}%"></span><span class="bar-whisker" style="left:${fixed(100 * Math.max(0, interval.low), 2)}%;width:${fixed(100 * Math.min(1, Math.max(0, interval.high - interval.low)), 2)}%"></span></dd><dd class="bar-number"><strong>${percent(share, decimals)}</strong> <span class="interval">${intervalText(interval, 'share', decimals)}</span> <span class="small">n = ${whole(count)}</span></dd></div>`;
    },
  )}</dl></div>`;
}
