/** @file pipeline: tells errors that know a row number, or nothing of files, which example and which file they are about. */
import type { ErrorCode } from '../core/error-codes.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Experiment } from './experiment.ts';

/** Faults that a user mends in the data file, and faults of the model file; others are about neither or name it themselves. */
const ABOUT: Readonly<Partial<Record<ErrorCode, 'data' | 'model'>>> = {
  INPUT_INVALID: 'data',
  INPUT_TOO_LONG: 'data',
  TOKEN_RANGE: 'data',
  TOKENIZER_MISSING: 'model',
  CHOICE_RANGE: 'data',
  SPLIT_TOO_FEW_GROUPS: 'data',
  LABELS_ONE_CLASS: 'data',
  INPUT_UNKNOWN: 'model',
  HOOK_UNAVAILABLE: 'model',
  SESSION_FAILED: 'model',
  RUN_FAILED: 'model',
  ACTIVATIONS_NON_FINITE: 'model',
  MODEL_UNSUPPORTED: 'model',
};

/** Runs `work`; its coded errors come through with the file they are about, where they name no place of their own. */
export async function namingFiles<T>(
  { model, data }: { readonly model: string; readonly data?: Experiment['data'] | undefined },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MesascopeError) || error.location !== undefined) throw error;
    const about = ABOUT[error.code];
    const file = about === 'model' ? model : about === 'data' && typeof data === 'string' ? data : undefined;
    if (file === undefined) throw error;
    const { code, message, remedy, facts, cause } = error;
    throw new MesascopeError(code, message, { location: { file }, remedy, facts, cause });
  }
}

/**
 * Runs `work` on a list of inputs; coded errors of one of them (`facts.row`) come through with its name, since a user knows
 * examples by their ids, and inputs made of counterfactuals have numbers that no file shows.
 */
export async function namingRows<T>(
  nameOf: (row: number) => string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const row = error instanceof MesascopeError ? error.facts.row : undefined;
    const name = typeof row === 'number' ? nameOf(row) : undefined;
    if (!(error instanceof MesascopeError) || name === undefined) throw error;
    const { code, message, remedy, facts, cause, location } = error;
    throw new MesascopeError(code, `${message} (${name})`, {
      ...(location === undefined ? {} : { location }),
      remedy,
      facts: { ...facts, name },
      cause,
    });
  }
}
