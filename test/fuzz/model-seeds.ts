/** @file fuzz: the sound files that mutants are made from. */
import { readdirSync, readFileSync } from 'node:fs';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { capturingModel, residualModel, residualSpec } from '../onnx/small-models.ts';

const FIXTURES = [
  new URL('../fixtures/onnx/', import.meta.url),
  new URL('../fixtures/exports/', import.meta.url),
];
/** Exports that are fused, merged or in rows of one axis: what is written in another way before it is read. */
const REWRITTEN: readonly string[] = [
  'gpt2.fused',
  'bert.fused',
  'gpt2.optimum-merged',
  'opt.older',
  'llama-two-heads.genai',
];

/** Small built graphs (all structure, few weights): several shapes of file in a few kilobytes each. */
export function smallSeeds(): Uint8Array[] {
  const residual = residualModel();
  const structureOnly = buildModel({ ...residualSpec(), initializers: [] });
  return [residual, structureOnly, capturingModel(), appendOutputs(indexModel(residual), ['r1', 'm0'])];
}

/** The exported fixtures as well. */
export function allSeeds(): Uint8Array[] {
  const exported = FIXTURES.flatMap((folder, i) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.onnx') && (i === 0 || REWRITTEN.includes(name.slice(0, -5))))
      .sort()
      .map((name) => new Uint8Array(readFileSync(new URL(name, folder)))),
  );
  return [...smallSeeds(), ...exported];
}
