/** @file test: the program killed or interrupted at any moment leaves the earlier run, and goes on to the record it would have made. */
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { seededRandom } from '../../src/core/random.ts';
import { readRecord, writeDataSet } from '../../src/index.ts';
import { recordDigest } from '../../src/record/canonical.ts';
import { organismFile } from '../models/organism.ts';
import { type CliResult, expectError, QUICK, runCli, workFolder, writeLines } from './run-cli.ts';

const MINUTES = 60_000;
const RUN = 'reports/agent';
const FILES = ['report.html', 'run.json'];
const ARGS = ['audit', '--model', 'agent.onnx', '--data', 'rows.jsonl', '--name', 'agent', ...QUICK];
const SHARDS = '.mesascope/cache';

/** Left alone from beginning to end, in a folder of its own. */
const undisturbed = workFolder('undisturbed');
/** Where processes are killed; an earlier run of the same name lies there. */
const folder = workFolder('interrupted');
let wanted: string;
/** Bytes of the finished shards. */
let captureBytes: number;
let earlier: Buffer[];

function runFiles(): Buffer[] {
  return FILES.map((file) => readFileSync(path.join(folder, RUN, file)));
}

/** Bytes of all shards below a working folder. */
function shardBytes(below: string): number {
  const cache = path.join(below, SHARDS);
  if (!existsSync(cache)) return 0;
  let bytes = 0;
  for (const entry of readdirSync(cache, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.safetensors')) continue;
    try {
      bytes += statSync(path.join(cache, entry)).size;
    } catch {
      // The process that is watched has just removed it.
    }
  }
  return bytes;
}

async function digestIn(where: string): Promise<string> {
  return recordDigest(await readRecord(path.join(where, RUN)));
}

beforeAll(async () => {
  const dataSet = gridEnvironment.makeExamples({
    seed: 'interrupted',
    trainGroups: 200,
    apartGroups: 500,
    variants: 3,
  });
  for (const place of [undisturbed, folder]) {
    copyFileSync(organismFile('grid/intended', 'model.onnx'), path.join(place, 'agent.onnx'));
    writeLines(path.join(place, 'rows.jsonl'), writeDataSet(dataSet));
  }
  const result = await runCli(ARGS, { cwd: undisturbed });
  expect([result.exitCode, result.stderr.match(/error .*/)]).toEqual([0, null]);
  wanted = await digestIn(undisturbed);
  captureBytes = shardBytes(undisturbed);

  // The earlier run has another seed, so that nobody can take it for the new one.
  expect((await runCli([...ARGS, '--seed', '99'], { cwd: folder })).exitCode).toBe(0);
  earlier = runFiles();
  expect(await digestIn(folder)).not.toBe(wanted);
}, 5 * MINUTES);

/** What must hold after every kill. */
function expectEarlierRun(): void {
  for (const [i, bytes] of runFiles().entries()) expect(bytes.equals(earlier[i]!), FILES[i]).toBe(true);
}

function forgetActivations(): void {
  rmSync(path.join(folder, '.mesascope'), { recursive: true, force: true });
}

/** Starts the run and kills it once its shards hold that many bytes, or shortly after. */
async function killedInCapture(bytes: number, waitMs: number): Promise<CliResult> {
  let watch: NodeJS.Timeout | undefined;
  try {
    return await runCli(ARGS, {
      cwd: folder,
      onStart(kill) {
        watch = setInterval(() => {
          if (shardBytes(folder) < bytes) return;
          clearInterval(watch);
          setTimeout(() => kill('SIGKILL'), waitMs);
        }, 2);
      },
    });
  } finally {
    clearInterval(watch);
  }
}

/** Starts the run and kills it so long after a stage has ended. */
function killedAfter(stage: string, waitMs: number): Promise<CliResult> {
  let armed = false;
  return runCli(ARGS, {
    cwd: folder,
    onStderr(text, kill) {
      if (armed || !new RegExp(`^${stage}: .* s\\b`, 'm').test(text)) return;
      armed = true;
      setTimeout(() => kill('SIGKILL'), waitMs);
    },
  });
}

/** Runs to the end and compares with the run that nobody disturbed. */
async function expectWhole(): Promise<CliResult> {
  const result = await runCli(ARGS, { cwd: folder });
  expect([result.exitCode, result.stderr.match(/error .*/)]).toEqual([0, null]);
  expect(await digestIn(folder)).toBe(wanted);
  expect(readdirSync(path.join(folder, RUN)).sort()).toEqual(FILES);
  return result;
}

function restoreEarlierRun(): void {
  for (const [i, file] of FILES.entries()) writeFileSync(path.join(folder, RUN, file), earlier[i]!);
}

describe('kill -9', () => {
  it(
    'at four moments of the capture, each run going on from the last: the same record in the end',
    async () => {
      forgetActivations();
      const random = seededRandom('kills in capture');
      let unfinished = 0;
      let held = 0;
      for (const part of [0.05, 0.3, 0.55, 0.8]) {
        const share = part + 0.1 * random.uniform();
        const result = await killedInCapture(share * captureBytes, random.integer(6));
        expect([result.exitCode, result.signal]).toEqual([null, 'SIGKILL']);
        expectEarlierRun();
        // What the killed run had written is still there for the next.
        expect(shardBytes(folder)).toBeGreaterThanOrEqual(held);
        held = shardBytes(folder);
        if (!/^capture: /m.test(result.stderr)) unfinished++;
      }
      // Otherwise these would be kills of something else.
      expect(unfinished).toBeGreaterThanOrEqual(2);
      await expectWhole();
      expect(shardBytes(folder)).toBe(captureBytes);
    },
    5 * MINUTES,
  );

  it(
    'at two moments after the capture: the same record in the end, from the activations that were there',
    async () => {
      restoreEarlierRun();
      const random = seededRandom('kills after capture');
      for (const stage of ['probes', 'interchange']) {
        const result = await killedAfter(stage, random.integer(60));
        expect([result.exitCode, result.signal]).toEqual([null, 'SIGKILL']);
        expectEarlierRun();
      }
      const { stdout } = await expectWhole();
      expect(stdout).toContain('reused  activations of the model');
    },
    5 * MINUTES,
  );
});

describe('Ctrl+C', () => {
  it.each(['capture', 'probes'])(
    'after the stage "%s" ends with 130 and prints the command that goes on',
    async (stage) => {
      restoreEarlierRun();
      forgetActivations();
      let sent = false;
      const stopped = await runCli(ARGS, {
        cwd: folder,
        onStderr(text, kill) {
          if (sent || !new RegExp(`^${stage}: .* s\\b`, 'm').test(text)) return;
          sent = true;
          kill('SIGINT');
        },
      });
      const line = expectError(stopped, { code: 'ABORTED', names: ['finished batches are kept'] });
      expect(stopped.exitCode).toBe(130);
      expect(stopped.stderr).toContain('stopping after this batch');
      expectEarlierRun();
      expect(readdirSync(path.join(folder, RUN)).sort()).toEqual(FILES);

      // The printed command is the one to use, as it stands.
      const command = /go on with: node \S+mesascope\.js (.*)$/.exec(line)?.[1];
      const result = await runCli(command!.split(' '), { cwd: folder });
      expect([result.exitCode, await digestIn(folder)]).toEqual([0, wanted]);
    },
    5 * MINUTES,
  );
});
