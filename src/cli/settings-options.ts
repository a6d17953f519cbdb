/** @file cli: `--seed` and `--set key=value` to settings; ranges are the pipeline's to check. */
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { AuditSettings } from '../pipeline/experiment.ts';
import { quoted } from './words.ts';

export type SettingsOptions = {
  readonly seed?: number | undefined;
  readonly set?: readonly string[] | undefined;
};

/** Reads the text after `=`; undefined when it is not of the setting's kind. */
type Reader<T> = (text: string) => T | undefined;

const anyNumber: Reader<number> = (text) => {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : undefined;
};
const numbers: Reader<readonly number[]> = (text) => {
  const values = text.split(',').map(anyNumber);
  return values.every((value) => value !== undefined) ? values : undefined;
};
const nonEmpty: Reader<string> = (text) => (text === '' ? undefined : text);

/** One reader and one description per setting; a setting that is missing here does not compile. */
const READERS: {
  readonly [K in keyof AuditSettings]: { readonly read: Reader<AuditSettings[K]>; readonly kind: string };
} = {
  seed: { read: anyNumber, kind: 'a number' },
  hooks: { read: nonEmpty, kind: 'a pattern' },
  positions: {
    read: (text) => (text === 'auto' || text === 'readout' ? text : numbers(text)),
    kind: 'auto, readout or numbers with commas',
  },
  coding: { read: nonEmpty, kind: 'a name' },
  twins: { read: anyNumber, kind: 'a number' },
  twinKind: {
    read: (text) => (text === 'shuffled' || text === 're-initialised' ? text : undefined),
    kind: 'shuffled or re-initialised',
  },
  permutations: { read: anyNumber, kind: 'a number' },
  bootstrapDraws: { read: anyNumber, kind: 'a number' },
  randomSubspaces: { read: anyNumber, kind: 'a number' },
  randomDirections: { read: anyNumber, kind: 'a number' },
  ranks: { read: numbers, kind: 'numbers with commas' },
  interchangeBases: { read: anyNumber, kind: 'a number' },
  ridge: { read: anyNumber, kind: 'a number' },
  alpha: { read: anyNumber, kind: 'a number' },
  shownExamples: { read: anyNumber, kind: 'a number' },
  lensRows: { read: anyNumber, kind: 'a number' },
  optimization: {
    read: (text) => (text === 'disabled' || text === 'basic' || text === 'all' ? text : undefined),
    kind: 'disabled, basic or all',
  },
};

/** The settings that the command line gives. Throws `BAD_SETTING` on an unknown name or a value of the wrong kind. */
export function settingsFrom({ seed, set = [] }: SettingsOptions): Partial<AuditSettings> {
  const given: Partial<Record<keyof AuditSettings, unknown>> = seed === undefined ? {} : { seed };
  for (const pair of set) {
    const at = pair.indexOf('=');
    if (at <= 0) {
      throw new MesascopeError('BAD_SETTING', `--set ${pair} is not of the form key=value`);
    }
    const key = pair.slice(0, at);
    const text = pair.slice(at + 1);
    if (!isSetting(key)) {
      const nearest = nearestNames(key, Object.keys(READERS));
      throw new MesascopeError('BAD_SETTING', `no setting is called ${key}`, {
        remedy:
          nearest.length === 0
            ? `The settings are ${Object.keys(READERS).join(', ')}.`
            : `Did you mean ${nearest.join(' or ')}?`,
      });
    }
    const value = READERS[key].read(text);
    if (value === undefined) {
      throw new MesascopeError('BAD_SETTING', `the setting ${key} cannot be "${text}"`, {
        remedy: `It must be ${READERS[key].kind}.`,
      });
    }
    given[key] = value;
  }
  return given as Partial<AuditSettings>;
}

/** The same options as arguments, in a fixed spelling, for the command that a record carries. */
export function settingsArguments({ seed, set = [] }: SettingsOptions): string[] {
  return [
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
    ...set.flatMap((pair) => ['--set', quoted(pair)]),
  ];
}

function isSetting(key: string): key is keyof AuditSettings {
  return Object.hasOwn(READERS, key);
}
