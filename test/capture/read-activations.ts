/** @file test: reads a folder of activations as docs/activations.md describes it; shares nothing with src. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../store/read-safetensors.ts';

export type ActivationFolder = {
  readonly ids: readonly string[];
  readonly hooks: readonly string[];
  readonly index: Readonly<Record<string, unknown>>;
  /** One example's values of a hook, [positions, width]. */
  row(hook: string, row: number): Float32Array;
};

type Index = {
  readonly format: string;
  readonly tensor: string;
  readonly examples: readonly { readonly id: string }[];
  readonly hooks: readonly {
    readonly hook: string;
    readonly shape: readonly [number, number, number];
    readonly files: readonly { readonly file: string; readonly rows: number; readonly sha256: string }[];
  }[];
};

/** Throws when a file is not what the index says: its hash, its shape, the number of its rows. float32 only. */
export function readActivations(folder: string): ActivationFolder {
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Index;
  if (index.format !== 'mesascope-activations/2') throw new Error(`format ${index.format}`);
  const tensors = new Map(
    index.hooks.map(({ hook, shape, files }) => {
      const perRow = shape[1] * shape[2];
      const rows: Float32Array[] = [];
      for (const { file, rows: held, sha256 } of files) {
        const path = join(folder, file);
        const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
        const { tensors } = readSafetensors(path);
        const { data, shape: own } = tensors.get(index.tensor)!;
        if (digest !== sha256 || String(own) !== String([held, shape[1], shape[2]])) throw new Error(file);
        for (let i = 0; i < held; i++) rows.push((data as Float32Array).slice(i * perRow, (i + 1) * perRow));
      }
      if (rows.length !== index.examples.length || rows.length !== shape[0]) throw new Error(hook);
      return [hook, rows] as const;
    }),
  );
  return {
    ids: index.examples.map(({ id }) => id),
    hooks: index.hooks.map(({ hook }) => hook),
    index,
    row: (hook, row) => tensors.get(hook)![row]!,
  };
}
