/** @file contract: which layer of src may import which; the one constant that the test and ARCHITECTURE.md share. */

/** What one layer may import: other layers of the project, and packages (`*` is anything). */
export type LayerRule = {
  readonly owns: string;
  readonly layers: readonly string[] | '*';
  readonly packages: readonly string[] | '*';
};

/** In dependency order. `pipeline` is `src/pipeline.ts` and the files of `src/pipeline/`; `index` is `src/index.ts`. */
export const LAYER_TABLE: Readonly<Record<string, LayerRule>> = {
  core: {
    owns: 'errors, matrix view, data-set types, seeded random numbers, hashes, canonical JSON, progress events, numbers as readers meet them',
    layers: [],
    packages: ['pure-rand', 'safe-stable-stringify', 'fastest-levenshtein', 'node:crypto'],
  },
  onnx: {
    owns: 'bytes of a model: index, splice, build, find hook points, write edits; pure bytes to bytes',
    layers: ['core'],
    packages: [],
  },
  runtime: {
    owns: 'open, run and release sessions; versions and providers',
    layers: ['core'],
    packages: ['onnxruntime-node', 'node:fs', 'node:fs/promises', 'node:path', 'node:module'],
  },
  linalg: {
    owns: 'Gram matrices, batched products, small factorisations, PCA',
    layers: ['core', 'onnx', 'runtime'],
    packages: ['ml-matrix', 'ml-pca'],
  },
  model: {
    owns: 'describe a model and its inputs, turn text and chats into tokens, encode, run batches',
    layers: ['core', 'onnx', 'runtime'],
    packages: [
      '@huggingface/jinja',
      '@huggingface/tokenizers',
      'node:fs',
      'node:fs/promises',
      'node:path',
      'node:vm',
    ],
  },
  capture: {
    owns: 'plan, run, pick positions, intervene, look through lenses',
    layers: ['core', 'onnx', 'model'],
    packages: [],
  },
  store: {
    owns: 'data sets, splits, activation shards, content-addressed cache',
    layers: ['core'],
    packages: ['node:fs', 'node:fs/promises', 'node:os', 'node:path', 'node:util', 'node:v8', 'zod'],
  },
  probe: {
    owns: 'fit and apply probes: pure functions of matrices',
    layers: ['core', 'linalg'],
    packages: [],
  },
  behavior: {
    owns: 'what the model did: choices, roll-outs, what it writes, which goal an action serves',
    layers: ['core', 'model', 'capture'],
    packages: [],
  },
  evidence: {
    owns: 'metrics, resampling, controls, causal effects, the ladder, claims',
    layers: ['core', 'linalg', 'probe'],
    packages: [],
  },
  record: {
    owns: 'run.json: settings, provenance, evidence, claims; its schema and migrations',
    layers: ['core', 'evidence'],
    packages: ['zod', 'node:fs', 'node:fs/promises', 'node:path'],
  },
  report: {
    owns: 'record to HTML: figures, text, tables; pure',
    layers: ['core', 'record'],
    packages: ['plotly.js'],
  },
  pipeline: {
    owns: 'composes all of the above except report and cli',
    layers: [
      'core',
      'onnx',
      'runtime',
      'linalg',
      'model',
      'capture',
      'store',
      'probe',
      'behavior',
      'evidence',
      'record',
    ],
    packages: ['node:child_process', 'node:fs', 'node:fs/promises', 'node:path', 'node:url', 'node:util'],
  },
  benchmark: {
    owns: 'audits of models whose goal is known, and the score of the instrument over them',
    layers: ['core', 'linalg', 'store', 'evidence', 'record', 'report', 'pipeline'],
    packages: ['zod', 'tsx', 'node:child_process', 'node:fs', 'node:fs/promises', 'node:path', 'node:url'],
  },
  index: { owns: 'the door for scripts', layers: '*', packages: [] },
  cli: { owns: 'arguments, progress, files, exit codes, view', layers: '*', packages: '*' },
};

/** The table as ARCHITECTURE.md shows it; the contract test holds the page against this text. */
export function layerTableMarkdown(): string {
  const cell = (allowed: readonly string[] | '*', none: string): string =>
    allowed === '*'
      ? 'anything'
      : allowed.length === 0
        ? none
        : allowed.map((name) => `\`${name}\``).join(', ');
  const rows = Object.entries(LAYER_TABLE).map(
    ([layer, { owns, layers, packages }]) =>
      `| \`${layer}\` | ${owns} | ${cell(layers, 'nothing')} | ${cell(packages, 'none')} |`,
  );
  return [
    '| layer | owns | may import (project) | may import (packages) |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
