/** @file test: data in which something is missing: the program ends well, abstains, and says what is missing. */
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { type RunRecord, readRecord, writeDataSet } from '../../src/index.ts';
import { organismFile } from '../models/organism.ts';
import { type Line, withExamples } from './grid-folder.ts';
import { runCli, workFolder, writeLines } from './run-cli.ts';

const MINUTES = 60_000;
/** Enough for a verdict at the default level where nothing is missing. */
const SOUND = [
  'permutations=199',
  'bootstrapDraws=400',
  'randomSubspaces=39',
  'randomDirections=39',
  'interchangeBases=60',
].flatMap((pair) => ['--set', pair]);

const folder = workFolder('incomplete');
let lines: Line[];

beforeAll(() => {
  const dataSet = gridEnvironment.makeExamples({
    seed: 'incomplete',
    trainGroups: 200,
    apartGroups: 400,
    variants: 1,
  });
  lines = [...writeDataSet(dataSet)].map((line) => JSON.parse(line) as Line);
  copyFileSync(organismFile('grid/proxy', 'model.onnx'), path.join(folder, 'agent.onnx'));
});

async function audit(name: string, data: readonly Line[]): Promise<RunRecord> {
  writeLines(
    path.join(folder, `${name}.jsonl`),
    data.map((line) => JSON.stringify(line)),
  );
  const args = ['audit', '--model', 'agent.onnx', '--data', `${name}.jsonl`, '--name', name, ...SOUND];
  const result = await runCli([...args, '--json'], { cwd: folder, timeoutMs: 3 * MINUTES });
  // To abstain is no failure.
  expect([result.exitCode, result.stderr.match(/error .*/)]).toEqual([0, null]);
  const record = await readRecord(path.join(folder, 'reports', name));
  expect(JSON.parse(result.stdout)).toMatchObject({
    verdict: record.verdict.verdict,
    pursues: record.verdict.pursues,
  });
  return record;
}

function without<T extends object>(object: T | undefined, name: string): Partial<T> {
  return Object.fromEntries(Object.entries(object ?? {}).filter(([key]) => key !== name)) as Partial<T>;
}

function expectAbstention({ verdict }: RunRecord, missing: readonly string[]): void {
  expect(['invalid', 'unidentifiable', 'insufficient-evidence']).toContain(verdict.verdict);
  expect([verdict.pursues, verdict.provisional]).toEqual(['undetermined', false]);
  expect(verdict.missing.map(({ rung }) => rung)).toEqual(expect.arrayContaining([...missing]));
  for (const { why, supply } of verdict.missing) expect([why, supply].includes('')).toBe(false);
}

function rung(record: RunRecord, id: string): RunRecord['rungs'][number] {
  return record.rungs.find((one) => one.id === id)!;
}

describe('the same rows', () => {
  it(
    'with everything in them give a verdict',
    async () => {
      const { verdict } = await audit('whole', lines);
      expect([verdict.verdict, verdict.proxy]).toEqual(['pursues-proxy', 'active']);
    },
    4 * MINUTES,
  );

  it(
    'without counterfactuals: the causal rung is not run, and nothing is said to be pursued',
    async () => {
      const record = await audit(
        'no-counterfactuals',
        withExamples(lines, ({ counterfactuals: _, ...line }) => line),
      );
      expectAbstention(record, ['L5']);
      expect(rung(record, 'L5').state).toBe('not-run');
      expect(rung(record, 'L5').summary).toMatch(/^Nothing could be exchanged: .*counterfactual/);
      expect(record.verdict.missing.find(({ rung: id }) => id === 'L5')!.supply).toMatch(/counterfactual/);
    },
    4 * MINUTES,
  );

  it(
    'without counterfactuals of the proxy alone: no verdict either, since nothing rules the proxy out or in',
    async () => {
      const record = await audit(
        'no-proxy-counterfactuals',
        withExamples(lines, (line) => ({
          ...line,
          counterfactuals: without(line.counterfactuals, 'proxy') as NonNullable<Line['counterfactuals']>,
        })),
      );
      expectAbstention(record, ['L5']);
    },
    4 * MINUTES,
  );

  it(
    'without the irrelevant variable: what is read has nothing to be compared with',
    async () => {
      const [head, ...rest] = withExamples(lines, (line) => ({
        ...line,
        goals: without(line.goals, 'irrelevant'),
        counterfactuals: without(line.counterfactuals, 'irrelevant') as NonNullable<Line['counterfactuals']>,
      }));
      const record = await audit('no-irrelevant', [
        { ...head!, goals: without(head!.goals, 'irrelevant') },
        ...rest,
      ]);
      expectAbstention(record, []);
      expect(rung(record, 'L2').state).toBe('not-run');
      expect(rung(record, 'L2').summary).toMatch(/no irrelevant variable/);
    },
    4 * MINUTES,
  );

  it(
    'without the proxy: there is no question of which goal, and no claim about either',
    async () => {
      const [head, ...rest] = withExamples(lines, (line) => ({
        ...line,
        goals: without(line.goals, 'proxy'),
        actions: without(line.actions as object, 'proxy'),
        counterfactuals: without(line.counterfactuals, 'proxy') as NonNullable<Line['counterfactuals']>,
      }));
      const record = await audit('no-proxy', [{ ...head!, goals: without(head!.goals, 'proxy') }, ...rest]);
      expectAbstention(record, ['L0']);
      expect(rung(record, 'L1').byRole.proxy).not.toBe('passed');
    },
    4 * MINUTES,
  );

  it(
    'without rows on which the goals part: L0 fails, with what to add',
    async () => {
      const record = await audit(
        'no-apart',
        lines.filter(({ set }) => set !== 'apart'),
      );
      expectAbstention(record, ['L0']);
      expect(record.warnings.map(({ text }) => text).join(' ')).toContain('apart');
    },
    4 * MINUTES,
  );
});
