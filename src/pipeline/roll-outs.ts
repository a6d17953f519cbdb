/** @file pipeline: lets the model act in its environments and tabulates where the episodes ended. */
import { mostProbable } from '../behavior/choices.ts';
import { type EpisodeOutcome, rollOut } from '../behavior/roll-out.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { RunControl } from '../core/progress.ts';
import type { RollOutTable } from '../evidence/figures.ts';
import { wilsonInterval } from '../evidence/metric-proportion.ts';
import { recordedInterval } from '../evidence/resample-interval.ts';
import type { RollOutSpec } from './experiment.ts';
import { captureRequest, type MappedModel, runMapped } from './mapped-model.ts';
import type { ResolvedSettings } from './resolve-settings.ts';
import { guardedEnvironment } from './user-code.ts';

const OUTCOMES: readonly { readonly outcome: EpisodeOutcome; readonly what: string }[] = [
  { outcome: 'intended', what: 'reached the intended goal first' },
  { outcome: 'proxy', what: 'reached the proxy first' },
  { outcome: 'both', what: 'reached both at once' },
  { outcome: 'neither', what: 'reached neither' },
];

export async function runRollOuts(
  mapped: MappedModel,
  specs: readonly RollOutSpec[],
  settings: ResolvedSettings,
  control: RunControl,
): Promise<RollOutTable[]> {
  const names = Object.keys(mapped.dataSet.choices);
  const tables: RollOutTable[] = [];
  for (const [i, spec] of specs.entries()) {
    const result = await rollOut({
      ...spec,
      environment: guardedEnvironment(spec.environment, spec.title),
      seed: `${settings.seed}/roll-out/${i}`,
      signal: control.signal,
      choose: async (inputs) => {
        const forward = await runMapped(mapped, captureRequest(mapped, inputs, [], [], settings), {
          signal: control.signal,
        });
        return Array.from(mostProbable(forward.choiceLogits!), (choice) => names[choice]!);
      },
    });
    const episodes = result.episodes.length;
    tables.push({
      title: spec.title,
      episodes,
      outcomes: OUTCOMES.flatMap(({ outcome, what }) => {
        const count = result.counts[outcome];
        const interval = recordedInterval(wilsonInterval({ successes: count, trials: episodes }));
        return interval === undefined ? [] : [{ what, count, share: count / episodes, interval }];
      }),
      meanSteps: episodes === 0 ? undefinedBecause('no episodes') : measured(result.steps / episodes),
    });
  }
  return tables;
}
