/** @file pipeline: counterfactual inputs run through the model, in the form that the causal rung reads. */
import { logProbabilities } from '../behavior/choices.ts';
import type { Counterfactual, DataSet, Example } from '../core/data-set.ts';
import { takeRows } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { seededRandom } from '../core/random.ts';
import type { CausalSide } from '../evidence/causal-side.ts';
import { type Columns, denseGroups, isDecisionState, rowsOnSide } from '../evidence/columns.ts';
import type { ActionPairs, Sources } from '../evidence/interchange.ts';
import { classOfValue } from './goal-labels.ts';
import { captureRequest, type MappedModel, runMapped } from './mapped-model.ts';
import { namingRows } from './name-errors.ts';
import type { ResolvedSettings } from './resolve-settings.ts';

const GOAL_KINDS = ['intended', 'proxy'] as const;
const KINDS = ['intended', 'proxy', 'irrelevant', 'same'] as const;
type Kind = (typeof KINDS)[number];
type Side = 'select' | 'test' | 'held-out';

/** Rows that can serve as bases: decision states whose counterfactuals of both goals (of one, if the data name one) change the action. */
export function possibleBases(dataSet: DataSet, columns: Columns, side: Side): Int32Array {
  const goals = GOAL_KINDS.filter((goal) => dataSet.goals[goal] !== undefined);
  const rows = side === 'held-out' ? unseenHeldOut(columns) : rowsOnSide(columns, side, columns.apart);
  return rows.filter((row) => {
    const example = dataSet.examples[row]!;
    return (
      isDecisionState(columns, row) && goals.every((goal) => changedActions(example, goal) !== undefined)
    );
  });
}

/** Rows of the set `held-out` that share no group with a row that anything is fitted or chosen on. */
function unseenHeldOut(columns: Columns): Int32Array {
  const seen = new Set<number>();
  for (const side of ['fit', 'select'] as const)
    for (const set of [columns.train, columns.apart])
      for (const row of rowsOnSide(columns, side, set)) seen.add(columns.groups[row]!);
  return columns.heldOut.filter((row) => !seen.has(columns.groups[row]!));
}

/** The first counterfactual of a goal whose recommended action differs from the example's, with the two actions. */
function changedActions(
  example: Example,
  goal: 'intended' | 'proxy',
): { readonly source: Counterfactual; readonly from: string; readonly to: string } | undefined {
  const before = example.actions[goal] ?? [];
  for (const source of example.counterfactuals[goal] ?? []) {
    const to = source.actions?.find((action) => !before.includes(action));
    const from = before.find((action) => !(source.actions ?? []).includes(action));
    if (to !== undefined && from !== undefined) return { source, from, to };
  }
  return undefined;
}

/** The bases of one side, drawn by seed, and the kinds of sources that all of them have; runs nothing. */
export function chooseBases(request: {
  readonly dataSet: DataSet;
  readonly columns: Columns;
  readonly side: Side;
  readonly settings: Pick<ResolvedSettings, 'seed' | 'interchangeBases'>;
}): { readonly bases: Int32Array; readonly kinds: readonly Kind[] } {
  const { dataSet, columns, side, settings } = request;
  const possible = possibleBases(dataSet, columns, side);
  // Effects and nulls must rest on the same bases. A kind of source that most bases lack is left out, rather than most of the bases.
  const having = (kind: Kind): Int32Array =>
    possible.filter((row) => sourceOf(dataSet.examples[row]!, kind) !== undefined);
  const kinds = KINDS.filter((kind) => possible.length > 0 && 2 * having(kind).length >= possible.length);
  const pool = possible.filter((row) =>
    kinds.every((kind) => sourceOf(dataSet.examples[row]!, kind) !== undefined),
  );
  const random = seededRandom(settings.seed).fork(`bases/${side}`);
  const bases = Int32Array.from(random.shuffled(Array.from(pool)).slice(0, settings.interchangeBases)).sort();
  return { bases, kinds };
}

/** Chooses bases of one side by seed, runs their sources, and lines both up. Null when the data hold no kinds base. */
export async function causalSide(request: {
  readonly mapped: MappedModel;
  readonly dataSet: DataSet;
  readonly columns: Columns;
  readonly side: Side;
  readonly hooks: readonly string[];
  readonly positions: readonly number[];
  readonly settings: ResolvedSettings;
  readonly control: RunControl;
}): Promise<CausalSide | null> {
  const { dataSet, columns, settings } = request;
  const { bases, kinds } = chooseBases({ dataSet, columns, side: request.side, settings });
  if (bases.length === 0) return null;
  const sources: Partial<Record<Kind, Sources>> = {};
  const inputs = kinds.flatMap((kind) =>
    Array.from(bases, (row) => sourceOf(dataSet.examples[row]!, kind)!.input),
  );
  const result = await namingRows(
    (row) => {
      const kind = kinds[Math.floor(row / bases.length)];
      return `counterfactual ${kind} of example ${JSON.stringify(dataSet.examples[bases[row % bases.length]!]?.id)}`;
    },
    () =>
      runMapped(
        request.mapped,
        captureRequest(request.mapped, inputs, request.hooks, request.positions, settings),
        request.control,
      ),
  );
  for (const [k, kind] of kinds.entries()) {
    const rows = Int32Array.from(bases.keys(), (i) => k * bases.length + i);
    sources[kind] = {
      bases,
      activations: (site) => takeRows(result.activations(site.hook, site.position), rows),
      logProbabilities: logProbabilities(takeRows(result.choiceLogits!, rows)),
    };
  }
  const pairs: Partial<Record<'intended' | 'proxy', ActionPairs>> = {};
  const newValues: Partial<Record<'intended' | 'proxy', Int32Array>> = {};
  for (const goal of GOAL_KINDS) {
    if (sources[goal] === undefined) continue;
    const changes = Array.from(bases, (row) => changedActions(dataSet.examples[row]!, goal)!);
    pairs[goal] = {
      oldAction: Int32Array.from(changes, ({ from }) => columns.choices.indexOf(from)),
      newAction: Int32Array.from(changes, ({ to }) => columns.choices.indexOf(to)),
    };
    newValues[goal] = Int32Array.from(changes, ({ source }) => classOfValue(columns, goal, source.goal));
  }
  return { bases, groups: denseGroups(columns, bases).groups, sources, pairs, newValues };
}

function sourceOf(example: Example, kind: Kind): Counterfactual | undefined {
  return kind === 'intended' || kind === 'proxy'
    ? changedActions(example, kind)?.source
    : example.counterfactuals[kind]?.[0];
}
