/** @file cli: the program as a dependency of somebody's own folder, which is no ES module package. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { mesascope, ROOT } from './captured-terminal.ts';

let folder: string;
let program: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-installed-'));
  const packages = path.join(folder, 'node_modules');
  program = path.join(packages, 'mesascope');
  mkdirSync(program, { recursive: true });
  // Copied, not linked: Node and tsx treat TypeScript below node_modules differently from TypeScript elsewhere.
  for (const part of ['bin', 'src', 'package.json']) {
    cpSync(path.join(ROOT, part), path.join(program, part), { recursive: true });
  }
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.') && name !== 'mesascope') {
      symlinkSync(path.join(ROOT, 'node_modules', name), path.join(packages, name));
    }
  }
  writeFileSync(path.join(folder, 'package.json'), '{"name": "somebody", "private": true}\n');
  cpSync(path.join(ROOT, 'models/grid/proxy/model.onnx'), path.join(folder, 'agent.onnx'));
  const dataSet = gridEnvironment.makeExamples({
    seed: 'own',
    trainGroups: 20,
    apartGroups: 30,
    variants: 1,
  });
  writeFileSync(path.join(folder, 'boards.jsonl'), `${[...writeDataSet(dataSet)].join('\n')}\n`);
  mkdirSync(path.join(folder, 'probes'));
  writeFileSync(
    path.join(folder, 'probes/own.probe.ts'),
    [
      "import { defineExperiment } from 'mesascope';",
      '',
      "const title: string = 'Somebody’s agent';",
      "export default defineExperiment({ title, model: 'agent.onnx', data: 'boards.jsonl' });",
      '',
    ].join('\n'),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('an installed copy', () => {
  it('loads an experiment that imports it by name, reads the model and the data', async () => {
    const { exitCode, stdout, stderr } = await mesascope(['plan', 'own', '--json'], { cwd: folder, program });
    expect(stderr).not.toContain('error');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ experiment: 'own', model: { file: 'agent.onnx', blocks: 2 } });
  });

  it('lists the experiments of that folder, not its own', async () => {
    const { stdout } = await mesascope(['list', '--json'], { cwd: folder, program });
    expect(JSON.parse(stdout)).toMatchObject({ experiments: [{ name: 'own', file: 'probes/own.probe.ts' }] });
  });
});
