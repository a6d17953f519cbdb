/** @file record: steps from older record versions to the present one; reading applies them, writing never does. */

/** Turns a record of version `from` into one of version `from + 1`; gets parsed JSON that nothing has checked yet. */
export type Migration = {
  readonly from: number;
  readonly up: (record: Readonly<Record<string, unknown>>) => Record<string, unknown>;
};

/** In any order, one per older version; 1 is the first. */
export const MIGRATIONS: readonly Migration[] = [
  {
    // Version 2 added steering, erasure, baselines, calibration, sensitivity, strata, leaks and the count of looks at test rows.
    from: 1,
    up: (record) => ({
      ...record,
      doses: [],
      erasure: [],
      baselines: [],
      calibration: [],
      sensitivity: [],
      strata: [],
      leaks: [],
      testReads: [],
    }),
  },
];

const PREFIX = 'mesascope-run/';

/** The version in a schema name such as `mesascope-run/1`, or undefined when it is not one. */
export function versionOf(schema: unknown): number | undefined {
  if (typeof schema !== 'string' || !schema.startsWith(PREFIX)) return undefined;
  const digits = schema.slice(PREFIX.length);
  return /^(0|[1-9][0-9]{0,8})$/.test(digits) ? Number(digits) : undefined;
}

/**
 * Applies the steps from version `from` to version `to`, each setting `schema` to its own target. Undefined when a step is
 * missing.
 */
export function migrate(
  record: Readonly<Record<string, unknown>>,
  span: { readonly from: number; readonly to: number; readonly steps: readonly Migration[] },
): Record<string, unknown> | undefined {
  let current: Record<string, unknown> = { ...record };
  for (let version = span.from; version < span.to; version++) {
    const step = span.steps.find((candidate) => candidate.from === version);
    if (step === undefined) return undefined;
    current = { ...step.up(current), schema: `${PREFIX}${version + 1}` };
  }
  return current;
}
