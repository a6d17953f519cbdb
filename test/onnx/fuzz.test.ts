/** @file onnx test: damaged and hostile files end in a coded refusal, quickly, whatever is done to them. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { GRAPH, MODEL, NODE } from '../../src/onnx/fields.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { MessageWriter } from '../../src/onnx/wire-write.ts';
import { fuzzModels } from '../fuzz/exercise-model.ts';
import { allSeeds, smallSeeds } from '../fuzz/model-seeds.ts';

/** A bound against hanging, not a speed: a mutant takes a few milliseconds. */
const LIMIT_MS = 20_000;

describe('mutated files', () => {
  it('made from small graphs are read or refused with a code', () => {
    const report = fuzzModels(smallSeeds(), {
      count: 3000,
      random: seededRandom('small'),
      limitMs: LIMIT_MS,
    });
    // Both ends must be met, or the mutations are too mild or too wild to test anything.
    expect(report.read).toBeGreaterThan(300);
    expect(report.refused).toBeGreaterThan(300);
  });

  it('made from exported models are read or refused with a code', () => {
    const report = fuzzModels(allSeeds(), {
      count: 300,
      random: seededRandom('exported'),
      limitMs: LIMIT_MS,
    });
    expect(report.read).toBeGreaterThan(30);
    expect(report.refused).toBeGreaterThan(30);
  });
});

describe('hostile files', () => {
  const model = (graph: MessageWriter): Uint8Array =>
    new MessageWriter().message(MODEL.graph, graph).finish();
  const code = (bytes: Uint8Array): string => {
    try {
      indexModel(bytes);
      return 'read';
    } catch (cause) {
      return (cause as { code: string }).code;
    }
  };

  it('with graphs within graphs beyond the limit are refused before the stack is', () => {
    let graph = new MessageWriter();
    for (let depth = 0; depth < 5000; depth++) {
      const attribute = new MessageWriter().message(6, graph);
      graph = new MessageWriter().message(GRAPH.node, new MessageWriter().message(NODE.attribute, attribute));
    }
    expect(code(model(graph))).toBe('MODEL_LIMIT');
  });

  it('with empty nodes beyond the limit are refused', () => {
    const empty = new MessageWriter().message(GRAPH.node, new MessageWriter()).finish();
    const many = new Uint8Array(empty.length * 250_000);
    for (let i = 0; i < many.length; i++) many[i] = empty[i % empty.length]!;
    expect(code(model(new MessageWriter().copy(many, { start: 0, end: many.length })))).toBe('MODEL_LIMIT');
  });

  it.each([
    ['empty attributes', [0x2a, 0x00]],
    ['empty metadata entries', [0x4a, 0x00]],
    ['empty input names', [0x0a, 0x00]],
    ['attributes with empty graphs', [0x2a, 0x02, 0x5a, 0x00]],
    ['attributes with a number each', [0x2a, 0x02, 0x40, 0x00]],
  ])('that spend two bytes where a reader spends hundreds are refused: %s', (_, pattern) => {
    const bytes = Uint8Array.from(
      { length: pattern.length * 2000 },
      (_unused, i) => pattern[i % pattern.length]!,
    );
    const node = new MessageWriter().copy(bytes, { start: 0, end: bytes.length });
    const file = model(new MessageWriter().message(GRAPH.node, node));
    expect(() => indexModel(file, { limits: { maxParts: 1000 } })).toThrow(
      expect.objectContaining({ code: 'MODEL_LIMIT' }),
    );
  });

  it('in thousands of pieces are refused', () => {
    const bytes = Uint8Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? 0x3a : 0));
    expect(() => indexModel(bytes, { limits: { maxParts: 1000 } })).toThrow(
      expect.objectContaining({ code: 'MODEL_LIMIT' }),
    );
  });

  it('of random bytes are refused', () => {
    const random = seededRandom('noise');
    for (let i = 0; i < 500; i++) {
      const noise = Uint8Array.from({ length: 1 + random.integer(200) }, () => random.integer(256));
      expect(['MODEL_CORRUPT', 'MODEL_UNSUPPORTED']).toContain(code(noise));
    }
  });
});
