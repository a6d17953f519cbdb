/** @file pipeline: one experiment from files to record; composes the layers and decides nothing itself. */

import type { RunControl } from '../core/progress.ts';
import { gatherEvidence } from '../evidence/gather.ts';
import type { RunRecord } from '../record/record.ts';
import { assembleRecord } from './assemble-record.ts';
import type { Experiment } from './experiment.ts';
import { namingFiles } from './name-errors.ts';
import { prepareExperiment } from './prepare-experiment.ts';
import { runRollOuts } from './roll-outs.ts';
import { runLenses } from './run-lenses.ts';
import { timedControl } from './timed-control.ts';

export type RunOptions = {
  /** Experiment name, e.g. `grid-intended`. */
  readonly name: string;
  /** The command that makes this record again. */
  readonly command: string;
  /** Folder of the activation cache; none by default, and then nothing is written to disk. */
  readonly cacheFolder?: string;
  readonly control?: RunControl;
};

/**
 * Captures, probes, tests causally and judges one model on one data set. Errors of the layers come through as they are; nothing is
 * printed and nothing is written but the cache.
 */
export function runExperiment(experiment: Experiment, options: RunOptions): Promise<RunRecord> {
  return namingFiles(experiment, () => run(experiment, options));
}

async function run(experiment: Experiment, options: RunOptions): Promise<RunRecord> {
  const timed = timedControl(options.control ?? {});
  const { control } = timed;
  const prepared = await prepareExperiment(experiment, { ...options, control, stage: timed.stage });
  try {
    const { settings, data, mapped, forward, request, linalg } = prepared;
    if (forward.fromCache) timed.reuse('activations of the model');
    const evidence = await gatherEvidence(request, control);
    const rollOuts = await timed.stage('roll-outs', () =>
      runRollOuts(mapped, experiment.rollOuts ?? [], settings, control),
    );
    const lenses = await timed.stage('lenses', () =>
      runLenses({ mapped, pieces: prepared.pieces, columns: request.columns, settings, control }),
    );
    return await assembleRecord({
      experiment,
      name: options.name,
      command: options.command,
      settings,
      data,
      model: mapped.model,
      columns: request.columns,
      forward,
      evidence,
      rollOuts,
      lenses,
      linalg,
      timings: timed.finish(),
    });
  } finally {
    await prepared.close();
  }
}
