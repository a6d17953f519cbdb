/** @file benchmark: every case of a zoo, in as many processes as asked for; finished rows survive an interruption. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import type { AuditSettings } from '../pipeline/experiment.ts';
import type { CaseOrder } from './case-order.ts';
import type { BenchmarkCase } from './family.ts';
import { openPool } from './pool.ts';
import { type BenchmarkRow, rowForm } from './row.ts';
import { findZoo, loadFamily, type Use } from './zoo.ts';

export type BenchmarkOptions = {
  /** Folder of the families, `models` as a rule; absolute. */
  readonly zoo: string;
  readonly families?: readonly string[] | undefined;
  /** Which organisms: those that thresholds were settled on, or the others. */
  readonly use: Use;
  /** At most so many seeds of each member. */
  readonly seeds?: number | undefined;
  /** Audits at a time, each in a process of its own; 1 or more. */
  readonly jobs: number;
  readonly seed: number;
  readonly settings: Partial<AuditSettings>;
  /** What a further process runs: a file that hands its orders to `doCase`; absolute. */
  readonly workerFile: string;
  /** File of finished rows, one JSON object per line; appended to. */
  readonly rowsFile: string;
  /** Folder for files that are gone afterwards. */
  readonly scratch: string;
  /** Names the code that rows follow from; a row of other code is not used again. */
  readonly version: string;
  readonly control?: RunControl;
};

const CASE_NAME = /^[a-z0-9-]+$/;

/** One case that could not be finished. */
export type BenchmarkFault = { readonly id: string; readonly code: string; readonly message: string };

export type BenchmarkRun = {
  /** In the order of families, members, seeds and cases. */
  readonly rows: readonly BenchmarkRow[];
  readonly faults: readonly BenchmarkFault[];
  readonly reused: number;
  readonly families: readonly BenchmarkFamily[];
};

export type BenchmarkFamily = {
  readonly name: string;
  readonly title: string;
  readonly teaches: string;
  readonly remarks: Readonly<Record<string, string>>;
};

/**
 * Audits every case of the chosen organisms. A row is written to `rowsFile` as soon as it is there, and used again when everything that
 * it follows from is the same. Throws `ABORTED`, `FAMILY_INVALID`, `CARD_INVALID`, `BAD_SETTING`; a case that fails is a fault, not the end.
 */
export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const { control = {}, scratch } = options;
  const earlier = await readRows(options.rowsFile);
  const families: BenchmarkFamily[] = [];
  const orders: CaseOrder[] = [];
  for (const found of await findZoo(options.zoo, options)) {
    const { title, teaches, remarks = {}, cases } = await loadFamily(found.file);
    families.push({ name: found.name, title, teaches, remarks });
    for (const organism of found.organisms) {
      for (const part of namedCases(cases(organism.card), found.file)) {
        const id = `${organism.id}/${part.name}`;
        orders.push({
          id,
          familyFile: found.file,
          folder: organism.folder,
          family: found.name,
          case: part.name,
          scratch: path.join(scratch, id.replaceAll('/', '+')),
          seed: options.seed,
          settings: options.settings,
          version: options.version,
          earlier: earlier.get(id),
        });
      }
    }
  }
  if (orders.length === 0) {
    throw new MesascopeError('BAD_SETTING', 'no organism of that kind is there to be audited', {
      remedy: 'Leave out --family, --seeds or --use, or work in a folder with `models/`.',
    });
  }
  await mkdir(path.dirname(options.rowsFile), { recursive: true });
  await endLine(options.rowsFile);
  const rows = new Map<string, BenchmarkRow>();
  const faults: BenchmarkFault[] = [];
  let reused = 0;
  const stage = 'audits';
  const startedAt = performance.now();
  control.onProgress?.({ kind: 'stage-start', stage, unit: 'audits', total: orders.length });
  const pool = await openPool(Math.min(options.jobs, orders.length), {
    workerFile: options.workerFile,
    signal: control.signal,
  });
  try {
    await pool.each(orders, async (order, result) => {
      if ('fault' in result) faults.push({ id: order.id, ...result.fault });
      else {
        rows.set(order.id, result.row);
        if (result.row.key === order.earlier?.key) reused++;
        else await appendFile(options.rowsFile, `${JSON.stringify(result.row)}\n`);
      }
      const done = rows.size + faults.length;
      control.onProgress?.({ kind: 'stage-progress', stage, done, total: orders.length });
    });
  } finally {
    await pool.close();
  }
  throwIfAborted(control.signal);
  control.onProgress?.({ kind: 'stage-end', stage, durationMs: performance.now() - startedAt });
  return {
    rows: orders.flatMap(({ id }) => rows.get(id) ?? []),
    faults: faults.sort((a, b) => (a.id < b.id ? -1 : 1)),
    reused,
    families,
  };
}

/** Names go into folders and tables. Throws `FAMILY_INVALID`. */
function namedCases(cases: readonly BenchmarkCase[], file: string): readonly BenchmarkCase[] {
  const names = cases.map(({ name }) => name);
  const bad = names.find((name, i) => !CASE_NAME.test(name) || names.indexOf(name) !== i);
  if (bad === undefined) return cases;
  throw new MesascopeError('FAMILY_INVALID', `there is a second case \`${bad}\`, or its name is not one`, {
    location: { file },
    remedy: 'Give each case of an organism a name of its own in small letters, digits and dashes.',
  });
}

/** What a killed run left of a line must not swallow the next one. */
async function endLine(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text !== '' && !text.endsWith('\n')) await appendFile(file, '\n');
}

/** The last row of each id; lines that a kill cut short are passed over. */
async function readRows(file: string): Promise<Map<string, BenchmarkRow>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const rows = new Map<string, BenchmarkRow>();
  for (const line of text.split('\n')) {
    try {
      const found = rowForm.safeParse(JSON.parse(line));
      if (found.success) rows.set(found.data.id, found.data);
    } catch {
      // Not a whole line: its case is audited again.
    }
  }
  return rows;
}
