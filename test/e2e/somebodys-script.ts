/**
 * @file test: what somebody might write who has the package and nothing of its source: a model and a data file in, scores out as JSON.
 * `npx tsx somebodys-script.ts MODEL DATA HOOK`
 */
import {
  auroc,
  balancedAccuracy,
  type ClassLabels,
  choiceColumns,
  fitLogistic,
  fitMassMean,
  fitRidge,
  hookNamed,
  type LinearProbe,
  openLinalg,
  openModel,
  predict,
  readDataSet,
  runForward,
  scoreProbe,
  seededRandom,
  sideOf,
  splitByGroup,
} from 'mesascope';

const [modelFile, dataFile, hook] = process.argv.slice(2) as [string, string, string];
const { dataSet } = await readDataSet(dataFile);
const examples = dataSet.examples.filter(({ set }) => set === 'apart');
const model = await openModel(modelFile);
const linalg = await openLinalg();

const captured = await runForward(model, {
  inputs: examples.map(({ input }) => input),
  mapping: dataSet.inputs,
  hooks: [hookNamed(model.hooks, hook).name],
  positions: [dataSet.readout],
  readout: dataSet.readout,
  choices: choiceColumns(dataSet),
});
const activations = captured.activations(hook, dataSet.readout);
const split = splitByGroup({ groups: examples.map(({ group }) => group), seed: 3 });
const train = sideOf(activations, split.fit);
const test = sideOf(activations, split.test);

/** Whether something lies in the upper half of the board. */
const upperHalf = (role: 'intended' | 'proxy' | 'irrelevant'): ClassLabels => ({
  classes: 2,
  names: ['below', 'above'],
  values: Int32Array.from(examples, ({ goals }) => (Number(goals[role]!.cell) < 10 ? 1 : 0)),
});
const shuffled: ClassLabels = {
  ...upperHalf('proxy'),
  values: Int32Array.from(seededRandom('shuffled').shuffled(Array.from(upperHalf('proxy').values))),
};
const variables = {
  intended: upperHalf('intended'),
  proxy: upperHalf('proxy'),
  irrelevant: upperHalf('irrelevant'),
  shuffled,
};
const tasks = Object.values(variables);

const fits: Readonly<Record<string, readonly LinearProbe[]>> = {
  ridge: await fitRidge(train, tasks, { penalty: 10, linalg }),
  logistic: (await fitLogistic(train, tasks, { penalty: 1, linalg })).map(({ probe }) => probe),
  massMean: await fitMassMean(train, tasks, { linalg }),
};

const scores: Record<string, Record<string, { readonly accuracy: number; readonly auroc: number }>> = {};
for (const [kind, probes] of Object.entries(fits)) {
  scores[kind] = {};
  for (const [at, name] of Object.keys(variables).entries()) {
    const byClass = await scoreProbe(probes[at]!, test.x, linalg); // [rows, 2]
    const truth = Int32Array.from(test.rows, (row) => tasks[at]!.values[row]!);
    const margin = Float64Array.from(truth, (_, i) => byClass.data[2 * i + 1]! - byClass.data[2 * i]!);
    const [accuracy, area] = [balancedAccuracy(predict(byClass), truth, 2), auroc(margin, truth)];
    if (accuracy.state !== 'measured' || area.state !== 'measured')
      throw new Error(`${kind} ${name}: undefined`);
    scores[kind][name] = { accuracy: accuracy.value, auroc: area.value };
  }
}
console.log(
  JSON.stringify({ rows: examples.length, fit: train.rows.length, test: test.rows.length, scores }),
);
await model.close();
await linalg.close();
