/** @file fuzz: the sound files that mutants are made from. */
import { readdirSync, readFileSync } from 'node:fs';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { capturingModel, residualModel, residualSpec } from '../onnx/small-models.ts';

const FIXTURES = new URL('../fixtures/onnx/', import.meta.url);

/** Small built graphs (all structure, few weights): several shapes of file in a few kilobytes each. */
export function smallSeeds(): Uint8Array[] {
  const residual = residualModel();
  const structureOnly = buildModel({ ...residualSpec(), initializers: [] });
  return [residual, structureOnly, capturingModel(), appendOutputs(indexModel(residual), ['r1', 'm0'])];
}

/** The exported fixtures as well. */
export function allSeeds(): Uint8Array[] {
  const exported = readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.onnx'))
    .sort()
    .map((name) => new Uint8Array(readFileSync(new URL(name, FIXTURES))));
  return [...smallSeeds(), ...exported];
}
