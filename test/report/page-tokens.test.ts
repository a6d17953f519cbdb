/** @file test: examples of text show their tokens, and which goal each tells by tint, mark, line and word. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Picture } from '../../src/core/data-set.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { launchBrowser, NO_COMPLAINTS, type Opened, openPage, overflowOf, SKIP_BROWSER } from './browser.ts';
import { pageOf } from './sample-page.ts';
import { sampleRecord } from './sample-record.ts';

const HOSTILE = '<img src=x onerror=alert(1)>';
const picture: Picture = {
  kind: 'tokens',
  tokens: [
    { text: 'a' },
    { text: 'lovely', role: 'intended' },
    { text: 'dot', role: 'proxy' },
    { text: HOSTILE },
    { text: 'monday', role: 'irrelevant' },
  ],
};

function recordOfText(): RunRecord {
  const record = sampleRecord();
  return {
    ...record,
    examples: record.examples.map((example) => ({ ...example, input: 'a lovely dot monday', picture })),
  };
}

describe.skipIf(SKIP_BROWSER)('an example of text', () => {
  let browser: Browser;
  let html: string;
  const record = recordOfText();
  beforeAll(async () => {
    html = await pageOf(record);
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  const opened = (options: Parameters<typeof openPage>[2]): Promise<Opened> =>
    openPage(browser, html, { hash: `#example=${record.examples[3]!.id}`, ...options });

  test.each(['light', 'dark'] as const)(
    'shows its tokens in order, under a %s scheme',
    async (colorScheme) => {
      const { page, complaints, close } = await opened({ colorScheme });
      const drawn = page.locator('.example-detail .tokens-picture');
      await drawn.waitFor();
      const said = (await drawn.textContent())?.replace(/\s+/g, ' ').trim();
      expect(said).toBe(`a lovely (intended) dot (proxy) ${HOSTILE} monday (irrelevant)`);
      expect(await drawn.locator('img').count()).toBe(0);
      const looks = await drawn.locator('.token-role').evaluateAll((tokens) =>
        tokens.map((token) => {
          const view = token.ownerDocument.defaultView!;
          const { textDecorationStyle, textDecorationColor } = view.getComputedStyle(
            token.querySelector('.token-text')!,
          );
          const { backgroundColor } = view.getComputedStyle(token);
          return {
            textDecorationStyle,
            textDecorationColor,
            backgroundColor,
            shapes: token.querySelectorAll('svg').length,
          };
        }),
      );
      // Told apart without colour by the kind of line and by the mark, and with it by tint and line.
      expect(looks.map(({ textDecorationStyle }) => textDecorationStyle)).toEqual([
        'solid',
        'dashed',
        'dotted',
      ]);
      expect(looks.every(({ shapes }) => shapes === 1)).toBe(true);
      expect(new Set(looks.map(({ textDecorationColor }) => textDecorationColor)).size).toBe(3);
      expect(new Set(looks.map(({ backgroundColor }) => backgroundColor)).size).toBe(3);
      expect(complaints).toEqual(NO_COMPLAINTS);
      await close();
    },
  );

  test('has a legend that names the goal of every marked word', async () => {
    const { page, close } = await opened({});
    const items = await page.locator('.picture-legend li').allTextContents();
    expect(items).toEqual(['lovely (intended)', 'dot (proxy)', 'monday (irrelevant)']);
    await close();
  });

  test('breaks its line on a narrow screen, and the page stays as wide as the screen', async () => {
    const { page, close } = await opened({ viewport: { width: 360, height: 700 } });
    await page.locator('.example-detail .tokens-picture').waitFor();
    expect(await overflowOf(page)).toBeLessThanOrEqual(0);
    await close();
  });
});
