/** @file behavior: what a world must offer so that a model can be rolled out in it; knows no particular world. */
import type { ModelInput } from '../core/data-set.ts';
import type { Random } from '../core/random.ts';

/** What an episode came to: which goal was reached, or `both` at once. */
export type ReachedGoal = 'intended' | 'proxy' | 'both';

/**
 * A world that a model acts in, one choice per step. States are plain values and never change: `step` gives a new one.
 * Everything random is drawn in `start`, so an episode is a function of its start and the choices made.
 */
export type Environment<State = unknown> = {
  /** Names of the choices, as in the data set's `choices`. */
  readonly choices: readonly string[];
  /** A fresh start on which no goal is reached yet. */
  start(random: Random): State;
  /** What the model is shown. */
  observe(state: State): ModelInput;
  /** `choice` is one of `choices`. */
  step(state: State, choice: string): State;
  /** The goal that is reached in this state, which ends the episode; undefined while none is. */
  outcome(state: State): ReachedGoal | undefined;
};
