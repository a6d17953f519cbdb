/** @file model: runs a library's code on what an untrusted file says, for so long and no longer. */
import { createContext, Script } from 'node:vm';
import type { MesascopeError } from '../core/errors.ts';

/** Files beside a model may ask for work of any cost: reading one, or so many texts, must end within so many milliseconds. */
export const TEXTS_AT_A_TIME = 64;
export const MOST_MS = 20_000;

/** Whatever goes wrong in `work`, or takes longer than `mostMs`, is thrown as what `fault` makes of it. */
export function limited<T>(
  mostMs: number,
  work: () => T,
  fault: (cause: unknown, tooLong: boolean) => MesascopeError,
): T {
  try {
    // The limit holds for everything called from here: regular expressions can be stopped in no other way.
    return RUN.runInContext(createContext({ work }), { timeout: mostMs }) as T;
  } catch (cause) {
    throw fault(cause, (cause as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT');
  }
}

const RUN = new Script('work()');
