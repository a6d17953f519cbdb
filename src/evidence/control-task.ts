/** @file evidence: control tasks (Hewitt and Liang 2019): random labels that a probe can learn only by memorising inputs. */
import type { Matrix } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';

export type ControlTask = {
  /** Position whose token decides the label, as a column of the token matrix. */
  readonly position: number;
  readonly labels: ClassLabels;
};

/**
 * Control tasks for a categorical variable: each token type at one position gets a random class, drawn from the
 * variable's own class frequencies, so that every row with that token has that label. A position where the token never
 * changes has no control task.
 *
 * @param tokens [rows, positions], rows of one length
 * @source Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks", section 2
 */
export function controlTasks(tokens: Matrix, like: ClassLabels, random: Random): ControlTask[] {
  const observed = like.values.filter((value) => value >= 0);
  const tasks: ControlTask[] = [];
  if (observed.length === 0) return tasks;
  for (let position = 0; position < tokens.columns; position++) {
    const drawnFor = new Map<number, number>();
    const draws = random.fork(`control/${position}`);
    const values = new Int32Array(tokens.rows);
    // Types in sorted order, so that the labels do not depend on the order of the rows.
    const types = [
      ...new Set(
        Array.from({ length: tokens.rows }, (_, row) => tokens.data[row * tokens.columns + position]!),
      ),
    ];
    if (types.length < 2) continue;
    for (const type of types.sort((a, b) => a - b))
      drawnFor.set(type, observed[draws.integer(observed.length)]!);
    for (let row = 0; row < tokens.rows; row++) {
      values[row] = drawnFor.get(tokens.data[row * tokens.columns + position]!)!;
    }
    if (new Set(values).size < 2) continue;
    tasks.push({ position, labels: { classes: like.classes, values, names: like.names } });
  }
  return tasks;
}
