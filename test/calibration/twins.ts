/** @file test: which twins are the stronger null for L3: the model's own weights in random order, or fresh normal numbers. Prints a table.
 *  Run with `npx tsx test/calibration/twins.ts [EXPERIMENT...]`; about 30 s per experiment. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { GOALS, readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import type { Experiment } from '../../src/pipeline/experiment.ts';
import { prepareExperiment } from '../../src/pipeline/prepare-experiment.ts';

const named = process.argv.slice(2);
const files = (await readdir('probes')).filter((name) => name.endsWith('.probe.ts'));
const names = named.length > 0 ? named : files.map((name) => name.slice(0, -'.probe.ts'.length));
const KINDS = ['shuffled', 're-initialised'] as const;

function summary(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const high = sorted[Math.min(sorted.length - 1, Math.floor(0.975 * sorted.length))]!;
  return `${mean.toFixed(3).padStart(7)} ${high.toFixed(3).padStart(7)}`;
}

console.log(
  'experiment            goal      statistic      model   shuffled: mean, 97.5 %   re-initialised: mean, 97.5 %',
);
for (const name of names) {
  const file = path.join('probes', `${name}.probe.ts`);
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  const { default: experiment } = (await import(pathToFileURL(file).href)) as { default: Experiment };
  const rows = new Map<string, { model: number; twins: number[][] }>();
  for (const [k, twinKind] of KINDS.entries()) {
    const settings = { ...experiment.settings, twinKind };
    const prepared = await prepareExperiment({ ...experiment, settings });
    const { columns, hooks, positions, readout, linalg, activations } = prepared.request;
    const base = {
      columns,
      sides: sidesOf(columns),
      sites: hooks.flatMap((hook) => positions.map((position) => ({ hook, position }))),
      readout,
      ridge: prepared.settings.ridge,
      linalg,
    };
    const model = await readNetwork({ ...base, activations });
    const note = (reading: typeof model, twin: boolean): void => {
      for (const goal of GOALS) {
        for (const which of ['contrast', 'share'] as const) {
          const value = reading[which][goal]?.value;
          if (value?.state !== 'measured') continue;
          const key = `${goal.padEnd(9)} ${which.padEnd(9)}`;
          const row = rows.get(key) ?? { model: value.value, twins: KINDS.map(() => []) };
          rows.set(key, row);
          if (twin) row.twins[k]!.push(value.value);
        }
      }
    };
    note(model, false);
    for await (const twin of prepared.request.twins())
      note(
        await readNetwork({ ...base, activations: twin.activations, like: { activations, reading: model } }),
        true,
      );
    await prepared.close();
  }
  for (const [key, { model, twins }] of rows) {
    const cells = twins.map((values) => (values.length === 0 ? '      -       -' : summary(values)));
    console.log(`${name.padEnd(21)} ${key} ${model.toFixed(3).padStart(9)}   ${cells.join('          ')}`);
  }
}
