/** @file cli: the commands on a shipped model and the data that its environment writes, in a folder of their own. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { writeDataSet } from '../../src/store/data-writer.ts';
import { lockFolder } from '../../src/store/folder-lock.ts';
import { mesascope, ROOT } from './captured-terminal.ts';

let folder: string;

/** Small enough for a test, large enough for every rung to be computed; the verdict is not what is tested here. */
const QUICK = [
  '--set',
  'twins=2',
  '--set',
  'permutations=99',
  '--set',
  'bootstrapDraws=200',
  '--set',
  'randomSubspaces=19',
  '--set',
  'randomDirections=19',
  '--set',
  'interchangeBases=20',
];
const AUDIT = ['audit', '--model', 'agent.onnx', '--data', 'boards.jsonl', '--name', 'agent', ...QUICK];

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-models-'));
  copyFileSync(path.join(ROOT, 'models/grid/proxy/model.onnx'), path.join(folder, 'agent.onnx'));
  const dataSet = gridEnvironment.makeExamples({
    seed: 'cli',
    trainGroups: 60,
    apartGroups: 120,
    variants: 1,
  });
  writeFileSync(path.join(folder, 'boards.jsonl'), `${[...writeDataSet(dataSet)].join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function read<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as T;
}

describe('inspect', () => {
  it('lists inputs, outputs and hooks with shapes or reasons', async () => {
    const { exitCode, stdout, stderr } = await mesascope(['inspect', 'agent.onnx', '--json'], {
      cwd: folder,
    });
    expect([exitCode, stderr]).toEqual([0, '']);
    const model = JSON.parse(stdout) as {
      blocks: number;
      width: number;
      quantisation: string[];
      inputs: { role: string }[];
      hooks: { name: string; state: string; shape?: unknown[]; reason?: string }[];
    };
    expect(model.inputs.map(({ role }) => role)).toContain('tokens');
    expect(model.quantisation).toEqual([]);
    const named = new Map(model.hooks.map((hook) => [hook.name, hook]));
    for (let block = 0; block < model.blocks; block++) {
      expect(named.get(`blocks.${block}.resid_post`)?.shape).toEqual(['batch', 'position', model.width]);
    }
    for (const { state, shape, reason } of model.hooks) {
      expect(state === 'available' ? shape!.length : reason!.length).toBeGreaterThan(0);
    }
  });

  it('says the same to a reader, and less when asked for some hooks', async () => {
    const { stdout } = await mesascope(['inspect', 'agent.onnx', '--hooks', 'blocks.*.resid_post'], {
      cwd: folder,
    });
    expect(stdout).toMatch(/^file +agent\.onnx, \d+ kB$/m);
    expect(stdout).toMatch(/^quantised +no$/m);
    expect(stdout).toMatch(/^blocks\.0\.resid_post +\[batch, position, \d+\]$/m);
    expect(stdout).not.toContain('resid_mid');
  });

  it('says plainly that there is no residual stream where there is none', async () => {
    const file = path.join(ROOT, 'test/fixtures/onnx/no-residual-mlp.onnx');
    const { exitCode, stdout } = await mesascope(['inspect', file], { cwd: folder });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^No residual stream: \S.+\.$/m);
  });

  it('suggests the nearest names for a hook that does not exist', async () => {
    const result = await mesascope(['inspect', 'agent.onnx', '--hooks', 'blocks.0.resid_pots'], {
      cwd: folder,
    });
    expect([result.exitCode, result.stdout]).toEqual([2, '']);
    expect(result.stderr).toMatch(/error HOOK_UNKNOWN: .*blocks\.0\.resid_post/);
  });
});

describe('verify', () => {
  it('shows each check with its number and passes a sound model', async () => {
    const { exitCode, stdout } = await mesascope(
      ['verify', 'agent.onnx', '--data', 'boards.jsonl', '--json'],
      { cwd: folder },
    );
    const { passed, checks } = JSON.parse(stdout) as {
      passed: boolean;
      checks: { id: string; state: string }[];
    };
    expect([exitCode, passed]).toEqual([0, true]);
    expect(checks.find(({ id }) => id === 'residual-identity')?.state).toBe('passed');
  });

  it('says whether rows could be padded, which is no check that fails', async () => {
    const file = path.join(ROOT, 'test/fixtures/onnx/gpt2-older-exporter.onnx');
    const { exitCode, stdout } = await mesascope(['verify', file, '--json'], { cwd: folder });
    const { padding } = JSON.parse(stdout) as { padding: { side: string; state: string }[] };
    expect(exitCode).toBe(0);
    expect(padding.map(({ side, state }) => [side, state])).toEqual([
      ['left', 'differs'],
      ['right', 'equal'],
    ]);
    const shown = await mesascope(['verify', file], { cwd: folder });
    expect(shown.stdout).toContain(
      'Padding\n  Rows padded on the left (by 3) give other values: the graph takes no position ids',
    );
  });
});

describe('plan', () => {
  it('states sizes, cost and what can be seen, without running the model', async () => {
    const args = ['plan', '--model', 'agent.onnx', '--data', 'boards.jsonl'];
    const plan = JSON.parse((await mesascope([...args, '--json'], { cwd: folder })).stdout) as {
      data: { groups: number };
      sets: { name: string; test: { decisionStates: number } }[];
      outlook: { outcome: string; problems: unknown[] };
    };
    expect(plan.sets.map(({ name }) => name).sort()).toEqual(['apart', 'train']);
    const { stdout } = await mesascope(args, { cwd: folder });
    expect(stdout).toContain(`in ${plan.data.groups} groups`);
    expect(stdout).toMatch(/^time +about /m);
    expect(stdout).toMatch(/^L2 {2}accuracy contrasts of at least [\d.]+/m);
    expect(stdout).toMatch(/^L5 {2}mean effects of at least 0.25 nats \+ [\d.]+/m);
  });

  it('says before any run that it could not answer, and that the twins are too few', async () => {
    const [head, ...rows] = readFileSync(path.join(folder, 'boards.jsonl'), 'utf8').trim().split('\n');
    const train = rows.filter((row) => (JSON.parse(row) as { set?: string }).set === 'train');
    writeFileSync(path.join(folder, 'train-only.jsonl'), `${[head, ...train].join('\n')}\n`);
    const args = ['plan', '--model', 'agent.onnx', '--data', 'train-only.jsonl', '--set', 'twins=9'];
    const { stdout, exitCode } = await mesascope(args, { cwd: folder });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('this run will be unidentifiable: there is no set "apart"');
    expect(stdout).toContain('warning: 9 twins give no p-value below 0.100');
  });
});

describe('capture', () => {
  const ARGS = [
    'capture',
    'agent.onnx',
    '--data',
    'boards.jsonl',
    '--hooks',
    'blocks.*.resid_post',
    '--positions=-1,0',
  ];

  it('writes one tensor per hook, says beforehand what it will take, and finds it done the second time', async () => {
    const first = await mesascope([...ARGS, '--out', 'one', '--json'], { cwd: folder });
    expect([first.exitCode, first.stderr.includes('error')]).toEqual([0, false]);
    expect(first.stderr).toMatch(/^one: [\d,]+ rows, [\d.]+ [kM]B; about [\d.]+ s$/m);
    const summary = JSON.parse(first.stdout) as Record<string, unknown>;
    expect(summary).toMatchObject({
      folder: 'one',
      index: 'one/index.json',
      positions: [-1, 0],
      dtype: 'float32',
      rowsReused: 0,
    });
    const index = read('one/index.json');
    const again = await mesascope([...ARGS, '--out', 'one', '--json'], { cwd: folder });
    expect(JSON.parse(again.stdout)).toEqual({ ...summary, rowsReused: summary.rows, estimated: null });
    expect(read('one/index.json')).toEqual(index);
    // Other settings may not replace it.
    const other = await mesascope([...ARGS, '--dtype', 'float16', '--out', 'one'], { cwd: folder });
    expect([other.exitCode, other.stderr.includes('is not empty')]).toEqual([2, true]);
    expect(read('one/index.json')).toEqual(index);
    expect(existsSync(path.join(folder, 'one.unfinished'))).toBe(false);
  });

  it('stores float16 in half the room', async () => {
    const half = await mesascope([...ARGS, '--dtype', 'float16', '--out', 'half', '--json'], { cwd: folder });
    const { bytes, rows } = JSON.parse(half.stdout) as { bytes: number; rows: number };
    // Two hooks, two positions, 64 numbers, 2 bytes each, behind a header per file.
    expect(bytes).toBe(2 * (1024 + rows * 2 * 64 * 2));
  });

  it('leaves nothing behind when the data cannot be read, and names the line', async () => {
    const lines = readFileSync(path.join(folder, 'boards.jsonl'), 'utf8').trim().split('\n').slice(0, 100);
    lines[90] = lines[90]!.replace(/"tokens":\[\d+/, '"tokens":[100000');
    writeFileSync(path.join(folder, 'bad.jsonl'), `${lines.join('\n')}\n`);
    const args = ARGS.map((argument) => (argument === 'boards.jsonl' ? 'bad.jsonl' : argument));
    const failed = await mesascope([...args, '--out', 'bad'], { cwd: folder });
    expect(failed.exitCode).toBe(3);
    expect(failed.stderr).toMatch(/bad\.jsonl:91:1: error TOKEN_RANGE: example 89 .*\(example "/);
    expect(readdirSync(folder).filter((name) => name.startsWith('bad'))).toEqual(['bad.jsonl']);
  });
});

describe('audit', () => {
  it('is interrupted without loss, says how to go on, and goes on', async () => {
    let killed = false;
    const stopped = await mesascope(AUDIT, {
      cwd: folder,
      onOutput(text, kill) {
        if (killed || !text.includes('capture')) return;
        killed = true;
        kill('SIGINT');
      },
    });
    expect(stopped.stderr).toMatch(
      /error ABORTED: interrupted, finished batches are kept of the capture, and what follows it is run anew; go on with: node \S+bin\/mesascope\.js audit --model agent\.onnx --data boards\.jsonl /,
    );
    expect(stopped.exitCode).toBe(130);
    expect(existsSync(path.join(folder, 'reports/agent/run.json'))).toBe(false);

    const done = await mesascope([...AUDIT, '--json'], { cwd: folder });
    expect(done.stderr).not.toContain('error');
    expect(done.exitCode).toBe(0);
    const outcome = JSON.parse(done.stdout) as Record<string, unknown>;
    expect(outcome).toMatchObject({
      experiment: 'agent',
      record: 'reports/agent/run.json',
      report: 'reports/agent/report.html',
      expectations: [],
    });
    expect(Object.keys(outcome)).toEqual(
      expect.arrayContaining(['verdict', 'pursues', 'proxy', 'grade', 'strength', 'rungs', 'provisional']),
    );
    expect(readdirSync(path.join(folder, 'reports/agent')).sort()).toEqual(['report.html', 'run.json']);
  }, 120_000);

  it('leaves a record without paths of this machine, and a command that makes it again', () => {
    const text = readFileSync(path.join(folder, 'reports/agent/run.json'), 'utf8');
    expect(text).not.toContain(os.tmpdir());
    const { provenance } = JSON.parse(text) as { provenance: { command: string } };
    expect(provenance.command).toBe(
      `npx mesascope audit --model agent.onnx --data boards.jsonl --name agent ${QUICK.join(' ')}`,
    );
  });

  it('refuses a folder that another process is writing to, and leaves the earlier run in it', async () => {
    const before = readFileSync(path.join(folder, 'reports/agent/run.json'));
    const lock = lockFolder(path.join(folder, 'reports/agent'));
    try {
      const result = await mesascope(AUDIT, { cwd: folder });
      expect([result.exitCode, result.stdout]).toEqual([3, '']);
      expect(result.stderr).toMatch(/^reports\/agent\/lock:1:1: error RUN_LOCKED: process \d+ /m);
    } finally {
      lock.release();
    }
    expect(readFileSync(path.join(folder, 'reports/agent/run.json')).equals(before)).toBe(true);
  });

  it('ends with 100 when another verdict was expected, and still writes the run', async () => {
    const { verdict } = read<{ verdict: { verdict: string } }>('reports/agent/run.json').verdict;
    const other = verdict === 'mixture' ? 'invalid' : 'mixture';
    const result = await mesascope([...AUDIT, '--expect', other], { cwd: folder });
    expect(result.exitCode).toBe(100);
    const lines = result.stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(new RegExp(`^agent: ${verdict}\\. \\S`));
    expect(result.stdout).toContain(`\n  expectation failed  expected ${other}, got ${verdict}\n`);
    const { warnings } = read<{ warnings: { text: string }[] }>('reports/agent/run.json');
    expect(lines.filter((line) => line.startsWith('  warning: '))).toHaveLength(warnings.length);
    expect(lines.slice(-4).map((line) => line.trim().split(/ +/)[0])).toEqual([
      'report',
      'record',
      'reused',
      'time',
    ]);
  }, 120_000);
});

describe('report, list and view', () => {
  it('make the same page again from the record, without the model', async () => {
    const before = readFileSync(path.join(folder, 'reports/agent/report.html'));
    rmSync(path.join(folder, 'agent.onnx'));
    const { exitCode, stdout } = await mesascope(['report', 'agent', '--json'], { cwd: folder });
    expect([exitCode, (JSON.parse(stdout) as { bytes: number }).bytes]).toEqual([0, before.length]);
    expect(readFileSync(path.join(folder, 'reports/agent/report.html')).equals(before)).toBe(true);
  });

  it('list the run with its verdict, and a damaged one with its problem', async () => {
    mkdirSync(path.join(folder, 'reports/damaged'));
    writeFileSync(path.join(folder, 'reports/damaged/run.json'), '{"schema":');
    const { exitCode, stdout } = await mesascope(['list', '--json'], { cwd: folder });
    rmSync(path.join(folder, 'reports/damaged'), { recursive: true });
    const { runs } = JSON.parse(stdout) as { runs: Readonly<Record<string, unknown>>[] };
    expect([exitCode, runs.map(({ name }) => name)]).toEqual([0, ['damaged', 'agent']]);
    expect(runs[0]?.problem).toMatch(/^RECORD_CORRUPT: /);
    expect(runs[1]).toMatchObject({ folder: 'reports/agent', model: 'agent.onnx' });
  });

  it('serve the newest run under the policy of its page, and end with 0 on Ctrl+C', async () => {
    let policy: string | null = null;
    let page = '';
    const { exitCode, stdout, stderr } = await mesascope(['view'], {
      cwd: folder,
      onOutput(text, kill) {
        const url = /^http:\S+$/m.exec(text)?.[0];
        if (url === undefined || page !== '') return;
        page = 'asked';
        fetch(url)
          .then(async (response) => {
            policy = response.headers.get('content-security-policy');
            page = await response.text();
          })
          .finally(() => kill('SIGINT'));
      },
    });
    expect([exitCode, stdout.split('\n').length]).toEqual([0, 2]);
    expect(stderr).toContain('serving reports/agent');
    expect(page).toContain('<title>');
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[\w+/=]+' .*; frame-ancestors 'none'$/);
  });
});
