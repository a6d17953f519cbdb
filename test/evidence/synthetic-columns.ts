/** @file test: columns of any labels, groups and choices, for tests of one rung at a time. */
import { matrix } from '../../src/core/matrix.ts';
import type { GroupSplit } from '../../src/core/split.ts';
import type { Columns } from '../../src/evidence/columns.ts';

export type ColumnsSpec = {
  readonly train?: number;
  readonly apart: number;
  /** Class of each variable by row, training-like rows first; -1 for none. A variable left out does not exist. */
  readonly labels: Readonly<Partial<Record<'intended' | 'proxy' | 'irrelevant', (row: number) => number>>>;
  readonly classes: number;
  readonly groupOf?: (row: number) => number;
  /** Index of the choice made in a row; the intended goal's by default. */
  readonly chosen?: (row: number) => number;
  /** Action that a goal recommends in a row, -1 for none; its class by default. */
  readonly action?: (goal: 'intended' | 'proxy', row: number) => number;
  /** Side of a group; by default groups go to fit, fit, select, test, test in turn. */
  readonly side?: (group: number) => 'fit' | 'select' | 'test';
};

/** One choice per class; a row's probability is .9 on what is chosen. */
export function columnsFrom(spec: ColumnsSpec): Columns {
  const train = spec.train ?? 0;
  const rows = train + spec.apart;
  const all = Array.from({ length: rows }, (_, row) => row);
  const groupOf = spec.groupOf ?? ((row) => row);
  const side = spec.side ?? ((group) => (['fit', 'fit', 'select', 'test', 'test'] as const)[group % 5]!);
  const names = Array.from({ length: spec.classes }, (_, c) => String(c));
  const action = spec.action ?? ((goal: 'intended' | 'proxy', row: number) => spec.labels[goal]?.(row) ?? -1);
  const recommended = (goal: 'intended' | 'proxy'): Uint8Array => {
    const mask = new Uint8Array(rows * spec.classes);
    for (const row of all) {
      const recommends = action(goal, row);
      if (recommends >= 0) mask[row * spec.classes + recommends] = 1;
    }
    return mask;
  };
  const chosen = Int32Array.from(all, spec.chosen ?? ((row) => Math.max(0, action('intended', row))));
  const logProbabilities = matrix(
    rows,
    spec.classes,
    Float32Array.from({ length: rows * spec.classes }, (_, i) =>
      Math.log(chosen[Math.floor(i / spec.classes)] === i % spec.classes ? 0.9 : 0.1 / (spec.classes - 1)),
    ),
  );
  const rowsOf = <R extends 'fit' | 'select' | 'test'>(role: R): GroupSplit[R] =>
    ({ role, rows: Int32Array.from(all.filter((row) => side(groupOf(row)) === role)) }) as GroupSplit[R];
  return {
    rows,
    groups: Int32Array.from(all, groupOf),
    groupCount: new Set(all.map(groupOf)).size,
    train: Int32Array.from(all.slice(0, train)),
    apart: Int32Array.from(all.slice(train)),
    labels: Object.fromEntries(
      Object.entries(spec.labels).map(([role, labelOf]) => [
        role,
        { classes: spec.classes, names, values: Int32Array.from(all, labelOf) },
      ]),
    ),
    choices: names,
    recommended: { intended: recommended('intended'), proxy: recommended('proxy') },
    logProbabilities,
    chosen,
    tokens: null,
    split: { fit: rowsOf('fit'), select: rowsOf('select'), test: rowsOf('test') },
    contexts: [],
    nuisance: [],
    heldOut: new Int32Array(0),
  };
}
