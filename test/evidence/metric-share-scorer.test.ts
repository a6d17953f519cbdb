import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { shareScorer } from '../../src/evidence/metric-share-scorer.ts';
import { varianceShare } from '../../src/evidence/metric-variance-share.ts';

describe('the fast scorer of variance shares', () => {
  it('gives the omega squared of varianceShare for any labeling, rows without a value included', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 2, max: 6 }), (seed, classes) => {
        const random = seededRandom(seed);
        const x = matrix(40, 5);
        // A large common offset: a careless sum of squares would lose every digit here.
        for (let i = 0; i < x.data.length; i++) x.data[i] = 1000 + random.normal();
        const score = shareScorer(x);
        for (let labeling = 0; labeling < 3; labeling++) {
          const labels = Int32Array.from({ length: 40 }, () => random.integer(classes + 1) - 1);
          const expected = varianceShare(x, labels, classes).omegaSquared;
          const found = score(labels, classes);
          expect(found.state).toBe(expected.state);
          if (found.state === 'measured' && expected.state === 'measured') {
            expect(found.value).toBeCloseTo(expected.value, 8);
          }
        }
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});
