/** @file test: settings are filled in, and every one that would make a verdict meaningless is refused by name. */
import { describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { CRITERIA } from '../../src/evidence/criteria.ts';
import { canReject } from '../../src/evidence/resample-permutation.ts';
import { DEFAULT_SETTINGS, resolveSettings } from '../../src/pipeline/resolve-settings.ts';

function refusal(given: Readonly<Record<string, unknown>>): MesascopeError {
  try {
    resolveSettings(given);
  } catch (error) {
    if (error instanceof MesascopeError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(given)} was taken`);
}

describe('settings', () => {
  it('are the defaults where nothing is given, and what is given where it makes sense', () => {
    expect(resolveSettings()).toEqual(DEFAULT_SETTINGS);
    const given = {
      seed: 7,
      twins: 0,
      positions: [-1, -3],
      ranks: [2],
      alpha: 0.01,
      coding: 'cell',
    } as const;
    expect(resolveSettings(given)).toEqual({ ...DEFAULT_SETTINGS, ...given });
  });

  it('can by default reject in every test that a rung makes', () => {
    const { alpha, twins, permutations, randomSubspaces, randomDirections, interchangeBases } =
      DEFAULT_SETTINGS;
    for (const draws of [twins, permutations, randomSubspaces, randomDirections])
      for (const alternative of ['greater', 'two-sided'] as const)
        expect(canReject({ draws, alpha, alternative })).toBe(true);
    expect(interchangeBases).toBeGreaterThanOrEqual(CRITERIA.minCausalGroups);
  });

  it.each<[string, unknown]>([
    ['seed', -1],
    ['seed', 1.5],
    ['seed', '1'],
    ['twins', -1],
    ['twins', undefined],
    ['permutations', 98],
    ['permutations', Number.NaN],
    ['bootstrapDraws', 199],
    ['randomSubspaces', 18],
    ['randomDirections', 18],
    ['twinKind', 'random'],
    ['interchangeBases', 19],
    ['shownExamples', -1],
    ['ranks', []],
    ['ranks', 4],
    ['ranks', [0]],
    ['ranks', [1.5]],
    ['ridge', 0],
    ['ridge', -1],
    ['ridge', Number.POSITIVE_INFINITY],
    ['ridge', '0.01'],
    ['alpha', 0],
    ['alpha', 0.5],
    ['alpha', Number.NaN],
    ['alpha', '0.05'],
    ['optimization', 'fast'],
    ['positions', 'last'],
    ['positions', [0.5]],
    ['positions', null],
    ['hooks', ''],
    ['hooks', 3],
    ['coding', 3],
  ])('refuse %s = %s and say which setting it was', (name, value) => {
    const error = refusal({ [name]: value });
    expect(error.code).toBe('BAD_SETTING');
    expect(error.message).toContain(name);
  });

  it.each([
    ['permutation', 'permutations'],
    ['rank', 'ranks'],
    ['Alpha', 'alpha'],
  ])('refuse the unknown name %s and offer %s', (wrong, right) => {
    const error = refusal({ [wrong]: 1 });
    expect(error.code).toBe('BAD_SETTING');
    expect(error.remedy).toContain(right);
  });

  it.each(['toString', 'constructor', '__proto__x'])(
    'refuse %s, which every object seems to have',
    (name) => {
      expect(refusal({ [name]: 1 }).code).toBe('BAD_SETTING');
    },
  );
});
