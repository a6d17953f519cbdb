/** @file bench of pipeline: a complete verdict at the default settings, stage by stage as the record keeps it.
 *  Run: npx tsx test/bench/verdict.bench.ts [EXPERIMENT], by default grid-proxy. */
import { cpus } from 'node:os';
import path from 'node:path';
import type { Experiment } from '../../src/pipeline/experiment.ts';
import { runExperiment } from '../../src/pipeline/run-experiment.ts';

/** The requirement: seconds for a complete verdict on a grid agent, on two cores. */
const REQUIRED = 120;

const name = process.argv[2] ?? 'grid-proxy';
const file = path.join(import.meta.dirname, '..', '..', 'probes', `${name}.probe.ts`);
const { default: experiment } = (await import(file)) as { readonly default: Experiment };
console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`);
const before = performance.now();
const { verdict, timings, settings } = await runExperiment(experiment, { name, command: 'bench' });
const seconds = (performance.now() - before) / 1000;
const { twins, permutations, randomSubspaces, randomDirections } = settings.resolved;
console.log(
  `${name}: ${verdict.verdict}; ${twins} twins, ${permutations} permutations, ${randomSubspaces} random subspaces, ${randomDirections} directions a family`,
);
for (const { stage, durationMs } of timings.stages)
  console.log(`${stage.padEnd(16)} ${(durationMs / 1000).toFixed(2).padStart(7)} s`);
console.log(
  `${'in all'.padEnd(16)} ${seconds.toFixed(2).padStart(7)} s (required: at most ${REQUIRED}) ${seconds <= REQUIRED ? 'ok' : 'NOT MET'}`,
);
