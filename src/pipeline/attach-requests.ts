/** @file pipeline: saved probes as scores that a model's graph can give, held against the model; runs and writes nothing. */
import { siteOf } from '../capture/capture-sites.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Sha256, sha256 } from '../core/hash.ts';
import type { Model } from '../model/open-model.ts';
import type { ScoreRequest } from '../onnx/attach-scores.ts';
import { hookNamed } from '../onnx/hooks-names.ts';
import { encodeProbe, type SavedProbe } from '../probe/probe-file.ts';
import { mustBeFittedOn } from './probe-files.ts';

/** `all`: a score at each position of a row. `readout`: only at the position that the probe was fitted at. */
export type MonitorPositions = 'all' | 'readout';

/** A probe and the name under which its output is known. */
export type NamedProbe = { readonly name: string; readonly file: string; readonly saved: SavedProbe };

/** What one added output is; the same is kept in the file, as JSON in `metadata_props` under the output's name. */
export type MonitorOutput = {
  readonly format: 'mesascope-monitor/1';
  /** Name of the output, `mesascope.NAME`. */
  readonly output: string;
  readonly hook: string;
  /** Where the probe was fitted, negative from the end. */
  readonly position: number;
  /** Symbols for what the inputs decide, and the number of classes. */
  readonly shape: readonly (string | number)[];
  readonly type: 'float32' | 'float64';
  /** Class of each score, in order; for a probe of a number, its name. */
  readonly classes: readonly string[];
  readonly kind: string;
  readonly reads: string;
  /** A row reads as the class when its score exceeds this; absent where the largest score decides. */
  readonly threshold?: number;
  /** Of the probe in its one spelling (`encodeProbe`). */
  readonly probeSha256: Sha256;
  /** Of the model that scores were attached to, and of the one that the probe was fitted on. */
  readonly modelSha256: Sha256;
  readonly fittedModelSha256: string;
  readonly dataSha256: string;
};

export type PlannedMonitor = { readonly request: ScoreRequest; readonly output: MonitorOutput };

export const OUTPUT_PREFIX = 'mesascope.';
/** What survives as a keyword argument, a JSON key and a file name alike. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u;
const MAX_NAME = 200;

/**
 * What has to be added to the model for a probe.
 *
 * Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE` (the graph lacks the hook, or its value is no vector per position), `PROBE_MISMATCH`
 * (another width, or another model without `otherModel`), `BAD_SETTING` (a name that no output should have).
 */
export function planMonitor(
  model: Model,
  probe: NamedProbe,
  options: { readonly positions: MonitorPositions; readonly otherModel: boolean },
): PlannedMonitor {
  const { name, file, saved } = probe;
  const { origin } = saved;
  if (!NAME.test(name) || name.length > MAX_NAME) {
    throw new MesascopeError('BAD_SETTING', `an output cannot be named after ${JSON.stringify(name)}`, {
      location: { file },
      facts: { name },
      remedy: 'Give the probe another name: NAME=FILE, of letters, digits, points, hyphens and underscores.',
    });
  }
  if (!options.otherModel) mustBeFittedOn(model, probe);
  const site = siteOf(model, origin.hook);
  const hook = hookNamed(model.hooks, origin.hook);
  const vectorAxes = hook.axes.length - (site.positions ? 2 : 1);
  const { classes, width, weights, bias, classNames, kind } = saved.probe;
  if (vectorAxes === 1 && hook.width !== undefined && hook.width !== width) {
    throw new MesascopeError(
      'PROBE_MISMATCH',
      `the probe of ${origin.hook} reads ${width} features, ${origin.hook} of ${model.name} has ${hook.width}`,
      { location: { file }, facts: { probe: width, activations: hook.width } },
    );
  }
  const positions = site.positions ? (options.positions === 'all' ? 'every' : origin.position) : 'none';
  // An offset of a number (a year, a time stamp) takes the digits that 32 bits have.
  const type = kind === 'regression' ? 'float64' : 'float32';
  const shape = positions === 'every' ? ['batch', 'position', classes] : ['batch', classes];
  const output: MonitorOutput = {
    format: 'mesascope-monitor/1',
    output: `${OUTPUT_PREFIX}${name}`,
    hook: origin.hook,
    position: origin.position,
    shape,
    type,
    classes: classNames,
    kind,
    reads: origin.reads,
    ...(origin.threshold === undefined ? {} : { threshold: origin.threshold }),
    probeSha256: sha256(encodeProbe(saved)),
    modelSha256: model.sha256,
    fittedModelSha256: origin.modelSha256,
    dataSha256: origin.dataSha256,
  };
  return {
    output,
    request: {
      output: output.output,
      value: site.value,
      positions,
      vectorAxes,
      classes,
      width,
      weights: weights.data,
      bias,
      type,
      description: JSON.stringify(output),
    },
  };
}
