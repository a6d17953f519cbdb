/** @file pipeline test: what saved probes say of an answer: at the positions that they were fitted at, numbers in all their digits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Generation } from '../../src/behavior/generate.ts';
import { matrix } from '../../src/core/matrix.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { scoreAnswer } from '../../src/pipeline/score-answers.ts';
import type { SavedProbe } from '../../src/probe/probe-file.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

/** Three tokens of prompt, two of answer; position i holds (i, 1). */
const GENERATION: Generation = {
  prompt: [1, 2, 3],
  answer: [4, 5],
  ended: 'length',
  logProbabilities: Float64Array.of(-1, -1),
  hidden: () => matrix(4, 2, Float32Array.of(0, 1, 1, 1, 2, 1, 3, 1)),
};

function probeOf(kind: 'ridge' | 'regression', rows: readonly number[], bias: readonly number[]): SavedProbe {
  const classes = bias.length;
  return {
    probe: {
      kind,
      classes,
      width: 2,
      classNames: bias.map((_, c) => `class ${c}`),
      weights: matrix(classes, 2, Float32Array.from(rows)),
      bias: Float64Array.from(bias),
      settings: { kind, penalty: 1, standardise: false },
    },
    origin: {
      hook: 'embed',
      position: -1,
      reads: 'time',
      modelSha256: '',
      dataSha256: '',
      splitSeed: '0',
      version: '0',
    },
  };
}

describe('scores of an answer', () => {
  it('are those at the positions that its tokens were chosen at', async () => {
    const saved = probeOf('ridge', [1, 0.5, -1, 0], [0, Number.NEGATIVE_INFINITY]);
    const { rows, columns, data } = await scoreAnswer(GENERATION, saved, { linalg });
    expect([rows, columns, ...data]).toEqual([
      2,
      2,
      2.5,
      Number.NEGATIVE_INFINITY,
      3.5,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('of a number keep the digits behind a large offset', async () => {
    const saved = probeOf('regression', [1, 0], [1_700_000_001]);
    const { rows, columns, data } = await scoreAnswer(GENERATION, saved, { linalg });
    expect([rows, columns, ...data]).toEqual([2, 1, 1_700_000_003, 1_700_000_004]);
  });
});
