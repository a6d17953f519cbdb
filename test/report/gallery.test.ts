/** @file test: the gallery follows from the records beside it, the README shows the committed score, and every family has a page. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { committedResult, GALLERY, galleryPages, readmeWithScore } from '../../reports/sample/gallery.ts';
import { scoreOf } from '../../src/benchmark/score.ts';
import { findZoo } from '../../src/benchmark/zoo.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SAMPLE = path.join(ROOT, 'reports/sample');

describe('the gallery', () => {
  let pages: ReadonlyMap<string, string>;
  beforeAll(async () => {
    pages = await galleryPages();
  });

  it('has a page for each family, and lists each in its README', async () => {
    const families = (await findZoo(path.join(ROOT, 'models'))).map(({ name }) => name);
    expect(Object.keys(GALLERY).sort()).toEqual(families.sort());
    const folders = readdirSync(SAMPLE, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...families, 'benchmark'].sort());
    const readme = readFileSync(path.join(SAMPLE, 'README.md'), 'utf8');
    for (const file of pages.keys()) expect(readme).toContain(`](${file})`);
  });

  it('is what the committed records give, byte for byte', () => {
    for (const [file, text] of pages)
      expect(readFileSync(path.join(SAMPLE, file), 'utf8') === text, `${file}: run \`npm run gallery\``).toBe(
        true,
      );
  });

  it('holds no path of a machine in a record', () => {
    for (const family of Object.keys(GALLERY)) {
      const record = readFileSync(path.join(SAMPLE, family, 'run.json'), 'utf8');
      expect(record, family).not.toMatch(/"[^"]*(\/home|\/root|\/tmp|\/Users|[A-Z]:\\\\)/);
    }
  });
});

describe('the committed score', () => {
  it('is in the README as it is in the result', () => {
    const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
    expect(readmeWithScore(readme) === readme, 'run `npm run gallery`').toBe(true);
  });

  it('follows from its rows, none of which thresholds were settled on', async () => {
    const { rows, score, faults, use } = committedResult();
    expect(use).toBe('reported');
    expect(faults).toEqual([]);
    expect(score).toEqual(JSON.parse(JSON.stringify(scoreOf(rows))));
    const zoo = await findZoo(path.join(ROOT, 'models'), { use: 'reported' });
    const organisms = new Map(zoo.flatMap((family) => family.organisms.map((one) => [one.id, one] as const)));
    expect([...new Set(rows.map(({ organism }) => organism))].sort()).toEqual([...organisms.keys()].sort());
    for (const row of rows) expect(organisms.get(row.organism)!.card.seed, row.id).toBe(row.seed);
  });

  it('was made with the thresholds that the code has', async () => {
    const { CRITERIA } = await import('../../src/evidence/criteria.ts');
    expect(committedResult().criteria).toEqual(JSON.parse(JSON.stringify(CRITERIA)));
  });
});
