/** @file test: probes that are saved, loaded, and applied to activations of another model; files that are no probe. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { loadProbe, saveProbe } from '../../src/pipeline/probe-files.ts';
import { scoreProbe } from '../../src/probe/linear-probe.ts';
import { decodeProbe, encodeProbe, type SavedProbe, scoreSaved } from '../../src/probe/probe-file.ts';
import { fitRidge } from '../../src/probe/ridge.ts';
import { labelsOf, trainOn } from './recorded.ts';

let linalg: Linalg;
let saved: SavedProbe;
const folder = mkdtempSync(path.join(tmpdir(), 'mesascope-probes-'));
const random = seededRandom('probe file');
const x = matrix(
  60,
  5,
  Float32Array.from({ length: 300 }, () => random.normal()),
);

beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
  // Of four announced classes one never occurs: its bias is minus infinity.
  const labels = labelsOf(
    Array.from({ length: 60 }, (_, i) => i % 3),
    4,
  );
  const [probe] = await fitRidge(trainOn(x), [labels], { penalty: 1, linalg });
  saved = {
    probe: probe!,
    origin: {
      hook: 'blocks.1.resid_mid',
      position: -1,
      reads: 'intended',
      threshold: 0.25,
      modelSha256: 'a'.repeat(64),
      dataSha256: 'b'.repeat(64),
      splitSeed: '1',
      version: '0.1.0',
    },
  };
});
afterAll(async () => {
  await linalg.close();
  rmSync(folder, { recursive: true });
});

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof MesascopeError) return error.code;
    throw error;
  }
  return 'none';
};

describe('a saved probe', () => {
  it('comes back as it was, and scores as it did', async () => {
    const file = path.join(folder, 'deep', 'goal.safetensors');
    await saveProbe(file, saved);
    const loaded = await loadProbe(file);
    expect(loaded).toEqual(saved);
    expect(readdirSync(path.dirname(file))).toEqual(['goal.safetensors']);
    const site = { hook: saved.origin.hook, position: -1, x };
    expect(await scoreSaved(loaded, site, { linalg })).toEqual(await scoreProbe(saved.probe, x, linalg));
    expect(encodeProbe(loaded)).toEqual(encodeProbe(saved));
  });

  it('has the layout of safetensors: a length, JSON that says where each tensor lies, and their bytes', () => {
    const bytes = encodeProbe(saved);
    const view = new DataView(bytes.buffer);
    const length = Number(view.getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header.weights).toEqual({ dtype: 'F32', shape: [4, 5], data_offsets: [32, 112] });
    expect(header.bias).toEqual({ dtype: 'F64', shape: [4], data_offsets: [0, 32] });
    expect(bytes.length).toBe(8 + length + 112);
    for (const value of Object.values(header.__metadata__)) expect(typeof value).toBe('string');
  });

  it('refuses activations of another width, and of another hook unless that is meant', async () => {
    const own = { hook: saved.origin.hook, position: -1 };
    await expect(scoreSaved(saved, { ...own, x: matrix(3, 6) }, { linalg })).rejects.toMatchObject({
      code: 'PROBE_MISMATCH',
    });
    for (const other of [{ hook: 'blocks.0.resid_mid' }, { position: -2 }]) {
      const site = { ...own, ...other, x };
      await expect(scoreSaved(saved, site, { linalg })).rejects.toMatchObject({ code: 'PROBE_MISMATCH' });
      expect((await scoreSaved(saved, site, { linalg, acrossHooks: true })).rows).toBe(60);
    }
  });
});

describe('a file that is no probe', () => {
  it('is refused by name where it is missing, and where it holds something else', async () => {
    const missing = path.join(folder, 'none.safetensors');
    await expect(loadProbe(missing)).rejects.toMatchObject({
      code: 'PROBE_FILE_INVALID',
      location: { file: missing },
    });
    for (const bytes of [new Uint8Array(0), new Uint8Array(64), new TextEncoder().encode('{}')])
      expect(codeOf(() => decodeProbe(bytes))).toBe('PROBE_FILE_INVALID');
  });

  it('never brings down more than itself: any damaged byte is read as a probe or refused with the code', () => {
    const bytes = encodeProbe(saved);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, cut) => {
        const damaged = bytes.slice(0, cut === 0 ? bytes.length : cut);
        if (at < damaged.length) damaged[at] = value;
        expect(['none', 'PROBE_FILE_INVALID']).toContain(codeOf(() => decodeProbe(damaged)));
      }),
      { numRuns: 400 },
    );
  });
});
