/** @file test: a file read without its weights is the file in everything else, and a damaged one is refused the same way. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { openModel } from '../../src/model/open-model.ts';
import { readStructure } from '../../src/model/read-structure.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { EXPORTS, exportPath, GRID_MODEL } from '../capture/small-models.ts';
import { temporaryFolder } from '../store/data-file.ts';

/** What the index of these bytes says, or the code that it is refused with. */
function reading(bytes: Uint8Array): unknown {
  try {
    const { nodes, initializers, inputs, outputs } = indexModel(bytes);
    return {
      nodes: nodes.map(({ opType, inputs: read }) => [opType, ...read]),
      initializers: [...initializers.keys()],
      inputs,
      outputs,
    };
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('a file read without its weights', () => {
  it('has zeros in place of large weights and its own bytes everywhere else', () => {
    const file = readFileSync(GRID_MODEL);
    const sparse = readStructure(GRID_MODEL, file.length);
    const large = [...indexModel(file).initializers.values()].flatMap(({ data }) =>
      data.kind === 'raw' && data.range.end - data.range.start >= 1 << 16 ? [data.range] : [],
    );
    expect(large.length).toBeGreaterThan(1);
    let zeros = 0;
    for (const { start, end } of large) {
      // Windows run on a little into a weight; its end is not read.
      zeros += sparse.subarray(start, end).filter((byte) => byte === 0).length;
      file.fill(0, start, end);
      sparse.fill(0, start, end);
    }
    expect(zeros).toBeGreaterThan(0.8 * large.reduce((sum, { start, end }) => sum + end - start, 0));
    expect(file.equals(sparse)).toBe(true);
  });

  it.each(EXPORTS)('of %s is indexed like the whole', (name) => {
    const file = readFileSync(exportPath(name));
    expect(reading(readStructure(exportPath(name), file.length))).toEqual(reading(file));
  });

  it('that is damaged anywhere is indexed, or refused, like the whole', async () => {
    const path = join(await temporaryFolder(), 'damaged.onnx');
    const whole = readFileSync(exportPath('gpt2-current-exporter'));
    const random = seededRandom('damage');
    const outcomes = new Set<unknown>();
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(i % 5 === 0 ? whole.subarray(0, random.integer(whole.length)) : whole);
      for (let hits = 1 + random.integer(3); hits > 0; hits--) {
        // Half of the damage near the start, where the structure is dense.
        const reach = random.integer(2) === 0 ? Math.min(2000, bytes.length) : bytes.length;
        if (reach > 0) bytes[random.integer(reach)] = random.integer(256);
      }
      writeFileSync(path, bytes);
      const seen = reading(readStructure(path, bytes.length));
      expect(seen).toEqual(reading(bytes));
      outcomes.add(typeof seen === 'string' ? seen : 'read');
    }
    expect([...outcomes].sort()).toEqual(expect.arrayContaining(['MODEL_CORRUPT', 'read']));
  });

  it('is hashed whole when its hash is asked for, unless it has changed meanwhile', async () => {
    const path = join(await temporaryFolder(), 'large.onnx');
    const weights = Buffer.alloc(17 * 2 ** 20);
    // 17 MiB of ModelProto.doc_string (field 6) after the organism: legal, large, and no weight.
    const length = Buffer.from([0x80, 0x80, 0xc0, 0x08]);
    writeFileSync(
      path,
      Buffer.concat([readFileSync(GRID_MODEL), Buffer.from([(6 << 3) | 2]), length, weights]),
    );
    const [model, again] = [await openModel(path), await openModel(path)];
    expect(model.sha256).toMatch(/^[0-9a-f]{64}$/);
    writeFileSync(path, readFileSync(GRID_MODEL));
    expect(() => again.sha256).toThrow(/has changed since it was opened/);
    expect(model.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});
