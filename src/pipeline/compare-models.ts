/** @file pipeline: two files of one model (float32 and quantised, say) side by side: how far their activations lie apart, and whether a probe
 *  of one reads the other. */
import { runForward } from '../capture/run-forward.ts';
import { randomInputs } from '../capture/verify-inputs.ts';
import type { DataSet, GoalRole, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { takeRows } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import type { Interval } from '../evidence/resample-interval.ts';
import { type Linalg, openLinalg } from '../linalg/linalg.ts';
import type { Model } from '../model/open-model.ts';
import { streamOf } from '../model/sequences.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { matchHooks } from '../onnx/hooks-names.ts';
import {
  fitGoalProbe,
  type GoalTask,
  goalsOf,
  goalTask,
  type ProbeRows,
  readGoal,
  whyUnfitted,
} from './goal-probes.ts';

export type CompareRequest = {
  /** Inputs and goals; without, random inputs that the first model accepts, and no probes. */
  readonly dataSet?: DataSet;
  /** Hooks as a pattern (default: the stream at the start and after each block, the last norm, the logits); those that either lacks are named. */
  readonly hooks?: string;
  /** Positions in every row; negative ones count from the end (default the read-out of the data, or -1). */
  readonly positions?: readonly number[];
  /** Of random inputs and of the split (default 0). */
  readonly seed?: number;
};

/** How far the second model's values at one hook lie from the first's, over all rows and positions. */
export type HookDifference = {
  readonly hook: string;
  readonly width: number;
  /** |second - first| / |first|, norms over all values; 0 for equal ones. */
  readonly relative: number;
  /** Mean over rows and positions of the cosine between the two vectors, -1 to 1. */
  readonly cosine: number;
  /** Largest difference of one value. */
  readonly largest: number;
};

/** Shares of test rows read right; the probe of each model on both models' activations. All of state `undefined` where the goal does not vary. */
export type CrossReading = {
  readonly goal: GoalRole;
  readonly hook: string;
  readonly position: number;
  readonly classes: number;
  readonly ofFirst: { readonly onFirst: Interval; readonly onSecond: Interval };
  readonly ofSecond: { readonly onFirst: Interval; readonly onSecond: Interval };
};

export type Comparison = {
  readonly rows: number;
  readonly positions: readonly number[];
  readonly hooks: readonly HookDifference[];
  /** Hooks of the pattern that one of the two does not offer, with its reason. */
  readonly missing: readonly { readonly hook: string; readonly model: string; readonly reason: string }[];
  readonly probes: readonly CrossReading[];
  /** Which rows of the data the probes were fitted and read on; undefined without probes. */
  readonly set: ProbeRows | undefined;
  readonly testRows: number;
};

const DEFAULT_HOOKS = /^(encoder\.)?(embed|blocks\.\d+\.resid_post|final_norm|logits)$/;

/**
 * Runs both models on the same inputs and compares them hook by hook. With data, ridge probes of every goal are fitted on each
 * model's activations at the first position asked for, and read on the test rows of both.
 *
 * Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE` (no hook in common), `MODEL_PAIR` (a hook of other widths: not the same model),
 * `SPLIT_TOO_FEW_GROUPS`, and what running throws.
 */
export async function compareModels(
  first: Model,
  second: Model,
  request: CompareRequest,
  control: RunControl = {},
): Promise<Comparison> {
  const { dataSet, seed = 0 } = request;
  const inputs = dataSet?.examples.map(({ input }) => input) ?? randomInputs(first, seed);
  const positions = request.positions ?? [dataSet?.readout ?? -1];
  const { hooks, missing } = common(first, second, request.hooks);
  // Before either model runs: data that cannot be split cost no forward pass.
  const task =
    dataSet === undefined || Object.keys(dataSet.goals).length === 0 ? undefined : goalTask(dataSet, seed);
  const run = (model: Model): Promise<(hook: string, position: number) => Matrix> =>
    captured(model, { inputs, dataSet, hooks, positions }, control);
  const [a, b] = [await run(first), await run(second)];
  const differences = hooks.map((hook) => differenceAt(hook, positions, a, b));
  return {
    rows: inputs.length,
    positions,
    hooks: differences,
    missing,
    probes: task === undefined ? [] : await crossReadings(task, { hooks, position: positions[0]!, a, b }),
    set: task?.set,
    testRows: task?.split.test.rows.length ?? 0,
  };
}

/** Hooks of a pattern that both models offer, in the order of the first. */
function common(
  first: Model,
  second: Model,
  pattern: string | undefined,
): { readonly hooks: readonly string[]; readonly missing: Comparison['missing'] } {
  // What either offers may be asked for; what the other lacks is said below.
  const either = new Map(first.hooks.hooks.map((hook) => [hook.name, hook]));
  for (const hook of second.hooks.hooks) {
    if (either.get(hook.name)?.state !== 'available') either.set(hook.name, hook);
  }
  const all = [...either.values()];
  const asked =
    pattern === undefined
      ? all.flatMap(({ name, state }) => (state === 'available' && DEFAULT_HOOKS.test(name) ? [name] : []))
      : matchHooks({ ...first.hooks, hooks: all }, pattern).map(({ name }) => name);
  const missing = asked.flatMap((hook) =>
    [first, second].flatMap((model) => {
      const found = model.hooks.hooks.find(({ name }) => name === hook);
      if (readable(found)) return [];
      const reason =
        found === undefined
          ? 'this graph has no such hook'
          : found.state === 'unavailable'
            ? found.reason
            : 'it holds no vector per position';
      return [{ hook, model: model.name, reason }];
    }),
  );
  mustBePair(asked, first, second);
  const lost = new Set(missing.map(({ hook }) => hook));
  const hooks = asked.filter((hook) => !lost.has(hook));
  if (hooks.length === 0) {
    throw new MesascopeError(
      'HOOK_UNAVAILABLE',
      `no hook${pattern === undefined ? '' : ` of ${JSON.stringify(pattern)}`} is offered by both models`,
      {
        facts: { missing },
      },
    );
  }
  return { hooks, missing };
}

/** Before either model runs, as far as the graphs tell. */
function mustBePair(hooks: readonly string[], first: Model, second: Model): void {
  for (const hook of hooks) {
    const [a, b] = [first, second].map((model) => {
      const found = model.hooks.hooks.find(({ name }) => name === hook);
      return found?.state === 'available' ? found.width : undefined;
    });
    if (a !== undefined && b !== undefined && a !== b) throw noPair(hook, a, b);
  }
}

function noPair(hook: string, first: number, second: number): MesascopeError {
  return new MesascopeError(
    'MODEL_PAIR',
    `${hook} has ${first} features in the first model and ${second} in the second: they are not two files of one model`,
    { facts: { hook, first, second } },
  );
}

/** A hook with one vector per position, or one per row. */
function readable(hook: { readonly state: string } | undefined): hook is HookPoint {
  if (hook?.state !== 'available') return false;
  const { axes } = hook as HookPoint;
  return (
    axes[0] === 'batch' &&
    (axes[1] === 'position' || !axes.some((axis) => axis === 'position' || axis === 'query'))
  );
}

async function captured(
  model: Model,
  of: {
    readonly inputs: readonly ModelInput[];
    readonly dataSet: DataSet | undefined;
    readonly hooks: readonly string[];
    readonly positions: readonly number[];
  },
  control: RunControl,
): Promise<(hook: string, position: number) => Matrix> {
  const runs = new Map<string, Awaited<ReturnType<typeof runForward>>>();
  for (const stream of ['main', 'encoder'] as const) {
    const hooks = of.hooks.filter((hook) => streamOf(hook) === stream);
    if (hooks.length === 0) continue;
    const run = await runForward(
      model,
      {
        inputs: of.inputs,
        mapping: of.dataSet?.inputs ?? {},
        hooks,
        positions: of.positions,
        readout: -1,
        choices: [],
      },
      control,
    );
    for (const hook of hooks) runs.set(hook, run);
  }
  return (hook, position) => runs.get(hook)!.activations(hook, position);
}

type Read = (hook: string, position: number) => Matrix;

function differenceAt(hook: string, positions: readonly number[], a: Read, b: Read): HookDifference {
  let squares = 0;
  let of = 0;
  let largest = 0;
  let cosines = 0;
  let vectors = 0;
  let width = 0;
  for (const position of positions) {
    const [x, y] = [a(hook, position), b(hook, position)];
    if (x.columns !== y.columns) throw noPair(hook, x.columns, y.columns);
    width = x.columns;
    for (let row = 0; row < x.rows; row++) {
      let [dot, own, other] = [0, 0, 0];
      for (let at = row * width; at < (row + 1) * width; at++) {
        const [p, q] = [x.data[at]!, y.data[at]!];
        squares += (q - p) ** 2;
        largest = Math.max(largest, Math.abs(q - p));
        dot += p * q;
        own += p * p;
        other += q * q;
      }
      of += own;
      // Two vectors of zeros lie in one direction as much as in any other.
      cosines += own === 0 && other === 0 ? 1 : own === 0 || other === 0 ? 0 : dot / Math.sqrt(own * other);
      vectors++;
    }
  }
  const relative = squares === 0 ? 0 : Math.sqrt(squares / of);
  return { hook, width, relative, cosine: vectors === 0 ? 1 : cosines / vectors, largest };
}

async function crossReadings(
  task: GoalTask,
  of: { readonly hooks: readonly string[]; readonly position: number; readonly a: Read; readonly b: Read },
): Promise<CrossReading[]> {
  const linalg: Linalg = await openLinalg();
  try {
    const found: CrossReading[] = [];
    for (const hook of of.hooks) {
      const [x, y] = [of.a, of.b].map((read) => takeRows(read(hook, of.position), task.examples));
      for (const goal of goalsOf(task)) {
        const context = { task, linalg };
        const what = { goal, hook, position: of.position, classes: task.labels[goal]!.classes };
        const reason = whyUnfitted(task, goal);
        if (reason !== undefined) {
          const unread = { state: 'undefined', reason } as const;
          const both = { onFirst: unread, onSecond: unread };
          found.push({ ...what, ofFirst: both, ofSecond: both });
          continue;
        }
        const [p, q] = [await fitGoalProbe(x!, goal, context), await fitGoalProbe(y!, goal, context)];
        found.push({
          ...what,
          ofFirst: {
            onFirst: await readGoal(p, x!, goal, context),
            onSecond: await readGoal(p, y!, goal, context),
          },
          ofSecond: {
            onFirst: await readGoal(q, x!, goal, context),
            onSecond: await readGoal(q, y!, goal, context),
          },
        });
      }
    }
    return found;
  } finally {
    await linalg.close();
  }
}
