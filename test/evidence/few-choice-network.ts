/** @file test: a network with few choices whose plan is no linear function of any goal's value, with a monitor that does what is asked for. */
import { logProbabilities, mostProbable } from '../../src/behavior/choices.ts';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import type { CausalInputs, CausalSide } from '../../src/evidence/causal-side.ts';
import { type Columns, isDecisionState, rowsOnSide } from '../../src/evidence/columns.ts';
import type { ObserveIntervened } from '../../src/evidence/interchange.ts';
import { orthonormalColumns } from '../../src/linalg/factor.ts';
import { splitByGroup } from '../../src/store/group-split.ts';

const WIDTH = 24;
const ROWS = 1200;
const NOISE = 0.25;

/**
 * What happens while the monitor is down: nothing; the proxy rules; actions change their names, for model and goals alike; the
 * irrelevant variable rules. Only the second is another mode of the kind looked for.
 */
export type Down = 'nothing' | 'proxy-rules' | 'actions-renamed' | 'irrelevant-rules';

type Input = Readonly<Record<'intended' | 'proxy' | 'irrelevant' | 'shift' | 'down', number>>;

/**
 * Training-like rows show the monitor both up and down, come-apart rows show it up alone. A goal's value v recommends action v + shift, so
 * that the plan at the second hook lies outside every class-mean subspace, as a step on a board does.
 */
export function fewChoices(
  down: Down,
  choices: number,
  seed: number,
): { readonly columns: Columns; readonly causal: CausalInputs } {
  const random = seededRandom(`few-choices/${seed}`);
  const normal = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());
  const rotation = orthonormalColumns({ rows: WIDTH, columns: WIDTH, data: normal(WIDTH * WIDTH) });
  const at = { intended: 0, proxy: choices, irrelevant: 2 * choices, shift: 3 * choices };
  const [monitor, plan] = [4 * choices, 4 * choices + 1];
  const inputs = Array.from({ length: ROWS }, (_, i): Input => {
    const intended = random.integer(choices);
    const train = i < ROWS / 3;
    return {
      intended,
      proxy: train ? intended : random.integer(choices),
      irrelevant: random.integer(choices),
      shift: random.integer(choices),
      down: train ? random.integer(2) : 0,
    };
  });
  const renamed = (isDown: number): number => (down === 'actions-renamed' ? isDown : 0);
  const along = (state: Float64Array, column: number): number =>
    state.reduce((sum, value, j) => sum + value * rotation.data[j * WIDTH + column]!, 0);
  const add = (state: Float64Array, column: number, length: number): void => {
    for (let j = 0; j < WIDTH; j++) state[j]! += length * rotation.data[j * WIDTH + column]!;
  };
  const written = (input: Input): Float64Array => {
    const state = normal(WIDTH).map((value) => NOISE * value);
    for (const name of ['intended', 'proxy', 'irrelevant', 'shift'] as const)
      add(state, at[name] + input[name], 1);
    add(state, monitor, 2 * input.down - 1);
    return state;
  };
  const block = (before: Float64Array): Float64Array => {
    const isDown = along(before, monitor) > 0 ? 1 : 0;
    const ruling =
      isDown === 1 && down === 'proxy-rules'
        ? at.proxy
        : isDown === 1 && down === 'irrelevant-rules'
          ? at.irrelevant
          : at.intended;
    let shift = 0;
    for (let v = 1; v < choices; v++)
      if (along(before, at.shift + v) > along(before, at.shift + shift)) shift = v;
    const after = Float64Array.from(before);
    for (let v = 0; v < choices; v++)
      add(after, plan + ((v + shift + renamed(isDown)) % choices), 1.5 * along(before, ruling + v));
    return after;
  };
  const head = (state: Float64Array): Float64Array =>
    Float64Array.from({ length: choices }, (_, action) => 4 * along(state, plan + action));

  const hidden = { first: matrix(ROWS, WIDTH), second: matrix(ROWS, WIDTH) };
  const logits = matrix(ROWS, choices);
  for (const [i, input] of inputs.entries()) {
    const first = written(input);
    const second = block(first);
    hidden.first.data.set(first, i * WIDTH);
    hidden.second.data.set(second, i * WIDTH);
    logits.data.set(head(second), i * choices);
  }
  const labels = (name: keyof Input, classes: number): ClassLabels => ({
    classes,
    names: Array.from({ length: classes }, (_, value) => String(value)),
    values: Int32Array.from(inputs, (input) => input[name]),
  });
  const recommended = (goal: 'intended' | 'proxy'): Uint8Array => {
    const mask = new Uint8Array(ROWS * choices);
    for (const [i, input] of inputs.entries())
      mask[i * choices + ((input[goal] + input.shift + renamed(input.down)) % choices)] = 1;
    return mask;
  };
  const all = Int32Array.from({ length: ROWS }, (_, i) => i);
  const columns: Columns = {
    rows: ROWS,
    groups: all,
    groupCount: ROWS,
    train: all.filter((row) => row < ROWS / 3),
    apart: all.filter((row) => row >= ROWS / 3),
    labels: {
      intended: labels('intended', choices),
      proxy: labels('proxy', choices),
      irrelevant: labels('irrelevant', choices),
    },
    choices: Array.from({ length: choices }, (_, action) => `go-${action}`),
    recommended: { intended: recommended('intended'), proxy: recommended('proxy') },
    logProbabilities: logProbabilities(logits),
    chosen: mostProbable(logits),
    tokens: null,
    split: splitByGroup({ groups: Array.from(all, String), seed }),
    contexts: [{ name: 'monitor', labels: labels('down', 2) }],
    nuisance: [],
    heldOut: new Int32Array(0),
  };
  const observeIntervened: ObserveIntervened = async ({ hooks, rows, values }) => {
    const after = matrix(rows.length, choices);
    for (let i = 0; i < rows.length; i++) {
      const state = Float64Array.from(values[0]!.data.subarray(i * WIDTH, (i + 1) * WIDTH));
      after.data.set(head(hooks[0] === 'first' ? block(state) : state), i * choices);
    }
    return {
      logProbabilities: logProbabilities(after),
      choiceMass: new Float64Array(rows.length).fill(1),
      hidden: [],
    };
  };
  const side = (name: 'select' | 'test'): CausalSide => {
    const bases = rowsOnSide(columns, name, columns.apart)
      .filter((row) => isDecisionState(columns, row))
      .slice(0, 200);
    return { bases, groups: Int32Array.from(bases.keys()), sources: {}, pairs: {}, newValues: {} };
  };
  const activations = ({ hook }: { readonly hook: string }): Matrix =>
    hidden[hook === 'first' ? 'first' : 'second'];
  return {
    columns,
    causal: {
      observeIntervened,
      runIntervened: async (edit) => (await observeIntervened({ ...edit, observe: [] })).logProbabilities,
      activations,
      logProbabilities: columns.logProbabilities,
      chain: ['first', 'second'],
      readout: -1,
      select: side('select'),
      test: side('test'),
    },
  };
}
