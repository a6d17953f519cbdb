/** @file fuzz: does to a file everything the onnx layer can do to one, and says how it ended. */
import { MesascopeError } from '../../src/core/errors.ts';
import type { Random } from '../../src/core/random.ts';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import type { EditKind, ModelIndex } from '../../src/onnx/contract.ts';
import { findHookPoints } from '../../src/onnx/hooks-find.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { prepareModel } from '../../src/onnx/prepare-model.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import { shuffledTwin } from '../../src/onnx/twin.ts';
import { mutated } from './mutate.ts';

export type Ending = 'read' | 'refused';

const KINDS: readonly EditKind[] = ['add', 'replace', 'project-out', 'replace-in-subspace'];

/** Runs `step`; a MesascopeError is a proper refusal, anything else goes through. */
function refusable(step: () => void): Ending {
  try {
    step();
    return 'read';
  } catch (cause) {
    if (cause instanceof MesascopeError && cause.code !== 'INTERNAL') return 'refused';
    throw cause;
  }
}

/** `read` when the file could be indexed, `refused` when it met a coded error; throws on any other error. */
export function exerciseModel(bytes: Uint8Array, random: Random): Ending {
  let index: ModelIndex | undefined;
  const ending = refusable(() => {
    index = indexModel(bytes);
  });
  if (index === undefined) return ending;
  const model = index;
  const values = model.nodes.flatMap(({ outputs }) => outputs);
  const any = (): string => values[random.integer(Math.max(1, values.length))] ?? 'none';
  for (const node of model.nodes) {
    if (Object.keys(node.metadata).length > 1e6) throw new Error('metadata out of proportion');
  }
  for (const tensor of model.initializers.values()) refusable(() => readTensor(model, tensor));
  refusable(() => indexModel(appendOutputs(model, [any(), any()])));
  for (const keepModelOutputs of [true, false]) {
    refusable(() => {
      const made = instrument(model, {
        outputs: [
          { value: any(), pick: 'all' },
          { value: any(), pick: 'positions' },
        ],
        edits: [{ value: any(), kind: KINDS[random.integer(4)]!, id: 'e' }],
        keepModelOutputs,
        weights: { kind: 'reference', modelFile: 'model.onnx' },
      });
      indexModel(made.bytes);
    });
  }
  refusable(() => shuffledTwin(model, { seed: 1 }));
  refusable(() => findHookPoints(model));
  refusable(() => prepareModel(model));
  return ending;
}

export type FuzzReport = {
  readonly count: number;
  readonly read: number;
  readonly refused: number;
  /** Longest time that one file took. */
  readonly slowestMs: number;
};

/** Exercises `count` mutants of `files`, each from its own seed. Throws with the seed when one ends badly. */
export function fuzzModels(
  files: readonly Uint8Array[],
  options: { readonly count: number; readonly random: Random; readonly limitMs: number },
): FuzzReport {
  const { count, random, limitMs } = options;
  let read = 0;
  let slowestMs = 0;
  for (let i = 0; i < count; i++) {
    const own = random.fork(String(i));
    const bytes = mutated(files[i % files.length]!, own);
    const start = performance.now();
    try {
      if (exerciseModel(bytes, own) === 'read') read++;
    } catch (cause) {
      throw new Error(`mutant ${i} (${bytes.length} bytes) ended badly`, { cause });
    }
    const spent = performance.now() - start;
    if (spent > limitMs) throw new Error(`mutant ${i} took ${spent.toFixed(0)} ms`);
    slowestMs = Math.max(slowestMs, spent);
  }
  return { count, read, refused: count - read, slowestMs };
}
