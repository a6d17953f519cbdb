/** @file pipeline: what a run would do and could see, before any forward pass. */

import { candidateGroups } from '../capture/candidates.ts';
import type { DataSet } from '../core/data-set.ts';
import { throwIfAborted } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { openModel } from '../model/open-model.ts';
import { tokenizedData } from '../model/tokenize.ts';
import { matchHooks } from '../onnx/hooks-names.ts';
import { splitByGroup } from '../store/group-split.ts';
import { mustHaveChoices, mustScoreChoices } from './choices-fit.ts';
import type { Experiment } from './experiment.ts';
import { goalLabels, mustVary } from './goal-labels.ts';
import { loadData } from './load-data.ts';
import { type DataOutlook, outlookOf } from './plan-sight.ts';
import { positionsOf } from './prepare-experiment.ts';
import { type ResolvedSettings, resolveSettings } from './resolve-settings.ts';

export type Plan = {
  readonly experiment: string;
  readonly model: {
    readonly file: string;
    readonly bytes: number;
    readonly blocks: number;
    readonly width: number | null;
  };
  readonly data: { readonly title: string; readonly rows: number; readonly groups: number };
  readonly hooks: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[];
  readonly positions: readonly number[];
  /** Activations of the model itself, float32. */
  readonly activationBytes: number;
  /** Forward passes over single rows, twins, sources and interventions included. */
  readonly forwardRows: number;
  /**
   * Rough, within a factor of about three: two operations per parameter and token of every forward pass at 10 billion a second, and
   * rows x width x (width + classes) of every probe fit, in the model and its twins, at 2 billion a second.
   */
  readonly estimatedMinutes: number;
  readonly sets: readonly {
    readonly name: string;
    readonly rows: number;
    readonly groups: number;
    readonly decisionStates: number;
    readonly test: { readonly rows: number; readonly groups: number; readonly decisionStates: number };
  }[];
  /** What L0 will say of the data, and the smallest effects that four of five runs find. */
  readonly outlook: DataOutlook;
  readonly settings: ResolvedSettings;
};

/** Sources of either side that a base is exchanged with: one per goal, the irrelevant variable, the same value. */
const SOURCE_KINDS = 4;
/**
 * Edited rows per base whatever the settings: erasure with its fixed number of random erasers (some 540), the curves (82), and the other tables
 * (some 80). Counted on the grid agents; a network without one of the goals needs half.
 */
const FIXED_EDITS = 700;

/** Edited rows per base: two goals, each exchanged in random subspaces at two widths and pushed along three families of random directions. */
function editsPerBase(settings: Pick<ResolvedSettings, 'randomSubspaces' | 'randomDirections'>): number {
  return 2 * 2 * settings.randomSubspaces + 2 * 3 * settings.randomDirections + FIXED_EDITS;
}

/** Reads the model's index and the data, runs nothing. Throws the coded errors of the readers. */
export async function planExperiment(
  experiment: Experiment,
  options: { readonly name: string; readonly control?: RunControl },
): Promise<Plan> {
  const control = options.control ?? {};
  const settings = resolveSettings(experiment.settings);
  const loaded = await loadData(experiment, control);
  mustHaveChoices(loaded.dataSet);
  mustVary(loaded.dataSet, settings.coding);
  throwIfAborted(control.signal);
  const model = await openModel(experiment.model);
  try {
    const { dataSet, warnings } = tokenizedData(model, loaded.dataSet);
    mustScoreChoices(model, dataSet);
    const hooks = matchHooks(model.hooks, settings.hooks);
    const positions = positionsOf(dataSet, settings);
    const { examples } = dataSet;
    const split = splitByGroup({ groups: examples.map((example) => example.group), seed: settings.seed });
    const isTest = new Uint8Array(examples.length);
    for (const row of split.test.rows) isTest[row] = 1;
    const sets = [...new Set(examples.map((example) => example.set))].map((name) => {
      const rows = examples.flatMap((example, i) => (example.set === name ? [i] : []));
      const count = (indices: readonly number[]): Plan['sets'][number]['test'] => ({
        rows: indices.length,
        groups: new Set(indices.map((i) => examples[i]!.group)).size,
        decisionStates: indices.filter((i) => actionsDiffer(examples[i]!.actions)).length,
      });
      return { name, ...count(rows), test: count(rows.filter((i) => isTest[i] === 1)) };
    });
    const width = model.hooks.width ?? 0;
    const rows = examples.length;
    const passes = passesPerRow(dataSet);
    const forwardRows =
      rows * (passes + settings.twins) +
      settings.interchangeBases * (2 * SOURCE_KINDS + editsPerBase(settings)) * passes;
    const tokens =
      examples.reduce((sum, { input }) => sum + (input.kind === 'tokens' ? input.tokens.length : 1), 0) /
      Math.max(1, rows);
    const parameters = model.byteLength / 4;
    const forwardOperations = 2 * parameters * tokens * forwardRows;
    const classes = Object.values(
      goalLabels(dataSet, { coding: settings.coding, fit: split.fit.rows }).labels,
    ).reduce((sum, labels) => sum + labels.classes, 0);
    const fits = (1 + settings.twins) * hooks.length * positions.length;
    const probeOperations = fits * rows * width * (width + classes);
    const outlook = outlookOf({ dataSet, split, settings, width });
    return {
      experiment: options.name,
      model: {
        file: model.name,
        bytes: model.byteLength,
        blocks: model.hooks.blocks.length,
        width: model.hooks.width ?? null,
      },
      data: { title: dataSet.title, rows, groups: new Set(examples.map((example) => example.group)).size },
      hooks: hooks.map((hook) => ({ name: hook.name, shape: ['rows', positions.length, hook.width ?? '?'] })),
      positions,
      activationBytes: rows * positions.length * hooks.length * width * 4,
      forwardRows,
      estimatedMinutes: (forwardOperations / 10e9 + probeOperations / 2e9) / 60,
      sets,
      outlook: { ...outlook, warnings: [...warnings.map(textDoubt), ...outlook.warnings] },
      settings,
    };
  } finally {
    await model.close();
  }
}

/** What was seen while texts were tokenized, as a record says it. */
function textDoubt(text: string): DataOutlook['warnings'][number] {
  return { code: 'DATA', text };
}

/** Choices of several tokens take a pass for each set of them that differs in the last token alone. */
function passesPerRow({ choices }: Pick<DataSet, 'choices'>): number {
  const tokens = Object.values(choices).map((choice) => (typeof choice === 'object' ? choice : []));
  return Math.max(1, candidateGroups({ tokens, score: 'sum' }).length);
}

function actionsDiffer(actions: {
  readonly intended?: readonly string[];
  readonly proxy?: readonly string[];
}): boolean {
  const { intended, proxy } = actions;
  if (intended === undefined || proxy === undefined || intended.length === 0 || proxy.length === 0)
    return false;
  return !intended.some((action) => proxy.includes(action));
}
