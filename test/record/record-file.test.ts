/** @file test: run.json on disk: written whole or not at all, read back the same, refused when it is not what it says. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode, MesascopeError } from '../../src/core/errors.ts';
import { recordDigest, recordText } from '../../src/record/canonical.ts';
import { type Migration, migrate } from '../../src/record/migrations.ts';
import { holdsAbsolutePath } from '../../src/record/portable.ts';
import { parseRecord, readRecord } from '../../src/record/read.ts';
import { RECORD_SCHEMA, type RunRecord } from '../../src/record/record.ts';
import { writeRecord } from '../../src/record/write.ts';
import { hostileRecord } from '../report/hostile-record.ts';
import { emptyRecord, sampleRecord } from '../report/sample-record.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesascope-record-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function codeOf(
  work: Promise<unknown> | (() => unknown),
): Promise<{ code: ErrorCode; error: MesascopeError }> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return { code: (error as MesascopeError).code, error: error as MesascopeError };
  }
  throw new Error('nothing was thrown');
}

/** The same value with the keys of every object in reverse order. */
function reversedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversedKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversedKeys(item)]),
  );
}

describe('a record on disk', () => {
  test.each([
    ['full', sampleRecord()],
    ['empty', emptyRecord()],
    ['hostile', hostileRecord(sampleRecord())],
  ])('comes back as it was written: %s', async (name, record) => {
    const dir = join(folder, name);
    const path = await writeRecord(dir, record);
    expect(path).toBe(join(dir, 'run.json'));
    expect(readdirSync(dir)).toEqual(['run.json']);
    expect(await readRecord(dir)).toEqual(record);
    expect(await readRecord(path)).toEqual(record);
  });

  test('has bytes that depend on its content, not on the order in which it was put together', async () => {
    const record = sampleRecord();
    const path = await writeRecord(join(folder, 'order'), reversedKeys(record) as RunRecord);
    const text = readFileSync(path, 'utf8');
    expect(text).toBe(recordText(record));
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual(record);
  });

  test('spells any JSON value so that it parses back the same', () => {
    const asRecord = (value: unknown): RunRecord => value as RunRecord;
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(recordText(asRecord(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('that was there before survives a record that is refused', async () => {
    const dir = join(folder, 'survives');
    const record = sampleRecord();
    await writeRecord(dir, record);
    const before = readFileSync(join(dir, 'run.json'), 'utf8');
    await codeOf(writeRecord(dir, { ...record, title: 1 as unknown as string }));
    expect(readFileSync(join(dir, 'run.json'), 'utf8')).toBe(before);
    expect(readdirSync(dir)).toEqual(['run.json']);
  });

  test('cannot be put where a file stands in the way, and nothing is left behind', async () => {
    const file = join(folder, 'in-the-way');
    writeFileSync(file, 'not a folder');
    const { code } = await codeOf(writeRecord(file, sampleRecord()));
    expect(code).toBe('NOT_WRITABLE');
    expect(readFileSync(file, 'utf8')).toBe('not a folder');
  });
});

describe('writing refuses', () => {
  const refusedAt = async (change: (record: RunRecord) => unknown): Promise<string> => {
    const { code, error } = await codeOf(
      writeRecord(join(folder, 'refused'), change(sampleRecord()) as RunRecord),
    );
    expect(code).toBe('RECORD_REFUSED');
    return error.message;
  };

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d, naming the field',
    async (value) => {
      const message = await refusedAt((record) => ({
        ...record,
        geometry: { ...record.geometry!, explained: [0.4, value] },
      }));
      expect(message).toContain('geometry.explained[1]');
    },
  );

  test.each([undefined, 1n, () => 1, new Date(0), new Float32Array(2)])(
    'a value JSON cannot hold: %s',
    async (value) => {
      const message = await refusedAt((record) => ({
        ...record,
        settings: { given: { odd: value }, resolved: {} },
      }));
      expect(message).toContain('settings.given.odd');
    },
  );

  test.each(['/home/ada/model.onnx', 'C:\\Users\\ada\\model.onnx', '\\\\host\\share', 'file:///etc/passwd'])(
    'a path of this machine in what the tool fills in: %s',
    async (path) => {
      const command = `mesascope audit --model ${path}`;
      expect(await refusedAt((r) => ({ ...r, provenance: { ...r.provenance, command } }))).toContain(
        'provenance.command',
      );
      expect(await refusedAt((r) => ({ ...r, model: { ...r.model, file: path } }))).toContain('model.file');
      expect(
        await refusedAt((r) => ({ ...r, settings: { given: {}, resolved: { deep: [{ path }] } } })),
      ).toContain('settings.resolved.deep[0].path');
    },
  );

  test('a shard outside the working folder', async () => {
    const { shards } = sampleRecord();
    const message = await refusedAt((r) => ({
      ...r,
      shards: [{ ...shards[0]!, file: '../elsewhere/acts.safetensors' }],
    }));
    expect(message).toContain('shards[0].file');
  });

  test('an unknown field, so that nothing is recorded that no reader knows', async () => {
    expect(await refusedAt((r) => ({ ...r, verdict: { ...r.verdict, mood: 'good' } }))).toContain('mood');
  });

  test('no slash that is not a path, and no path in what users wrote', async () => {
    for (const text of [
      'up/down',
      '1/25',
      'and/or',
      'a : b',
      '5 / 7',
      'blocks.0.resid_post @ -1',
      'https://example.org/x',
    ]) {
      expect(holdsAbsolutePath(text), text).toBe(false);
    }
    const record = sampleRecord();
    const [first, ...rest] = record.examples;
    const quoting = { ...record, examples: [{ ...first!, input: 'open /etc/passwd please' }, ...rest] };
    await expect(writeRecord(join(folder, 'quoting'), quoting)).resolves.toContain('run.json');
  });
});

describe('reading refuses', () => {
  const text = recordText(sampleRecord());
  const put = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  test('what is not there', async () => {
    expect((await codeOf(readRecord(join(folder, 'nowhere')))).code).toBe('RECORD_NOT_FOUND');
    expect((await codeOf(readRecord(folder))).code).toBe('RECORD_NOT_FOUND');
  });

  test('a file cut short, saying where', async () => {
    const cut = text.slice(0, text.length / 2);
    const path = put('cut.json', cut);
    const { code, error } = await codeOf(readRecord(path));
    expect(code).toBe('RECORD_CORRUPT');
    expect(error.location?.file).toBe(path);
    expect(error.location?.line).toBeGreaterThan(cut.split('\n').length - 2);
  });

  test('a missing, a misspelt and an unknown field, naming it', async () => {
    const value = JSON.parse(text) as Record<string, unknown>;
    const { verdict: _, ...without } = value;
    expect((await codeOf(() => parseRecord(JSON.stringify(without)))).error.message).toMatch(/^verdict:/);
    expect((await codeOf(() => parseRecord(JSON.stringify({ ...value, extra: 1 })))).error.message).toContain(
      'extra',
    );
    const wrong = text.replace('"state": "passed"', '"state": "pased"');
    const { code, error } = await codeOf(() => parseRecord(wrong));
    expect(code).toBe('RECORD_CORRUPT');
    expect(error.message).toMatch(/^rungs\[0\]/);
  });

  test.each([
    'null',
    '[]',
    '1',
    '"x"',
    '{}',
    '{"schema": "other/1"}',
    '{"schema": "mesascope-run/01"}',
    '{"schema": 3}',
    '',
  ])('something else altogether: %s', async (content) => {
    expect((await codeOf(() => parseRecord(content))).code).toBe('RECORD_CORRUPT');
  });

  test('a newer version, which it cannot know', async () => {
    const newer = text.replace('mesascope-run/2', 'mesascope-run/3');
    const { code, error } = await codeOf(() => parseRecord(newer));
    expect(code).toBe('RECORD_VERSION');
    expect(error.facts).toEqual({ version: 3, current: 2 });
  });

  test('any damaged byte, with a code and never with another error', () => {
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom('"', '{', '0', 'e', '\u0000', ',', '-'),
        (at, character) => {
          const damaged = text.slice(0, at) + character + text.slice(at + 1);
          try {
            parseRecord(damaged);
          } catch (error) {
            expect(['RECORD_CORRUPT', 'RECORD_VERSION']).toContain((error as MesascopeError).code);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('an older record', () => {
  /** The record as version 1 wrote it: without the tables that version 2 added. */
  const {
    doses: _doses,
    erasure: _erasure,
    baselines: _baselines,
    calibration: _calibration,
    sensitivity: _sensitivity,
    strata: _strata,
    leaks: _leaks,
    testReads: _testReads,
    ...first
  } = sampleRecord();

  test('of version 1 gets empty tables for what that version did not measure', () => {
    const read = parseRecord(JSON.stringify({ ...first, schema: 'mesascope-run/1' }));
    expect(read).toEqual({
      ...first,
      schema: RECORD_SCHEMA,
      doses: [],
      erasure: [],
      baselines: [],
      calibration: [],
      sensitivity: [],
      strata: [],
      leaks: [],
      testReads: [],
    });
  });

  // Made up: as if drafts had called the question "asks".
  const { question, ...rest } = sampleRecord();
  const draft = JSON.stringify({ ...rest, schema: 'mesascope-run/0', asks: question });
  const step: Migration = { from: 0, up: ({ asks, ...others }) => ({ ...others, question: asks }) };

  test('is brought up to date by the steps from its version', () => {
    const migrations = [step, { from: 1, up: (record: object) => ({ ...record }) }];
    expect(parseRecord(draft, { migrations })).toEqual(sampleRecord());
  });

  test('is refused where no step leads on, and checked after the last one', async () => {
    expect((await codeOf(() => parseRecord(draft))).code).toBe('RECORD_VERSION');
    const wrong = [0, 1].map((from): Migration => ({ from, up: (record) => ({ ...record }) }));
    const { code, error } = await codeOf(() => parseRecord(draft, { migrations: wrong }));
    expect(code).toBe('RECORD_CORRUPT');
    expect(error.message).toContain('question');
  });

  test('takes several steps in order, whatever the order of the list', () => {
    const mark = (from: number): Migration => ({
      from,
      up: (record) => ({ ...record, steps: [...((record.steps as number[]) ?? []), from] }),
    });
    const done = migrate(
      { schema: 'mesascope-run/2' },
      { from: 2, to: 5, steps: [mark(4), mark(2), mark(3)] },
    );
    expect(done).toEqual({ schema: 'mesascope-run/5', steps: [2, 3, 4] });
    expect(migrate({}, { from: 2, to: 5, steps: [mark(2), mark(4)] })).toBeUndefined();
  });
});

describe('the digest', () => {
  test('is the same for two runs that differ in timings alone, and for any order of keys', () => {
    const record = sampleRecord();
    const later = {
      ...record,
      timings: { ...record.timings, startedAt: 'later', durationMs: 1, reused: [] },
    };
    expect(recordDigest(later)).toBe(recordDigest(record));
    expect(recordDigest(reversedKeys(record) as RunRecord)).toBe(recordDigest(record));
    expect(recordDigest({ ...record, title: 'another' })).not.toBe(recordDigest(record));
    expect(recordDigest(sampleRecord('other seed'))).not.toBe(recordDigest(record));
  });
});
