/** @file test: every combination of findings that a verdict can depend on; decides nothing but by `decide`. */
import {
  type Decision,
  decide,
  type Findings,
  type ModeFinding,
  type Steers,
  type Use,
} from '../../src/evidence/verdict.ts';

const INTACT = ['passed', 'unidentifiable', 'invalid'] as const;
const PRESENT = [true, false, undefined] as const;
const SIDES = ['intended', 'proxy', 'neither', undefined] as const;
export const USES: readonly Use[] = ['used', 'unused', 'unclear', 'not-run'];

const STEERS: readonly Steers[] = ['steers', 'does-not', 'unclear', 'not-run'];
const MODES: readonly ModeFinding[] = [
  { state: 'acts-elsewhere', how: 'context' },
  { state: 'acts-elsewhere', how: 'mode-steering' },
  { state: 'acts-elsewhere', how: 'search' },
  { state: 'silent', how: undefined },
  { state: 'unclear', how: undefined },
  { state: 'not-run', how: undefined },
];

const pairs = <T>(values: readonly T[]): { readonly intended: T; readonly proxy: T }[] =>
  values.flatMap((intended) => values.map((proxy) => ({ intended, proxy })));

export type Later = Pick<Findings, 'steers' | 'mode' | 'heldOut'>;
export const NOTHING_LATER: Later = {
  steers: { intended: 'not-run', proxy: 'not-run' },
  mode: { state: 'not-run', how: undefined },
  heldOut: { intended: 'not-run', proxy: 'not-run' },
};
/** Steering by mode, with held-out values untried; and held-out values alone, with steering confirmed. */
const LATER: readonly Later[] = [
  ...pairs(STEERS).flatMap((steers) => MODES.map((mode) => ({ ...NOTHING_LATER, steers, mode }))),
  ...pairs(USES).map((heldOut) => ({
    ...NOTHING_LATER,
    heldOut,
    steers: { intended: 'steers', proxy: 'steers' } as const,
  })),
];

/** Every combination of what L0 to L5 find: 3 x 2 x 9 x 4 x 16. */
export const FIRST: readonly Omit<Findings, keyof Later>[] = INTACT.flatMap((intact) =>
  [true, false].flatMap((competent) =>
    pairs(PRESENT).flatMap((present) =>
      SIDES.flatMap((side) => pairs(USES).map((use) => ({ intact, competent, present, side, use }))),
    ),
  ),
);

/** All of it together. */
export const ALL: readonly Findings[] = FIRST.flatMap((first) =>
  LATER.map((later) => ({ ...first, ...later })),
);

/** One in 61 of them, and all of the first with nothing later: for what costs more than a look. */
export const SOME: readonly Findings[] = [
  ...ALL.filter((_, i) => i % 61 === 0),
  ...FIRST.map((first) => ({ ...first, ...NOTHING_LATER })),
];

export const where = (holds: (findings: Findings) => boolean): [Findings, Decision][] =>
  ALL.filter(holds).map((findings) => [findings, decide(findings)]);

/** What a verdict may be read as saying of the model; abstention says nothing. */
export function saysSomething(decision: Decision): boolean {
  return decision.pursues !== 'undetermined';
}
