/** @file pipeline: writes a model whose further outputs are the scores of saved probes, checked before it has its name. */
import { realpathSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { toleranceOf } from '../capture/verify-context.ts';
import { randomInputs } from '../capture/verify-inputs.ts';
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { batchByLength } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { readStructure } from '../model/read-structure.ts';
import { saidOfTexts } from '../model/said-of-texts.ts';
import { streamOf } from '../model/sequences.ts';
import { attachScores } from '../onnx/attach-scores.ts';
import type { ModelIndex } from '../onnx/contract.ts';
import { indexModel } from '../onnx/index-model.ts';
import { outerValues } from '../onnx/value-names.ts';
import type { OptimizationLevel } from '../runtime/contract.ts';
import { externalDataPath } from '../runtime/session.ts';
import { writeFault } from '../store/write-fault.ts';
import {
  type CheckRows,
  type FileOutputs,
  fileOutputs,
  hiddenValues,
  LEVELS,
  largestScoreDifference,
  outputDifferences,
  rowsRead,
  SCORE_TOLERANCE,
} from './attach-check.ts';
import {
  type MonitorOutput,
  type MonitorPositions,
  type PlannedMonitor,
  planMonitor,
} from './attach-requests.ts';
import { loadProbe } from './probe-files.ts';
import { piecesLength, writePieces } from './write-pieces.ts';

export type { MonitorOutput, MonitorPositions } from './attach-requests.ts';

export type AttachRequest = {
  /** Path of an ONNX file. */
  readonly model: string;
  /** Files that `saveProbe` wrote; each becomes the output `mesascope.NAME`. */
  readonly probes: readonly { readonly name: string; readonly file: string }[];
  /** Path of the new file; an earlier one is replaced in one step, once the new one has passed its check. */
  readonly out: string;
  /** Default `all`. */
  readonly positions?: MonitorPositions;
  /** `inline` (default): the weights are copied. `reference`: they stay in the model's file, beside which the new one must stay. */
  readonly weights?: 'inline' | 'reference';
  /** Take probes of another model of the same width (default false). */
  readonly otherModel?: boolean;
  /** Inputs of the check, the first sixteen; random ones that the model accepts by default. */
  readonly inputs?: readonly ModelInput[];
  /** The data set's `inputs`, when inputs are given. */
  readonly mapping?: Readonly<Record<string, string>>;
};

export type Attached = {
  readonly outputs: readonly MonitorOutput[];
  readonly bytes: number;
  /** Files that the new one needs beside it, without folder. */
  readonly needs: readonly string[];
  readonly check: {
    readonly inputs: number;
    /** Level of ONNX Runtime that both files were run at: `disabled`, or the next one at which the model loads. */
    readonly optimization: OptimizationLevel;
    /** Outputs of the model that came out bit for bit as before. */
    readonly sameOutputs: readonly string[];
    /** Of a model in 16 bits: outputs that came out within the limit of its number type. */
    readonly closeOutputs: readonly { readonly output: string; readonly difference: number }[];
    /** Largest difference between an attached score and the probe's own, computed in 64 bits. */
    readonly largestScoreDifference: number;
  };
};

const MOST_INPUTS = 16;
/** Protobuf parsers refuse longer messages (protobuf, "Proto Limits": 2 GiB). */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * Writes `out`: the model with the scores of the probes as further outputs, every byte of its nodes and weights as it was. Before the file
 * gets its name it is run on a few inputs beside the model: outputs must keep their bits (at optimisation level `disabled`, or the next at
 * which the model loads) and scores must be the probe's. ONNX Runtime keeps 16-bit values wider where nothing reads them: of such a model
 * both are held to what `toleranceOf` allows its number type.
 *
 * Throws `MODEL_NOT_FOUND`, `MODEL_CORRUPT`, `MODEL_UNSUPPORTED` (opset, longer than 2 GiB), `PROBE_FILE_INVALID`, `PROBE_MISMATCH`,
 * `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`, `BAD_SETTING` (names, places), `POSITION_RANGE`, `INPUT_UNKNOWN`, `MONITOR_DIFFERS`,
 * `SESSION_FAILED`, `RUN_FAILED`, `DISK_FULL`, `NOT_WRITABLE`, `ABORTED`.
 */
export async function attachProbes(request: AttachRequest, control: RunControl = {}): Promise<Attached> {
  const { out, positions = 'all', otherModel = false } = request;
  if (request.probes.length === 0) throw new MesascopeError('BAD_SETTING', 'no probe is given to attach');
  const saved = [];
  for (const { name, file } of request.probes) saved.push({ name, file, saved: await loadProbe(file) });
  const model = await openModel(request.model);
  try {
    const monitors = saved.map((probe) => planMonitor(model, probe, { positions, otherModel }));
    const index = indexModel(readStructure(request.model, statSync(request.model).size));
    mustLieInFile(model, index, monitors);
    const needs = neededFiles(request, index);
    mustBePlaced(request, needs);
    const pieces = attachScores(
      index,
      monitors.map((monitor) => monitor.request),
      request.weights === 'reference'
        ? { kind: 'reference', modelFile: path.basename(request.model) }
        : { kind: 'inline' },
    );
    const bytes = piecesLength(pieces);
    if (bytes > MAX_FILE_BYTES) {
      throw new MesascopeError('MODEL_UNSUPPORTED', 'the model with its probes is longer than 2 GiB', {
        facts: { bytes, limit: MAX_FILE_BYTES },
        remedy: 'Leave its weights where they are: `--reference`.',
      });
    }
    const tolerance = toleranceOf(model);
    const rows = checkRows(model, request, monitors);
    for (const message of saidOfTexts(model, (request.inputs ?? []).slice(0, MOST_INPUTS)))
      control.onProgress?.({ kind: 'warning', message });
    const before = await runsBefore(model, request.model, { monitors, rows });
    await makeFolder(out);
    const temporary = `${out}.${process.pid}.tmp`;
    try {
      await writePieces(temporary, pieces, { original: request.model, signal: control.signal });
      throwIfAborted(control.signal);
      const { level } = before.file;
      const attached = (await fileOutputs(temporary, rows, [level])).outputs;
      const changed = outputDifferences(before.file.outputs, attached, tolerance.half ? tolerance.limit : 0);
      const scoreLimit = tolerance.half ? tolerance.limit : SCORE_TOLERANCE;
      const differences = monitors.map((monitor) =>
        largestScoreDifference(monitor.request, before.hidden, attached, scoreLimit),
      );
      throwIfAborted(control.signal);
      await rename(temporary, out).catch((cause: unknown) => {
        throw writeFault(cause, out);
      });
      return {
        outputs: monitors.map(({ output }) => output),
        bytes,
        needs,
        check: {
          inputs: rows.batches.reduce((sum, batch) => sum + batch.length, 0),
          optimization: level,
          sameOutputs: [...changed].flatMap(([output, difference]) => (difference === 0 ? [output] : [])),
          closeOutputs: [...changed].flatMap(([output, difference]) =>
            difference === 0 ? [] : [{ output, difference }],
          ),
          largestScoreDifference: Math.max(...differences),
        },
      };
    } finally {
      await rm(temporary, { force: true });
    }
  } finally {
    await model.close();
  }
}

/** Throws `HOOK_UNAVAILABLE` for a hook that is a value of the graph as it is run, and no value of the file. */
function mustLieInFile(model: Model, index: ModelIndex, monitors: readonly PlannedMonitor[]): void {
  if (model.changes.length === 0) return;
  const values = outerValues(index);
  for (const { request, output } of monitors) {
    if (values.has(request.value)) continue;
    const others = model.hooks.hooks.flatMap((hook) =>
      hook.state === 'available' && values.has(hook.value) ? [hook.name] : [],
    );
    throw new MesascopeError(
      'HOOK_UNAVAILABLE',
      `the file itself holds no value for ${output.hook}: it is read here because ${model.changes.join('; ')}`,
      {
        facts: { hook: output.hook, changes: model.changes },
        remedy: `Fit the probe at a hook that the file holds: ${others.join(', ')}.`,
      },
    );
  }
}

/** Names of the weight files, relative to the new file's folder, the model's own among them where it is referred to. */
function neededFiles({ model, weights }: AttachRequest, index: ModelIndex): string[] {
  const needed = new Set<string>();
  for (const { data } of index.initializers.values()) {
    if (data.kind === 'external') needed.add(data.location);
  }
  if (weights === 'reference') needed.add(path.basename(model));
  return [...needed].sort();
}

/** Throws `BAD_SETTING` where the new file would lie away from the weights that it needs, or replace what it is made from. */
function mustBePlaced({ model, probes, out }: AttachRequest, needs: readonly string[]): void {
  const folder = (file: string): string => {
    const absolute = path.resolve(path.dirname(file));
    return statSync(absolute, { throwIfNoEntry: false }) === undefined ? absolute : realpathSync(absolute);
  };
  if (needs.length > 0 && folder(out) !== folder(model)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `the new file needs ${needs.join(', ')} beside it, and ${out} is in another folder than the model`,
      {
        facts: { needs, out },
        remedy: `Write it beside the model, e.g. ${path.join(path.dirname(model), path.basename(out))}.`,
      },
    );
  }
  const weightFiles = needs.map((name) => externalDataPath(model, name));
  for (const file of [model, ...weightFiles, ...probes.map((probe) => probe.file)]) {
    if (!isSameFile(file, out)) continue;
    throw new MesascopeError('BAD_SETTING', `${out} is one of the files that the new one is made from`, {
      facts: { out },
      remedy: 'Choose another name for the new file.',
    });
  }
}

function isSameFile(a: string, b: string): boolean {
  const [first, second] = [a, b].map((file) => statSync(file, { throwIfNoEntry: false }));
  if (first === undefined || second === undefined) return path.resolve(a) === path.resolve(b);
  return first.dev === second.dev && first.ino === second.ino;
}

/** Inputs of the check in batches of one shape, those long enough for every position that is picked. */
function checkRows(
  model: Model,
  { inputs, mapping = {} }: AttachRequest,
  monitors: readonly PlannedMonitor[],
): CheckRows {
  const encoded = encode(model, (inputs ?? madeInputs(model)).slice(0, MOST_INPUTS), mapping);
  const all = batchByLength(encoded, { maxRows: MOST_INPUTS, maxTokens: Number.MAX_SAFE_INTEGER }).batches;
  // An encoder and its decoder have positions of their own.
  const picked = monitors.flatMap(({ request: { positions }, output: { hook } }) =>
    typeof positions === 'number' ? [{ position: positions, stream: streamOf(hook) }] : [],
  );
  const batches = all.filter((batch) =>
    picked.every(({ position, stream }) => {
      const length = encoded.positionsIn(stream)[batch[0]!]!;
      return position < length && position >= -length;
    }),
  );
  if (batches.length === 0) {
    const positions = picked.map(({ position }) => position);
    throw new MesascopeError(
      'POSITION_RANGE',
      `no input of the check has the position ${positions.join(', ')}`,
      {
        facts: { positions },
        remedy: 'Give a data file whose rows have it: `--data`.',
      },
    );
  }
  return { encoded, batches };
}

/** Random inputs; a graph that says too little about its own needs data. */
function madeInputs(model: Model): ModelInput[] {
  try {
    return randomInputs(model, 0);
  } catch (cause) {
    if (!(cause instanceof MesascopeError)) throw cause;
    const { code, message, facts } = cause;
    throw new MesascopeError(code, message, {
      facts,
      remedy: 'Give a data file with inputs to check on: `--data`.',
      cause,
    });
  }
}

/** What the model gives without the probes. Its sessions are closed afterwards: one large model at a time is enough. */
async function runsBefore(
  model: Model,
  path: string,
  { monitors, rows }: { readonly monitors: readonly PlannedMonitor[]; readonly rows: CheckRows },
): Promise<{ readonly hidden: Awaited<ReturnType<typeof hiddenValues>>; readonly file: FileOutputs }> {
  const values = monitors.map(({ request }) => request.value);
  const file = await fileOutputs(path, rows, LEVELS);
  const hidden = await hiddenValues(model, values, rows, file.level);
  await model.close();
  // Before anything is written: a value that is not what the probe reads makes a graph that cannot run.
  for (const { request } of monitors) {
    for (const batch of hidden) rowsRead(request, batch.get(request.value)!);
  }
  return { hidden, file };
}

async function makeFolder(out: string): Promise<void> {
  await mkdir(path.dirname(out), { recursive: true }).catch((cause: unknown) => {
    throw writeFault(cause, out);
  });
}
