/** @file models/null: a trained model with the values of each of its tensors in random order, norms and embeddings included. */
import { indexModel } from '../../src/onnx/index-model.ts';
import { shuffledTwin } from '../../src/onnx/twin.ts';

/** The bytes of `shuffled-SEED`, made from those of a trained model; the same for the same seed. */
export function shuffledModel(trained: Uint8Array, seed: number | string): Uint8Array {
  return shuffledTwin(indexModel(trained), {
    seed: `null/shuffled/${seed}`,
    keep: { norms: false, embeddings: false },
  });
}
