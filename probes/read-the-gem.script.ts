/**
 * An experiment as a plain script: capture, fit, score. Run it with `npx tsx probes/read-the-gem.script.ts`.
 *
 * It asks, for every layer, how well a linear probe reads the cell of the gem and the cell of a rock that nobody needs. Either
 * number alone says nothing, since an untrained network reads both; the audit adds such networks (its twins) and the causal tests.
 */
import {
  balancedAccuracy,
  type ClassLabels,
  fitRidge,
  matchHooks,
  openLinalg,
  openModel,
  predict,
  runForward,
  scoreProbe,
  sideOf,
  splitByGroup,
} from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

const data = gridEnvironment.makeExamples({ seed: 'script', trainGroups: 1, apartGroups: 900 });
const examples = data.examples.filter((example) => example.set === 'apart');
const model = await openModel('models/grid/intended/model.onnx');
const linalg = await openLinalg();

const hooks = matchHooks(model.hooks, 'embed,blocks.*.resid_mid,blocks.*.resid_post').map(
  (hook) => hook.name,
);
const captured = await runForward(model, {
  inputs: examples.map((example) => example.input),
  mapping: data.inputs,
  hooks,
  positions: [data.readout],
  readout: data.readout,
  choices: [],
});

// Rows of one board never stand on both sides.
const split = splitByGroup({ groups: examples.map((example) => example.group), seed: 1 });
const cellOf = (role: 'intended' | 'irrelevant'): ClassLabels => ({
  classes: 25,
  names: Array.from({ length: 25 }, (_, cell) => String(cell)),
  values: Int32Array.from(examples, (example) => Number(example.goals[role]!.cell)),
});
const variables = { gem: cellOf('intended'), rock: cellOf('irrelevant') };

console.log('hook                 gem   rock   (balanced accuracy on unseen boards, chance 0.04)');
for (const hook of hooks) {
  const activations = captured.activations(hook, data.readout);
  const train = sideOf(activations, split.fit);
  const test = sideOf(activations, split.test);
  const scores: string[] = [];
  for (const labels of Object.values(variables)) {
    const [probe] = await fitRidge(train, [labels], { penalty: 10, linalg });
    const predicted = predict(await scoreProbe(probe!, test.x, linalg));
    const truth = Int32Array.from(test.rows, (row) => labels.values[row]!);
    const accuracy = balancedAccuracy(predicted, truth, labels.classes);
    scores.push(accuracy.state === 'measured' ? accuracy.value.toFixed(2) : accuracy.reason);
  }
  console.log(`${hook.padEnd(20)} ${scores.join('  ')}`);
}

await model.close();
await linalg.close();
