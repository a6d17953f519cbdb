/**
 * @file test: feeds mutated data files to the reader; anything but a data set or a coded error is a find.
 * Many more than the test runs: `npx tsx test/fuzz/data-reader.ts [files] [seed]`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MesascopeError } from '../../src/core/errors.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { readDataSet } from '../../src/store/data-set.ts';

/** Values that break careless readers. */
const HOSTILE = [
  'null',
  'true',
  '-0',
  '1e308',
  '1e999',
  '-1',
  '0.1',
  '9007199254740993',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '[]',
  '{}',
  '[[]]',
  '{"__proto__":1}',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"</script>"',
  '[null]',
  '[1e999]',
  '{"":{}}',
  '[[[[[[[[1]]]]]]]]',
];
const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\n',
  '\r\n',
  '\0',
  '\ufeff',
  '\u2028',
  ' ',
  '-',
  'e',
  '.',
];

export type FuzzReport = {
  readonly files: number;
  readonly accepted: number;
  readonly codes: ReadonlyMap<string, number>;
  /** What was neither a data set nor a coded error, with the file's bytes. */
  readonly finds: readonly { readonly error: string; readonly bytes: Buffer }[];
  readonly slowestMs: number;
};

/** Mutates `text` (a good data file) `files` times; the same seed makes the same files. */
export async function fuzzDataReader(text: string, files: number, seed: number): Promise<FuzzReport> {
  const folder = await mkdtemp(join(tmpdir(), 'mesascope-fuzz-'));
  const path = join(folder, 'data.jsonl');
  const codes = new Map<string, number>();
  const finds: { error: string; bytes: Buffer }[] = [];
  let accepted = 0;
  let slowestMs = 0;
  try {
    for (let i = 0; i < files; i++) {
      const bytes = mutated(text, seededRandom(seed).fork(String(i)));
      await writeFile(path, bytes);
      const started = performance.now();
      try {
        await readDataSet(path);
        accepted++;
      } catch (error) {
        if (error instanceof MesascopeError && error.code !== 'INTERNAL' && error.location?.file === path) {
          codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
        } else {
          finds.push({
            error: error instanceof Error ? (error.stack ?? error.message) : String(error),
            bytes,
          });
        }
      }
      slowestMs = Math.max(slowestMs, performance.now() - started);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { files, accepted, codes, finds, slowestMs };
}

function mutated(text: string, random: Random): Buffer {
  let changed = text;
  for (let times = 1 + random.integer(3); times > 0; times--)
    changed = MUTATIONS[random.integer(MUTATIONS.length)]!(changed, random);
  const bytes = Buffer.from(changed);
  if (bytes.length > 0 && random.integer(4) === 0) bytes[random.integer(bytes.length)] = random.integer(256);
  return bytes;
}

type Mutation = (text: string, random: Random) => string;
const pick = (list: readonly string[], random: Random): string => list[random.integer(list.length)]!;
const splice = (text: string, at: number, remove: number, insert: string): string =>
  text.slice(0, at) + insert + text.slice(at + remove);

const MUTATIONS: readonly Mutation[] = [
  (text, random) => text.slice(0, random.integer(text.length + 1)),
  (text, random) => splice(text, random.integer(text.length + 1), random.integer(20), ''),
  (text, random) => splice(text, random.integer(text.length + 1), 0, pick(TOKENS, random)),
  (text, random) => splice(text, random.integer(text.length + 1), 1, pick(TOKENS, random)),
  // A whole value for a hostile one: the line stays JSON, so the checks behind the parser are reached.
  (text, random) =>
    replaceOne(
      text,
      /(?<=[:[,]\s*)("[^"]*"|-?\d[\d.]*|\{[^{}]*\}|\[[^[\]]*\])/g,
      pick(HOSTILE, random),
      random,
    ),
  (text, random) =>
    replaceOne(
      text,
      /"[^"]*"(?=:)/g,
      pick(['"id"', '"__proto__"', '""', '"meta"', '"goals"', '"x"', '"tokens"'], random),
      random,
    ),
  (text, random) =>
    replaceOne(text, /"(\w+)"/g, pick(['"idd"', '"up"', '"constructor"', '"0"'], random), random),
  (text, random) => {
    const lines = text.split('\n');
    const from = random.integer(lines.length);
    lines.splice(random.integer(lines.length), random.integer(2), lines[from]!);
    return lines.join('\n');
  },
];

function replaceOne(text: string, pattern: RegExp, replacement: string, random: Random): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const match = matches[random.integer(matches.length)]!;
  return splice(text, match.index, match[0].length, replacement);
}

/** A small data file with every field in use. */
export const SEED_FILE: string = [
  {
    format: 'mesascope-data/1',
    title: 'Grid agent',
    input: 'tokens',
    inputs: { tokens: 'input_ids' },
    readout: -1,
    choices: { up: 1, down: 2 },
    contexts: { monitor: 'watched' },
    goals: { intended: 'gem', proxy: { text: 'halo', kind: 'number' }, irrelevant: 'rock' },
  },
  ...['a', 'b', 'c'].map((id) => ({
    id,
    set: 'apart',
    group: `g-${id}`,
    tokens: [0, 12, 57],
    goals: { intended: { cell: 7, dx: -1 }, proxy: 0.5, irrelevant: 'x' },
    actions: { intended: 'up', proxy: ['down', 'up'] },
    context: { monitor: 0 },
    counterfactuals: {
      intended: [{ tokens: [0, 12], goal: 11, action: 'down' }],
      same: [{ tokens: [1], actions: ['up'] }],
    },
    nuisance: { length: 3 },
    meta: { any: [{ thing: null }] },
    picture: {
      kind: 'grid',
      rows: 2,
      columns: 2,
      items: [{ row: 0, column: 1, label: 'gem', role: 'intended' }],
    },
  })),
]
  .map((line) => JSON.stringify(line))
  .join('\n');

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = Number(process.argv[2] ?? 50_000);
  const seed = Number(process.argv[3] ?? 1);
  const report = await fuzzDataReader(SEED_FILE, files, seed);
  console.log(
    `${report.files} files, ${report.accepted} accepted, slowest ${report.slowestMs.toFixed(1)} ms`,
  );
  for (const [code, count] of report.codes) console.log(`  ${code} ${count}`);
  for (const { error, bytes } of report.finds.slice(0, 5))
    console.log(`FIND ${error}\n${bytes.toString('latin1')}`);
  process.exitCode = report.finds.length === 0 ? 0 : 1;
}
