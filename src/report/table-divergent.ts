/** @file report: the examples in which activations and choice disagree most, as a table with links to each; ranks nothing. */
import type { DivergentReading, Measured } from '../record/parts.ts';
import type { ExampleRecord, RunRecord } from '../record/record.ts';
import { measuredText } from './format.ts';
import { type Html, html, NOTHING, outside } from './html.ts';
import { servesMark } from './marks.ts';
import { readerTable } from './table.ts';
import { SERVES } from './words.ts';

/** The widest gaps of L8, in the order of the record; nothing for a record without them. */
export function divergentTable({ divergent = [], examples }: RunRecord): Html {
  if (divergent.length === 0) return NOTHING;
  const shown = new Map(examples.map((example) => [example.id, example]));
  const pictures = examples.some(({ picture }) => picture !== undefined);
  return html`<h3 id="divergent">Where the two disagree most</h3><p class="how">Test rows in which the goals part, those first in which the activations speak most for the proxy beside what the choice does. <em>Named</em>: calibrated log-odds of the proxy\u2019s value against the intended goal\u2019s, by the probe of L4. <em>Held</em>: those of the proxy\u2019s value in a probe of its own. <em>Preference</em>: log-odds of the proxy\u2019s action over the intended one. The gap is named minus preference; a row at the top is no finding by itself, L8 says how many there are beyond chance.</p><div class="divergent">${readerTable(
    {
      caption: 'Examples by the gap between internal reading and behavior',
      heads: [
        { text: 'Example' },
        ...(pictures ? [{ text: 'Picture' }] : []),
        { text: 'Behaves' },
        { text: 'Named, nats', number: true },
        { text: 'Held, nats', number: true },
        { text: 'Preference, nats', number: true },
        { text: 'Gap, nats', number: true },
        { text: 'Silent' },
      ],
      rows: divergent.map((one) => {
        const example = shown.get(one.id);
        return [
          link(one, example),
          ...(pictures ? [pictureOf(example)] : []),
          example === undefined ? '\u2013' : servesMark(example.behavior, SERVES[example.behavior]),
          nats(one.named),
          nats(one.held),
          nats(one.preference),
          nats(one.gap),
          silentText(one),
        ];
      }),
    },
  )}</div>`;
}

/** The same address as the cards of the example browser have; an example that the record does not show has none. */
function link({ id }: DivergentReading, example: ExampleRecord | undefined): Html {
  return example === undefined
    ? html`<code>${outside(id)}</code>`
    : html`<a href="#example=${encodeURIComponent(id)}"><code>${outside(id)}</code></a>`;
}

/** Filled by the page's script, which draws all pictures. */
function pictureOf(example: ExampleRecord | undefined): Html {
  return example?.picture === undefined
    ? NOTHING
    : html`<span class="script-only example-thumb" data-picture="${example.id}"></span>`;
}

/** The heads name the unit. */
function nats(value: Measured): string {
  return measuredText(value, 'ratio');
}

function silentText({ silentNamed, silentHeld }: DivergentReading): string {
  return [silentNamed ? 'named' : '', silentHeld ? 'held' : ''].filter((word) => word !== '').join(', ');
}
