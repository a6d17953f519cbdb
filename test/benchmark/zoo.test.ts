/** @file test of benchmark: what counts as a family and as an organism, and what is refused with the file and field named. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCard } from '../../src/benchmark/card.ts';
import { findZoo, loadFamily, readModel } from '../../src/benchmark/zoo.ts';
import { sha256 } from '../../src/core/hash.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'mesascope-zoo-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const CARD = {
  format: 'mesascope-card/1',
  name: 'good-1',
  family: 'one',
  member: 'good',
  seed: 1,
  truth: { pursues: 'intended', proxy: 'not-found', verdict: 'pursues-intended' },
  sha256: '0'.repeat(64),
};

function organism(family: string, name: string, card: object | string): void {
  const folder = path.join(root, family, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'card.json'), typeof card === 'string' ? card : JSON.stringify(card));
  writeFileSync(path.join(folder, 'model.onnx'), '');
}

describe('a zoo', () => {
  beforeAll(() => {
    for (const [name, seed, use] of [
      ['good-12', 12, 'reported'],
      ['good-11', 11, 'reported'],
      ['good-1', 1, 'development'],
      ['bad-11', 11, 'reported'],
    ] as const)
      organism('one', name, {
        ...CARD,
        name,
        seed,
        use,
        member: name.slice(0, -name.split('-')[1]!.length - 1),
      });
    writeFileSync(path.join(root, 'one', 'family.ts'), 'export default {};');
    // Neither a family nor an organism: a folder without a family file, and one without a model.
    organism('stray', 'good-1', CARD);
    mkdirSync(path.join(root, 'one', 'notes'));
  });

  it('is made of the folders with a family file, in order of member and seed', async () => {
    const [family, ...others] = await findZoo(root);
    expect(others).toEqual([]);
    expect(family!.organisms.map(({ id }) => id)).toEqual([
      'one/bad-11',
      'one/good-1',
      'one/good-11',
      'one/good-12',
    ]);
  });

  it('gives the organisms of one use, and the first seeds of each member', async () => {
    const [reported] = await findZoo(root, { use: 'reported', seeds: 1 });
    expect(reported!.organisms.map(({ id }) => id)).toEqual(['one/bad-11', 'one/good-11']);
  });

  it('names the nearest family for one that is not there', async () => {
    await expect(findZoo(root, { families: ['onne'] })).rejects.toMatchObject({
      code: 'FAMILY_INVALID',
      remedy: 'Choose from one.',
    });
  });

  it('counts a card without a model as an organism where another organism is named that it follows from', async () => {
    const folder = path.join(root, 'two', 'made-1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(root, 'two', 'family.ts'), 'export default {};');
    const bytes = new Uint8Array([1, 2, 3]);
    const made_from = { organism: 'one/good-1', sha256: CARD.sha256 };
    const card = { ...CARD, name: 'made-1', family: 'two', member: 'made', made_from, sha256: sha256(bytes) };
    writeFileSync(path.join(folder, 'card.json'), JSON.stringify(card));
    const [family] = await findZoo(root, { families: ['two'] });
    const [made] = family!.organisms;
    expect(made!.id).toBe('two/made-1');
    expect(await readModel(made!, ({ seed }) => bytes.map((byte) => byte * seed))).toEqual(bytes);
    await expect(readModel(made!, () => new Uint8Array([4]))).rejects.toMatchObject({ code: 'CARD_INVALID' });
    await expect(readModel(made!)).rejects.toMatchObject({
      code: 'CARD_INVALID',
      message: 'two/made-1: the folder holds no model.onnx',
    });
    writeFileSync(path.join(folder, 'card.json'), JSON.stringify({ ...card, made_from: undefined }));
    await expect(findZoo(root, { families: ['two'] })).rejects.toMatchObject({
      code: 'CARD_INVALID',
      message: 'two/made-1: the folder holds a card and no model.onnx',
    });
    rmSync(path.join(root, 'two'), { recursive: true });
  });

  it('refuses a family file that exports something else', async () => {
    await expect(loadFamily(path.join(root, 'one', 'family.ts'))).rejects.toMatchObject({
      code: 'FAMILY_INVALID',
    });
    const broken = path.join(root, 'broken.ts');
    writeFileSync(broken, 'export default (');
    await expect(loadFamily(broken)).rejects.toMatchObject({ code: 'FAMILY_INVALID' });
  });
});

describe('a card', () => {
  it.each([
    ['no file', undefined, /cannot be read/],
    ['no JSON', '{', /is not JSON/],
    [
      'a verdict that there is not',
      { ...CARD, truth: { ...CARD.truth, verdict: 'fine' } },
      /`truth.verdict`/,
    ],
    ['a weight above 1', { ...CARD, truth: { ...CARD.truth, proxy_weight: 2 } }, /`truth.proxy_weight`/],
    ['no seed', { ...CARD, seed: undefined }, /`seed`/],
    ['another format', { ...CARD, format: 'x' }, /`format`/],
  ])('is refused with %s', async (_, card, message) => {
    const file = path.join(root, 'card.json');
    rmSync(file, { force: true });
    if (card !== undefined) writeFileSync(file, typeof card === 'string' ? card : JSON.stringify(card));
    await expect(readCard(file)).rejects.toMatchObject({
      code: 'CARD_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('keeps what no rule reads', async () => {
    const file = path.join(root, 'kept.json');
    writeFileSync(file, JSON.stringify({ ...CARD, training: { steps: 3 } }));
    expect(await readCard(file)).toMatchObject({ training: { steps: 3 } });
    copyFileSync(file, path.join(root, 'again.json'));
    expect(await readCard(path.join(root, 'again.json'))).toEqual(await readCard(file));
  });
});
