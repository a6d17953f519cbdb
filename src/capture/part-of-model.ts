/** @file capture: runs the part of a model that lies between hidden values that are fed and one that comes out. */
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel, TensorValue } from '../model/runtime.ts';

/** A part of a graph, made of the model's own nodes. */
export type ModelPart = {
  /** Values of the graph that are fed. */
  readonly given: readonly string[];
  /** The value that comes out; with `positions` its rows at the positions asked for, else whole. */
  readonly output: { readonly value: string; readonly positions: boolean };
  readonly optimization: OptimizationLevel;
};

/**
 * `feeds`: the model's own inputs, by name, of the batch and length that the given values have (shapes may be computed from
 * them). `given`: one float32 tensor per given value. `at`: int64 [batch, p], where the output has positions.
 */
export type PartRun = (
  feeds: Readonly<Record<string, TensorValue>>,
  given: readonly TensorValue[],
  at: TensorValue,
) => Promise<TensorValue>;

/**
 * Runs `work` with the part; undefined when the output does not depend on every given value, as when a norm is one operator
 * with the sum before it. Throws what instrumenting and opening a session throw.
 */
export async function withPart<T>(
  model: Model,
  { given, output, optimization }: ModelPart,
  work: (run: PartRun) => Promise<T>,
): Promise<T | undefined> {
  const pick: 'positions' | 'all' = output.positions ? 'positions' : 'all';
  const request = { outputs: [{ value: output.value, pick }], given, keepModelOutputs: false };
  const plan = { steps: [() => request], optimization };
  return model.sessions.use({ part: request }, plan, async ({ session, instrumented }) => {
    const graph = instrumented[0]!;
    const names = given.map((value) => graph.given.get(value));
    if (names.some((name) => name === undefined)) return undefined;
    const fetch = graph.outputNames.get(output.value)!;
    return work(async (feeds, values, at) => {
      const all: Record<string, TensorValue> = { ...feeds };
      for (const [i, name] of names.entries()) all[name!] = values[i]!;
      if (graph.positionsInput !== undefined) all[graph.positionsInput] = at;
      return (await session.run(all, [fetch]))[fetch]!;
    });
  });
}
