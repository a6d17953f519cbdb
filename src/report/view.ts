/** @file report: what every section is given: the record and the safe names of places in the page. */
import type { Statistic } from '../record/parts.ts';
import type { RunRecord } from '../record/record.ts';
import { type Html, html } from './html.ts';

export type ReportView = {
  readonly record: RunRecord;
  /** Anchor of a statistic, made by counting: ids from a file never become ids of the page. */
  readonly anchorOf: ReadonlyMap<string, string>;
  readonly statisticOf: ReadonlyMap<string, Statistic>;
};

export function viewOf(record: RunRecord): ReportView {
  const statistics = record.rungs.flatMap((rung) => rung.statistics);
  return {
    record,
    anchorOf: new Map(statistics.map((statistic, i) => [statistic.id, `statistic-${i + 1}`])),
    statisticOf: new Map(statistics.map((statistic) => [statistic.id, statistic])),
  };
}

/** A link to the statistic that a sentence rests on, or its bare id where the record holds none of that name. */
export function citation(view: ReportView, id: string): Html {
  const anchor = view.anchorOf.get(id);
  return anchor === undefined
    ? html`<code class="cite">${id}</code>`
    : html`<a class="cite" href="#${anchor}"><code>${id}</code></a>`;
}

/** One numbered part of the page. */
export function section(options: {
  readonly id: string;
  readonly title: string;
  readonly lead?: Html | string;
  readonly body: Html;
}): Html {
  const { id, title, lead, body } = options;
  return html`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${title}</h2>${
    lead !== undefined && html`<p class="lead">${lead}</p>`
  }${body}</section>
`;
}
