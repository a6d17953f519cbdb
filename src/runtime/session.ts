/** @file runtime: open, run and release sessions; the only importer of onnxruntime-node. It knows no model and no hook. */
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MesascopeError } from '../core/errors.ts';
import { halfToFloat32 } from '../core/half.ts';
import type { InputMetadata, ModelSource, Session, SessionOptions, TensorValue } from './contract.ts';

export type { ModelSource, OptimizationLevel, Session, SessionOptions, TensorValue } from './contract.ts';

/** Oldest version whose partial fetches are keyed correctly (microsoft/onnxruntime#26865). */
export const MINIMUM_RUNTIME = '1.24.3';

let checkedVersion: string | undefined;

/** Version of the installed onnxruntime-node. Throws `RUNTIME_VERSION` when it is older than `MINIMUM_RUNTIME`. */
export function runtimeVersion(): string {
  if (checkedVersion === undefined) {
    const require = createRequire(import.meta.url);
    const { version } = require('onnxruntime-node/package.json') as { version: string };
    if (isOlder(version, MINIMUM_RUNTIME)) {
      throw new MesascopeError(
        'RUNTIME_VERSION',
        `onnxruntime-node ${version} is installed, ${MINIMUM_RUNTIME} is needed`,
        {
          facts: { version, minimum: MINIMUM_RUNTIME },
        },
      );
    }
    checkedVersion = version;
  }
  return checkedVersion;
}

/** True when dotted version `a` comes before `b`; a pre-release suffix is ignored. */
export function isOlder(a: string, b: string): boolean {
  const parts = (version: string): number[] => version.split('-')[0]!.split('.').map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/**
 * Opens a model for running on the CPU.
 *
 * Throws `MODEL_NOT_FOUND`, `SESSION_FAILED` (with ONNX Runtime's reason) and `RUNTIME_VERSION`. Close what you open: a
 * session holds native memory that the garbage collector does not see.
 */
export async function openSession(source: ModelSource, options: SessionOptions = {}): Promise<Session> {
  runtimeVersion();
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: options.optimization ?? 'all',
    intraOpNumThreads: options.threads ?? 0,
    // 3: errors only. Warnings go to stderr from native code, where no listener of ours could place them.
    logSeverityLevel: 3,
    extra: {
      session: {
        // Threads that wait for work sleep: spinning takes a sixth more processor time for the same minutes, and starves whatever runs beside.
        intra_op: { allow_spinning: '0' },
        ...(options.disablePrepacking === true ? { disable_prepacking: '1' } : {}),
        ...(source.kind === 'bytes' && source.folder !== undefined
          ? { model_external_initializers_file_folder_path: source.folder }
          : {}),
      },
    },
  };
  let native: InferenceSession;
  try {
    if (source.kind === 'path') {
      await mustBeFile(source.path);
      native = await InferenceSession.create(source.path, settings);
    } else {
      native = await InferenceSession.create(source.bytes, settings);
    }
  } catch (cause) {
    if (cause instanceof MesascopeError) throw cause;
    throw new MesascopeError('SESSION_FAILED', `ONNX Runtime cannot load the model: ${reasonOf(cause)}`, {
      ...(source.kind === 'path' ? { location: { file: source.path } } : {}),
      cause,
    });
  }
  return wrap(native);
}

async function mustBeFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) {
    throw new MesascopeError('MODEL_NOT_FOUND', `no model file at ${path}`, { location: { file: path } });
  }
}

function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ').slice(0, 600);
}

function wrap(native: InferenceSession): Session {
  const known = new Set(native.inputNames);
  const produced = new Set(native.outputNames);
  let open = true;
  return {
    inputNames: native.inputNames,
    outputNames: native.outputNames,
    inputs: native.inputMetadata.map(describe),
    outputs: native.outputMetadata.map(describe),
    async run(feeds, fetches) {
      if (!open) throw new MesascopeError('INTERNAL', 'a closed session was run');
      for (const name of Object.keys(feeds)) {
        if (!known.has(name)) {
          throw new MesascopeError('FEED_UNKNOWN', `the model has no input named ${JSON.stringify(name)}`, {
            facts: { name, inputNames: native.inputNames },
          });
        }
      }
      for (const name of fetches ?? []) {
        if (!produced.has(name))
          throw new MesascopeError('INTERNAL', `the session has no output named ${JSON.stringify(name)}`);
      }
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, value]) => [name, toNative(value)]),
      );
      let outputs: InferenceSession.OnnxValueMapType;
      try {
        outputs = await (fetches === undefined ? native.run(tensors) : native.run(tensors, [...fetches]));
      } catch (cause) {
        throw new MesascopeError(
          'RUN_FAILED',
          `ONNX Runtime failed while running the model: ${reasonOf(cause)}`,
          { cause },
        );
      }
      const result: Record<string, TensorValue> = {};
      for (const name of fetches ?? native.outputNames)
        result[name] = fromNative(name, outputs[name] as Tensor);
      return result;
    },
    async close() {
      if (!open) return;
      open = false;
      await native.release();
    },
  };
}

function describe(metadata: InferenceSession.ValueMetadata): InputMetadata {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: 'not a tensor', shape: [] };
}

function toNative(value: TensorValue): Tensor {
  return new Tensor(value.type, value.data as Float32Array, value.dims) as Tensor;
}

function fromNative(name: string, tensor: Tensor): TensorValue {
  const { type, dims, data } = tensor;
  switch (type) {
    case 'float32':
      return { type, dims, data: data as Float32Array };
    case 'int64':
      return { type, dims, data: data as BigInt64Array };
    case 'int32':
      return { type, dims, data: data as Int32Array };
    case 'bool':
      return { type, dims, data: data as Uint8Array };
    case 'float64':
      return { type, dims, data: data as Float64Array };
    case 'uint8':
      return { type, dims, data: data as Uint8Array };
    case 'float16':
      // Node 20 has no Float16Array; ONNX Runtime hands out the bits.
      return { type: 'float32', dims, data: halfToFloat32(data as unknown as Uint16Array) };
    default:
      throw new MesascopeError(
        'MODEL_UNSUPPORTED',
        `output ${JSON.stringify(name)} has type ${type}, which is not handled`,
      );
  }
}

/** True when `location`, as written in a model file, stays inside the model's folder. Accepts both kinds of separators. */
export function staysInside(location: string): boolean {
  const flat = normalize(location.replaceAll('\\', '/'));
  return !(
    isAbsolute(flat) ||
    /^[A-Za-z]:/.test(flat) ||
    flat === '..' ||
    flat.startsWith('../') ||
    flat.includes('\0')
  );
}

/** Absolute path of a weight file named by a model. Throws `EXTERNAL_DATA_PATH` when it leaves the model's folder. */
export function externalDataPath(modelPath: string, location: string): string {
  if (!staysInside(location)) {
    throw new MesascopeError(
      'EXTERNAL_DATA_PATH',
      `the model names the weight file ${JSON.stringify(location)}`,
      {
        location: { file: modelPath },
      },
    );
  }
  return join(dirname(modelPath), location);
}
