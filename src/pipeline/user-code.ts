/** @file pipeline: calls what a user wrote and tells its failures from the tool's own. */
import type { Environment } from '../behavior/environment.ts';
import { MesascopeError } from '../core/errors.ts';

/**
 * Runs a user's code. What it throws comes through as `EXPERIMENT_INVALID`, with what was thrown as the cause; coded errors (of this
 * tool's functions, called in it) come through as they are.
 */
export async function runUserCode<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw userFault(what, thrown);
  }
}

/** The same world, with its failures told apart. */
export function guardedEnvironment(environment: Environment, title: string): Environment {
  const guarded = <T>(name: string, work: () => T): T => {
    try {
      return work();
    } catch (thrown) {
      throw userFault(`\`${name}\` of the environment of ${JSON.stringify(title)}`, thrown);
    }
  };
  return {
    choices: environment.choices,
    start: (random) => guarded('start', () => environment.start(random)),
    observe: (state) => guarded('observe', () => environment.observe(state)),
    step: (state, choice) => guarded('step', () => environment.step(state, choice)),
    outcome: (state) => guarded('outcome', () => environment.outcome(state)),
  };
}

function userFault(what: string, thrown: unknown): MesascopeError {
  if (thrown instanceof MesascopeError) return thrown;
  const seen = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new MesascopeError('EXPERIMENT_INVALID', `${what} failed: ${seen}`, {
    remedy: "Correct the experiment's own code; MESASCOPE_DEBUG=1 shows the whole stack.",
    cause: thrown,
  });
}
