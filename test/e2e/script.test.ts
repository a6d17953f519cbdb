/** @file test: scripts that know the package by its one door, run by tsx: the shipped one, and one in somebody's own folder. */
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { writeDataSet } from '../../src/index.ts';
import { organismFile } from '../models/organism.ts';
import { type CliResult, linkFolders, ROOT, runProgram, workFolder, writeLines } from './run-cli.ts';

const MINUTES = 60_000;
/** What `npx tsx` starts. */
const TSX = createRequire(import.meta.url).resolve('tsx/cli');
const folder = workFolder('script');

function tsx(...args: readonly string[]): Promise<CliResult> {
  return runProgram([TSX, ...args], { cwd: folder });
}

describe('the script under probes/', () => {
  const file = path.join(ROOT, 'probes/read-the-gem.script.ts');

  it('imports nothing of the tool but its door', () => {
    const from = [...readFileSync(file, 'utf8').matchAll(/from '([^']+)'/g)].map(([, source]) => source!);
    expect(from).toContain('mesascope');
    expect(from.filter((source) => source.includes('src/'))).toEqual([]);
  });

  it(
    'reads the gem far above chance behind the embedding, and the rock nowhere',
    async () => {
      linkFolders(folder, 'models');
      const { exitCode, stdout, stderr } = await tsx(file);
      expect([exitCode, stderr]).toEqual([0, '']);
      const rows = [...stdout.matchAll(/^(embed|blocks\.\d+\.\w+) +([\d.]+) +([\d.]+)$/gm)].map(
        ([, hook, gem, rock]) => ({ hook, gem: Number(gem), rock: Number(rock) }),
      );
      expect(rows.map(({ hook }) => hook)).toEqual([
        'embed',
        'blocks.0.resid_mid',
        'blocks.0.resid_post',
        'blocks.1.resid_mid',
        'blocks.1.resid_post',
      ]);
      const [embedding, ...later] = rows;
      // At the question's own embedding, before any attention, nothing of the board is there: chance is 1/25, and a mean of 25
      // accuracies over 540 rows strays from it by less than .03.
      expect(Math.abs(embedding!.gem - 0.04)).toBeLessThan(0.03);
      for (const { hook, gem, rock } of later) {
        expect(gem, hook).toBeGreaterThan(0.3);
        expect(rock, hook).toBeLessThan(0.1);
      }
    },
    4 * MINUTES,
  );
});

describe('the script that looks through lenses', () => {
  it(
    'finds the move towards the gem at the last block and not in the embedding, and parts that add up to it',
    async () => {
      const { exitCode, stdout, stderr } = await tsx(path.join(ROOT, 'probes/look-through-lenses.script.ts'));
      expect([exitCode, stderr]).toEqual([0, '']);
      const margins = [...stdout.matchAll(/^after (\S+) +(-?[\d.]+)$/gm)].map(([, , margin]) =>
        Number(margin),
      );
      expect(margins).toHaveLength(3);
      expect(Math.abs(margins[0]!)).toBeLessThan(margins[2]! / 5);
      // The agent was trained towards the gem, and takes its move with a margin that leaves no doubt.
      expect(margins[2]).toBeGreaterThan(2);
      expect(stdout.match(/^said by /gm)).toHaveLength(5);
      expect(
        stdout.match(/^block \d head \d looks most at position \d \([\d.]+\)$/gm)!.length,
      ).toBeGreaterThan(4);
    },
    4 * MINUTES,
  );
});

describe("a script in somebody's own folder", () => {
  it(
    'opens a model, captures, fits three kinds of probe on one side and scores them on the other',
    async () => {
      const own = path.join(folder, 'own');
      mkdirSync(path.join(own, 'node_modules'), { recursive: true });
      symlinkSync(ROOT, path.join(own, 'node_modules/mesascope'), 'junction');
      copyFileSync(path.join(import.meta.dirname, 'somebodys-script.ts'), path.join(own, 'script.mts'));
      copyFileSync(organismFile('grid/proxy', 'model.onnx'), path.join(own, 'agent.onnx'));
      const dataSet = gridEnvironment.makeExamples({ seed: 'script', trainGroups: 10, apartGroups: 600 });
      writeLines(path.join(own, 'rows.jsonl'), writeDataSet(dataSet));

      const [script, model, rows] = ['script.mts', 'agent.onnx', 'rows.jsonl'].map((name) =>
        path.join(own, name),
      );
      const { exitCode, stdout, stderr } = await tsx(script!, model!, rows!, 'blocks.0.resid_mid');
      expect([exitCode, stderr]).toEqual([0, '']);
      const found = JSON.parse(stdout) as {
        readonly rows: number;
        readonly fit: number;
        readonly test: number;
        readonly scores: Record<
          string,
          Record<string, { readonly accuracy: number; readonly auroc: number }>
        >;
      };
      expect(found.rows).toBe(1200);
      expect([found.fit / found.rows, found.test / found.rows]).toEqual([
        expect.closeTo(0.5, 1),
        expect.closeTo(0.3, 1),
      ]);
      expect(Object.keys(found.scores)).toEqual(['ridge', 'logistic', 'massMean']);
      for (const [kind, { intended, proxy, irrelevant, shuffled }] of Object.entries(found.scores)) {
        // The model steps towards the halo: of the three it keeps the halo's place.
        expect(proxy!.accuracy, kind).toBeGreaterThan(0.7);
        expect(proxy!.auroc, kind).toBeGreaterThan(0.8);
        expect(proxy!.auroc - irrelevant!.auroc, kind).toBeGreaterThan(0.2);
        expect(proxy!.auroc - intended!.auroc, kind).toBeGreaterThan(0.2);
        // 360 rows in 180 groups: a chance AUROC strays by .1 in fewer than one case of a hundred; the seed is fixed.
        expect(Math.abs(shuffled!.auroc - 0.5), kind).toBeLessThan(0.1);
      }
    },
    4 * MINUTES,
  );
});
