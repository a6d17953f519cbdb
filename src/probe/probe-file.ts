/** @file probe: a fitted probe as the bytes of a safetensors file, with where it reads and what it was fitted on; touches no disk. */
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type LinearProbe, type ProbeSettings, predictNumbers, scoreProbe } from './linear-probe.ts';

/** Where a probe reads, and what it came from. */
export type ProbeOrigin = {
  /** Canonical hook name and position, negative from the end. */
  readonly hook: string;
  readonly position: number;
  /** What it reads, e.g. `intended`. */
  readonly reads: string;
  /** A row reads as the class when its score exceeds this; absent where the largest score decides. */
  readonly threshold?: number;
  readonly modelSha256: string;
  readonly dataSha256: string;
  readonly splitSeed: string;
  /** Version of mesascope that fitted it. */
  readonly version: string;
};

export type SavedProbe = { readonly probe: LinearProbe; readonly origin: ProbeOrigin };

const FORMAT = 'mesascope-probe/1';
const PREFIX = 8;
/** A header beyond this is no probe's: it holds names of classes and settings. */
const MAX_HEADER_BYTES = 1 << 22;
const MAX_CLASSES = 1 << 20;
const MAX_WIDTH = 1 << 20;
const KINDS: readonly ProbeSettings['kind'][] = [
  'mass-mean',
  'ridge',
  'logistic',
  'discriminant',
  'contrast-pairs',
  'contrast-search',
  'regression',
];

/**
 * One safetensors file (github.com/huggingface/safetensors, README "Format"): `weights` F32 [classes, width] and `bias` F64 [classes]; the
 * rest is JSON under `__metadata__`. Equal probes give equal bytes. Of a probe of numbers the offset is in the bias, to 16 digits, and the weights
 * carry what varies, to 7 digits of its spread.
 */
export function encodeProbe({ probe, origin }: SavedProbe): Uint8Array {
  const { weights, bias, classes, width, classNames, settings } = probe;
  const weightBytes = 4 * classes * width;
  const metadata = {
    format: FORMAT,
    probe: JSON.stringify({ classNames, settings }),
    origin: JSON.stringify(origin),
  };
  // F64 first would need no padding; offsets of safetensors need none either.
  const header = JSON.stringify({
    __metadata__: metadata,
    bias: { dtype: 'F64', shape: [classes], data_offsets: [0, 8 * classes] },
    weights: {
      dtype: 'F32',
      shape: [classes, width],
      data_offsets: [8 * classes, 8 * classes + weightBytes],
    },
  });
  const json = new TextEncoder().encode(header);
  // The format pads its header with spaces; data that start at a multiple of eight can be mapped.
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(PREFIX + padded + 8 * classes + weightBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(padded), true);
  bytes.fill(0x20, PREFIX, PREFIX + padded);
  bytes.set(json, PREFIX);
  const start = PREFIX + padded;
  for (let c = 0; c < classes; c++) view.setFloat64(start + 8 * c, bias[c]!, true);
  for (let i = 0; i < classes * width; i++)
    view.setFloat32(start + 8 * classes + 4 * i, weights.data[i]!, true);
  return bytes;
}

/** Reads what `encodeProbe` wrote; every byte is untrusted. Throws `PROBE_FILE_INVALID`, naming what is wrong. */
export function decodeProbe(bytes: Uint8Array): SavedProbe {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < PREFIX) throw invalid('it is too short');
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || PREFIX + length > bytes.length) throw invalid('its header is cut off');
  const header = objectOf(
    parsed(new TextDecoder().decode(bytes.subarray(PREFIX, PREFIX + length)), 'its header'),
    'its header',
  );
  const metadata = objectOf(header.__metadata__, 'its metadata');
  if (metadata.format !== FORMAT) throw invalid(`its format is not ${FORMAT}`);
  const start = PREFIX + length;
  const weights = tensorOf(header.weights, 'weights', { dtype: 'F32', bytes: 4, axes: 2 });
  const bias = tensorOf(header.bias, 'bias', { dtype: 'F64', bytes: 8, axes: 1 });
  const [classes, width] = [weights.shape[0]!, weights.shape[1]!];
  if (classes < 1 || classes > MAX_CLASSES || width < 1 || width > MAX_WIDTH || bias.shape[0] !== classes)
    throw invalid(`weights of [${weights.shape}] and a bias of [${bias.shape}] do not belong together`);
  for (const { to } of [weights, bias])
    if (start + to > bytes.length) throw invalid('its tensors are cut off');
  const told = objectOf(parsed(textOf(metadata.probe, 'probe'), 'the description'), 'the description');
  const { classNames } = told;
  if (
    !Array.isArray(classNames) ||
    classNames.length !== classes ||
    !classNames.every((name): name is string => typeof name === 'string')
  )
    throw invalid(`it names ${Array.isArray(classNames) ? classNames.length : 'no'} classes of ${classes}`);
  const settings = objectOf(told.settings, 'the settings');
  const kind = KINDS.find((one) => one === settings.kind);
  if (kind === undefined) throw invalid(`there is no kind of probe ${JSON.stringify(settings.kind)}`);
  const probe: LinearProbe = {
    kind,
    classes,
    width,
    classNames,
    weights: {
      rows: classes,
      columns: width,
      data: Float32Array.from({ length: classes * width }, (_, i) =>
        view.getFloat32(start + weights.from + 4 * i, true),
      ),
    },
    bias: Float64Array.from({ length: classes }, (_, c) => view.getFloat64(start + bias.from + 8 * c, true)),
    // What a fit was asked for is shown to readers; no computation reads it again.
    settings: settings as unknown as ProbeSettings,
  };
  if (!probe.weights.data.every(Number.isFinite)) throw invalid('a weight is not a finite number');
  // An absent class has the bias -Infinity: it is never predicted.
  if (!probe.bias.every((value) => Number.isFinite(value) || value === Number.NEGATIVE_INFINITY))
    throw invalid('a bias is not a number');
  return {
    probe,
    origin: originOf(objectOf(parsed(textOf(metadata.origin, 'origin'), 'the origin'), 'the origin')),
  };
}

/**
 * Scores activations of another model or data set, [n, classes]. Throws `PROBE_MISMATCH` where the width differs, or the hook does and
 * `acrossHooks` does not say that this is meant.
 */
export async function scoreSaved(
  saved: SavedProbe,
  on: SavedSite,
  { linalg, acrossHooks = false }: SavedOptions,
): Promise<Matrix> {
  mustFit(saved, on, acrossHooks);
  return scoreProbe(saved.probe, on.x, linalg);
}

/**
 * What a saved probe of a number says of them, [n], in 64 bits: a score has 32, which a large offset uses up. Throws as `scoreSaved` does, and
 * `BAD_SETTING` for a probe of classes.
 */
export async function predictSaved(
  saved: SavedProbe,
  on: SavedSite,
  { linalg, acrossHooks = false }: SavedOptions,
): Promise<Float64Array> {
  mustFit(saved, on, acrossHooks);
  const [predicted] = await predictNumbers([saved.probe], on.x, linalg);
  return predicted!;
}

type SavedSite = { readonly hook: string; readonly position: number; readonly x: Matrix };
type SavedOptions = { readonly linalg: Linalg; readonly acrossHooks?: boolean };

function mustFit({ probe, origin }: SavedProbe, on: SavedSite, acrossHooks: boolean): void {
  if (on.x.columns !== probe.width) {
    throw new MesascopeError(
      'PROBE_MISMATCH',
      `the probe of ${origin.hook} reads ${probe.width} features, ${on.hook} has ${on.x.columns}`,
      { facts: { probe: probe.width, activations: on.x.columns } },
    );
  }
  const sameSite = on.hook === origin.hook && on.position === origin.position;
  if (!sameSite && !acrossHooks) {
    throw new MesascopeError(
      'PROBE_MISMATCH',
      `the probe was fitted at ${origin.hook} @ ${origin.position}, these activations are of ${on.hook} @ ${on.position}`,
      {
        facts: { fitted: `${origin.hook} @ ${origin.position}`, given: `${on.hook} @ ${on.position}` },
        remedy:
          'Capture the hook that the probe was fitted at, or say `acrossHooks: true` where this is meant.',
      },
    );
  }
}

function tensorOf(
  value: unknown,
  name: string,
  wanted: { readonly dtype: string; readonly bytes: number; readonly axes: number },
): { readonly shape: readonly number[]; readonly from: number; readonly to: number } {
  const { dtype, shape, data_offsets: offsets } = objectOf(value, `tensor ${name}`);
  if (dtype !== wanted.dtype || !isSizes(shape) || shape.length !== wanted.axes)
    throw invalid(`tensor ${name} is not ${wanted.dtype} with ${wanted.axes} axes`);
  const size = shape.reduce((product, length) => product * length, wanted.bytes);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[1]! - offsets[0]! !== size)
    throw invalid(`the shape and the offsets of tensor ${name} disagree`);
  return { shape, from: offsets[0]!, to: offsets[1]! };
}

function originOf(told: Readonly<Record<string, unknown>>): ProbeOrigin {
  const { position, threshold } = told;
  if (typeof position !== 'number' || !Number.isSafeInteger(position))
    throw invalid('its position is not a whole number');
  if (threshold !== undefined && !(typeof threshold === 'number' && Number.isFinite(threshold)))
    throw invalid('its threshold is not a number');
  return {
    hook: textOf(told.hook, 'hook'),
    position,
    reads: textOf(told.reads, 'reads'),
    ...(threshold === undefined ? {} : { threshold }),
    modelSha256: textOf(told.modelSha256, 'modelSha256'),
    dataSha256: textOf(told.dataSha256, 'dataSha256'),
    splitSeed: textOf(told.splitSeed, 'splitSeed'),
    version: textOf(told.version, 'version'),
  };
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MesascopeError('PROBE_FILE_INVALID', `${what} is not JSON`, { cause });
  }
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalid(`\`${name}\` is no text`);
  return value;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function invalid(reason: string): MesascopeError {
  return new MesascopeError('PROBE_FILE_INVALID', `this is no probe's file: ${reason}`);
}
