/**
 * Three lenses on one model: what it would say after each block, which part says it, and where its heads look. Run it with
 * `npx tsx probes/look-through-lenses.script.ts`.
 *
 * On boards where gem and halo call for different moves: the logit of the gem's move less that of the halo's, averaged.
 */
import {
  attentionPatterns,
  attributeLogits,
  choiceColumns,
  logitLens,
  type Matrix,
  openModel,
} from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

const data = gridEnvironment.makeExamples({ seed: 'lenses', trainGroups: 1, apartGroups: 200 });
// Boards on which each calls for one move, and not the same one.
const examples = data.examples.filter(({ actions: { intended = [], proxy = [] } }) => {
  return intended.length === 1 && proxy.length === 1 && intended[0] !== proxy[0];
});
const model = await openModel('models/grid/intended/model.onnx');
const names = Object.keys(data.choices);
const request = {
  inputs: examples.map(({ input }) => input),
  mapping: data.inputs,
  readout: data.readout,
  choices: choiceColumns(data),
};

/** Mean over the boards of the gem's move less the halo's. */
function margin(logits: Matrix): number {
  const of = (row: number, actions: readonly string[] = []): number =>
    logits.data[row * logits.columns + names.indexOf(actions[0]!)]!;
  const margins = examples.map(({ actions }, row) => of(row, actions.intended) - of(row, actions.proxy));
  return margins.reduce((sum, value) => sum + value, 0) / margins.length;
}

const lens = await logitLens(model, request);
if (lens.state === 'measured') {
  for (const { hook, logits } of lens.streams)
    console.log(`after ${hook.padEnd(22)} ${margin(logits).toFixed(2)}`);
} else console.log(`no lens: ${lens.reason}`);

const attribution = await attributeLogits(model, request);
if (attribution.state === 'measured') {
  const parts = attribution.shares.map(({ part, shares }) => ({ part, says: margin(shares) }));
  for (const { part, says } of parts.sort((a, b) => Math.abs(b.says) - Math.abs(a.says)).slice(0, 5))
    console.log(`said by ${part.padEnd(20)} ${says.toFixed(2)}`);
} else console.log(`no attribution: ${attribution.reason}`);

const patterns = await attentionPatterns(model, request);
if (patterns.state === 'measured') {
  for (const { block, head, mean } of patterns.heads) {
    const last = mean.data.subarray((mean.rows - 1) * mean.columns);
    const most = last.indexOf(Math.max(...last));
    console.log(`block ${block} head ${head} looks most at position ${most} (${last[most]!.toFixed(2)})`);
  }
} else console.log(`no patterns: ${patterns.reason}`);
await model.close();
