/** @file test: control tasks: one label per token, drawn from the variable's own classes, whatever the order of the rows. */
import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { controlTasks } from '../../src/evidence/control-task.ts';

const ROWS = 4000;
const TYPES = 1500;
const random = seededRandom('control');
/** Position 0 never changes, 1 takes many tokens, 2 takes two. */
const tokens = matrix(
  ROWS,
  3,
  Float32Array.from({ length: ROWS * 3 }, (_, i) =>
    i % 3 === 0 ? 9 : random.integer(i % 3 === 1 ? TYPES : 2),
  ),
);
/** Class 0 in one row of two, 1 in one of three, 2 in one of six; every tenth row has none. */
const like = {
  classes: 3,
  names: ['a', 'b', 'c'],
  values: Int32Array.from({ length: ROWS }, (_, i) => (i % 10 === 9 ? -1 : [0, 0, 0, 1, 1, 2][i % 6]!)),
};

describe('control tasks', () => {
  const tasks = controlTasks(tokens, like, seededRandom(1));

  it('exist where the token changes, and not where it never does', () => {
    const positions = tasks.map(({ position }) => position);
    expect(positions).toContain(1);
    expect(positions).not.toContain(0);
    expect(controlTasks(matrix(5, 2, new Float32Array(10)), like, seededRandom(1))).toEqual([]);
  });

  it('give every row with one token one label', () => {
    for (const { position, labels } of tasks) {
      const labelOf = new Map<number, number>();
      for (let row = 0; row < ROWS; row++) {
        const token = tokens.data[row * 3 + position]!;
        expect(labels.values[row]).toBe(labelOf.get(token) ?? labels.values[row]);
        labelOf.set(token, labels.values[row]!);
      }
      expect(labels).toMatchObject({ classes: 3, names: like.names });
    }
  });

  it('draw the label of each token with the class frequencies of the variable', () => {
    const { labels } = tasks.find(({ position }) => position === 1)!;
    const labelOf = new Map<number, number>();
    for (let row = 0; row < ROWS; row++) labelOf.set(tokens.data[row * 3 + 1]!, labels.values[row]!);
    const counts = [0, 0, 0];
    for (const label of labelOf.values()) counts[label]! += 1;
    const observed = like.values.filter((value) => value >= 0);
    for (let c = 0; c < 3; c++) {
      const share = observed.filter((value) => value === c).length / observed.length;
      // Four binomial standard errors: a false alarm in about one seed of 5,000 over three classes.
      const error = 4 * Math.sqrt((share * (1 - share)) / labelOf.size);
      expect(Math.abs(counts[c]! / labelOf.size - share)).toBeLessThan(error);
    }
  });

  it('do not depend on the order of the rows', () => {
    const order = seededRandom('order').permutation(ROWS);
    const moved = matrix(
      ROWS,
      3,
      Float32Array.from(
        { length: ROWS * 3 },
        (_, i) => tokens.data[order[Math.floor(i / 3)]! * 3 + (i % 3)]!,
      ),
    );
    // The classes are moved as one: only their frequencies matter, and those stay.
    const sorted = { ...like, values: like.values.slice().sort() };
    const before = controlTasks(tokens, sorted, seededRandom(1));
    const after = controlTasks(moved, sorted, seededRandom(1));
    expect(after.map(({ position }) => position)).toEqual(before.map(({ position }) => position));
    for (const [k, task] of after.entries()) {
      expect([...task.labels.values]).toEqual(Array.from(order, (row) => before[k]!.labels.values[row]!));
    }
  });

  it('do not exist for a variable without a value', () => {
    const none = { ...like, values: new Int32Array(ROWS).fill(-1) };
    expect(controlTasks(tokens, none, seededRandom(1))).toEqual([]);
  });
});
