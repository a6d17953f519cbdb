/** @file report: part 1, the verdict: the answer, its grade and numbers, what it does not show; and part 2, the warnings. */
import type { GoalRole } from '../core/data-set.ts';
import type { Verdict } from '../record/parts.ts';
import { intervalText, inUnit, sharedDecimals, unitName } from './format.ts';
import { type Html, html, NOTHING, outside } from './html.ts';
import { type StripOptions, strip, stripDomain } from './marks.ts';
import { headlineNull, nullSpan } from './nulls.ts';
import { citation, type ReportView, section } from './view.ts';
import { HEADLINES, PROXY_STATES, PURSUES, STRENGTHS } from './words.ts';

export function verdictSection(view: ReportView): Html {
  const { verdict, rungs, question } = view.record;
  const rung = rungs.find(({ id }) => id === verdict.grade);
  const pending = rungs.filter(({ state }) => state === 'not-run').map(({ id }) => id);
  return html`<section id="verdict" class="verdict verdict-${verdict.verdict}" aria-labelledby="verdict-heading">
<p class="question">${outside(question)}</p>
<h2 id="verdict-heading"><span class="visually-hidden">Verdict: </span>${HEADLINES[verdict.verdict]}</h2>
<p class="chips"><span class="chip chip-grade" title="Highest rung reached on the way to what is claimed">${rung?.state === 'passed' ? 'Grade' : 'Decided at'} ${verdict.grade}${
    rung?.state === 'passed' && html`\u2002${outside(rung.title)}`
  }</span>${
    verdict.provisional &&
    html`<span class="chip chip-provisional">Provisional${pending.length > 0 && ` until ${pending.join(', ')} ${pending.length === 1 ? 'is' : 'are'} run`}</span>`
  }<span class="chip">pursues: ${PURSUES[verdict.pursues]}</span><span class="chip">proxy: ${PROXY_STATES[verdict.proxy]}</span></p>
<p class="answer">${outside(verdict.sentence)}</p>
${strengths(view)}
<div class="limits"><div><h3>What this does not show</h3>${
    verdict.notShown.length === 0
      ? html`<p>The record names nothing.</p>`
      : html`<ul>${verdict.notShown.map((text) => html`<li>${outside(text)}</li>`)}</ul>`
  }</div><div><h3>What would overturn it</h3><p>${outside(verdict.overturnedBy)}</p>${missing(verdict)}</div></div>
${claims(view)}
</section>
`;
}

/** The deciding numbers; those of one unit without a fixed axis share one, so that their lengths can be compared. */
function strengths(view: ReportView): Html {
  const entries = Object.entries(view.record.verdict.strength).map(([name, strength]) => {
    const known = Object.hasOwn(STRENGTHS, name) ? STRENGTHS[name] : undefined;
    const cited = view.statisticOf.get(strength.cites);
    const unit = known?.unit ?? cited?.unit ?? 'ratio';
    const role: GoalRole | undefined =
      name === 'effectIntended' || name === 'pushIntended'
        ? 'intended'
        : name === 'effectProxy' || name === 'pushProxy'
          ? 'proxy'
          : undefined;
    // A push moves the choice in any direction: the number means something beside its null alone.
    const pushed = name === 'pushIntended' || name === 'pushProxy' ? cited : undefined;
    const beside = pushed === undefined ? undefined : headlineNull(pushed);
    const options: StripOptions = {
      unit,
      value: strength.value.state === 'measured' ? strength.value.value : undefined,
      interval: strength.interval,
      role,
      domain: known?.domain,
      ...(beside !== undefined && { nulls: [beside] }),
    };
    return {
      name,
      strength,
      beside,
      label: known?.label,
      order: Object.keys(STRENGTHS).indexOf(name),
      options,
    };
  });
  if (entries.length === 0) return NOTHING;
  const known = (order: number): number => (order < 0 ? Number.MAX_SAFE_INTEGER : order);
  entries.sort((a, b) => known(a.order) - known(b.order) || (a.name < b.name ? -1 : 1));
  return html`<dl class="strengths">${entries.map(({ name, strength, beside, label, options }) => {
    const sharing = entries.filter(
      (other) => other.options.unit === options.unit && other.options.domain === undefined,
    );
    const domain = options.domain ?? stripDomain(sharing.map((other) => other.options));
    const { value, interval } = strength;
    const decimals = sharedDecimals(value, interval, options.unit);
    return html`<div class="strength"><dt>${label ?? outside(name)}</dt><dd class="strength-strip">${strip({ ...options, domain })}</dd><dd class="strength-number">${
      value.state === 'measured'
        ? html`<strong>${inUnit(value.value, options.unit, decimals)}</strong>${unitName(options.unit)}`
        : html`<em>undefined: ${outside(value.reason)}</em>`
    }${interval !== undefined && html` <span class="interval" title="${interval.method}">${intervalText(interval, options.unit, decimals)}</span>`}${beside !== undefined && html` <span class="interval">null ${nullSpan(beside, { unit: options.unit })}</span>`}</dd><dd class="strength-cite">${citation(view, strength.cites)}</dd></div>`;
  })}</dl>`;
}

function missing(verdict: Verdict): Html {
  if (verdict.missing.length === 0) return NOTHING;
  return html`<h3>What is missing</h3><ul class="missing">${verdict.missing.map(
    ({ rung, why, supply }) =>
      html`<li><a href="#rung-${rung}">${rung}</a> ${outside(why)} <span class="supply">${outside(supply)}</span></li>`,
  )}</ul>`;
}

function claims(view: ReportView): Html {
  const { claims: list } = view.record.verdict;
  if (list.length === 0) return NOTHING;
  return html`<details class="claims"><summary>The claims, and the evidence each one cites</summary><ul>${list.map(
    (claim) =>
      html`<li><p>${outside(claim.text)}${claim.provisional && html` <span class="chip chip-provisional">provisional</span>`}</p><p class="small">Holds for ${outside(claim.scope)}. Rests on ${claim.cites.map(
        (id, i) => html`${i > 0 && ', '}${citation(view, id)}`,
      )}${claim.cites.length === 0 && 'nothing cited'}.</p></li>`,
  )}</ul></details>`;
}

export function warningsSection({ record }: ReportView): Html {
  const { warnings } = record;
  return section({
    id: 'warnings',
    title: 'Warnings',
    body:
      warnings.length === 0
        ? html`<p>None: every check of the data and of the model passed.</p>`
        : html`<ul class="warnings">${warnings.map(
            ({ code, text }) =>
              html`<li><svg class="mark" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1.5L15.2 14H.8z" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/><path d="M8 6v4M8 11.6v.6" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></svg><div><p>${outside(text)}</p><p class="small"><code>${code}</code></p></div></li>`,
          )}</ul>`,
  });
}

/** For the title of the page. */
export function verdictLine({ record }: ReportView): string {
  const { verdict } = record;
  return `${HEADLINES[verdict.verdict]}${verdict.provisional ? ' (provisional)' : ''}`;
}
