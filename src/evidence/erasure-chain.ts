/** @file evidence: erases at one hook and at every later one, each as the edits before it leave it; judges nothing. */
import { type Matrix, matrix, takeRows } from '../core/matrix.ts';
import type { ObserveIntervened } from './interchange.ts';

/** How one hook is erased, given what the hooks before it left. */
export type HookErasure = (request: {
  /** Place among the hooks of the chain. */
  readonly step: number;
  /** Values at the hook, the hooks before it erased already, [rows, width]. */
  readonly x: Matrix;
}) => Promise<Matrix>;

export type ChainRequest = {
  readonly observeIntervened: ObserveIntervened;
  /** Hooks to erase at, in network order. */
  readonly hooks: readonly string[];
  readonly position: number;
  /** Example index of each row; may repeat. */
  readonly rows: Int32Array;
  /** Values of the first hook, which no edit precedes, [rows, width]. */
  readonly first: Matrix;
  readonly erase: HookErasure;
  /** Which rows (by place) are run to the end. */
  readonly runOnly: (row: number) => boolean;
  /** Rows in one run of the model; default 8192. */
  readonly rowsPerRun?: number;
};

export type ErasedChain = {
  /** Per hook, its values after the erasure, [rows, width]. */
  readonly erased: readonly Matrix[];
  /** log pi over the choices of the rows that were run to the end, in their order. */
  readonly logProbabilities: Matrix;
};

/**
 * Erases hook after hook: what the network writes back between two of them is met where it arrives. One run of the model per hook.
 * Throws what `observeIntervened` and `erase` throw.
 */
export async function eraseChain(request: ChainRequest): Promise<ErasedChain> {
  const { hooks, rows } = request;
  const erased: Matrix[] = [];
  let x = request.first;
  for (let step = 0; step < hooks.length; step++) {
    erased.push(await request.erase({ step, x }));
    const next = hooks[step + 1];
    if (next === undefined) break;
    x = await observed(request, erased, next);
  }
  const last = Int32Array.from(rows.keys()).filter(request.runOnly);
  const values = erased.map((all) => takeRows(all, last));
  const logs = await inBlocks(request, last.length, async (from, to) => {
    const { logProbabilities } = await request.observeIntervened({
      hooks,
      position: request.position,
      rows: last.slice(from, to).map((at) => rows[at]!),
      values: values.map((all) => block(all, from, to)),
      observe: [],
    });
    return logProbabilities;
  });
  return { erased, logProbabilities: logs };
}

/** The next hook's values, the hooks so far set to `values`. */
function observed(request: ChainRequest, values: readonly Matrix[], next: string): Promise<Matrix> {
  return inBlocks(request, request.rows.length, async (from, to) => {
    const { hidden } = await request.observeIntervened({
      hooks: request.hooks.slice(0, values.length),
      position: request.position,
      rows: request.rows.slice(from, to),
      values: values.map((all) => block(all, from, to)),
      observe: [next],
    });
    return hidden[0]!;
  });
}

async function inBlocks(
  { rowsPerRun = 8192 }: ChainRequest,
  rows: number,
  run: (from: number, to: number) => Promise<Matrix>,
): Promise<Matrix> {
  const parts: Matrix[] = [];
  for (let from = 0; from < rows; from += rowsPerRun)
    parts.push(await run(from, Math.min(rows, from + rowsPerRun)));
  const columns = parts[0]?.columns ?? 0;
  const all = matrix(rows, columns);
  let at = 0;
  for (const part of parts) {
    all.data.set(part.data, at);
    at += part.data.length;
  }
  return all;
}

/** Rows `from` up to, not including, `to`; a copy. */
export function block({ columns, data }: Matrix, from: number, to: number): Matrix {
  return matrix(to - from, columns, data.slice(from * columns, to * columns));
}
