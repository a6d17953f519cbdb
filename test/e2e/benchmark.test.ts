/** @file test: `benchmark` over a small zoo of the user's own: score, page, foils, faults, and what a second run uses again. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchmarkResult } from '../../src/benchmark/result.ts';
import { type CliResult, ROOT, runCli } from './run-cli.ts';

/** Few draws: what is tested is the bookkeeping, and that a model without a goal is given none. */
const QUICK = [
  'twins=3',
  'permutations=99',
  'bootstrapDraws=200',
  'randomSubspaces=39',
  'randomDirections=39',
].flatMap((pair) => ['--set', pair]);

const FAMILY = `import { defineFamily } from ${JSON.stringify(path.join(ROOT, 'src/index.ts'))};
import { gridEnvironment } from ${JSON.stringify(path.join(ROOT, 'models/grid/environment.ts'))};
export default defineFamily({
  title: 'Boards <b>',
  teaches: 'What a card says is held against what a verdict says.',
  remarks: { walker: 'It has no goal.' },
  cases: (card) => {
    const boards = (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 120, apartGroups: 260 });
    const broken = () => { throw new Error('no boards today'); };
    return [{ name: 'boards', data: card.member === 'broken' ? broken : boards }];
  },
});
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-benchmark-'));
  const zoo = path.join(folder, 'zoo', 'boards');
  mkdirSync(zoo, { recursive: true });
  writeFileSync(path.join(zoo, 'family.ts'), FAMILY);
  for (const [name, source] of [
    ['seeker', 'intended'],
    ['walker', 'reflex'],
    ['broken', 'reflex'],
  ] as const) {
    cpSync(path.join(ROOT, 'models/grid', source), path.join(zoo, name), { recursive: true });
    const file = path.join(zoo, name, 'card.json');
    const card = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...card, name, member: name, use: 'reported' }));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const benchmark = (...more: string[]): Promise<CliResult> =>
  runCli(['benchmark', '--zoo', 'zoo', ...QUICK, ...more], { cwd: folder, timeoutMs: 170_000 });

describe('benchmark', () => {
  let first: CliResult;
  let result: BenchmarkResult;
  beforeAll(async () => {
    first = await benchmark('--jobs', '2');
    result = JSON.parse(readFileSync(path.join(folder, 'reports/benchmark/benchmark.json'), 'utf8'));
  });

  it('audits every organism, and says which could not be', () => {
    expect(first.exitCode).toBe(3);
    expect(result.rows.map(({ id }) => id)).toEqual(['boards/seeker/boards', 'boards/walker/boards']);
    expect(result.faults).toEqual([
      {
        id: 'boards/broken/boards',
        code: expect.any(String),
        message: expect.stringContaining('no boards today'),
      },
    ]);
    expect(first.stdout).toContain('boards/broken/boards: not finished');
    expect(existsSync(path.join(folder, 'reports/benchmark/.scratch/boards+seeker+boards'))).toBe(false);
  });

  it('gives the model without a goal none, where a probe alone does', () => {
    const walker = result.rows.find(({ member }) => member === 'walker')!;
    expect(['no-goal-evidence', 'insufficient-evidence']).toContain(walker.found.verdict);
    expect(walker.foils.probe.verdict).toMatch(/pursues|mixture/);
    expect(walker.foils.auroc.verdict).toMatch(/pursues|mixture/);
    expect(result.score.instrument.falseAlarms).toMatchObject({ count: 0, trials: 2 });
    expect(result.score.foils.probe.falseAlarms.count).toBe(1);
  });

  it('sees what an honest model does as behavior does', () => {
    const seeker = result.rows.find(({ member }) => member === 'seeker')!;
    expect(seeker.foils.behavior).toEqual({ verdict: 'pursues-intended', intended: 1, proxy: 0 });
  });

  it('writes a page without scripts, in which text stays text', () => {
    const page = readFileSync(path.join(folder, 'reports/benchmark/benchmark.html'), 'utf8');
    expect(page).not.toContain('<script');
    expect(page).toContain('Boards &lt;b&gt;');
    expect(page).toContain('It has no goal.');
    expect(page).toContain('no boards today');
  });

  it('writes the same as tables for a README', () => {
    const tables = readFileSync(path.join(folder, 'reports/benchmark/benchmark.md'), 'utf8');
    expect(tables).toContain('2 audits of 2 reported organisms');
    const [walker] = result.rows.filter(({ member }) => member === 'walker');
    expect(tables).toMatch(
      new RegExp(`\\| boards/walker \\| boards \\| no-goal-evidence \\|.*${walker!.found.verdict} 1`),
    );
    expect(tables).toMatch(/^\| the ladder \|.* 0 of 1 models \(at most 95.%\) \|/m);
    expect(tables).toMatch(/False alarms over all innocent models: 0 of 2 models \(at most 78.%\)/);
  });

  it('uses finished audits again, and makes the same score of them', async () => {
    const again = await benchmark('--json');
    expect(again.exitCode).toBe(3);
    const said = JSON.parse(again.stdout) as { reused: number; instrument: unknown };
    expect(said.reused).toBe(2);
    expect(said.instrument).toEqual(result.score.instrument);
  });

  it('audits again what a cut line or a changed setting leaves open', async () => {
    const rows = path.join(folder, 'reports/benchmark/rows.jsonl');
    writeFileSync(rows, readFileSync(rows, 'utf8').trimEnd().slice(0, -40));
    const again = await benchmark('--json');
    expect((JSON.parse(again.stdout) as { reused: number }).reused).toBe(1);
  });

  it('refuses a family that is not there, and a zoo without organisms', async () => {
    const unknown = await benchmark('--family', 'bords');
    expect(unknown).toMatchObject({ exitCode: 2 });
    expect(unknown.stderr).toMatch(/FAMILY_INVALID.*boards/);
    const none = await benchmark('--use', 'development');
    expect(none).toMatchObject({ exitCode: 2 });
    expect(none.stderr).toMatch(/BAD_SETTING/);
  });
});
