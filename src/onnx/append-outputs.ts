/** @file onnx: more outputs by appending bytes to a model file; nothing before the end is touched. */
import type { ModelIndex } from './contract.ts';
import { GRAPH, MODEL, VALUE_INFO } from './fields.ts';
import { mustBeOuterValue, outerValues } from './value-names.ts';
import { MessageWriter } from './wire-write.ts';

/**
 * The same model with the values `names` as further outputs; those that are outputs already are not added again.
 *
 * Protobuf merges a repeated singular sub-message (protobuf encoding guide, "Last One Wins"), so a second GraphProto that
 * holds only outputs extends the first. Only names are written: ONNX Runtime infers type and shape. A bfloat16 value is
 * refused by ONNX Runtime as an output; `instrument` casts it.
 *
 * Throws `VALUE_UNKNOWN`.
 */
export function appendOutputs(index: ModelIndex, names: readonly string[]): Uint8Array<ArrayBuffer> {
  const outer = outerValues(index);
  const present = new Set(index.outputs.map(({ name }) => name));
  const graph = new MessageWriter();
  for (const name of names) {
    if (present.has(name)) continue;
    mustBeOuterValue(index, outer, name);
    present.add(name);
    graph.message(GRAPH.output, nameOnly(name));
  }
  const file = new MessageWriter().copy(index.bytes, { start: 0, end: index.bytes.length });
  if (graph.length > 0) file.message(MODEL.graph, graph);
  return file.finish();
}

/** A ValueInfoProto that states a name and leaves the rest to ONNX Runtime. */
export function nameOnly(name: string): MessageWriter {
  return new MessageWriter().string(VALUE_INFO.name, name);
}
