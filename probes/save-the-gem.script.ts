/**
 * A probe that is kept: fitted on captured activations and saved as safetensors, for `mesascope attach` or a later script.
 * Run it with `npx tsx probes/save-the-gem.script.ts gem.safetensors`.
 */
import {
  dataSetSha256,
  fitLogistic,
  openLinalg,
  openModel,
  runForward,
  saveProbe,
  sideOf,
  splitByGroup,
} from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

const [out = 'gem.safetensors'] = process.argv.slice(2);
const hook = 'blocks.1.resid_mid';
const data = gridEnvironment.makeExamples({ seed: 'script', trainGroups: 1, apartGroups: 600 });
const examples = data.examples.filter((example) => example.set === 'apart');
const model = await openModel('models/grid/intended/model.onnx');
const linalg = await openLinalg();

const captured = await runForward(model, {
  inputs: examples.map((example) => example.input),
  mapping: data.inputs,
  hooks: [hook],
  positions: [data.readout],
  readout: data.readout,
  choices: [],
});
const split = splitByGroup({ groups: examples.map((example) => example.group), seed: 1 });
const columns = {
  classes: 5,
  names: ['column-1', 'column-2', 'column-3', 'column-4', 'column-5'],
  values: Int32Array.from(examples, (example) => Number(example.goals.intended!.cell) % 5),
};
const train = sideOf(captured.activations(hook, data.readout), split.fit);
const [fit] = await fitLogistic(train, [columns], { penalty: 10, linalg });
await saveProbe(out, {
  probe: fit!.probe,
  origin: {
    hook,
    position: data.readout,
    reads: "the gem's column",
    modelSha256: model.sha256,
    dataSha256: dataSetSha256(data),
    splitSeed: '1',
    version: '0.1.0',
  },
});
console.log(`${out}: reads the gem's column at ${hook}, position ${data.readout}`);

await model.close();
await linalg.close();
