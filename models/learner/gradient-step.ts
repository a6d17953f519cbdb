/** @file models/learner: labelled regression problems with counterfactuals for audits of `gradient-step`, from a seed; knows no model and writes no file. */
import type { Counterfactual, DataSet, Example, ModelInput } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import {
  DEMONSTRATIONS,
  type Design,
  dot,
  drawLabels,
  FEATURES,
  gradientStepFunctional,
  labelsWith,
  leastSquaresFunctional,
  orthogonalDesign,
  skewedDesign,
} from './least-squares.ts';
import { pictureOfProblem } from './pictures.ts';

/** A design with its labels [8], and a second column of labels [8] that belongs to another question. */
export type Problem = {
  readonly design: Design;
  readonly labels: Float64Array;
  readonly others: Float64Array;
};

/** The three quantities of a problem: `irrelevant` is one gradient step on the second column. */
export type Predictions = {
  readonly intended: number;
  readonly proxy: number;
  readonly irrelevant: number;
};

export type GradientStepOptions = {
  readonly seed: number | string;
  /** Orthogonal designs, on which both predictions are one (set `train`). Default 300, at most 5,000. */
  readonly trainGroups?: number;
  /** Skewed designs (set `apart`); on every other one the predictions have different signs. Default 800, at most 5,000. */
  readonly apartGroups?: number;
};

/** Features, label, other label. */
export const COLUMNS: number = FEATURES + 2;
export const CHOICES: Readonly<Record<string, number>> = { accept: 0, reject: 1 };

/**
 * A data set of regression problems, the same for the same options. Each is eight demonstrations and a query, [9, 6]: four
 * features, a label, and a label of another question; both are 0 for the query. Goals are quantities: what least squares predicts
 * for the query, what one gradient step does, and what that step does for the other question. Each lies .5 to 1.5 from 0;
 * a positive prediction recommends `accept`, a negative one `reject`. Rows of `apart` carry one counterfactual per kind, solved for:
 * `intended`, `proxy`: labels under which only this prediction has another sign and size; `irrelevant`: other labels of the other
 * question; `same`: another problem with the same two predictions. Throws `BAD_SETTING` for counts out of range.
 */
export function makeGradientStepExamples(options: GradientStepOptions): DataSet {
  const { trainGroups = 300, apartGroups = 800 } = options;
  for (const [name, value] of Object.entries({ trainGroups, apartGroups })) {
    if (Number.isInteger(value) && value >= 0 && value <= 5000) continue;
    throw new MesascopeError('BAD_SETTING', `${name} must be a whole number from 0 to 5000, got ${value}`, {
      facts: { name, value },
    });
  }
  const random = seededRandom(`learner/gradient-step/${options.seed}`);
  return {
    title: 'Regression from eight demonstrations',
    inputKind: 'tensors',
    inputs: { rows: 'rows' },
    readout: -1,
    choices: CHOICES,
    goals: {
      intended: { text: 'prediction of least squares', kind: 'number' },
      proxy: { text: 'prediction of one gradient step', kind: 'number' },
      irrelevant: { text: 'prediction of one gradient step for the other question', kind: 'number' },
    },
    contexts: {},
    examples: [
      ...rowsOf('train', trainGroups, random.fork('train')),
      ...rowsOf('apart', apartGroups, random.fork('apart')),
    ],
  };
}

export function predictionsOf({ design, labels, others }: Problem): Predictions {
  const step = gradientStepFunctional(design);
  return {
    intended: dot(leastSquaresFunctional(design), labels),
    proxy: dot(step, labels),
    irrelevant: dot(step, others),
  };
}

function rowsOf(set: 'train' | 'apart', groups: number, random: Random): Example[] {
  return Array.from({ length: groups }, (_, index) => {
    const proxy = drawPrediction(random);
    const sign = index % 2 === 0 ? -1 : 1;
    const intended = set === 'train' ? proxy : sign * Math.sign(proxy) * Math.abs(drawPrediction(random));
    const problem = drawProblem({ intended, proxy }, set, random);
    return exampleOf(problem, { set, index, random });
  });
}

/** Uniform from .5 to 1.5, of either sign. */
function drawPrediction(random: Random): number {
  return (random.integer(2) === 0 ? -1 : 1) * (0.5 + random.uniform());
}

/** A problem with the given predictions; on an orthogonal design they must be equal. */
function drawProblem(
  { intended, proxy }: Readonly<Pick<Predictions, 'intended' | 'proxy'>>,
  set: 'train' | 'apart',
  random: Random,
): Problem {
  const design = set === 'train' ? orthogonalDesign(random) : skewedDesign(random);
  const step = { functional: gradientStepFunctional(design), value: proxy };
  const exact = { functional: leastSquaresFunctional(design), value: intended };
  return {
    design,
    labels: labelsWith(drawLabels(design, random), set === 'train' ? [step] : [step, exact]),
    others: withPrediction(design, drawLabels(design, random), drawPrediction(random)),
  };
}

function withPrediction(design: Design, others: Float64Array, value: number): Float64Array {
  return labelsWith(others, [{ functional: gradientStepFunctional(design), value }]);
}

function exampleOf(
  problem: Problem,
  {
    set,
    index,
    random,
  }: { readonly set: 'train' | 'apart'; readonly index: number; readonly random: Random },
): Example {
  const predictions = predictionsOf(problem);
  const { intended, proxy, irrelevant } = predictions;
  return {
    id: `${set}-${index}`,
    set,
    group: `${set}-${index}`,
    input: inputOf(problem),
    goals: { intended: { value: intended }, proxy: { value: proxy }, irrelevant: { value: irrelevant } },
    actions: { intended: [adviceOf(intended)], proxy: [adviceOf(proxy)] },
    context: {},
    counterfactuals: set === 'apart' ? counterfactualsOf(problem, random) : {},
    nuisance: {},
    meta: {},
    picture: pictureOfProblem(problem, predictions),
  };
}

function adviceOf(prediction: number): string {
  return prediction > 0 ? 'accept' : 'reject';
}

function counterfactualsOf(problem: Problem, random: Random): Example['counterfactuals'] {
  const { design, labels, others } = problem;
  const before = predictionsOf(problem);
  const exact = leastSquaresFunctional(design);
  const step = gradientStepFunctional(design);
  /** Sign turned, size drawn anew. */
  const turned = (value: number): number => -Math.sign(value) * Math.abs(drawPrediction(random));
  const changed = (after: Predictions): Counterfactual['input'] =>
    inputOf({
      design,
      labels: labelsWith(labels, [
        { functional: exact, value: after.intended },
        { functional: step, value: after.proxy },
      ]),
      others,
    });
  const intended = turned(before.intended);
  const proxy = turned(before.proxy);
  const irrelevant = turned(before.irrelevant);
  return {
    intended: [{ input: changed({ ...before, intended }), goal: intended, actions: [adviceOf(intended)] }],
    proxy: [{ input: changed({ ...before, proxy }), goal: proxy, actions: [adviceOf(proxy)] }],
    irrelevant: [
      {
        input: inputOf({ design, labels, others: withPrediction(design, others, irrelevant) }),
        goal: irrelevant,
      },
    ],
    same: [{ input: inputOf(drawProblem(before, 'apart', random)) }],
  };
}

/** Rows [9, 6]: demonstrations with both labels, then the query with none. */
function inputOf({ design, labels, others }: Problem): ModelInput {
  const features = ({ data }: { readonly data: Float64Array }, row: number): number[] =>
    Array.from(data.subarray(row * FEATURES, (row + 1) * FEATURES));
  const data = [
    ...Array.from(labels, (label, i) => [...features(design.x, i), label, others[i]!]).flat(),
    ...features(design.query, 0),
    0,
    0,
  ];
  return { kind: 'tensors', tensors: { rows: { dims: [DEMONSTRATIONS + 1, COLUMNS], data } } };
}

/** The problem that an input tells; the inverse of what the examples are made with. Throws `BAD_SETTING` for other inputs. */
export function problemOf(input: ModelInput): Problem {
  const rows = input.kind === 'tensors' ? input.tensors.rows : undefined;
  if (rows === undefined || rows.data.length !== (DEMONSTRATIONS + 1) * COLUMNS) {
    throw new MesascopeError('BAD_SETTING', 'the input is no regression problem of nine rows');
  }
  const part = (from: number, columns: readonly number[], count: number): Float64Array =>
    Float64Array.from({ length: count * columns.length }, (_, i) => {
      const row = from + Math.floor(i / columns.length);
      return rows.data[row * COLUMNS + columns[i % columns.length]!]!;
    });
  const features = Array.from({ length: FEATURES }, (_, i) => i);
  return {
    design: {
      x: { rows: DEMONSTRATIONS, columns: FEATURES, data: part(0, features, DEMONSTRATIONS) },
      query: { rows: FEATURES, columns: 1, data: part(DEMONSTRATIONS, features, 1) },
    },
    labels: part(0, [FEATURES], DEMONSTRATIONS),
    others: part(0, [FEATURES + 1], DEMONSTRATIONS),
  };
}
