/** @file cli: `generate` on small decoders: the tokens that transformers writes, steered by files, read by saved probes. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptsWithAnswers } from '../../src/behavior/generate.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import { main } from '../../src/cli/main.ts';
import { matrix } from '../../src/core/matrix.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { openModel } from '../../src/model/open-model.ts';
import { saveProbe } from '../../src/pipeline/probe-files.ts';
import { type LinearProbe, scoreProbe } from '../../src/probe/linear-probe.ts';
import { cachedPath } from '../capture/small-models.ts';
import { readSafetensors } from '../store/read-safetensors.ts';
import { capturedTerminal, mesascope, ROOT } from './captured-terminal.ts';

const HOOK = 'blocks.0.resid_post';
let folder: string;
let steer: Float32Array;
const recorded = readSafetensors(cachedPath('llama-cached').replace('.onnx', '.safetensors')).tensors;
const ints = (key: string): number[] => Array.from(recorded.get(key)!.data as BigInt64Array, Number);

/** Tells two classes apart by one row each, the second the negative of the first, and a third that never occurred. */
function probeOf(weights: Float32Array): LinearProbe {
  const { length: width } = weights;
  const all = new Float32Array(3 * width);
  all.set(weights);
  all.set(
    weights.map((value) => -value),
    width,
  );
  return {
    kind: 'ridge',
    classes: 3,
    width,
    classNames: ['left', 'right', 'never'],
    weights: matrix(3, width, all),
    bias: Float64Array.of(0.5, 0, Number.NEGATIVE_INFINITY),
    settings: { kind: 'ridge', penalty: 1, standardise: false },
  };
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-generate-'));
  copyFileSync(cachedPath('llama-cached'), path.join(folder, 'model.onnx'));
  steer = recorded.get('steer')!.data as Float32Array;
  writeFileSync(path.join(folder, 'steer.json'), JSON.stringify(Array.from(steer)));
  const model = await openModel(path.join(folder, 'model.onnx'));
  const { sha256: modelSha256 } = model;
  await model.close();
  const origin = { reads: 'side', dataSha256: '', splitSeed: '1', version: '0' };
  const save = (name: string, position: number, sha256: string = modelSha256): Promise<void> =>
    saveProbe(path.join(folder, `${name}.safetensors`), {
      probe: probeOf(steer),
      origin: { ...origin, modelSha256: sha256, hook: HOOK, position },
    });
  await save('side', -1);
  await save('before', -2);
  await save('other', -1, 'f'.repeat(64));
  await save('towards=left/side', -1);
});
afterAll(() => rmSync(folder, { recursive: true }));

type Shown = {
  readonly warnings: readonly string[];
  readonly answers: readonly {
    readonly prompt: {
      readonly tokens: number[];
      readonly pieces: string[] | null;
      readonly text: string | null;
    };
    readonly answer: {
      readonly tokens: number[];
      readonly pieces: string[] | null;
      readonly text: string | null;
    };
    readonly ended: string;
    readonly probes: readonly { readonly classes: string[]; readonly scores: (number | null)[][] }[];
  }[];
};

async function generate(args: readonly string[]): Promise<Shown> {
  const result = await mesascope(['generate', 'model.onnx', '--json', ...args], { cwd: folder });
  expect([result.exitCode, result.stderr.includes('error')]).toEqual([0, false]);
  return JSON.parse(result.stdout) as Shown;
}
/** The program inside this process, on the model of the folder. */
async function run(
  ...args: readonly string[]
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const terminal = capturedTerminal();
  const model = path.join(folder, 'model.onnx');
  const exitCode = await main(['generate', model, '--json', '--max-new', '3', ...args], terminal);
  return { exitCode, stdout: terminal.stdout(), stderr: terminal.stderr() };
}
const prompts = [0, 1, 2].flatMap((row) => ['--tokens', ints(`row${row}.input`).join(',')]);

describe('generate', () => {
  it('writes what transformers writes, with caches and without, and shows it to a reader', async () => {
    for (const more of [[], ['--no-caches']]) {
      const { answers } = await generate([...prompts, '--max-new', '7', ...more]);
      for (const [row, { prompt, answer }] of answers.entries()) {
        expect(prompt.tokens).toEqual(ints(`row${row}.input`));
        expect(answer).toEqual({ tokens: ints(`row${row}.tokens`), pieces: null, text: null });
      }
    }
    const { stdout } = await mesascope(['generate', 'model.onnx', '--tokens', '19', '--max-new', '3'], {
      cwd: folder,
    });
    expect(stdout).toMatch(/^prompt 1 {2}19\nanswer {4}45 29 53 {2}\(3 tokens, .*\)\nID {2}LOG P\n45 {2}-\d/);
  });

  it('steers by a vector in a file', async () => {
    const { answers } = await generate([...prompts, '--max-new', '7', '--steer', `${HOOK}=steer.json`]);
    for (const [row, { answer }] of answers.entries())
      expect(answer.tokens).toEqual(ints(`row${row}.steered.tokens`));
  });

  it('steers by the direction of a saved probe as by that vector: half the difference of its rows, of unit length', async () => {
    const length = Math.hypot(...steer);
    const byProbe = await generate([
      ...prompts,
      '--steer',
      'side.safetensors',
      '--towards',
      'left',
      '--dose',
      String(length),
    ]);
    const byVector = await generate([...prompts, '--steer', `${HOOK}=steer.json`]);
    expect(byProbe.answers.map(({ answer }) => answer)).toEqual(byVector.answers.map(({ answer }) => answer));
    const away = await generate([
      ...prompts,
      '--steer',
      'side.safetensors',
      '--towards',
      'right',
      '--dose',
      String(length),
    ]);
    expect(away.answers).not.toEqual(byProbe.answers);
  });

  it('shows at each token what saved probes say, as over the whole row afterwards', async () => {
    const { answers } = await generate([
      ...prompts.slice(0, 4),
      '--max-new',
      '5',
      '--probe',
      'side.safetensors',
      '--probe',
      'before.safetensors',
    ]);
    const model = await openModel(path.join(folder, 'model.onnx'));
    const linalg = await openLinalg({ threads: 1 });
    const rows = answers.map(({ prompt, answer }) => ({ prompt: prompt.tokens, answer: answer.tokens }));
    const inputs = promptsWithAnswers(rows as unknown as Parameters<typeof promptsWithAnswers>[0]);
    for (const [i, { probes }] of answers.entries()) {
      expect(probes.map(({ classes }) => classes)).toEqual([
        ['left', 'right', 'never'],
        ['left', 'right', 'never'],
      ]);
      for (const [p, shift] of [-1, -2].entries()) {
        for (let t = 0; t < 5; t++) {
          const position = rows[i]!.prompt.length + t + shift;
          const request = { mapping: {}, hooks: [HOOK], positions: [position], readout: -1, choices: [] };
          const captured = await runForward(model, { ...request, inputs: [inputs[i]!] });
          const expected = await scoreProbe(probeOf(steer), captured.activations(HOOK, position), linalg);
          for (const c of [0, 1]) expect(probes[p]!.scores[t]![c]).toBeCloseTo(expected.data[c]!, 3);
        }
      }
    }
    await model.close();
    await linalg.close();
  });

  it('draws the same for the same seed, and stops at the tokens named', async () => {
    const draw = (...more: string[]): Promise<Shown> =>
      generate(['--tokens', '7,3', '--temperature', '1.2', '--samples', '3', '--max-new', '6', ...more]);
    const [first, again, other] = [
      await draw('--seed', '1'),
      await draw('--seed', '1'),
      await draw('--seed', '2'),
    ];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first.answers.map(({ answer }) => String(answer.tokens))).size).toBeGreaterThan(1);
    const [whole] = (await generate([...prompts.slice(2, 4), '--max-new', '7'])).answers;
    const [stopped] = (await generate([...prompts.slice(2, 4), '--max-new', '7', '--stop', '47,59'])).answers;
    expect(stopped!.answer.tokens).toEqual(
      whole!.answer.tokens.slice(0, whole!.answer.tokens.indexOf(47) + 1),
    );
    expect(stopped!.ended).toBe('stop');
  });

  it('takes and gives text where a tokenizer lies beside the model, special tokens shown, doubled ones warned of', async () => {
    const reader = path.join(ROOT, 'models/review/intended-1/model.onnx');
    const run = async (prompt: string): Promise<Shown> => {
      const args = ['generate', reader, '--prompt', prompt, '--max-new', '2', '--json'];
      return JSON.parse((await mesascope(args, { cwd: folder })).stdout) as Shown;
    };
    const { answers, warnings } = await run('a lovely garden');
    expect(warnings).toEqual([]);
    expect(answers[0]!.prompt.pieces).toEqual(['[BOS]', 'a', 'lovely', 'garden', '[ASK]']);
    expect(answers[0]!.prompt.text).toBe('[BOS] a lovely garden [ASK]');
    expect(answers[0]!.answer.text).toBe(' positive positive');
    const doubled = await run('[BOS] a lovely garden');
    expect(doubled.warnings).toEqual([expect.stringContaining('[BOS]')]);
    expect(doubled.answers[0]!.prompt.pieces!.slice(0, 2)).toEqual(['[BOS]', '[BOS]']);
  });

  it.each<[string, readonly string[], number, string]>([
    ['no prompt', [], 2, 'BAD_SETTING'],
    ['tokens that are none', ['--tokens', '1,x'], 2, 'BAD_SETTING'],
    ['a text without a tokenizer', ['--prompt', 'a'], 3, 'TOKENIZER_MISSING'],
    ['a token out of range', ['--tokens', '60'], 3, 'TOKEN_RANGE'],
    ['a temperature of 0', ['--tokens', '1', '--temperature', '0'], 2, 'BAD_SETTING'],
    ['samples of none', ['--tokens', '1', '--samples', '0'], 2, 'BAD_USAGE'],
    ['a dose without a vector', ['--tokens', '1', '--dose', '2'], 2, 'BAD_SETTING'],
    ['a vector without a hook', ['--tokens', '1', '--steer', 'steer.json'], 2, 'BAD_SETTING'],
    ['a vector that is not there', ['--tokens', '1', '--steer', 'a=none.json'], 2, 'BAD_SETTING'],
    [
      'a hook that is not there',
      ['--tokens', '1', '--steer', 'blocks.9.resid_post=steer.json'],
      2,
      'HOOK_UNKNOWN',
    ],
    [
      'a hook of another width',
      ['--tokens', '1', '--steer', 'blocks.0.mlp_pre=steer.json'],
      2,
      'BAD_SETTING',
    ],
    ['a probe that is none', ['--tokens', '1', '--probe', 'steer.json'], 3, 'PROBE_FILE_INVALID'],
    ['a probe whose class is not named', ['--tokens', '1', '--steer', 'side.safetensors'], 2, 'BAD_SETTING'],
    [
      'a class that never occurred',
      ['--tokens', '1', '--steer', 'side.safetensors', '--towards', 'never'],
      2,
      'BAD_SETTING',
    ],
    [
      'a probe that reads before the prompt',
      ['--tokens', '1', '--probe', 'before.safetensors'],
      3,
      'POSITION_RANGE',
    ],
  ])('refuses %s with exit code and code', async (_, args, exitCode, code) => {
    const result = await mesascope(['generate', 'model.onnx', ...args], { cwd: folder });
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringContaining(`error ${code}: `)]);
  });

  it('refuses a probe of another model, to be shown or to steer by, unless it is meant', async () => {
    const other = path.join(folder, 'other.safetensors');
    for (const use of [
      ['--probe', other],
      ['--steer', other, '--towards', 'left'],
      ['--steer', `blocks.1.resid_post=${other}`, '--towards', 'left'],
    ]) {
      const refused = await run('--tokens', '7,3', ...use);
      expect([refused.exitCode, refused.stdout]).toEqual([3, '']);
      expect(refused.stderr).toContain('error PROBE_MISMATCH: the probe was fitted on a model of sha256 fff');
      expect(refused.stderr).toContain('--other-model');
      expect((await run('--tokens', '7,3', ...use, '--other-model')).exitCode).toBe(0);
    }
  });

  it('takes a file whose name holds `=` as a file, and a class only where there is a probe', async () => {
    const named = path.join(folder, 'towards=left', 'side.safetensors');
    const plain = path.join(folder, 'side.safetensors');
    const [first, second] = [
      await run('--tokens', '7,3', '--steer', named, '--towards', 'left'),
      await run('--tokens', '7,3', '--steer', plain, '--towards', 'left'),
    ];
    expect([first.exitCode, first.stdout]).toEqual([0, second.stdout]);
    const vector = `${HOOK}=${path.join(folder, 'steer.json')}`;
    const idle = await run('--tokens', '7,3', '--steer', vector, '--towards', 'left');
    expect([idle.exitCode, idle.stderr]).toEqual([
      2,
      expect.stringContaining('error BAD_SETTING: --towards left'),
    ]);
    const both = await run('--tokens', '7,3', '--steer', vector, '--steer', plain, '--towards', 'left');
    expect(both.exitCode).toBe(0);
  });

  it('gives the answer as it stands behind the prompt, blank included, and names a chat by its place', async () => {
    const spoken = path.join(folder, 'spoken');
    mkdirSync(spoken);
    copyFileSync(cachedPath('llama-cached'), path.join(spoken, 'model.onnx'));
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
    const vocab = Object.fromEntries(Array.from({ length: 60 }, (_, id) => [`▁w${id}`, id]));
    const tokenizer = {
      model: { type: 'WordLevel', vocab, unk_token: '▁w0' },
      pre_tokenizer: metaspace,
      decoder: metaspace,
    };
    writeFileSync(path.join(spoken, 'tokenizer.json'), JSON.stringify(tokenizer));
    writeFileSync(path.join(spoken, 'chat_template.jinja'), "{{ raise_exception('not today') }}");
    writeFileSync(path.join(spoken, 'chat.json'), JSON.stringify([{ role: 'user', content: 'w3' }]));
    const model = path.join(spoken, 'model.onnx');
    const terminal = capturedTerminal();
    expect(await main(['generate', model, '--json', '--tokens', '19,4', '--max-new', '2'], terminal)).toBe(0);
    const [one] = (JSON.parse(terminal.stdout()) as Shown).answers;
    expect(one!.prompt.text).toBe('w19 w4');
    expect(one!.answer.text).toBe(one!.answer.tokens.map((id) => ` w${id}`).join(''));
    const refused = capturedTerminal();
    const chat = ['--messages', path.join(spoken, 'chat.json')];
    await main(['generate', model, '--tokens', '19', '--tokens', '4', ...chat], refused);
    expect(refused.stderr()).toContain('CHAT_REFUSED: prompt 3:');
    writeFileSync(path.join(spoken, 'chat_template.jinja'), '{{ messages[0].content }} unheard');
    const strange = capturedTerminal();
    expect(await main(['generate', model, '--max-new', '1', ...chat], strange), strange.stderr()).toBe(0);
    expect(strange.stdout()).toMatch(/^note: 1 of 1 texts hold a word that the tokenizer does not know/);
  });

  it('refuses what would change nothing, and a temperature of 0', async () => {
    for (const [args, said] of [
      [['--samples', '3'], '--samples does nothing'],
      [['--seed', '4'], '--seed does nothing'],
      [['--temperature', '0'], 'leave out --temperature'],
    ] as const) {
      const result = await run('--tokens', '7,3', ...args);
      expect([result.exitCode, result.stderr]).toEqual([2, expect.stringContaining(said)]);
    }
    expect((await run('--tokens', '7,3', '--samples', '2', '--seed', '4', '--top-k', '3')).exitCode).toBe(0);
  });

  it('refuses vectors that are no lists of numbers', async () => {
    for (const bad of ['[1, "a"]', '{}', '[', '[]', '[1e999]']) {
      writeFileSync(path.join(folder, 'bad.json'), bad);
      const args = ['generate', 'model.onnx', '--tokens', '1', '--steer', `${HOOK}=bad.json`];
      const result = await mesascope(args, { cwd: folder });
      expect([bad, result.exitCode]).toEqual([bad, 2]);
      expect(result.stderr).toContain('bad.json:1:1: error BAD_SETTING');
    }
  });
});
