/** @file report: parts 5 to 8, the ones that figures and the example browser fill: where, causal, geometry, examples. */
import type { Figure } from './figure.ts';
import { mapScale } from './figure-maps.ts';
import { type Html, html, outside } from './html.ts';
import { stateMark } from './marks.ts';
import { leakTable, strataTable } from './tables-doubts.ts';
import { type ReportView, section } from './view.ts';

/** For readers without a script, above a part's first drawing. */
export const NEEDS_SCRIPT: Html = html`<noscript><p class="how">The drawings need JavaScript; their tables do not.</p></noscript>`;

function markupOf(figures: readonly Figure[]): Html {
  return html`${figures.map(({ markup }) => markup)}`;
}

export function whereSection({ record }: ReportView, figures: readonly Figure[]): Html {
  return section({
    id: 'where',
    title: 'Where it is found',
    lead: 'How well each variable is read at every hook and position, with what weight-shuffled twins and a control task reach at the same place, the share of activation variance it explains, and how far exchanging it there moves the choice.',
    body:
      record.sites === null || figures.length === 0
        ? html`<p>No site was searched in this run.</p>`
        : html`${NEEDS_SCRIPT}<p class="how maps-scale">${mapScale(record.sites)}</p>${markupOf(figures)}${leakTable(record.leaks)}`,
  });
}

export function causalSection({ record }: ReportView, figures: readonly Figure[]): Html {
  const pending = record.rungs.filter(
    ({ id, state }) => (id === 'L6' || id === 'L7') && state !== 'passed' && state !== 'failed',
  );
  return section({
    id: 'causal',
    title: 'What it does to the choice',
    lead: 'Interchange: the activation at one place is replaced by that of an input in which only one variable differs. If the choice follows, the model uses what is stored there. Steering pushes along a direction, erasure takes a variable out.',
    body: html`${
      figures.length === 0
        ? html`<p>Nothing was exchanged in this run: it needs counterfactual inputs.</p>`
        : html`${NEEDS_SCRIPT}${markupOf(figures)}`
    }${strataTable(record.strata)}${
      pending.length > 0 &&
      html`<ul class="pending">${pending.map(
        ({ id, title, state, summary }) =>
          html`<li><a href="#rung-${id}">${id}</a> ${outside(title)} ${stateMark(state)}<span class="small">${outside(summary)}</span></li>`,
      )}</ul>`
    }`,
  });
}

export function geometrySection({ record }: ReportView, figures: readonly Figure[]): Html {
  return section({
    id: 'geometry',
    title: 'Geometry',
    lead: 'The activations themselves, and the scores that probes give them.',
    body:
      figures.length === 0
        ? html`<p>${record.geometry === null ? 'No activations were projected and no scores recorded in this run.' : 'Nothing to draw.'}</p>`
        : html`${NEEDS_SCRIPT}${markupOf(figures)}`,
  });
}

export function examplesSection({ record }: ReportView): Html {
  const { examples } = record;
  return section({
    id: 'examples',
    title: 'Examples',
    ...(examples.length > 0 && {
      lead: 'Single inputs with what the model did and what its activations read as. Each has a link of its own.',
    }),
    body:
      examples.length === 0
        ? html`<p>The record shows no examples.</p>`
        : html`<noscript><p>The example browser needs JavaScript. All ${examples.length} examples are in <code>run.json</code>.</p></noscript><div id="example-browser" class="script-only"></div>`,
  });
}
