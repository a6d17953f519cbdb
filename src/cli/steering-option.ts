/** @file cli: `--steer` and its companions: vectors from files, which are not trusted, as what a generation is steered by. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SteeredPositions, Steering } from '../capture/steering.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Model } from '../model/open-model.ts';
import { loadProbe, mustBeFittedOn } from '../pipeline/probe-files.ts';
import { probeDirection } from '../probe/probe-direction.ts';

export type SteeringOptions = {
  readonly steer?: readonly string[] | undefined;
  readonly towards?: string | undefined;
  readonly dose?: number | undefined;
  readonly steerPositions?: SteeredPositions | undefined;
  /** Take probes of another model of the same width. */
  readonly otherModel?: boolean | undefined;
};

/** More numbers than any residual stream is wide. */
const MOST_BYTES = 1 << 24;

/**
 * Each `HOOK=FILE.json` (a list of numbers) or `PROBE.safetensors` (its direction, a unit vector, at the hook that it was fitted at; or
 * at another one, `HOOK=PROBE.safetensors`); a file whose name holds `=` is taken as one when it is there. Throws `BAD_SETTING`,
 * `PROBE_FILE_INVALID`, `PROBE_MISMATCH` for a probe of another model without `otherModel`.
 */
export async function readSteering(
  options: SteeringOptions,
  { model, workingFolder }: { readonly model: Model; readonly workingFolder: string },
): Promise<Steering[]> {
  const { steer = [], towards, dose = 1, steerPositions: positions = 'all' } = options;
  if (
    steer.length === 0 &&
    (towards !== undefined || options.dose !== undefined || options.steerPositions !== undefined)
  )
    throw new MesascopeError('BAD_SETTING', '--towards, --dose and --steer-positions need --steer');
  const given = steer.map((text) => {
    const at = existsSync(path.resolve(workingFolder, text)) ? -1 : text.indexOf('=');
    const file = path.resolve(workingFolder, text.slice(at + 1));
    return { text, file, named: at < 0 ? undefined : text.slice(0, at), isVector: file.endsWith('.json') };
  });
  if (towards !== undefined && given.every(({ isVector }) => isVector)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `--towards ${towards} names a class of a saved probe, and every --steer is a vector of its own`,
      { remedy: 'Leave --towards out, or steer by a probe: --steer PROBE.safetensors.' },
    );
  }
  return Promise.all(
    given.map(async ({ text, file, named, isVector }): Promise<Steering> => {
      if (!isVector) {
        const saved = await loadProbe(file);
        if (options.otherModel !== true) mustBeFittedOn(model, { file, saved });
        const { probe, origin } = saved;
        return { hook: named ?? origin.hook, vector: probeDirection(probe, towards), dose, positions };
      }
      if (named === undefined) {
        throw new MesascopeError('BAD_SETTING', `--steer ${text} names no hook for its vector`, {
          remedy: 'For example --steer blocks.1.resid_post=vector.json.',
        });
      }
      return { hook: named, vector: await readVector(file), dose, positions };
    }),
  );
}

async function readVector(file: string): Promise<Float32Array> {
  const bad = (seen: string, cause?: unknown): MesascopeError =>
    new MesascopeError('BAD_SETTING', seen, {
      location: { file },
      remedy: 'A vector is a JSON list of numbers, one for each of the hook.',
      ...(cause === undefined ? {} : { cause }),
    });
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw bad(`cannot read the vector ${file}`, cause);
  });
  if (bytes.length > MOST_BYTES)
    throw bad(`the vector ${file} has ${bytes.length} bytes, and at most ${MOST_BYTES} are read`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw bad(`the vector ${file} is not JSON`, cause);
  }
  if (!Array.isArray(value) || value.length === 0 || !value.every((each) => Number.isFinite(each)))
    throw bad(`the vector ${file} is no list of numbers`);
  return Float32Array.from(value as number[]);
}
