/** @file benchmark: a result to one offline page without scripts; everything in it is in the result's file too. */
import type { Headline } from '../evidence/rung.ts';
import { inlineStyle } from '../report/embed.ts';
import { percent } from '../report/format.ts';
import { type Html, type HtmlPart, html, outside } from '../report/html.ts';
import { readerTable } from '../report/table.ts';
import type { BenchmarkResult } from './result.ts';
import {
  type BenchmarkRow,
  FOILS,
  type FoilName,
  isAbstention,
  isFalseAlarm,
  isMissedProxy,
  isRight,
} from './row.ts';
import { type BenchmarkScore, type Score, scoreOf, type Tally } from './score.ts';

/** What each foil is, in words. */
export const FOIL_WORDS: Readonly<Record<FoilName, string>> = {
  probe: 'probe accuracy alone',
  auroc: 'best layer by AUROC, isotropic null',
  behavior: 'behavior alone',
};

const ORDER: readonly Headline[] = [
  'pursues-intended',
  'pursues-proxy',
  'mixture',
  'proxy-dormant',
  'proxy-present-unused',
  'no-goal-evidence',
  'insufficient-evidence',
  'unidentifiable',
  'invalid',
];

/** Cells of the confusion table; the rest of the page uses the report's own style. */
const OWN_STYLE = `
td.right { background: color-mix(in srgb, var(--passed) 22%, transparent); }
td.wrong { background: color-mix(in srgb, var(--failed) 22%, transparent); }
td.open { background: color-mix(in srgb, var(--open) 18%, transparent); }
td.none { color: var(--muted); }
table.confusion td, table.confusion thead th { text-align: center; }
`;

/** The whole page; `style` is the report's style sheet. The same result gives the same bytes. */
export function benchmarkPage(result: BenchmarkResult, { style }: { readonly style: string }): string {
  const { score, rows } = result;
  const policy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="mesascope">
<title>The instrument\u2019s own score \u00b7 Mesascope</title>
<link rel="icon" href="data:,">
<style>${inlineStyle(`${style}${OWN_STYLE}`)}</style>
</head>
<body>
<a class="skip" href="#score">Skip to the score</a>
<header class="top"><div class="top-inner"><p class="brand">Mesascope</p></div></header>
<main>
<div class="title"><p class="eyebrow">${result.use} organisms \u00b7 seeds ${seedText(result.seeds)}</p><h1>The instrument\u2019s own score</h1></div>
<section id="score"><h2>Score</h2>
<p>${score.audits} audits of ${score.organisms} model organisms whose goal is known, each from its model file and a data file alone. ${useText(result)}</p>
${scoreTable(score)}
<p class="small">A false alarm is a verdict that says a goal is pursued by a model that has none, or that accuses an honest model of following or holding the proxy; organisms are counted, and the limit is the one-sided 95 % bound of Clopper and Pearson. A missed proxy is a clean bill for a model in which the proxy acts or waits. Other intervals are Wilson\u2019s.</p>
${weightText(score)}
<p>A verdict took ${score.seconds.median.toFixed(0)} s in the median and ${score.seconds.longest.toFixed(0)} s at most.</p></section>
<section id="confusion"><h2>Truth by verdict</h2>${confusionTable(score.instrument)}</section>
<section id="misses"><h2>Misses</h2>${missesPart(rows)}</section>
<section id="families"><h2>Families</h2>${result.families.map((family) => familyPart(result, family))}</section>
${faultsPart(result)}
<section id="about"><h2>About</h2><p>Made again by <code>${result.command}</code> (version ${result.version}, seed ${result.seed}). Thresholds and settings are in <code>benchmark.json</code> beside this page.</p></section>
</main>
<footer><p>Made by mesascope from <code>benchmark.json</code>. This page loads nothing and sends nothing.</p></footer>
</body>
</html>
`.markup;
}

function useText({ use }: BenchmarkResult): string {
  return use === 'reported'
    ? 'No threshold was settled on any of them; the organisms that were looked at for that are others.'
    : 'Thresholds were settled while looking at these: the score is a check, not a measure.';
}

function seedText(seeds: readonly number[]): string {
  return seeds.length > 1 ? `${seeds[0]} to ${seeds.at(-1)}` : String(seeds[0] ?? 'none');
}

/** `12 of 12 (76 % to 100 %)`. */
export function tallyText({ count, trials, low, high }: Tally): string {
  return low === null || high === null
    ? `${count} of ${trials}`
    : `${count} of ${trials} (${percent(low)} to ${percent(high)})`;
}

function alarmText({ count, trials, high }: Tally): string {
  return high === null ? `${count} of ${trials}` : `${count} of ${trials} (at most ${percent(high)})`;
}

function scoreTable(score: BenchmarkScore): Html {
  const line = (name: HtmlPart, one: Score): readonly HtmlPart[] => [
    name,
    tallyText(one.right),
    alarmText(one.falseAlarms),
    tallyText(one.missedProxies),
    tallyText(one.dormant),
    tallyText(one.abstained),
  ];
  return readerTable({
    caption: 'The ladder, and three simpler ways of looking at the same models and data',
    heads: [
      { text: 'way of looking' },
      { text: 'verdict right' },
      { text: 'false alarms' },
      { text: 'missed proxies' },
      { text: 'dormant found' },
      { text: 'abstained' },
    ],
    rows: [
      line('the ladder', score.instrument),
      ...FOILS.map((foil) => line(FOIL_WORDS[foil], score.foils[foil])),
    ],
  });
}

function weightText({ weights }: BenchmarkScore): Html | false {
  if (weights.count === 0) return false;
  const { mean, largest } = weights;
  return html`<p>Weights of ${weights.count} mixtures: ${
    mean === null || largest === null
      ? 'none was measured'
      : `${mean.toFixed(3)} from the truth on average, ${largest.toFixed(3)} at most`
  }${weights.undefined > 0 && `; ${weights.undefined} not measured`}.</p>`;
}

function confusionTable({ confusion }: Score): Html {
  const truths = ORDER.filter((truth) => confusion[truth] !== undefined);
  const given = ORDER.filter((verdict) => truths.some((truth) => confusion[truth]![verdict] !== undefined));
  return html`<div class="table-frame" tabindex="0" role="region" aria-label="Truth by verdict"><table class="confusion"><caption>Rows: what is true. Columns: what was said. A dot is zero.</caption><thead><tr><th scope="col">truth</th>${given.map(
    (verdict) => html`<th scope="col">${verdict}</th>`,
  )}</tr></thead><tbody>${truths.map(
    (truth) =>
      html`<tr><th scope="row">${truth}</th>${given.map((verdict) => {
        const count = confusion[truth]![verdict] ?? 0;
        const kind =
          count === 0 ? 'none' : truth === verdict ? 'right' : isAbstention(verdict) ? 'open' : 'wrong';
        return html`<td class="${kind}">${count === 0 ? '\u00b7' : count}</td>`;
      })}</tr>`,
  )}</tbody></table></div>`;
}

/** `right`, `abstained`, `false alarm`, `missed proxy` or `wrong`. */
export function outcomeOf({ truth, found }: BenchmarkRow): string {
  if (isRight(found.verdict, truth)) return 'right';
  if (isFalseAlarm(found.verdict, truth)) return 'false alarm';
  if (isMissedProxy(found.verdict, truth)) return 'missed proxy';
  return isAbstention(found.verdict) ? 'abstained' : 'wrong';
}

function missesPart(rows: readonly BenchmarkRow[]): Html {
  const missed = rows.filter(({ truth, found }) => !isRight(found.verdict, truth));
  if (missed.length === 0) return html`<p>None.</p>`;
  return html`<p>Every audit whose verdict is not what the truth asks for, with what the verdict itself says of it.</p>${readerTable(
    {
      caption: 'Audits whose verdict is not the true one',
      heads: [
        { text: 'audit' },
        { text: 'outcome' },
        { text: 'truth' },
        { text: 'verdict' },
        { text: 'why' },
      ],
      rows: missed.map((row) => [
        outside(row.id),
        outcomeOf(row),
        row.truth.verdict,
        row.found.verdict,
        html`${outside(row.found.sentence)}${row.found.missing.length > 0 && html`<ul>${row.found.missing.map((why) => html`<li>${outside(why)}</li>`)}</ul>`}`,
      ]),
    },
  )}`;
}

function familyPart(
  { rows }: BenchmarkResult,
  { name, title, teaches, remarks }: BenchmarkResult['families'][number],
): Html {
  const own = rows.filter(({ family }) => family === name);
  const members = [...new Set(own.map((row) => `${row.member}\n${row.case}`))];
  return html`<h3 id="family-${name}">${outside(title)}</h3><p>${outside(teaches)}</p>${readerTable({
    caption: `Members of ${name}`,
    heads: [
      { text: 'member' },
      { text: 'data' },
      { text: 'truth' },
      { text: 'right', number: true },
      { text: 'verdicts' },
      { text: 'probe alone' },
      { text: 'AUROC' },
      { text: 'behavior' },
    ],
    rows: members.map((key) => {
      const [member, part] = key.split('\n');
      const group = own.filter((row) => row.member === member && row.case === part);
      return [
        outside(member!),
        outside(part!),
        group[0]!.truth.verdict,
        `${scoreOf(group).instrument.right.count} of ${group.length}`,
        countsText(group.map(({ found }) => found.verdict)),
        ...FOILS.map((foil) => countsText(group.map(({ foils }) => foils[foil].verdict))),
      ];
    }),
  })}${Object.entries(remarks).map(
    ([member, words]) => html`<p class="small"><strong>${outside(member)}.</strong> ${outside(words)}</p>`,
  )}`;
}

/** `pursues-intended 4, mixture 1`, the most frequent first. */
export function countsText(verdicts: readonly Headline[]): string {
  const counts = new Map<Headline, number>();
  for (const verdict of verdicts) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || ORDER.indexOf(a[0]) - ORDER.indexOf(b[0]))
    .map(([verdict, count]) => `${verdict} ${count}`)
    .join(', ');
}

function faultsPart({ faults }: BenchmarkResult): Html | false {
  if (faults.length === 0) return false;
  return html`<section id="faults"><h2>Not finished</h2>${readerTable({
    caption: 'Audits that ended in an error; they are not in the score',
    heads: [{ text: 'audit' }, { text: 'error' }, { text: 'message' }],
    rows: faults.map(({ id, code, message }) => [outside(id), code, outside(message)]),
  })}</section>`;
}
