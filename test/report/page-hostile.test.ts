/** @file test: text from files stays text, in the page, in the drawings and in the files it saves. */
import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  inPage,
  launchBrowser,
  NO_COMPLAINTS,
  type Opened,
  openPage,
  overflowOf,
  SKIP_BROWSER,
} from './browser.ts';
import { ATTACKS, hostileRecord } from './hostile-record.ts';
import { pageOf } from './sample-page.ts';
import { sampleRecord } from './sample-record.ts';

describe.skipIf(SKIP_BROWSER)('a record full of attacks', () => {
  let browser: Browser;
  let opened: Opened;
  const record = hostileRecord(sampleRecord());

  beforeAll(async () => {
    browser = await launchBrowser();
    opened = await openPage(browser, await pageOf(record));
  });
  afterAll(async () => {
    await opened?.close();
    await browser?.close();
  });

  test('holds an attack in every kind of place', () => {
    const text = JSON.stringify(record);
    for (const attack of ATTACKS) expect(text).toContain(JSON.stringify(attack).slice(1, -1));
    for (const place of [
      record.title,
      record.examples[0]!.id,
      record.sites!.hooks[0]!,
      record.verdict.sentence,
    ]) {
      expect(ATTACKS.some((attack) => place.startsWith(attack))).toBe(true);
    }
    expect(Object.keys(record.examples[0]!.probabilities)[0]!.length).toBeGreaterThan(8);
  });

  test('runs nothing, asks for nothing and reports nothing', async () => {
    const { page, complaints } = opened;
    await page.locator('#examples').getByRole('radio', { name: 'All' }).check();
    await page.locator('.example-card').first().click();
    await page.locator('.example-detail').waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await inPage(page, "'pwned' in window")).toBe(false);
    expect(complaints).toEqual(NO_COMPLAINTS);
  });

  test('becomes no element, no address and no handler', async () => {
    const found = await inPage(
      opened.page,
      `({
        scripts: document.scripts.length,
        foreign: document.querySelectorAll('img, iframe, object, embed, b, i, br, form, base').length,
        handlers: [...document.querySelectorAll('*')].filter((element) =>
          element.getAttributeNames().some((name) => name.startsWith('on')),
        ).length,
        addresses: [...document.querySelectorAll('[href], [src]')]
          .map((element) => element.getAttribute('href') ?? element.getAttribute('src'))
          .filter((address) => !address.startsWith('#') && !address.startsWith('data:,')),
        links: document.querySelectorAll('svg a').length,
        styled: document.querySelectorAll('.plot tspan[style*="bold"]').length,
      })`,
    );
    // The page's own data, library and script.
    expect(found).toEqual({ scripts: 3, foreign: 0, handlers: 0, addresses: [], links: 0, styled: 0 });
  });

  test('is shown letter for letter, in the page and in the labels of drawings', async () => {
    const { page } = opened;
    expect(await page.locator('h1').textContent()).toBe(record.title);
    expect(await page.title()).toContain(record.title.trim().slice(0, 20));
    const ticks = await page
      .locator('#interchange-by-hook .xtick text')
      .evaluateAll((elements) => elements.map((element) => element.textContent ?? ''));
    // Labels are shortened in the middle and isolated; their first letters are the attack's own.
    expect(ticks.length).toBe(5);
    for (const [i, hook] of record.sites!.hooks.entries()) {
      const start = (text: string): string => [...text].slice(0, 8).join('');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the page replaces them too.
      const visible = hook.replace(/[\u0000-\u001f\u2028\u2029]+/g, ' ').replace(/\p{Surrogate}/gu, '\ufffd');
      expect(start(ticks[i]!.replace(/[\u2068\u2069]/g, '').replaceAll('\u00a0', ' '))).toBe(start(visible));
    }
  });

  test.each([400, 1280])('does not widen a page of %i pixels', async (width) => {
    const narrow = await openPage(browser, await pageOf(record), { viewport: { width, height: 800 } });
    const overflow = await overflowOf(narrow.page);
    await narrow.close();
    expect(overflow).toBe(0);
  });

  test('comes out of downloads as data: formulas disarmed, drawings well-formed and without script', async () => {
    const { page } = opened;
    const save = async (figure: string, kind: string): Promise<{ name: string; text: string }> => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator(`#${figure} .downloads`).getByText(kind, { exact: true }).click(),
      ]);
      return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
    };
    const csv = await save('geometry-components', 'CSV');
    expect(csv.name).toMatch(/^[A-Za-z0-9._-]+-geometry-components\.csv$/);
    expect(csv.text).toContain('"\'=HYPERLINK(""http://example.invalid"",""x"")');
    expect(csv.text).not.toMatch(/(^|,|\n)"?=/);
    const json = JSON.parse((await save('map-proxy', 'JSON')).text) as {
      id: string;
      rows: number;
      columns: { values: unknown[] }[];
    };
    expect(json.id).toBe('map-proxy');
    for (const { values } of json.columns) expect(values.length).toBe(json.rows);
    const svg = (await save('map-proxy', 'SVG')).text;
    const parsed = await inPage(
      page,
      `(() => {
        const drawing = new DOMParser().parseFromString(${JSON.stringify(svg)}, 'image/svg+xml');
        return {
          wrong: drawing.querySelector('parsererror') !== null,
          root: drawing.documentElement.tagName,
          active: drawing.querySelectorAll('script, a, foreignObject').length,
          // A heat map is a picture inside the drawing; it must carry its own bytes.
          fetched: [...drawing.querySelectorAll('image')].filter(
            (image) => !/^data:image\\/png;base64,/.test(image.getAttribute('href') ?? image.getAttribute('xlink:href') ?? ''),
          ).length,
        };
      })()`,
    );
    expect(parsed).toEqual({ wrong: false, root: 'svg', active: 0, fetched: 0 });
  });
});
