/** @file report: part 4, the evidence ladder: each rung with its numbers, nulls, criterion and outcome. */
import type { RungId, RungResult, Statistic } from '../record/parts.ts';
import { intervalText, measuredText, plain, pText, sharedDecimals } from './format.ts';
import { type Html, html, NOTHING, outside } from './html.ts';
import { roleShape, shownState, stateMark, stateShape, stateWord, statisticStrip } from './marks.ts';
import { decidingNulls, headlineNull, nullSpan } from './nulls.ts';
import { type ReportView, section } from './view.ts';
import { ROLE_NAMES } from './words.ts';

export function ladderSection(view: ReportView): Html {
  const { rungs, verdict } = view.record;
  const counts = new Map<string, number>();
  for (const wanted of ['passed', 'failed', 'undefined', 'not-run'] as const)
    for (const { id, state } of rungs)
      if (state === wanted) {
        const said = `${stateWord(state, id)}${id === 'L8' ? ' (L8)' : ''}`;
        counts.set(said, (counts.get(said) ?? 0) + 1);
      }
  const outcomes = [...counts].map(([said, count]) => `${count} ${said}`);
  return section({
    id: 'ladder',
    title: 'The evidence ladder',
    lead:
      rungs.length === 0
        ? 'No rung was run.'
        : html`Each rung asks another question, and holds its number against a null. ${outcomes.join(', ')}; the verdict stands on <a href="#rung-${verdict.grade}">${verdict.grade}</a>.`,
    body:
      rungs.length === 0
        ? NOTHING
        : html`<ol class="ladder">${rungs.map((rung) => rungItem(view, rung))}</ol><p class="how">In each small picture the mark is the number, the line its interval, the grey band the central 95\u202f% of its null, the tick zero.</p>`,
  });
}

function rungItem(view: ReportView, rung: RungResult): Html {
  const graded = view.record.verdict.grade === rung.id;
  const roles = (['intended', 'proxy'] as const).flatMap((role) => {
    const state = rung.byRole[role];
    return state === undefined ? [] : [{ role, state }];
  });
  const deciding = decisive(rung);
  const { statistics } = rung;
  return html`<li class="rung rung-${shownState(rung.state, rung.id)}${graded && ' rung-graded'}" id="rung-${rung.id}">
<div class="rung-rail"><span class="rung-badge">${rung.id}</span></div>
<div class="rung-main"><h3>${outside(rung.title)} ${stateMark(rung.state, rung.id)}${graded && html`<span class="chip chip-grade">grade</span>`}</h3>
<p class="rung-question">${outside(rung.question)}</p><p class="rung-summary">${outside(rung.summary)}</p>${
    roles.length > 0 &&
    html`<ul class="rung-roles">${roles.map(
      ({ role, state }) =>
        html`<li>${roleShape(role)}<span>${ROLE_NAMES[role]}</span>${stateMark(state)}</li>`,
    )}</ul>`
  }</div>
<div class="rung-numbers">${deciding.map((statistic) => decisiveNumber(statistic, rung.id))}</div>
${
  statistics.length > 0 &&
  html`<details class="rung-details"><summary>${statistics.length === 1 ? 'Its statistic' : `All ${statistics.length} statistics`}</summary><div class="statistics">${statistics.map((statistic) => statisticRow(view, statistic, rung.id))}</div></details>`
}</li>`;
}

/** At most one deciding number per goal, and at most two: the first that the rule judged. */
function decisive(rung: RungResult): readonly Statistic[] {
  const judged = rung.statistics.filter(({ state }) => state !== 'reported');
  const proxy = judged.find(({ role }) => role === 'proxy');
  const intended = judged.find(({ role }) => role === 'intended');
  const byRole = [intended, proxy].flatMap((statistic) => (statistic === undefined ? [] : [statistic]));
  if (byRole.length > 0) return byRole;
  // Of the parts that must all hold, the one that did not explains more than the first one that did.
  const telling = judged.find(({ state }) => state !== 'passed') ?? judged[0];
  return telling === undefined ? [] : [telling];
}

function decisiveNumber(statistic: Statistic, rung: RungId): Html {
  const { label, value, unit, interval, role, criterion, state } = statistic;
  const decimals = sharedDecimals(value, interval, unit);
  const strongest = headlineNull(statistic);
  return html`<div class="decisive"><p class="decisive-number"><span class="state-${shownState(state, rung)}">${stateShape(shownState(state, rung))}<span class="visually-hidden">${stateWord(state, rung)}</span></span>${role !== undefined && html`<span class="decisive-role">${ROLE_NAMES[role]}</span>`}<strong>${
    value.state === 'measured' ? numberWithFactor(statistic) : 'undefined'
  }</strong>${interval !== undefined && html` <span class="interval">${intervalText(interval, unit, decimals)}</span>`}</p>${role === undefined && html`<p class="statistic-label">${outside(label)}</p>`}${statisticStrip({ ...statistic, nulls: decidingNulls(statistic) })}<p class="small">${
    value.state === 'undefined' && html`${outside(value.reason)}. `
  }${strongest !== undefined && html`Null ${nullSpan(strongest, statistic)}${strongest.pValue.state === 'measured' && html`, ${pText(strongest.pValue)}`}. `}<span class="criterion">Asked: ${outside(criterion)}.</span></p></div>`;
}

/** A log ratio is easier to grasp as the factor it stands for. */
function numberWithFactor({ value, interval, unit }: Statistic): string {
  const text = measuredText(value, unit, sharedDecimals(value, interval, unit));
  return unit === 'log-ratio' && value.state === 'measured'
    ? `${text} (\u00d7\u202f${plain(Math.exp(value.value))})`
    : text;
}

function statisticRow(view: ReportView, statistic: Statistic, rung: RungId): Html {
  const { id, label, value, interval, unit, nulls, state, criterion, site, role } = statistic;
  const decimals = sharedDecimals(value, interval, unit);
  return html`<div class="statistic" id="${view.anchorOf.get(id)}" tabindex="-1">
<div class="statistic-head"><p class="statistic-label">${role !== undefined && roleShape(role)}${outside(label)}</p><p class="small"><code>${id}</code>${site !== undefined && html` at <code>${site}</code>`}</p></div>
<div class="statistic-number"><p><strong>${value.state === 'measured' ? numberWithFactor(statistic) : 'undefined'}</strong>${interval !== undefined && html` <span class="interval" title="${interval.method}">${intervalText(interval, unit, decimals)}</span>`}</p>${statisticStrip(statistic)}${
    value.state === 'undefined' && html`<p class="small">${outside(value.reason)}</p>`
  }</div>
<div class="statistic-outcome"><p>${stateMark(state, rung)}</p><p class="small">${outside(criterion)}</p></div>
${
  nulls.length > 0 &&
  html`<ul class="nulls">${nulls.map(
    (comparison) =>
      html`<li>${comparison.decides === false ? 'Null, for information' : 'Null'}: ${outside(comparison.label)}; ${comparison.draws} draws, mean ${measuredText(comparison.mean, unit)}, 95\u202f% ${nullSpan(comparison, statistic)}${comparison.pValue.state === 'measured' && html`, ${pText(comparison.pValue)}`}</li>`,
  )}</ul>`
}</div>`;
}
