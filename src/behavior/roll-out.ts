/** @file behavior: episodes of a model in a world, in lock step; it counts what was reached and judges nothing. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { seededRandom } from '../core/random.ts';
import type { Environment, ReachedGoal } from './environment.ts';

export type EpisodeOutcome = ReachedGoal | 'neither';

export type Episode = {
  readonly outcome: EpisodeOutcome;
  /** Choices made; `maxSteps` when nothing was reached. */
  readonly steps: number;
};

export type RollOut = {
  readonly episodes: readonly Episode[];
  /** Episodes per outcome; they add up to `episodes.length`, the number of trials of a binomial interval. */
  readonly counts: Readonly<Record<EpisodeOutcome, number>>;
  /** Choices made in all episodes together. */
  readonly steps: number;
};

export type RollOutOptions<State> = RunControl & {
  readonly environment: Environment<State>;
  /** The model's choice for each input, in order; called once per step with every unfinished episode. */
  readonly choose: (inputs: readonly ModelInput[]) => Promise<readonly string[]>;
  /** At least 1. */
  readonly episodes: number;
  /** Choices after which an episode ends with `neither`; at least 1. */
  readonly maxSteps: number;
  readonly seed: number | string;
};

/**
 * Runs all episodes side by side, so that each step is one batch. Episode i starts the same for the same seed, however many
 * episodes run. Throws `BAD_SETTING` on counts below 1, `ABORTED` between steps, `INTERNAL` when `choose` breaks its word.
 */
export async function rollOut<State>(options: RollOutOptions<State>): Promise<RollOut> {
  const { environment, choose, episodes, maxSteps, seed, onProgress, signal } = options;
  mustBePositive('episodes', episodes);
  mustBePositive('maxSteps', maxSteps);
  const random = seededRandom(seed);
  const choices = new Set(environment.choices);
  let running = Array.from({ length: episodes }, (_, index) => ({
    index,
    state: environment.start(random.fork(`episode-${index}`)),
  }));
  const finished: Episode[] = Array.from({ length: episodes }, () => ({
    outcome: 'neither',
    steps: maxSteps,
  }));
  for (let steps = 1; steps <= maxSteps && running.length > 0; steps++) {
    throwIfAborted(signal);
    const chosen = await choose(running.map(({ state }) => environment.observe(state)));
    if (chosen.length !== running.length) {
      throw new MesascopeError('INTERNAL', `${running.length} inputs got ${chosen.length} choices`);
    }
    running = running.flatMap(({ index, state }, i) => {
      const choice = chosen[i]!;
      if (!choices.has(choice)) {
        throw new MesascopeError('INTERNAL', `${JSON.stringify(choice)} is no choice of this world`, {
          facts: { choice, choices: environment.choices },
        });
      }
      const next = environment.step(state, choice);
      const outcome = environment.outcome(next);
      if (outcome === undefined) return [{ index, state: next }];
      finished[index] = { outcome, steps };
      return [];
    });
    onProgress?.({
      kind: 'stage-progress',
      stage: 'roll-out',
      done: episodes - running.length,
      total: episodes,
    });
  }
  const counts: Record<EpisodeOutcome, number> = { intended: 0, proxy: 0, both: 0, neither: 0 };
  for (const { outcome } of finished) counts[outcome]++;
  return { episodes: finished, counts, steps: finished.reduce((sum, { steps }) => sum + steps, 0) };
}

function mustBePositive(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new MesascopeError('BAD_SETTING', `${name} must be a whole number of at least 1, got ${value}`, {
      facts: { name, value },
    });
  }
}
