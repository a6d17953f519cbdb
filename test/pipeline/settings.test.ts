/** @file test: settings are filled in, and every one that would make a verdict meaningless is refused by name. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsFrom } from '../../src/cli/settings-options.ts';
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

/** The rows of the table in docs/settings.md, without the backticks of the first two cells. */
const ROWS = readFileSync(path.join(import.meta.dirname, '../../docs/settings.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [name, standard, range, meaning] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { name: name!.replaceAll('`', ''), standard: standard!, range: range!, meaning: meaning! };
  });

describe('the page of settings', () => {
  it('names each setting once, in order, with the default that it has', () => {
    expect(ROWS.map(({ name }) => name)).toEqual(Object.keys(DEFAULT_SETTINGS));
    for (const { name, standard } of ROWS) {
      const own = DEFAULT_SETTINGS[name as keyof typeof DEFAULT_SETTINGS];
      if (own === undefined) expect(standard).not.toContain('`');
      else {
        expect([name, standard]).toEqual([name, `\`${String(own)}\``]);
        // The command line reads the default back from the same spelling.
        expect(settingsFrom({ set: [`${name}=${standard.replaceAll('`', '')}`] })).toEqual({ [name]: own });
      }
    }
  });

  it.each(ROWS)('gives $name the range that is enforced', ({ name, range }) => {
    const taken = (value: unknown): void => {
      expect(resolveSettings({ [name]: value })).toMatchObject({ [name]: value });
    };
    const refused = (value: unknown): void => {
      expect(refusal({ [name]: value }).code).toBe('BAD_SETTING');
    };
    const [low, high] = (range.match(/\d[\d.]*/g) ?? []).map(Number) as [number, number];
    if (range.startsWith('whole, ')) {
      for (const value of [low, high]) taken(value);
      for (const value of [low - 1, high + 1, low + 0.5]) refused(value);
    } else if (range.startsWith('whole numbers from ')) {
      for (const value of [low, high]) taken([value]);
      for (const value of [low - 1, high + 1, low + 0.5]) refused([value]);
    } else if (range.startsWith('above ')) {
      taken((low + high) / 2);
      for (const value of [low, high]) refused(value);
    } else if (range.startsWith('`')) {
      for (const [, value] of range.matchAll(/`([^`]+)`/g)) taken(value);
      refused('neither of them');
    } else {
      expect(range).toMatch(/^a (name|pattern that is not empty)$/);
      taken('text');
      refused(3);
      if (range.includes('not empty')) refused(' ');
    }
  });
});
