/** @file evidence: what the ladder reads of a run, as plain columns; row i is example i everywhere. */
import type { GoalRole } from '../core/data-set.ts';
import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels, GroupSplit } from '../core/split.ts';
import type { Serves } from './figures.ts';

/** One place in the network; negative positions count from the end of the row. */
export type Site = { readonly hook: string; readonly position: number };

export function siteName(site: Site): string {
  return `${site.hook} @ ${site.position}`;
}

/** The examples, their labels, and what the model did with them. */
export type Columns = {
  readonly rows: number;
  /** Dense group index per row. */
  readonly groups: Int32Array;
  readonly groupCount: number;
  /** Rows of the training-like and of the come-apart set. */
  readonly train: Int32Array;
  readonly apart: Int32Array;
  readonly labels: Readonly<Partial<Record<GoalRole, ClassLabels>>>;
  /** The quantities behind the classes of goals that are numbers. */
  readonly numbers?: Readonly<Partial<Record<GoalRole, NumberColumn>>>;
  readonly choices: readonly string[];
  /** Actions a goal recommends: [rows, choices] bytes, 1 where recommended; all 0 where the data say nothing. */
  readonly recommended: Readonly<Record<'intended' | 'proxy', Uint8Array>>;
  /** log pi over the choices, [rows, choices]; each row sums to one in probability. */
  readonly logProbabilities: Matrix;
  /** Index of the most probable choice. */
  readonly chosen: Int32Array;
  /** Token at each position for rows of one length, used by the control task; null for other inputs. */
  readonly tokens: Matrix | null;
  /** Split of all rows by group. */
  readonly split: GroupSplit;
  /** Context variables of the data (a monitor, a trigger), by name; empty when the data name none. */
  readonly contexts: readonly NamedLabels[];
  /** Properties that should not matter (length, template), by name; nulls permute within their strata. */
  readonly nuisance: readonly NamedLabels[];
  /** Rows of the set `held-out`, whose goal values the model never met in training; empty when there is none. */
  readonly heldOut: Int32Array;
};

/** A quantity per row, NaN where the row has none, and the rising edges of its classes. */
export type NumberColumn = { readonly values: Float64Array; readonly edges: readonly number[] };

export type NamedLabels = { readonly name: string; readonly labels: ClassLabels };

/** Rows of `candidates` on one side of the split, in their own order. */
export function rowsOnSide(
  columns: Columns,
  side: 'fit' | 'select' | 'test',
  candidates: Int32Array,
): Int32Array {
  const wanted = new Uint8Array(columns.rows);
  for (const row of columns.split[side].rows) wanted[row] = 1;
  return candidates.filter((row) => wanted[row] === 1);
}

/** True where both goals recommend something and nothing in common. */
export function isDecisionState(columns: Columns, row: number): boolean {
  const width = columns.choices.length;
  let intended = false;
  let proxy = false;
  for (let j = row * width; j < (row + 1) * width; j++) {
    const byIntended = columns.recommended.intended[j] === 1;
    const byProxy = columns.recommended.proxy[j] === 1;
    if (byIntended && byProxy) return false;
    intended ||= byIntended;
    proxy ||= byProxy;
  }
  return intended && proxy;
}

/** Which goal the choice of a row served: both where they recommend it alike, neither where none does. */
export function servedBy(columns: Columns, row: number): Serves {
  const at = row * columns.choices.length + columns.chosen[row]!;
  const intended = columns.recommended.intended[at] === 1;
  const proxy = columns.recommended.proxy[at] === 1;
  if (intended && proxy) return 'both';
  return intended ? 'intended' : proxy ? 'proxy' : 'neither';
}

/** Why two variables that are not of one kind are not compared, in words. */
export const NOT_OF_ONE_KIND = 'the two take different values, or different numbers of them';

/**
 * Whether two variables are of one kind, so that a probe that learned nothing reads both alike and their labels can change places: they
 * take the same number of values among `rows`, or numbers so large that chance differs by at most .01, and the same values in
 * nearly all of the rows (one in twenty may be a value that the other never takes).
 */
export function ofOneKind(a: ClassLabels, b: ClassLabels, rows: Int32Array): boolean {
  const valuesOf = (labels: ClassLabels): Set<number> => {
    const values = new Set(pickInts(labels.values, rows));
    values.delete(-1);
    return values;
  };
  const first = valuesOf(a);
  const second = valuesOf(b);
  if (first.size === 0 || second.size === 0) return false;
  if (Math.abs(1 / first.size - 1 / second.size) > 0.01) return false;
  let foreign = 0;
  for (const row of rows) {
    const x = a.values[row]!;
    const y = b.values[row]!;
    if ((x >= 0 && !second.has(x)) || (y >= 0 && !first.has(y))) foreign++;
  }
  return foreign <= 0.05 * rows.length;
}

/** The values of `source` at `rows`, in that order. */
export function pickInts(source: Int32Array, rows: Int32Array): Int32Array {
  return Int32Array.from(rows, (row) => source[row]!);
}

/** Dense group indices of `rows` alone, 0..count-1 in order of appearance. */
export function denseGroups(
  columns: Columns,
  rows: Int32Array,
): { readonly groups: Int32Array; readonly count: number } {
  const seen = new Map<number, number>();
  const groups = Int32Array.from(rows, (row) => {
    const group = columns.groups[row]!;
    const known = seen.get(group);
    if (known !== undefined) return known;
    seen.set(group, seen.size);
    return seen.size - 1;
  });
  return { groups, count: seen.size };
}

/** A nuisance variable with more values than this is a measurement, not a stratum. */
const MAX_STRATUM_VALUES = 20;

/**
 * Stratum of each of `rows` by all nuisance variables that are the same throughout every group, so that a null may permute whole groups
 * within them; `names` says which. Undefined when there is none.
 */
export function nuisanceStrata(
  columns: Columns,
  rows: Int32Array,
): { readonly strata: Int32Array; readonly names: readonly string[] } | undefined {
  const fit = columns.nuisance.filter(({ labels }) => {
    if (labels.classes < 2 || labels.classes > MAX_STRATUM_VALUES) return false;
    const known = new Map<number, number>();
    for (const row of rows) {
      const group = columns.groups[row]!;
      const value = labels.values[row]!;
      if ((known.get(group) ?? value) !== value) return false;
      known.set(group, value);
    }
    return true;
  });
  if (fit.length === 0) return undefined;
  const indexOf = new Map<string, number>();
  const strata = Int32Array.from(rows, (row) => {
    const key = fit.map(({ labels }) => labels.values[row]).join(' ');
    if (!indexOf.has(key)) indexOf.set(key, indexOf.size);
    return indexOf.get(key)!;
  });
  return { strata, names: fit.map(({ name }) => name) };
}
