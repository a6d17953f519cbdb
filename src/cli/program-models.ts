/** @file cli: the words of the commands about one model file, and of `plan`: arguments, options, help. */
import { Option } from 'commander';
import type { GenerateOptions } from './command-generate.ts';
import {
  collected,
  type Declare,
  decimal,
  integer,
  type Json,
  type Launch,
  positiveNumber,
  wholeNumber,
} from './program-arguments.ts';

/** Adds `inspect`, `verify`, `plan`, `capture`, `probe`, `compare`, `attach` and `generate`. */
export function addModelCommands(add: Declare, launch: Launch): void {
  add('inspect <model>', "a model's inputs, outputs, layers and hook points, from the file alone", [
    'inspect models/grid/proxy/model.onnx',
    "inspect model.onnx --hooks 'blocks.*.resid_post'",
    'inspect model.onnx --json',
  ])
    .option(
      '--hooks <pattern>',
      'only these hook points (comma-separated globs; * stops at a dot, ** does not)',
    )
    .action((model: string, options: Json & { hooks?: string }) =>
      launch(options, async (context) => {
        const { inspectCommand } = await import('./command-inspect.ts');
        return inspectCommand({ model, hooks: options.hooks }, context);
      }),
    );

  add('verify <model>', 'run the model and check that what the hooks say adds up, with the numbers', [
    'verify models/grid/proxy/model.onnx',
    'verify model.onnx --data examples.jsonl --json',
    "verify model.onnx --hooks '**'",
  ])
    .option(
      '--hooks <pattern>',
      'edit these hooks, and list the numbers of each (default: the stream after each block)',
    )
    .option('--data <file>', 'check on inputs of a data file (default: random ones)')
    .action((model: string, options: Json & { data?: string; hooks?: string }) =>
      launch(options, async (context) => {
        const { verifyCommand } = await import('./command-verify.ts');
        return verifyCommand({ model, data: options.data, hooks: options.hooks }, context);
      }),
    );

  add('plan [experiment]', 'before any forward pass: hooks, bytes, minutes, sample sizes', [
    'plan grid-proxy',
    'plan probes/my-model.probe.ts',
    'plan --model model.onnx --data examples.jsonl',
  ])
    .option('--model <file>', 'an ONNX file, instead of an experiment')
    .option('--data <file>', 'a data file, with --model')
    .option('--seed <number>', 'seed of every random choice', wholeNumber)
    .option('--set <key=value>', 'one setting, e.g. twins=99 (may be repeated)', collected)
    .action(
      (
        experiment: string | undefined,
        options: Json & { model?: string; data?: string; seed?: number; set?: string[] },
      ) =>
        launch(options, async (context) => {
          const { planCommand } = await import('./command-plan.ts');
          return planCommand({ experiment, ...options }, context);
        }),
    );

  add('capture <model>', 'activations to safetensors shards with an index, for any language', [
    "capture model.onnx --data examples.jsonl --hooks 'blocks.*.resid_post' --out activations",
    'capture model.onnx --data examples.jsonl --hooks final_norm --positions=-1,-2 --out activations',
    "capture model.onnx --data texts.jsonl --hooks 'blocks.*.resid_post' --positions span:garden,-1 --dtype float16 --out activations",
  ])
    .requiredOption('--data <file>', 'a data file')
    .requiredOption(
      '--hooks <pattern>',
      'hook points (comma-separated globs; * stops at a dot, ** does not; see inspect)',
    )
    .requiredOption('--out <folder>', 'a new or empty folder')
    .option(
      '--positions <list>',
      'positions, negative from the end, or places in the text: span:WORDS, span:WORDS@last, prompt, response; or "all"',
      '-1',
    )
    .addOption(
      new Option('--dtype <type>', 'how numbers are stored')
        .choices(['float32', 'float16'])
        .default('float32'),
    )
    .action(
      (
        model: string,
        options: Json & {
          data: string;
          hooks: string;
          out: string;
          positions: string;
          dtype: 'float32' | 'float16';
        },
      ) =>
        launch(options, async (context) => {
          const { captureCommand } = await import('./command-capture.ts');
          return captureCommand({ model, ...options }, context);
        }),
    );

  add('probe <model>', 'a probe of one goal at one hook, saved, with what it reads on test rows', [
    'probe model.onnx --data examples.jsonl --goal proxy --hook blocks.1.resid_post --out proxy.safetensors',
    'probe model.onnx --data examples.jsonl --goal intended --hook final_norm --position -2 --out intended.safetensors --json',
  ])
    .requiredOption('--data <file>', 'a data file')
    .requiredOption('--goal <name>', 'intended, proxy or irrelevant')
    .requiredOption('--hook <name>', 'a hook point (see inspect)')
    .requiredOption('--out <file>', 'the new file; an earlier one is replaced')
    .option('--position <number>', 'position, negative from the end (default: the read-out)', integer)
    .option('--seed <number>', 'seed of the split', wholeNumber)
    .action(
      (
        model: string,
        options: Json & {
          data: string;
          goal: string;
          hook: string;
          out: string;
          position?: number;
          seed?: number;
        },
      ) =>
        launch(options, async (context) => {
          const { probeCommand } = await import('./command-probe.ts');
          const { position, seed } = options;
          return probeCommand({ ...options, model, position, seed }, context);
        }),
    );

  add(
    'compare <model> <other>',
    'two files of one model: how far activations lie apart, and whether probes carry over',
    ['compare model.onnx model_int8.onnx', 'compare model.onnx model_int8.onnx --data examples.jsonl'],
  )
    .option('--data <file>', 'inputs and goals of a data file (default: random inputs, no probes)')
    .option(
      '--hooks <pattern>',
      'hook points (default: the stream after each block, the last norm, the logits)',
    )
    .option('--positions <list>', 'positions, negative from the end (default: the read-out)')
    .option('--seed <number>', 'seed of random inputs and of the split', wholeNumber)
    .action(
      (
        first: string,
        second: string,
        options: Json & { data?: string; hooks?: string; positions?: string; seed?: number },
      ) =>
        launch(options, async (context) => {
          const { compareCommand } = await import('./command-compare.ts');
          const { data, hooks, positions, seed } = options;
          return compareCommand({ first, second, data, hooks, positions, seed }, context);
        }),
    );

  add('attach <model> <probes...>', 'a model file with the scores of saved probes as further outputs', [
    'attach model.onnx probes/goal.safetensors --out monitored.onnx',
    'attach model.onnx early=probes/layer-2.safetensors late=probes/layer-9.safetensors --out monitored.onnx --json',
    'attach model.onnx probes/goal.safetensors --out model-monitored.onnx --reference',
  ])
    .requiredOption('--out <file>', 'the new file; an earlier one is replaced')
    .addOption(
      new Option('--positions <which>', 'a score at every position, or only where the probe was fitted')
        .choices(['all', 'readout'])
        .default('all'),
    )
    .option('--reference', 'leave the weights in the file of the model, beside which the new one must stay')
    .option('--other-model', 'take probes that were fitted on another model')
    .option('--data <file>', 'check on inputs of a data file (default: random ones)')
    .action(
      (
        model: string,
        probes: string[],
        options: Json & {
          out: string;
          positions: 'all' | 'readout';
          reference?: boolean;
          otherModel?: boolean;
          data?: string;
        },
      ) =>
        launch(options, async (context) => {
          const { attachCommand } = await import('./command-attach.ts');
          const { reference = false, otherModel = false, data } = options;
          return attachCommand({ ...options, model, probes, reference, otherModel, data }, context);
        }),
    );

  add('generate <model>', 'what a model writes after a prompt, steered and read by saved probes if asked', [
    "generate model.onnx --prompt 'The first thing I would do is'",
    'generate model.onnx --tokens 1,17,4 --max-new 8 --json',
    'generate model.onnx --messages chat.json',
    "generate model.onnx --prompt 'Well,' --temperature 0.8 --top-p 0.9 --samples 3 --seed 1",
    "generate model.onnx --prompt 'Well,' --steer blocks.4.resid_post=vector.json --dose 6",
    "generate model.onnx --prompt 'Well,' --probe goal.safetensors --steer goal.safetensors --towards left --dose 6",
  ])
    .option('--prompt <text>', 'a text, by the tokenizer beside the model (may be repeated)', collected)
    .option('--tokens <ids>', 'a prompt as token ids with commas (may be repeated)', collected)
    .option(
      '--messages <file>',
      'a JSON list of messages, by the chat template beside the model (may be repeated)',
      collected,
    )
    .option('--samples <number>', 'answers to each prompt (default: 1)', positiveNumber)
    .option(
      '--max-new <number>',
      'most new tokens (default: 20, or what the model has positions for)',
      positiveNumber,
    )
    .option(
      '--temperature <number>',
      'draw from the softmax of logits / temperature (default: the likeliest token)',
      decimal,
    )
    .option('--top-k <number>', 'draw among so many likeliest tokens', positiveNumber)
    .option('--top-p <number>', 'draw among the fewest tokens whose probabilities reach this', decimal)
    .option('--seed <number>', 'seed of the draws (default: 0)', wholeNumber)
    .option(
      '--stop <ids>',
      "tokens that end an answer, or 'none' (default: the end tokens of model and tokenizer)",
    )
    .option('--no-caches', 'run the whole row anew at each step')
    .option(
      '--steer <vector>',
      'HOOK=FILE.json (a list of numbers) or a saved probe (may be repeated)',
      collected,
    )
    .option('--towards <class>', 'the class of a saved probe that is steered towards')
    .option('--dose <number>', 'what steering vectors are multiplied by (default: 1)', decimal)
    .addOption(
      new Option(
        '--steer-positions <which>',
        'all, deciding (from the last prompt token on) or new (default: all)',
      ).choices(['all', 'deciding', 'new']),
    )
    .option(
      '--probe <file>',
      'a saved probe whose scores are shown at each token (may be repeated)',
      collected,
    )
    .option('--other-model', 'take probes that were fitted on another model')
    .action((model: string, options: Json & Omit<GenerateOptions, 'model'>) =>
      launch(options, async (context) => {
        const { generateCommand } = await import('./command-generate.ts');
        return generateCommand({ ...options, model }, context);
      }),
    );
}
