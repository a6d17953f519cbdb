/** @file onnx test: exported models of several shapes and exporters, instrumented at many of their hidden values. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import type { ModelIndex } from '../../src/onnx/contract.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { run, type Values } from './ort-run.ts';

const BATCH = 2;
const LENGTH = 6;

/** Integer feeds for every declared input: small ids, ones for masks, zeros for segments. */
function feeds(index: ModelIndex): Values {
  const values: Values = {};
  for (const { name } of index.inputs) {
    const data = BigInt64Array.from({ length: BATCH * LENGTH }, (_, i) =>
      name === 'attention_mask' ? 1n : name === 'token_type_ids' ? 0n : BigInt((7 * i + 3) % 50),
    );
    values[name] = { type: 'int64', dims: [BATCH, LENGTH], data };
  }
  return values;
}

const isHidden = (value: TensorValue): boolean =>
  value.type === 'float32' && value.dims.length === 3 && value.dims[0] === BATCH && value.dims[1] === LENGTH;

describe.each([
  'bert',
  'decoder-by-hand',
  'encoder-post-norm',
  'encoder-pre-norm',
  'gpt-neox',
  'gpt2-current-exporter',
  'gpt2-older-exporter',
  'llama',
])('%s', (name) => {
  const index = indexModel(readFileSync(new URL(`../fixtures/onnx/${name}.onnx`, import.meta.url)));
  const sums = index.nodes.filter(({ opType }) => opType === 'Add').map(({ outputs }) => outputs[0]!);
  const given = feeds(index);
  const everywhere: TensorValue = {
    type: 'bool',
    dims: [BATCH, LENGTH, 1],
    data: new Uint8Array(BATCH * LENGTH).fill(1),
  };
  const nowhere: TensorValue = { ...everywhere, data: new Uint8Array(BATCH * LENGTH) };

  it.each(['basic', 'disabled'] as const)(
    'edits that change nothing change no bit at level %s',
    async (level) => {
      const optimization = { optimization: level };
      const plain = await run(appendOutputs(index, sums), given, optimization);
      const hidden = sums.filter((value) => isHidden(plain[value]!));
      expect(hidden.length).toBeGreaterThan(3);
      const own = new Set(index.outputs.map((output) => output.name));
      for (const value of hidden.filter((candidate) => !own.has(candidate)).slice(0, 6)) {
        const model = instrument(index, {
          outputs: [{ value, pick: 'all' }],
          edits: [
            { value, kind: 'replace', id: 'itself' },
            { value, kind: 'project-out', id: 'nowhere' },
          ],
        });
        const [itself, off] = model.edits;
        const outputs = await run(
          model.bytes,
          {
            ...given,
            [itself!.mask]: everywhere,
            [itself!.value!]: plain[value]!,
            [off!.mask]: nowhere,
            [off!.basis!]: {
              type: 'float32',
              dims: [plain[value]!.dims[2]!, 1],
              data: new Float32Array(plain[value]!.dims[2]!),
            },
          },
          optimization,
        );
        expect(outputs[value]).toEqual(plain[value]);
        for (const output of own) expect(outputs[output]).toEqual(plain[output]);
      }
    },
  );

  it('values picked from a pruned graph are those of the whole one, and the graph is smaller', async () => {
    const plain = await run(appendOutputs(index, sums), given);
    const hidden = sums.filter((value) => isHidden(plain[value]!));
    const value = hidden[Math.floor(hidden.length / 2)]!;
    const model = instrument(index, { outputs: [{ value, pick: 'positions' }], keepModelOutputs: false });
    const last: TensorValue = { type: 'int64', dims: [BATCH, 1], data: new BigInt64Array(BATCH).fill(-1n) };
    const outputs = await run(model.bytes, { ...given, [model.positionsInput!]: last });
    const picked = outputs[model.outputNames.get(value)!]!;
    const width = plain[value]!.dims[2]!;
    const rows = Array.from({ length: BATCH }, (_, row) => {
      const end = (row + 1) * LENGTH * width;
      return [...(plain[value]!.data as Float32Array).subarray(end - width, end)];
    });
    expect([...(picked.data as Float32Array)]).toEqual(rows.flat());
    expect(indexModel(model.bytes).nodes.length).toBeLessThan(index.nodes.length);
    expect(model.bytes.length).toBeLessThan(index.bytes.length);
  });
});
