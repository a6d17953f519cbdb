/** @file pipeline: activations of a data file of any length into a folder for other programs, resumable and in flat memory. */
import path from 'node:path';
import { sitesOfPattern } from '../capture/capture-sites.ts';
import {
  absoluteIn,
  type LongCaptureControl,
  planLongCapture,
  runLongCapture,
} from '../capture/long-capture.ts';
import { streamOfHooks } from '../capture/run-forward.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { MesascopeError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import { mustBePositionName, type Position } from '../model/named-positions.ts';
import type { Model } from '../model/open-model.ts';
import { installedRuntime, type OptimizationLevel } from '../model/runtime.ts';
import { ACTIVATIONS_FORMAT, type ExampleEntry } from '../store/activation-index.ts';
import { openCaptureFolder, type PlannedCapture } from '../store/capture-folder.ts';
import { ExampleSpool } from '../store/example-spool.ts';
import type { StoredType } from '../store/placed-shards.ts';
import { DEFAULT_SHARD_BYTES } from '../store/shards.ts';
import { namingRows } from './name-errors.ts';
import { type SpooledRows, spoolRows } from './spooled-rows.ts';

export type FolderCaptureRequest = {
  /** Path of a data file; of each example its input, id, set and group are used. */
  readonly data: string;
  /** Hook points, as comma-separated globs; a part with a star leaves out what holds no vector per position or row, with a warning. */
  readonly hooks: string;
  /**
   * Every row must have each; negative ones count from the end of the row, and a name is a place in the row's text (see `Position`).
   * `all` needs rows of one length.
   */
  readonly positions: readonly Position[] | 'all';
  /** The folder to be made; new or empty, or the result of this very capture. */
  readonly out: string;
  /** Default `float32`. `float16` rounds to nearest, ties to even. */
  readonly dtype?: StoredType;
  readonly optimization?: OptimizationLevel;
  /** Rows times positions in one run; by default what suits the model's width. */
  readonly maxBatchTokens?: number;
} & Pick<PlannedCapture, 'maxShardBytes' | 'flushEveryMs'>;

export type FolderCapture = {
  readonly out: string;
  readonly hooks: readonly string[];
  readonly positions: readonly Position[];
  readonly rows: number;
  /** Rows that were there before: of an earlier run that was stopped, or all of them. */
  readonly rowsReused: number;
};

/**
 * Captures hooks of every example of a data file into safetensors files with an index (docs/activations.md). Until it is complete it
 * lies in `{out}.unfinished`; after a kill, a power cut or a full disk the same request goes on there, and ends in the same bytes.
 *
 * Throws what reading data, `planLongCapture` and `runLongCapture` throw, and `DISK_ROOM` (before anything runs but one batch),
 * `DISK_FULL`, `NOT_WRITABLE`, `RUN_LOCKED`, `ACTIVATIONS_RANGE`, `BAD_SETTING` (the folder holds something else), `STORE_CORRUPT` (a finished
 * folder lacks files).
 */
export async function captureToFolder(
  model: Model,
  request: FolderCaptureRequest,
  control: LongCaptureControl = {},
): Promise<FolderCapture> {
  const { out, dtype = 'float32', maxShardBytes = DEFAULT_SHARD_BYTES, flushEveryMs } = request;
  const names = request.positions === 'all' ? [] : request.positions.filter((one) => typeof one === 'string');
  for (const name of names) mustBePositionName(name);
  if (request.positions.length === 0)
    throw new MesascopeError('BAD_SETTING', 'no position is asked for', {
      remedy: 'Name at least one, e.g. -1.',
    });
  const { hooks, leftOut } = sitesOfPattern(model, request.hooks);
  if (leftOut.length > 0) {
    const message = `left out, since they hold no vector per position or row: ${leftOut.join(', ')}`;
    control.onProgress?.({ kind: 'warning', message });
  }
  const folder = openCaptureFolder(path.resolve(out));
  let spool: ExampleSpool | undefined;
  try {
    spool = new ExampleSpool(folder.spoolPath);
    const source = await spoolRows(
      model,
      { data: request.data, spool, stream: streamOfHooks(model, hooks), names },
      control,
    );
    const positions = positionsOf(request.positions, source);
    const nameOf = (row: number): string | undefined =>
      row < source.rows ? `example ${JSON.stringify(source.example(row).id)}` : undefined;
    return await namingRows(nameOf, async () => {
      const { mapping, fixedBatch, inputsSha256, dataSha256, rows } = source;
      const { optimization, maxBatchTokens } = request;
      const capture = planLongCapture(model, {
        source,
        mapping,
        fixedBatch,
        hooks,
        positions,
        ...(optimization === undefined ? {} : { optimization }),
        ...(maxBatchTokens === undefined ? {} : { maxBatchTokens }),
      });
      const stored = { format: ACTIVATIONS_FORMAT, dtype, maxShardBytes };
      const identity = { ...capture.identity, inputs: inputsSha256, data: dataSha256, stored };
      const state = folder.resume({
        key: sha256(canonicalJson(identity)),
        rows,
        batches: capture.batches.length,
        dtype,
        maxShardBytes,
        ...(flushEveryMs === undefined ? {} : { flushEveryMs }),
      });
      const done = { out, hooks, positions, rows };
      if (state === 'finished') return { ...done, rowsReused: rows };
      const before = capture.batches.slice(0, folder.batchesDone);
      const rowsReused = before.reduce((sum, batch) => sum + batch.length, 0);
      await runLongCapture(model, capture, folder, control);
      const about = {
        model: { file: model.name, sha256: model.sha256 },
        data: { file: path.basename(request.data), sha256: dataSha256 },
        inputs: { sha256: inputsSha256 },
        ...(source.textual && { tokenizer: tokenizerOf(model) }),
        runtime: installedRuntime(),
        positions,
      };
      await folder.finish(about, entriesOf(source, names.length === 0 ? undefined : positions));
      return { ...done, rowsReused };
    });
  } finally {
    spool?.close();
    folder.close();
  }
}

function tokenizerOf(model: Model): { readonly file: string; readonly sha256: string } {
  const { path: file, sha256: hash } = model.tokenizer();
  return { file: path.basename(file), sha256: hash };
}

/** With the number of each row's positions, and the absolute ones where some are given. */
function* entriesOf(
  source: SpooledRows,
  positions: readonly Position[] | undefined,
): Generator<ExampleEntry> {
  for (let row = 0; row < source.rows; row++) {
    const { id, set, group } = source.example(row);
    const length = (source.positions ?? source.lengths)[row]!;
    yield { id, set, group, length, ...(positions && { at: absoluteIn(source, positions, row) }) };
  }
}

/** Throws `BAD_SETTING`. */
function positionsOf(positions: readonly Position[] | 'all', source: SpooledRows): readonly Position[] {
  if (positions !== 'all') return [...new Set(positions)];
  const counted = source.positions ?? source.lengths;
  const [length] = counted;
  if (length === undefined || counted.some((other) => other !== length)) {
    throw new MesascopeError('BAD_SETTING', '--positions all needs token rows of one length', {
      remedy: 'Name the positions, e.g. --positions=-1,-2.',
    });
  }
  return Array.from({ length }, (_, position) => position);
}
