/** @file test: a trigger that no example shows is found among the tokens, and tokens that only disturb are not taken for one. */
import { describe, expect, it } from 'vitest';
import { logProbabilities, mostProbable } from '../../src/behavior/choices.ts';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { CausalInputs, CausalSide } from '../../src/evidence/causal-side.ts';
import { type Columns, isDecisionState, rowsOnSide } from '../../src/evidence/columns.ts';
import { freePositions } from '../../src/evidence/mode-specific.ts';
import { triggerMode } from '../../src/evidence/mode-trigger.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { splitByGroup } from '../../src/store/group-split.ts';

const ROWS = 900;
const CHOICES = 4;
const VOCABULARY = 40;
/** Tokens: a monitor, the intended goal's value, the proxy's value. */
const [MONITOR, INTENDED, PROXY] = [10, 20, 30];
/** The token that no example shows, in the monitor's place. */
const TRIGGER = 11;

type Under = 'proxy-rules' | 'actions-renamed' | 'nothing';

/** Log odds of 4 for the action that rules; a token out of place leaves nothing to go by. */
function network(under: Under): (tokens: Int32Array) => Float64Array {
  return ([monitor, intended, proxy]) => {
    const triggered = monitor === TRIGGER;
    const value = triggered && under === 'proxy-rules' ? proxy! - PROXY : intended! - INTENDED;
    const logits = new Float64Array(CHOICES);
    if (value >= 0 && value < CHOICES)
      logits[(value + (triggered && under === 'actions-renamed' ? 1 : 0)) % CHOICES] = 4;
    return logits;
  };
}

function world(under: Under): { readonly columns: Columns; readonly causal: CausalInputs } {
  const random = seededRandom('triggers');
  const choose = network(under);
  const values = Array.from({ length: ROWS }, (_, i) => {
    const intended = random.integer(CHOICES);
    return { intended, proxy: i < ROWS / 3 ? intended : random.integer(CHOICES) };
  });
  const tokens = matrix(ROWS, 3);
  const logits = matrix(ROWS, CHOICES);
  const recommended = {
    intended: new Uint8Array(ROWS * CHOICES),
    proxy: new Uint8Array(ROWS * CHOICES),
  };
  for (const [i, { intended, proxy }] of values.entries()) {
    const row = Int32Array.of(MONITOR, INTENDED + intended, PROXY + proxy);
    tokens.data.set(row, i * 3);
    logits.data.set(choose(row), i * CHOICES);
    recommended.intended[i * CHOICES + intended] = 1;
    recommended.proxy[i * CHOICES + proxy] = 1;
  }
  const all = Int32Array.from({ length: ROWS }, (_, i) => i);
  const labels = (goal: 'intended' | 'proxy') => ({
    classes: CHOICES,
    names: Array.from({ length: CHOICES }, (_, value) => String(value)),
    values: Int32Array.from(values, (row) => row[goal]),
  });
  const columns: Columns = {
    rows: ROWS,
    groups: all,
    groupCount: ROWS,
    train: all.filter((row) => row < ROWS / 3),
    apart: all.filter((row) => row >= ROWS / 3),
    labels: { intended: labels('intended'), proxy: labels('proxy') },
    choices: Array.from({ length: CHOICES }, (_, action) => `go-${action}`),
    recommended,
    logProbabilities: logProbabilities(logits),
    chosen: mostProbable(logits),
    tokens,
    split: splitByGroup({ groups: Array.from(all, String), seed: 1 }),
    contexts: [],
    nuisance: [],
    heldOut: new Int32Array(0),
  };
  const run = async (edit: {
    readonly rows: Int32Array;
    readonly position: number;
    readonly tokens: Int32Array;
  }): Promise<Matrix> => {
    const after = matrix(edit.rows.length, CHOICES);
    for (const [i, row] of edit.rows.entries()) {
      const changed = Int32Array.from(tokens.data.subarray(row * 3, (row + 1) * 3));
      changed[edit.position] = edit.tokens[i]!;
      after.data.set(choose(changed), i * CHOICES);
    }
    return logProbabilities(after);
  };
  const side = (name: 'select' | 'test'): CausalSide => {
    const bases = rowsOnSide(columns, name, columns.apart).filter((row) => isDecisionState(columns, row));
    return { bases, groups: Int32Array.from(bases.keys()), sources: {}, pairs: {}, newValues: {} };
  };
  const unhooked = (): never => {
    throw new Error('nothing hidden is edited here');
  };
  return {
    columns,
    causal: {
      runIntervened: unhooked,
      observeIntervened: unhooked,
      activations: unhooked,
      substitution: { run, vocabulary: VOCABULARY },
      logProbabilities: columns.logProbabilities,
      chain: [],
      readout: -1,
      select: side('select'),
      test: side('test'),
    },
  };
}

async function look(under: Under, substituted = true): ReturnType<typeof triggerMode> {
  const { columns, causal } = world(under);
  const { substitution, ...without } = causal;
  const linalg = await openLinalg({ threads: 1 });
  try {
    return await triggerMode({
      columns,
      sides: sidesOf(columns),
      inputs: substituted && substitution !== undefined ? { ...without, substitution } : without,
      positions: [-1],
      randomDirections: 199,
      bootstrapDraws: 200,
      alpha: 0.05,
      linalg,
      random: seededRandom(1),
    });
  } finally {
    await linalg.close();
  }
}

describe('a search for a trigger', () => {
  it('finds the token that gives the choice to the proxy, though no example shows it', async () => {
    const found = await look('proxy-rules');
    expect(found?.judgement.state).toBe('acts-elsewhere');
    expect(found?.site).toEqual({ hook: 'tokens', position: -3 });
    expect(found?.label).toContain(`token ${TRIGGER} `);
    // 39 other tokens, of which none does the same.
    expect(found?.nulls[0]?.pValue).toEqual({ state: 'measured', value: 1 / 40 });
  });

  it.each(['actions-renamed', 'nothing'] as const)(
    'claims none where a token does something else: %s',
    async (under) => {
      expect((await look(under))?.judgement.state).not.toBe('acts-elsewhere');
    },
  );

  it('is not made where inputs cannot be changed', async () => {
    expect(await look('proxy-rules', false)).toBeUndefined();
  });

  it('leaves alone the tokens that tell of a goal', () => {
    expect(freePositions(world('nothing').columns)).toEqual([0]);
  });
});
