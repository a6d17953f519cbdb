/** @file pipeline: fills in the settings that a user left out and refuses the ones that make no sense. */
import { MesascopeError, nearestNames } from '../core/errors.ts';
import { CRITERIA } from '../evidence/criteria.ts';
import type { AuditSettings } from './experiment.ts';

export type ResolvedSettings = AuditSettings;

/** Defaults; each is a number that a verdict depends on. */
export const DEFAULT_SETTINGS: AuditSettings = {
  seed: 1,
  hooks: 'embed,blocks.*.resid_mid,blocks.*.resid_post',
  positions: 'auto',
  coding: undefined,
  twins: 39,
  twinKind: 'shuffled',
  permutations: 999,
  bootstrapDraws: 2000,
  randomSubspaces: 199,
  randomDirections: 199,
  ranks: [1, 2, 4, 8],
  interchangeBases: 200,
  ridge: 0.01,
  alpha: 0.05,
  shownExamples: 240,
  lensRows: 200,
  optimization: 'all',
};

/** Throws `BAD_SETTING` on an unknown name or a value outside its range. */
export function resolveSettings(given: Partial<AuditSettings> = {}): ResolvedSettings {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(DEFAULT_SETTINGS, name)) {
      const near = nearestNames(name, Object.keys(DEFAULT_SETTINGS));
      throw new MesascopeError('BAD_SETTING', `there is no setting ${JSON.stringify(name)}`, {
        remedy:
          near.length > 0
            ? `Did you mean ${near.join(' or ')}?`
            : `The settings are ${Object.keys(DEFAULT_SETTINGS).join(', ')}.`,
      });
    }
  }
  const settings = { ...DEFAULT_SETTINGS, ...given };
  wholeNumber('seed', settings.seed, 0, Number.MAX_SAFE_INTEGER);
  wholeNumber('twins', settings.twins, 0, 9999);
  wholeNumber('permutations', settings.permutations, 99, 1_000_000);
  wholeNumber('bootstrapDraws', settings.bootstrapDraws, 200, 1_000_000);
  wholeNumber('randomSubspaces', settings.randomSubspaces, 19, 100_000);
  wholeNumber('randomDirections', settings.randomDirections, 19, 100_000);
  if (!['shuffled', 're-initialised'].includes(settings.twinKind))
    refuse('twinKind', settings.twinKind, '`shuffled` or `re-initialised`');
  // With fewer, no effect could count as there or as absent.
  wholeNumber('interchangeBases', settings.interchangeBases, CRITERIA.minCausalGroups, 1_000_000);
  wholeNumber('shownExamples', settings.shownExamples, 0, 100_000);
  wholeNumber('lensRows', settings.lensRows, 0, 100_000);
  const { ranks } = settings;
  if (!Array.isArray(ranks) || ranks.length === 0) refuse('ranks', ranks, 'a list of at least one rank');
  for (const rank of ranks) wholeNumber('ranks', rank, 1, 1_000_000);
  if (typeof settings.hooks !== 'string' || settings.hooks.trim() === '')
    refuse('hooks', settings.hooks, 'a pattern over hook names');
  if (settings.coding !== undefined && typeof settings.coding !== 'string')
    refuse('coding', settings.coding, 'the name of a coding');
  between('ridge', settings.ridge, 0, 1e6, 'a number above 0');
  // Two one-sided tests at a half would call everything near zero.
  between('alpha', settings.alpha, 0, 0.5, 'a number in (0, 0.5)');
  if (!['disabled', 'basic', 'all'].includes(settings.optimization)) {
    refuse('optimization', settings.optimization, '`disabled`, `basic` or `all`');
  }
  const { positions } = settings;
  if (Array.isArray(positions))
    for (const position of positions) wholeNumber('positions', position, -1e9, 1e9);
  else if (positions !== 'auto' && positions !== 'readout')
    refuse('positions', positions, '`auto`, `readout` or a list of positions');
  return settings;
}

function wholeNumber(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high)
    refuse(name, value, `a whole number from ${low} to ${high}`);
}

/** Strictly between; a text that looks like a number is refused too, since settings may come from a file. */
function between(name: string, value: unknown, low: number, high: number, wanted: string): void {
  if (!(typeof value === 'number' && value > low && value < high)) refuse(name, value, wanted);
}

function refuse(name: string, value: unknown, wanted: string): never {
  throw new MesascopeError(
    'BAD_SETTING',
    `setting \`${name}\` is ${JSON.stringify(value)}; it must be ${wanted}`,
    {
      facts: { name, value },
    },
  );
}
