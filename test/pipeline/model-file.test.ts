/** @file pipeline test: a record names the model's file as it was declared, and no folder outside the working folder. */
import { expect, it } from 'vitest';
import { modelFile } from '../../src/pipeline/assemble-record.ts';

it.each([
  ['models/grid/proxy/model.onnx', 'models/grid/proxy/model.onnx'],
  ['./models/../agent.onnx', 'agent.onnx'],
  ['../someone/agent.onnx', 'agent.onnx'],
  ['models/../../someone/agent.onnx', 'agent.onnx'],
  ['/home/someone/agent.onnx', 'agent.onnx'],
])('%s is recorded as %s', (path, recorded) => {
  expect(modelFile({ path, name: 'agent.onnx' })).toBe(recorded);
});

it('bytes without a file are recorded by the name they were given', () => {
  expect(modelFile({ name: 'small' })).toBe('small');
});
