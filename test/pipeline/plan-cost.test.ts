/** @file test: the rows that a plan announces are about those that a run computes. */
import { expect, it } from 'vitest';
import probe from '../../probes/grid-proxy.probe.ts';
import { gatherEvidence } from '../../src/evidence/gather.ts';
import { planExperiment } from '../../src/pipeline/plan-experiment.ts';
import { prepareExperiment } from '../../src/pipeline/prepare-experiment.ts';

const SETTINGS = {
  twins: 0,
  randomSubspaces: 19,
  randomDirections: 29,
  bootstrapDraws: 200,
  permutations: 99,
};

it('the rows of a plan are those of the run within a quarter', async () => {
  const experiment = { ...probe, settings: { ...probe.settings, ...SETTINGS }, rollOuts: [] };
  const { forwardRows, data } = await planExperiment(experiment, { name: 'grid-proxy' });
  const { request, close } = await prepareExperiment(experiment);
  const { runIntervened, observeIntervened, ...inputs } = request.causal!;
  let edited = 0;
  await gatherEvidence({
    ...request,
    causal: {
      ...inputs,
      runIntervened(edit) {
        edited += edit.rows.length;
        return runIntervened(edit);
      },
      observeIntervened(edit) {
        edited += edit.rows.length;
        return observeIntervened(edit);
      },
    },
  });
  await close();
  expect(forwardRows / (data.rows + edited)).toBeGreaterThan(0.75);
  expect(forwardRows / (data.rows + edited)).toBeLessThan(1.25);
});
