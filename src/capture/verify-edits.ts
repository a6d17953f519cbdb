/** @file capture: the self-checks of editing: every hook can be changed, the outputs feel it, and a change to the same value is none. */
import { type Matrix, matrix } from '../core/matrix.ts';
import { seededRandom } from '../core/random.ts';
import { streamOf } from '../model/sequences.ts';
import type { HookNumber, SelfCheck } from '../onnx/contract.ts';
import { openInterventions } from './interventions.ts';
import {
  atLeast,
  atMost,
  type Context,
  forward,
  greatest,
  LEAST_EFFECT,
  least,
  notApplicable,
  toleranceOf,
} from './verify-context.ts';

/** Where edits are tried: the last position, then the first, which a classifier may read instead. */
const POSITIONS = [-1, 0] as const;

/** Two checks over all `hooks`, each with a number per hook. */
export async function editChecks(context: Context, hooks: readonly string[]): Promise<SelfCheck[]> {
  const ids = ['edit-changes-output', 'no-op-edit'] as const;
  const why =
    typeof context.columns === 'string'
      ? context.columns
      : hooks.length === 0
        ? 'no hidden value has a position to edit'
        : undefined;
  if (why !== undefined) return ids.map((id) => ({ id, ...notApplicable(why) }));
  const changes: HookNumber[] = [];
  const noOps: HookNumber[] = [];
  for (const hook of hooks) {
    const { change, noOp } = await tryHook(context, hook);
    changes.push({ hook, value: change });
    noOps.push({ hook, value: noOp });
  }
  const weakest = least(changes);
  const worst = greatest(noOps);
  const { half } = toleranceOf(context.model);
  const count = `${hooks.length} hook${hooks.length === 1 ? '' : 's'}`;
  const replaced = `replacing ${hooks.length === 1 ? hooks[0] : `each of ${count}`} with itself, exact mode`;
  const off =
    '; against the same graph with the edit off, since 16-bit values are kept wider where nothing reads them';
  return [
    {
      id: 'edit-changes-output',
      ...atLeast(
        weakest.value,
        LEAST_EFFECT,
        `least change of the outputs over ${count}, at ${weakest.hook}`,
      ),
      perHook: changes,
    },
    { id: 'no-op-edit', ...atMost(worst.value, 0, `${replaced}${half ? off : ''}`), perHook: noOps },
  ];
}

async function tryHook(
  context: Context,
  hook: string,
): Promise<{ readonly change: number; readonly noOp: number }> {
  const { model, inputs, mapping, seed } = context;
  const columns = context.columns as readonly number[];
  const main = streamOf(hook) === 'main';
  const exact = { positions: [...POSITIONS], optimization: 'basic' as const };
  const plain = await forward(context, { ...exact, hooks: [hook], choices: main ? columns : [] });
  const edits = await openInterventions(model, {
    mapping,
    edits: [{ hook, kind: 'replace' }],
    readout: -1,
    choices: columns,
    optimization: 'basic',
  });
  try {
    const run = (position: number, value: Matrix, edited?: readonly boolean[]): Promise<Matrix> =>
      edits.run({ inputs, position, values: [value], ...(edited === undefined ? {} : { edited }) });
    const own = (position: number): Matrix => plain.activations(hook, position);
    const { half } = toleranceOf(model);
    const before =
      half || !main
        ? await run(
            -1,
            own(-1),
            inputs.map(() => false),
          )
        : plain.choiceLogits!;
    const noOp = largestDifference(await run(-1, own(-1)), before);
    let change = 0;
    for (const position of POSITIONS) {
      const other = noisy(own(position), `${seed}/${hook}`);
      change = largestDifference(await run(position, other), before);
      // NaN is no change that could be trusted, and what comes after it must not hide it.
      if (!(change < LEAST_EFFECT)) break;
    }
    return { change, noOp };
  } finally {
    await edits.close();
  }
}

/** A value and noise of its own size. */
function noisy(value: Matrix, seed: string): Matrix {
  const noise = noiseLike(value.data, seed);
  return matrix(
    value.rows,
    value.columns,
    noise.map((one, i) => one + value.data[i]!),
  );
}

/** Seeded normal noise with the root mean square of `values`; of 1 where they are all 0. */
export function noiseLike(values: ArrayLike<number>, seed: string): Float32Array {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  const scale = Math.sqrt(squares / Math.max(1, values.length)) || 1;
  const random = seededRandom(seed);
  return Float32Array.from(values, () => scale * random.normal());
}

function largestDifference(a: Matrix, b: Matrix): number {
  let largest = 0;
  for (let i = 0; i < a.data.length; i++) largest = Math.max(largest, Math.abs(a.data[i]! - b.data[i]!));
  return largest;
}
