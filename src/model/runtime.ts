/** @file model: what the layers above may know of the runtime: plain tensors, levels, and its version for cache keys. */
import { runtimeVersion } from '../runtime/session.ts';

export type { OptimizationLevel, Session, TensorValue } from '../runtime/contract.ts';

/** `onnxruntime-node 1.30.0`: results may differ in their last bits between versions. */
export function installedRuntime(): string {
  return `onnxruntime-node ${runtimeVersion()}`;
}
