/** @file evidence: erases at one hook and at every later one, each as the edits before it leave it; judges nothing. */
import { type Matrix, matrix, takeRows } from '../core/matrix.ts';
import type { ObserveIntervened } from './interchange.ts';

/** How one hook is erased, given what the hooks before it left; undefined where there is nothing to erase. */
export type HookErasure = (request: {
  /** Place among the hooks of the chain. */
  readonly step: number;
  /** Values at the hook, the hooks before it erased already, [rows, width]. */
  readonly x: Matrix;
}) => Promise<Matrix | undefined>;

export type ChainRequest = {
  readonly observeIntervened: ObserveIntervened;
  /** Hooks to erase at, in network order. */
  readonly hooks: readonly string[];
  readonly position: number;
  /** Example index of each row; may repeat. */
  readonly rows: Int32Array;
  /** Values of a hook in the network as it is, [rows, width]; read as long as nothing has been erased before it. */
  readonly plain: (hook: string) => Matrix;
  /** log pi of the rows in the network as it is. */
  readonly plainLogProbabilities: (places: Int32Array) => Matrix;
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

/** Values that one hook is set to, [rows, width]. */
type HookEdit = { readonly hook: string; readonly values: Matrix };

/**
 * Erases hook after hook: what the network writes back between two of them is met where it arrives. One run of the model per hook, from the
 * first at which something is erased. Throws what `observeIntervened` and `erase` throw.
 */
export async function eraseChain(request: ChainRequest): Promise<ErasedChain> {
  const erased: Matrix[] = [];
  const edits: HookEdit[] = [];
  for (const [step, hook] of request.hooks.entries()) {
    const x =
      edits.length === 0
        ? request.plain(hook)
        : await runEdited(request, edits, Int32Array.from(request.rows.keys()), hook);
    const values = await request.erase({ step, x });
    if (values !== undefined) edits.push({ hook, values });
    erased.push(values ?? x);
  }
  const last = Int32Array.from(request.rows.keys()).filter(request.runOnly);
  const logProbabilities =
    edits.length === 0
      ? request.plainLogProbabilities(last)
      : await runEdited(request, edits, last, undefined);
  return { erased, logProbabilities };
}

/** A hook's values, or log pi, of the rows at `places`, with all edits made. */
function runEdited(
  request: ChainRequest,
  edits: readonly HookEdit[],
  places: Int32Array,
  observe: string | undefined,
): Promise<Matrix> {
  return inBlocks(request, places, async (some) => {
    const { hidden, logProbabilities } = await request.observeIntervened({
      hooks: edits.map(({ hook }) => hook),
      position: request.position,
      rows: some.map((at) => request.rows[at]!),
      values: edits.map(({ values }) => takeRows(values, some)),
      observe: observe === undefined ? [] : [observe],
    });
    return observe === undefined ? logProbabilities : hidden[0]!;
  });
}

async function inBlocks(
  { rowsPerRun = 8192 }: ChainRequest,
  places: Int32Array,
  run: (some: Int32Array) => Promise<Matrix>,
): Promise<Matrix> {
  const parts: Matrix[] = [];
  for (let from = 0; from < places.length; from += rowsPerRun)
    parts.push(await run(places.subarray(from, from + rowsPerRun)));
  const all = matrix(places.length, parts[0]?.columns ?? 0);
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
