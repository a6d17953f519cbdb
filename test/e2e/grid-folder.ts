/** @file test: a working folder with a small data file, a model and a finished run of it, which every test must leave intact. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, expect } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { writeDataSet } from '../../src/index.ts';
import { organismFile } from '../models/organism.ts';
import { type CliOptions, type CliResult, QUICK, runCli, workFolder, writeLines } from './run-cli.ts';

export const MODEL: string = organismFile('grid/proxy', 'model.onnx');

/** One line of the data file, as loose as a file of a user's may be. */
export type Line = Readonly<Record<string, unknown>> & {
  readonly id?: string;
  readonly set?: string;
  readonly tokens?: readonly number[];
  readonly goals?: Readonly<Record<string, unknown>>;
  readonly choices?: Readonly<Record<string, number>>;
  readonly counterfactuals?: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
};

export type GridFolder = {
  readonly folder: string;
  /** First the line that describes, then 40 training-like rows and 80 on which everything lies apart, a group each. */
  readonly lines: readonly Line[];
  /** Writes lines (strings as they are) and gives the name back. */
  dataFile(name: string, lines: readonly (Line | string)[]): string;
  modelFile(name: string, bytes: Uint8Array): string;
  /** `audit` under the name of the finished run. */
  audit(model: string, data: string, ...more: readonly string[]): Promise<CliResult>;
  run(args: readonly string[], options?: Omit<CliOptions, 'cwd'>): Promise<CliResult>;
};

/** Call it at the top level of a test file. The model is `agent.onnx`, the data `rows.jsonl`, the run `reports/agent`. */
export function gridFolder(name: string): GridFolder {
  const folder = workFolder(name);
  const dataSet = gridEnvironment.makeExamples({ seed: name, trainGroups: 40, apartGroups: 80, variants: 1 });
  const lines = [...writeDataSet(dataSet)].map((line) => JSON.parse(line) as Line);
  const run: GridFolder['run'] = (args, options = {}) => runCli(args, { cwd: folder, ...options });
  const audit: GridFolder['audit'] = (model, data, ...more) =>
    run(['audit', '--model', model, '--data', data, '--name', 'agent', ...QUICK, ...more]);
  const dataFile: GridFolder['dataFile'] = (file, content) => {
    const text = content.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    writeLines(path.join(folder, file), text);
    return file;
  };
  const finishedRun = (): Map<string, Buffer> => {
    const place = path.join(folder, 'reports/agent');
    return new Map(readdirSync(place).map((file) => [file, readFileSync(path.join(place, file))]));
  };
  let earlier: Map<string, Buffer>;
  beforeAll(async () => {
    dataFile('rows.jsonl', lines);
    copyFileSync(MODEL, path.join(folder, 'agent.onnx'));
    expect((await audit('agent.onnx', 'rows.jsonl')).exitCode).toBe(0);
    earlier = finishedRun();
  });
  afterEach(() => {
    const now = finishedRun();
    expect([...now.keys()].sort()).toEqual(['report.html', 'run.json']);
    for (const [file, bytes] of now) expect(bytes.equals(earlier.get(file)!), file).toBe(true);
  });
  return {
    folder,
    lines,
    dataFile,
    modelFile(file, bytes) {
      writeFileSync(path.join(folder, file), bytes);
      return file;
    },
    audit,
    run,
  };
}

/** The lines with fields of one of them replaced. */
export function withFields(lines: readonly Line[], at: number, fields: Line): Line[] {
  return lines.map((line, i) => (i === at ? { ...line, ...fields } : line));
}

/** The first line as it is, the others changed. */
export function withExamples(lines: readonly Line[], change: (line: Line) => Line): Line[] {
  return lines.map((line, i) => (i === 0 ? line : change(line)));
}
