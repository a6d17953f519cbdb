/** @file report: part 9, what the page rests on: data, model, method, provenance, settings, downloads, and its own size. */
import type { RunRecord } from '../record/record.ts';
import { byteText, durationText, whole } from './format.ts';
import { type Html, type HtmlPart, html, NOTHING, outside } from './html.ts';
import { roleShape, stateShape } from './marks.ts';
import { METHOD } from './method.ts';
import type { FigureData } from './page-data.ts';
import { readerTable } from './table.ts';
import { type ReportView, section } from './view.ts';
import { ROLE_NAMES } from './words.ts';

export function aboutSection(view: ReportView, figures: readonly FigureData[], bytes: Html): Html {
  const { record } = view;
  return section({
    id: 'about',
    title: 'Data, method, provenance',
    body: html`<h3 id="reproduce">Make this record again</h3><div class="command"><code id="command-text">${record.provenance.command}</code></div>
<div class="cards">${dataCard(record)}${modelCard(record)}${provenanceCard(record)}</div>
<h3>Method</h3>${method(record)}
${testReadTable(record)}
${expectations(record)}
<h3>Settings</h3><details><summary>As given, and with every default resolved</summary><div class="settings"><div><h4>Given</h4><pre tabindex="0">${json(record.settings.given)}</pre></div><div><h4>Resolved</h4><pre tabindex="0">${json(record.settings.resolved)}</pre></div></div></details>
<h3>Downloads</h3>${downloads(figures)}
<h3>Size of this page</h3>${bytes}`,
  });
}

function facts(entries: readonly (readonly [string, HtmlPart])[]): Html {
  return html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function dataCard({ data }: RunRecord): Html {
  const counterfactuals = Object.entries(data.counterfactuals);
  return html`<div class="card card-wide"><h3>Data</h3>${facts([
    ['Title', outside(data.title)],
    ['File', data.file === null ? 'made by a program' : html`<code>${data.file}</code>`],
    ['SHA-256', hash(data.sha256)],
    ['Input', `${data.inputKind}, read at position ${data.readout}`.replace('-', '\u2212')],
    [
      'Choices',
      html`${data.choices.map((choice, i) => html`${i > 0 && ', '}${outside(choice)}`)}${data.candidates !== undefined && `, by the ${data.candidates} of their tokens’ log probabilities`}`,
    ],
    ...data.goals.map(
      ({ role, text, kind, classes }) =>
        [
          ROLE_NAMES[role],
          html`${roleShape(role)} ${outside(text)}${kind === 'category' && html`, ${whole(classes)} classes`}`,
        ] as const,
    ),
    ...Object.entries(data.contexts).map(([name, text]) => [`Context ${name}`, outside(text)] as const),
    [
      'Counterfactuals',
      counterfactuals.length === 0
        ? 'none'
        : html`${counterfactuals.map(([name, count], i) => html`${i > 0 && ', '}${outside(name)} ${whole(count)}`)}`,
    ],
  ])}${
    data.sets.length > 0 &&
    readerTable({
      caption: 'Sets and their split',
      heads: [
        { text: 'Set' },
        { text: 'Rows', number: true },
        { text: 'Groups', number: true },
        { text: 'Decision states', number: true },
        { text: 'Fit', number: true },
        { text: 'Select', number: true },
        { text: 'Test', number: true },
      ],
      rows: data.sets.map(({ name, rows, groups, decisionStates, split }) => [
        outside(name),
        whole(rows),
        whole(groups),
        whole(decisionStates),
        whole(split.fit),
        whole(split.select),
        whole(split.test),
      ]),
    })
  }</div>`;
}

function modelCard({ model }: RunRecord): Html {
  const missing = model.hooks.filter(({ available }) => !available);
  return html`<div class="card"><h3>Model</h3>${facts([
    ['File', html`<code>${model.file}</code>`],
    ['SHA-256', hash(model.sha256)],
    ['Size', byteText(model.bytes)],
    ['Exporter', html`${outside(model.producer)}, opset ${model.opset}`],
    ['Blocks', `${model.blocks}${model.width === null ? '' : `, width ${model.width}`}`],
    ...(model.tokenizer === undefined
      ? []
      : [['Tokenizer', html`${outside(model.tokenizer.file)}, ${hash(model.tokenizer.sha256)}`] as const]),
    ['Hooks', `${model.hooks.length - missing.length} of ${model.hooks.length} available`],
  ])}${
    missing.length > 0 &&
    html`<details><summary>Hooks that this graph does not offer</summary><ul class="plain-list">${missing.map(
      ({ name, reason }) =>
        html`<li><code>${name}</code> <span class="small">${outside(reason ?? '')}</span></li>`,
    )}</ul></details>`
  }${
    model.card !== null &&
    html`<details><summary>The author\u2019s card</summary><p class="small">The author\u2019s word; no rule reads it.</p><pre tabindex="0">${json(model.card)}</pre></details>`
  }</div>`;
}

function provenanceCard({ provenance, timings, experiment, schema, shards }: RunRecord): Html {
  const { git } = provenance;
  return html`<div class="card"><h3>Provenance</h3>${facts([
    ['Experiment', html`<code>${experiment}</code>`],
    ['Record', html`<code>${schema}</code>`],
    ...Object.entries(provenance.versions).map(([name, version]) => [name, outside(version)] as const),
    ['Platform', outside(provenance.platform)],
    ['Optimization', outside(provenance.optimization)],
    ['Split seed', html`<code>${provenance.splitSeed}</code>`],
    [
      'Commit',
      git === null
        ? 'outside a repository'
        : html`<code>${git.commit.slice(0, 12)}</code>${git.changed && ' with changes'}`,
    ],
    ['Started', outside(timings.startedAt)],
    ['Took', durationText(timings.durationMs)],
    ['From the cache', timings.reused.length === 0 ? 'nothing' : outside(timings.reused.join('; '))],
  ])}${
    timings.stages.length > 0 &&
    html`<details><summary>Time by stage</summary>${readerTable({
      caption: 'Time by stage',
      heads: [{ text: 'Stage' }, { text: 'Time', number: true }],
      rows: timings.stages.map(({ stage, durationMs }) => [outside(stage), durationText(durationMs)]),
    })}</details>`
  }${
    shards.length > 0 &&
    html`<details><summary>Activation files</summary>${readerTable({
      caption: 'Activation files, relative to the working folder',
      heads: [{ text: 'Hook' }, { text: 'File' }, { text: 'SHA-256' }],
      rows: shards.map(({ hook, file, sha256 }) => [
        html`<code>${hook}</code>`,
        html`<code>${file}</code>`,
        hash(sha256),
      ]),
    })}</details>`
  }</div>`;
}

function method({ rungs }: RunRecord): Html {
  const run = METHOD.filter(({ rung }) => rungs.some(({ id, state }) => id === rung && state !== 'not-run'));
  const rest = METHOD.filter((entry) => !run.includes(entry));
  return html`${
    run.length > 0 &&
    html`<dl class="method">${run.map(({ rung, text }) => html`<div><dt>${rung}</dt><dd>${text}</dd></div>`)}</dl>`
  }<p>Intervals are cluster bootstraps over groups or Wilson intervals, as each one says when pointed at. What is pursued is decided by L0 and L5; L4, steering (L6) and L5 on held-out goal values can veto it. The state of the proxy is decided by L1 to L3, L5 and the search for other modes, in the contexts of the data and by pushes. L7 supports, and L8 is judged on its own. A verdict that names a goal is final only when steering confirmed it and held-out goal values showed it. The thresholds are those under Settings.${
    rest.length > 0 && ` Not run here: ${rest.map(({ rung }) => rung).join(', ')}.`
  } The verdict follows from the rungs by a fixed table and abstains by default; nobody types a conclusion.</p>`;
}

/** How often the test side was looked at, by rung and purpose; what decides was held against a rule that was fixed before. */
function testReadTable({ testReads, rungs }: RunRecord): Html {
  if (testReads.length === 0) return NOTHING;
  const titles = new Map<string, string>(rungs.map(({ id, title }) => [id, title]));
  const total = testReads.reduce((sum, { times }) => sum + times, 0);
  return html`<h3 id="test-reads">How often the test rows were read</h3><p>${whole(total)} numbers of this record were read off the test side. Every site, dose, rank and threshold was chosen on other rows; the fewer looks at these, the more a p-value means what it says.</p>${readerTable(
    {
      caption: 'Looks at the test rows, by stage',
      heads: [{ text: 'Stage' }, { text: 'What was read' }, { text: 'Times', number: true }],
      rows: testReads.map(({ rung, what, times }) => [
        html`${rung} ${outside(titles.get(rung) ?? '')}`,
        outside(what),
        whole(times),
      ]),
    },
  )}`;
}

function expectations({ expectations: list }: RunRecord): Html {
  if (list.length === 0) return NOTHING;
  return html`<h3>Declared expectations</h3><ul class="plain-list">${list.map(
    ({ text, held }) =>
      html`<li class="state-${held ? 'passed' : 'failed'}">${stateShape(held ? 'passed' : 'failed')} <span class="ink">${outside(text)}: ${held ? 'held' : 'did not hold'}</span></li>`,
  )}</ul>`;
}

function downloads(figures: readonly FigureData[]): Html {
  if (figures.length === 0) return html`<p>This record fills no figure.</p>`;
  return html`<noscript><p>Downloads need JavaScript; the same numbers are in <code>run.json</code> and in the tables above.</p></noscript><ul class="download-list">${figures.map(
    ({ id, title }) =>
      html`<li><a href="#${id}">${title}</a> <code>${id}</code><span class="script-only downloads" data-downloads="${id}"></span></li>`,
  )}</ul>`;
}

function hash(text: string): Html {
  return html`<code class="hash" title="${text}">${text.slice(0, 16)}\u2026</code>`;
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
