/** @file test: the report in a real browser: silent, self-contained, readable with and without its script. */
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
import { pageOf } from './sample-page.ts';
import { emptyRecord, sampleRecord } from './sample-record.ts';

describe.skipIf(SKIP_BROWSER)('the report in a browser', () => {
  let browser: Browser;
  let html: string;
  const open: Opened[] = [];
  const visit = async (
    ...parameters: Parameters<typeof openPage> extends [unknown, ...infer Rest] ? Rest : never
  ): Promise<Opened> => {
    const opened = await openPage(browser, ...parameters);
    open.push(opened);
    return opened;
  };

  beforeAll(async () => {
    html = await pageOf(sampleRecord());
    browser = await launchBrowser();
  });
  afterAll(async () => {
    for (const opened of open) await opened.close();
    await browser?.close();
  });

  test('opens from a file with no request, no console message, no error and no policy report', async () => {
    const { page, complaints } = await visit(html);
    // Scrolling and pointing make plotly do the rest of what it does.
    await page.mouse.wheel(0, 4000);
    for (const plot of await page.locator('.plot').all()) {
      await plot.scrollIntoViewIfNeeded();
      await plot.hover();
    }
    expect(complaints).toEqual(NO_COMPLAINTS);
  });

  test('every figure is drawn, named, and has a sentence and a table', async () => {
    const { page } = await visit(html);
    const figures = await page.locator('figure').evaluateAll((elements) =>
      elements.map((element) => ({
        drawn: element.querySelector('.plot .main-svg') !== null,
        title: element.querySelector('h3')?.textContent ?? '',
        finding: element.querySelector('.finding')?.textContent ?? '',
        table: element.querySelector('details table, details a') !== null,
        buttons: element.querySelectorAll('.downloads button').length,
      })),
    );
    expect(figures.length).toBe(19);
    for (const { drawn, title, finding, table, buttons } of figures) {
      expect(drawn, title).toBe(true);
      expect(title).not.toBe('');
      expect(finding).toMatch(/\d/);
      expect(table, title).toBe(true);
      expect(buttons).toBe(3);
    }
    const cloud = await page
      .locator('a[data-title*="loud"], a[data-title*="Edit in"], .modebar-btn--logo')
      .count();
    expect(cloud).toBe(0);
  });

  test('what watches the page sees a script, a picture and an address that do not belong', async () => {
    const bad = html.replace(
      '</main>',
      '<script>window.foreign = 1</script><img src="https://example.invalid/x.png" alt=""></main>',
    );
    const { page, complaints } = await visit(bad);
    await inPage(page, "fetch('https://example.invalid/y').catch(() => undefined)");
    await expect
      .poll(() => complaints.violations.map((text) => text.split(' ')[0]).sort())
      .toEqual(['connect-src', 'img-src', 'script-src-elem']);
    expect(complaints.console.length).toBeGreaterThan(0);
    expect(await inPage(page, "'foreign' in window")).toBe(false);
  });

  test('an empty record gives a page that abstains, says what is not there, and stays silent', async () => {
    const { page, complaints } = await visit(await pageOf(emptyRecord()));
    await expect(page.locator('#verdict h2').textContent()).resolves.toContain('Not enough evidence');
    expect(await page.locator('.plot').count()).toBe(0);
    for (const id of [
      'warnings',
      'behavior',
      'ladder',
      'where',
      'causal',
      'geometry',
      'lenses',
      'examples',
    ]) {
      expect((await page.locator(`#${id} p`).first().textContent())?.trim(), id).not.toBe('');
    }
    expect(complaints).toEqual(NO_COMPLAINTS);
  });

  test('without JavaScript the verdict, warnings, table, ladder and provenance are there to read', async () => {
    const { page } = await visit(html, { javaScriptEnabled: false });
    for (const text of [
      'Pursues the proxy',
      'Grade L5',
      'Provisional until L6, L7 are run',
      'What this does not show',
      'Probes are fitted on 8.1 rows per feature',
      'behaves',
      'silent',
      'Each rung asks another question',
      'All 4 statistics',
      'mesascope run probes/grid-proxy.probe.ts',
      'onnxruntime-node',
      'Whole file',
    ]) {
      await expect(page.getByText(text, { exact: false }).first().isVisible(), text).resolves.toBe(true);
    }
    expect(await page.locator('.script-only:visible').count()).toBe(0);
    await page.locator('#map-proxy summary').click();
    await expect(page.locator('#map-proxy table').isVisible()).resolves.toBe(true);
  });

  test('parts follow in the order of the page, headings skip no level, and no id occurs twice', async () => {
    const { page } = await visit(html);
    const sections = await page
      .locator('main > section')
      .evaluateAll((elements) => elements.map(({ id }) => id));
    expect(sections).toEqual([
      'verdict',
      'warnings',
      'behavior',
      'ladder',
      'where',
      'causal',
      'geometry',
      'lenses',
      'examples',
      'about',
    ]);
    const levels = await page
      .locator('h1, h2, h3, h4')
      .evaluateAll((elements) => elements.map(({ tagName }) => Number(tagName[1])));
    expect(levels[0]).toBe(1);
    for (const [i, level] of levels.entries()) expect(level - (levels[i - 1] ?? 0)).toBeLessThanOrEqual(1);
    const ids = await page.locator('[id]').evaluateAll((elements) => elements.map(({ id }) => id));
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  test('the page names its language, and everything one can operate has a name and shows its focus', async () => {
    const { page } = await visit(html);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.title()).toContain('Grid agent');
    const nameless = await page
      .locator('button, select, input, a[href], [role="img"], svg[role]')
      .evaluateAll((elements) =>
        elements
          .filter((element) => {
            const labelled = element.getAttribute('aria-label') ?? element.getAttribute('aria-labelledby');
            const label = element.closest('label')?.textContent;
            return ![labelled, element.textContent, label].some((text) => (text ?? '').trim() !== '');
          })
          .map((element) => element.outerHTML.slice(0, 80)),
      );
    expect(nameless).toEqual([]);
    await page.keyboard.press('Tab');
    expect(await inPage(page, 'document.activeElement.textContent')).toBe('Skip to the verdict');
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      const focused = await inPage<{ tag: string; outline: string }>(
        page,
        `(() => {
          const element = document.activeElement;
          const shown = element.matches('.segments input') ? element.nextElementSibling : element;
          return { tag: element.tagName, outline: getComputedStyle(shown).outlineStyle };
        })()`,
      );
      seen.add(focused.tag);
      expect(focused.outline, focused.tag).not.toBe('none');
    }
    expect([...seen]).toEqual(expect.arrayContaining(['A', 'INPUT', 'SUMMARY']));
  });

  test('dark mode is a second palette: every drawing changes when the system or the reader asks', async () => {
    const { page } = await visit(html, { colorScheme: 'light' });
    const look = (): Promise<{ marks: string[]; paper: string; text: string }> =>
      inPage(
        page,
        `({
          marks: [...document.querySelectorAll('.plot')].map((plot) => plot.dataset.drawn ?? ''),
          paper: getComputedStyle(document.body).backgroundColor,
          text: getComputedStyle(document.querySelector('#interchange-by-hook .legendtext')).fill,
        })`,
      );
    const light = await look();
    expect(new Set(light.marks)).toEqual(new Set(['light']));
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(() => page.locator('.plot:not([data-drawn=dark])').count()).toBe(0);
    const dark = await look();
    expect(dark.paper).not.toBe(light.paper);
    expect(dark.text).not.toBe(light.text);
    await page.locator('#theme').getByRole('radio', { name: 'Light' }).check();
    await expect.poll(() => page.locator('.plot:not([data-drawn=light])').count()).toBe(0);
    expect(await look()).toEqual(light);
  });

  test('on paper the controls are gone, the drawings are there, and the palette is light', async () => {
    const { page } = await visit(html, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    await inPage(page, "window.dispatchEvent(new Event('beforeprint'))");
    await expect.poll(() => page.locator('.plot:not([data-drawn=light])').count()).toBe(0);
    for (const plot of await page.locator('.plot .main-svg').all()) {
      expect((await plot.boundingBox())!.width).toBeLessThanOrEqual(660);
    }
    expect(await page.locator('.filters').isVisible()).toBe(false);
    expect(await page.locator('.top').isVisible()).toBe(false);
    expect(await page.locator('#map-proxy .main-svg').first().isVisible()).toBe(true);
    expect(await inPage(page, 'getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
  });

  test.each([400, 320, 768, 1280])(
    'nothing sticks out at %i pixels, before and after the width changes',
    async (width) => {
      const { page } = await visit(html, { viewport: { width, height: 800 } });
      expect(await overflowOf(page)).toBe(0);
      await page.setViewportSize({ width: width + 240, height: 800 });
      await page.setViewportSize({ width, height: 800 });
      await page.waitForTimeout(400);
      expect(await overflowOf(page)).toBe(0);
    },
  );

  test('names the model file under the experiment, before anything else', async () => {
    const { page } = await visit(
      await pageOf({ ...sampleRecord(), model: { ...sampleRecord().model, file: 'models/a/b.onnx' } }),
    );
    expect(await page.locator('main .eyebrow').first().textContent()).toBe(
      'grid-proxy \u00b7 models/a/b.onnx',
    );
  });

  test.each(['light', 'dark'] as const)(
    'a table wider than a narrow %s screen shows a shadow where it goes on',
    async (colorScheme) => {
      const { page } = await visit(html, { viewport: { width: 400, height: 800 }, colorScheme });
      await inPage(page, "document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      const wide =
        "[...document.querySelectorAll('.table-frame')].findIndex((one) => one.scrollWidth > one.clientWidth + 60)";
      const at = await inPage<number>(page, wide);
      const frame = page.locator('.table-frame').nth(at);
      await frame.scrollIntoViewIfNeeded();
      /** Mean brightness of the rightmost and of the leftmost strip of the table, 4 pixels wide. */
      const edges = async (): Promise<{ left: number; right: number }> => {
        const picture = (await frame.screenshot()).toString('base64');
        return inPage(
          page,
          `(async () => {
        const image = new Image();
        image.src = 'data:image/png;base64,${picture}';
        await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
        canvas.drawImage(image, 0, 0);
        const mean = (x) => { const { data } = canvas.getImageData(x, 0, 4, image.height); let sum = 0; for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2]; return sum / (3 * data.length / 4); };
        return { left: mean(0), right: mean(image.width - 4) };
      })()`,
        );
      };
      const before = await edges();
      await inPage(
        page,
        `document.querySelectorAll('.table-frame')[${at}].scrollTo({ left: 9999, behavior: 'instant' })`,
      );
      const after = await edges();
      // At the start the right edge is shaded and the left is not; at the end it is the other way round.
      expect(Math.abs(before.right - after.right)).toBeGreaterThan(15);
      expect(Math.abs(before.left - after.left)).toBeGreaterThan(15);
    },
  );
});
