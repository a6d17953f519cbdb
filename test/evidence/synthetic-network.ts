/** @file test: a network as pure functions whose goal is known: hidden states are linear codes, the choice a known function of them. */
import { logProbabilities, mostProbable } from '../../src/behavior/choices.ts';
import { type Matrix, matrix, rowOf } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import type { CausalInputs, CausalSide } from '../../src/evidence/causal-side.ts';
import type { Columns, Site } from '../../src/evidence/columns.ts';
import type {
  ActionPairs,
  ObserveIntervened,
  RunIntervened,
  Sources,
} from '../../src/evidence/interchange.ts';
import { type Dense, dense } from '../../src/linalg/dense.ts';
import { orthonormalColumns } from '../../src/linalg/factor.ts';
import { splitByGroup } from '../../src/store/group-split.ts';
import type { Truth } from './synthetic-truths.ts';
import { HOOKS, type Input, inputOf, type Role, VALUES, WIDTH, type WorldRow } from './synthetic-world.ts';

export { TRUTHS, type Truth } from './synthetic-truths.ts';
export * from './synthetic-world.ts';

const CODES = { intended: 0, proxy: VALUES, irrelevant: 2 * VALUES, context: 3 * VALUES } as const;
/** Where a second copy of one variable is written, and its length: fainter, so that the first carries more than half of the effect. */
const SECOND = 3 * VALUES + 1;
const SECOND_LENGTH = 0.8;
const GATE = SECOND + VALUES;
export const READOUT = -1;
export const POSITIONS = [-2, READOUT] as const;

/** A rotation, so that no code lies along an axis; [WIDTH, WIDTH], column c is code direction c. */
const ROTATION = orthonormalColumns({
  rows: WIDTH,
  columns: WIDTH,
  data: Float64Array.from(
    { length: WIDTH * WIDTH },
    (
      (random) => () =>
        random.normal()
    )(seededRandom('rotation')),
  ),
});

/** Orthonormal basis of the directions in which the values of one variable differ, [WIDTH, VALUES - 1]. */
export function trueSubspace(role: Role): Dense {
  const differences = dense(WIDTH, VALUES - 1);
  for (let k = 0; k < VALUES - 1; k++) {
    for (let j = 0; j < WIDTH; j++) {
      const from = ROTATION.data[j * WIDTH + CODES[role]]!;
      differences.data[j * (VALUES - 1) + k] = ROTATION.data[j * WIDTH + CODES[role] + k + 1]! - from;
    }
  }
  return orthonormalColumns(differences);
}

/** What `blocks.0` writes for an input: each variable's code vector, rotated; [WIDTH]. */
function written(truth: Truth, input: Input): Float64Array {
  const out = new Float64Array(WIDTH);
  for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
    const direction = CODES[role] + input[role];
    for (let j = 0; j < WIDTH; j++) out[j]! += truth.code[role] * ROTATION.data[j * WIDTH + direction]!;
  }
  return out;
}

/** What one block writes: everything but the late variable, or it alone. */
function writtenBy(truth: Truth, hook: number): Truth {
  const keep = (role: Role): number => ((role === truth.late) === (hook === 2) ? truth.code[role] : 0);
  return {
    ...truth,
    code: { intended: keep('intended'), proxy: keep('proxy'), irrelevant: keep('irrelevant') },
  };
}

/** The earlier position holds the irrelevant variable and noise alone. */
function withoutGoals(truth: Truth): Truth {
  return { ...truth, code: { intended: 0, proxy: 0, irrelevant: truth.code.irrelevant } };
}

/** The residual stream of one input at a hook and position. */
function stream(truth: Truth, input: Input, hook: number, position: number): Float64Array<ArrayBuffer> {
  const here = position === READOUT ? 1 : 0;
  const context = (2 * input.context - 1) * here;
  const gate = input.gate === undefined ? 0 : (2 * input.gate - 1) * here;
  let value = Float64Array.from(
    { length: WIDTH },
    (_, j) =>
      context * ROTATION.data[j * WIDTH + CODES.context]! +
      input.noise[0]![j]! +
      gate * ROTATION.data[j * WIDTH + GATE]!,
  );
  for (let h = 1; h <= hook; h++) value = step(truth, input, h, position, value);
  return value;
}

/** What the block before `hook` makes of the state at the hook before it. */
function step(
  truth: Truth,
  input: Input,
  hook: number,
  position: number,
  state: Float64Array<ArrayBuffer>,
): Float64Array<ArrayBuffer> {
  const value = state.map((v, j) => v + input.noise[hook]![j]!);
  if (hook === 2 && position === READOUT && truth.again !== undefined) {
    const direction = SECOND + input[truth.again];
    const length = SECOND_LENGTH * truth.code[truth.again];
    return value.map((v, j) => v + length * ROTATION.data[j * WIDTH + direction]!);
  }
  if (hook !== 1 && !(hook === 2 && truth.late !== undefined)) return value;
  const own = writtenBy(truth, hook);
  const code = written(position === READOUT ? own : withoutGoals(own), input);
  return value.map((v, j) => v + code[j]!);
}

/** logits[(value + context) mod VALUES] += weight x (coordinate along that value's code / its length), for every variable and value. */
function head(truth: Truth, state: Float64Array): Float64Array {
  const along = (direction: number): number => {
    let sum = 0;
    for (let j = 0; j < WIDTH; j++) sum += state[j]! * ROTATION.data[j * WIDTH + direction]!;
    return sum;
  };
  const context = along(CODES.context) > 0 ? 1 : 0;
  const logits = new Float64Array(VALUES);
  logits[0] = truth.bias ?? 0;
  for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
    if (truth.code[role] === 0) continue;
    const gated = role === 'proxy' && context === 1 ? (truth.proxyInContext ?? 1) : 1;
    const opened = role === 'proxy' && along(GATE) > 0 ? (truth.proxyBehindGate ?? 0) : 0;
    for (let value = 0; value < VALUES; value++) {
      const at = (value + context) % VALUES;
      const copies = along(CODES[role] + value) + (truth.again === role ? along(SECOND + value) : 0);
      logits[at]! += ((gated * truth.weight[role] + opened) * copies) / truth.code[role];
    }
  }
  return logits;
}

const actionOf = (value: number, context: number): number => (value + context) % VALUES;

/** The network on given inputs: activations per site and log pi. */
function forward(
  truth: Truth,
  inputs: readonly Input[],
): { readonly activations: (site: Site) => Matrix; readonly logits: Matrix } {
  const kept = new Map<string, Matrix>();
  const logits = matrix(inputs.length, VALUES);
  for (const [i, input] of inputs.entries())
    logits.data.set(head(truth, stream(truth, input, 2, READOUT)), i * VALUES);
  return {
    logits,
    activations: ({ hook, position }) => {
      const key = `${hook}@${position}`;
      let found = kept.get(key);
      if (found === undefined) {
        found = matrix(inputs.length, WIDTH);
        const h = HOOKS.indexOf(hook as (typeof HOOKS)[number]);
        for (const [i, input] of inputs.entries())
          found.data.set(stream(truth, input, h, position), i * WIDTH);
        kept.set(key, found);
      }
      return found;
    },
  };
}

export type SyntheticRun = {
  readonly columns: Columns;
  readonly activations: (site: Site) => Matrix;
  readonly runIntervened: RunIntervened;
  readonly causal: CausalInputs;
};

const CHOICES = Array.from({ length: VALUES }, (_, value) => `go-${value}`);

/** Everything that the evidence reads of one network in one world; `bases` per side, with all four kinds of source. */
export function runSynthetic(truth: Truth, world: readonly WorldRow[], bases = 80): SyntheticRun {
  const inputs = world.map((row) => row.input);
  const ran = forward(truth, inputs);
  const names = Array.from({ length: VALUES }, (_, value) => String(value));
  const labels = (role: Role): ClassLabels => ({
    classes: VALUES,
    names,
    values: Int32Array.from(inputs, (input) => input[role]),
  });
  const recommended = (role: 'intended' | 'proxy'): Uint8Array => {
    const mask = new Uint8Array(world.length * VALUES);
    for (const [i, input] of inputs.entries()) mask[i * VALUES + actionOf(input[role], input.context)] = 1;
    return mask;
  };
  const groupIndex = new Map([...new Set(world.map((row) => row.group))].map((name, i) => [name, i]));
  const rowsOf = (set: string): Int32Array =>
    Int32Array.from(world.flatMap((row, i) => (row.set === set ? [i] : [])));
  const columns: Columns = {
    rows: world.length,
    groups: Int32Array.from(world, (row) => groupIndex.get(row.group)!),
    groupCount: groupIndex.size,
    train: rowsOf('train'),
    apart: rowsOf('apart'),
    labels: {
      intended: labels('intended'),
      proxy: labels('proxy'),
      irrelevant: labels('irrelevant'),
    },
    choices: CHOICES,
    recommended: { intended: recommended('intended'), proxy: recommended('proxy') },
    logProbabilities: logProbabilities(ran.logits),
    chosen: mostProbable(ran.logits),
    tokens: tokensOf(inputs),
    split: splitByGroup({ groups: world.map((row) => row.group), seed: 1 }),
    contexts: [],
    nuisance: [],
    heldOut: new Int32Array(0),
  };
  const observeIntervened: ObserveIntervened = async ({ hooks, position: asked, rows, values, observe }) => {
    // Of several positions only the read-out leads anywhere.
    const places = typeof asked === 'number' ? [asked] : asked;
    const at = Math.max(0, places.indexOf(READOUT));
    const position = places[at]!;
    const logits = matrix(rows.length, VALUES);
    const hidden = observe.map(() => matrix(rows.length, WIDTH));
    const edits = new Map(
      hooks.map((hook, e) => [HOOKS.indexOf(hook as (typeof HOOKS)[number]), values[e]!]),
    );
    for (let i = 0; i < rows.length; i++) {
      const input = inputs[rows[i]!]!;
      let state = stream(truth, input, 0, position);
      for (let h = 0; h < HOOKS.length; h++) {
        if (h > 0) state = step(truth, input, h, position, state);
        const edit = edits.get(h);
        if (edit !== undefined)
          state = Float64Array.from(rowOf(edit, i).subarray(at * WIDTH, (at + 1) * WIDTH));
        const seen = observe.indexOf(HOOKS[h]!);
        if (seen >= 0) hidden[seen]!.data.set(state, i * WIDTH);
      }
      logits.data.set(
        head(truth, position === READOUT ? state : stream(truth, input, 2, READOUT)),
        i * VALUES,
      );
    }
    return {
      logProbabilities: logProbabilities(logits),
      choiceMass: new Float64Array(rows.length).fill(1),
      hidden,
    };
  };
  const runIntervened: RunIntervened = async (edit) =>
    (await observeIntervened({ ...edit, observe: [] })).logProbabilities;
  return {
    columns,
    activations: ran.activations,
    runIntervened,
    causal: {
      runIntervened,
      observeIntervened,
      activations: ran.activations,
      logProbabilities: columns.logProbabilities,
      chain: HOOKS,
      readout: READOUT,
      select: sideOf(truth, world, columns, 'select', bases),
      test: sideOf(truth, world, columns, 'test', bases),
    },
  };
}

/** Rows in which the goals part, with a source of each kind; seeded by each row's own noise, so that the order of rows plays no part. */
function sideOf(
  truth: Truth,
  world: readonly WorldRow[],
  columns: Columns,
  side: 'select' | 'test',
  count: number,
): CausalSide {
  const bases = columns.split[side].rows
    .filter((row) => world[row]!.set === 'apart' && world[row]!.input.intended !== world[row]!.input.proxy)
    .slice(0, count);
  const made = Array.from(bases, (row) => {
    const { input } = world[row]!;
    const random = seededRandom(`source/${input.noise[0]![0]}`);
    const other = (value: number): number => (value + 1 + random.integer(VALUES - 1)) % VALUES;
    const fresh = inputOf({ intended: input.intended, proxy: input.proxy }, random, 0.3);
    return {
      intended: { ...input, intended: other(input.intended) },
      proxy: { ...input, proxy: other(input.proxy) },
      irrelevant: { ...input, irrelevant: other(input.irrelevant) },
      same: fresh,
    };
  });
  const sources = Object.fromEntries(
    (['intended', 'proxy', 'irrelevant', 'same'] as const).map((kind): [string, Sources] => {
      const ran = forward(
        truth,
        made.map((one) => one[kind]),
      );
      return [kind, { bases, activations: ran.activations, logProbabilities: logProbabilities(ran.logits) }];
    }),
  );
  const pairsOf = (goal: 'intended' | 'proxy'): ActionPairs => ({
    oldAction: Int32Array.from(bases, (row) => {
      const { input } = world[row]!;
      return actionOf(input[goal], input.context);
    }),
    newAction: Int32Array.from(made, (one) => actionOf(one[goal][goal], one[goal].context)),
  });
  const seen = new Map<number, number>();
  const groups = bases.map((row) => {
    const group = columns.groups[row]!;
    if (!seen.has(group)) seen.set(group, seen.size);
    return seen.get(group)!;
  });
  const newValuesOf = (goal: 'intended' | 'proxy'): Int32Array =>
    Int32Array.from(made, (one) => one[goal][goal]);
  return {
    bases,
    groups,
    sources,
    pairs: { intended: pairsOf('intended'), proxy: pairsOf('proxy') },
    newValues: { intended: newValuesOf('intended'), proxy: newValuesOf('proxy') },
  };
}

/** Token rows: one token per variable, as a control task reads them. */
function tokensOf(inputs: readonly Input[]): Matrix {
  const tokens = matrix(inputs.length, 4);
  for (const [i, input] of inputs.entries()) {
    tokens.data.set([7, input.intended, input.proxy, input.irrelevant], i * 4);
  }
  return tokens;
}

/** Activations of networks of the same shape that learned nothing: every variable is written equally faintly. */
export function* twinsOf(
  world: readonly WorldRow[],
  count: number,
  seed = 0,
): Generator<{ readonly activations: (site: Site) => Matrix }> {
  for (let twin = 0; twin < count; twin++) {
    const random = seededRandom(`twin/${seed}/${twin}`);
    const faint = (): number => 0.15 + 0.1 * random.uniform();
    const truth: Truth = {
      code: { intended: faint(), proxy: faint(), irrelevant: faint() },
      weight: { intended: 0, proxy: 0, irrelevant: 0 },
    };
    const inputs = world.map(({ input }) => ({
      ...input,
      noise: input.noise.map((noise) => noise.map((value) => value + 0.05 * random.normal())),
    }));
    yield { activations: forward(truth, inputs).activations };
  }
}
