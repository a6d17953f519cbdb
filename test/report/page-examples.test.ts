/** @file test: the example browser: filters, pictures, and links that work from a file. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inPage, launchBrowser, NO_COMPLAINTS, type Opened, openPage, SKIP_BROWSER } from './browser.ts';
import { pageOf } from './sample-page.ts';
import { sampleRecord } from './sample-record.ts';

describe.skipIf(SKIP_BROWSER)('the example browser', () => {
  let browser: Browser;
  let html: string;
  let opened: Opened;
  const record = sampleRecord();
  const diverging = record.examples.filter(
    ({ behavior, internal }) =>
      (behavior === 'intended' && internal === 'proxy') || (behavior === 'proxy' && internal === 'intended'),
  );
  const silent = record.examples.filter((example) => example.silent);

  beforeAll(async () => {
    html = await pageOf(record);
    browser = await launchBrowser();
    opened = await openPage(browser, html);
  });
  afterAll(async () => {
    await opened?.close();
    await browser?.close();
  });
  const count = (): Promise<string | null> => opened.page.locator('.example-count').textContent();

  test('starts at the examples whose behavior and reading diverge', async () => {
    expect(diverging.length).toBeGreaterThan(5);
    expect(await count()).toBe(`${diverging.length} of 300 examples`);
    expect(await opened.page.locator('.example-card').count()).toBe(Math.min(24, diverging.length));
  });

  test('filters by kind, set, behavior, reading and id, and shows more on demand', async () => {
    const { page } = opened;
    const examples = page.locator('#examples');
    await examples.getByRole('radio', { name: 'Silent' }).check();
    expect(await count()).toBe(`${silent.length} of 300 examples`);
    await examples.getByRole('radio', { name: 'All' }).check();
    expect(await count()).toBe('300 of 300 examples');
    expect(await page.locator('.example-card').count()).toBe(24);
    await examples.getByText('Show more').click();
    expect(await page.locator('.example-card').count()).toBe(48);
    await examples.getByLabel('Set').selectOption('train');
    const train = record.examples.filter(({ set }) => set === 'train');
    expect(await count()).toBe(`${train.length} of 300 examples`);
    await examples.getByLabel('Behavior').selectOption('neither');
    expect(await count()).toBe(
      `${train.filter(({ behavior }) => behavior === 'neither').length} of 300 examples`,
    );
    await examples.getByLabel('Behavior').selectOption('');
    await examples.getByLabel('Set').selectOption('');
    await examples.getByLabel('Reads as').selectOption('intended');
    const reads = record.examples.filter(({ internal }) => internal === 'intended');
    expect(await count()).toBe(`${reads.length} of 300 examples`);
    await examples.getByLabel('Reads as').selectOption('');
    await examples.getByLabel('Id or group').fill('board-29');
    expect(await count()).toBe(
      `${record.examples.filter(({ group }) => group.includes('board-29')).length} of 300 examples`,
    );
  });

  test('is reached from the list of examples that diverge most, which holds their pictures', async () => {
    const other = await openPage(browser, html);
    const { page } = other;
    const [widest] = record.divergent!;
    const row = page.locator('.divergent tbody tr').first();
    expect(await row.locator('svg.grid-picture').count()).toBe(1);
    await row.getByRole('link').click();
    await page.locator('#example-detail h3').waitFor();
    expect(await page.locator('#example-detail h3').textContent()).toBe(`Example ${widest!.id}`);
    await other.close();
  });

  test('starts at all where nothing diverges', async () => {
    const calm = {
      ...record,
      examples: record.examples.map((example) => ({ ...example, internal: example.behavior, silent: false })),
    };
    const other = await openPage(browser, await pageOf(calm));
    const text = await other.page.locator('.example-count').textContent();
    await other.close();
    expect(text).toBe('300 of 300 examples');
  });

  test('an address with an example opens it, from a file and on going back and forth', async () => {
    const wanted = silent[0]!;
    const direct = await openPage(browser, html, { hash: `#example=${wanted.id}` });
    const { page } = direct;
    const heading = page.locator('.example-detail h3');
    await expect.poll(() => heading.textContent()).toBe(`Example ${wanted.id}`);
    // Figures that are drawn after the jump may still move the page: what counts is where it comes to rest.
    const top = async (): Promise<number> => (await page.locator('.example-detail').boundingBox())!.y;
    await expect.poll(top, { timeout: 10_000 }).toBeGreaterThan(0);
    await expect.poll(top, { timeout: 10_000 }).toBeLessThan(300);
    await expect.poll(() => inPage(page, 'document.activeElement.id')).toBe('example-detail');
    const facts = await page.locator('.example-detail .facts').textContent();
    expect(facts).toContain(wanted.group);
    await page.locator('.example-card').nth(3).click();
    await expect.poll(() => heading.textContent()).not.toBe(`Example ${wanted.id}`);
    await page.goBack();
    await expect.poll(() => heading.textContent()).toBe(`Example ${wanted.id}`);
    await page.goto(`${direct.url}#example=nobody%`);
    await expect.poll(() => page.locator('.example-missing').count()).toBe(1);
    expect(direct.complaints).toEqual(NO_COMPLAINTS);
    await direct.close();
  });

  test('a grid is drawn with every item in its cell and said in words', async () => {
    const example = diverging[0]!;
    const { page } = opened;
    await page.goto(`${opened.url}#example=${example.id}`);
    const picture = page.locator('.example-detail .grid-picture');
    await picture.waitFor();
    const items = await picture.locator('g[class^="role-"]').evaluateAll((groups) =>
      groups.map((group) => {
        const board = group.closest('svg')!.querySelector('.grid-board')!.getBoundingClientRect();
        const box = group.getBoundingClientRect();
        return {
          label: group.querySelector('title')?.textContent,
          column: Math.floor((5 * (box.x + box.width / 2 - board.x)) / board.width),
          row: Math.floor((5 * (box.y + box.height / 2 - board.y)) / board.height),
        };
      }),
    );
    const { picture: drawn } = example;
    if (drawn?.kind !== 'grid') return expect.unreachable('the example has a grid');
    const expected = drawn.items.map(({ label, row, column }) => ({ label, column, row }));
    expect(items).toEqual(expect.arrayContaining(expected));
    expect(items.length).toBe(4);
    expect(await picture.getAttribute('aria-label')).toContain(
      `agent at row ${drawn.items[0]!.row + 1}, column ${drawn.items[0]!.column + 1}`,
    );
  });

  test('a mark in a drawing says which example it is and opens it', async () => {
    const { page } = opened;
    await page.goto(`${opened.url}#score-against-preference`);
    const plot = page.locator('#score-against-preference .plot');
    await plot.scrollIntoViewIfNeeded();
    const point = plot.locator('.scatterlayer .point').first();
    const box = (await point.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await expect
      .poll(() => page.locator('#score-against-preference .readout').textContent())
      .toMatch(/^x\d+ /);
    await page.mouse.down();
    await page.mouse.up();
    await expect.poll(() => inPage(page, 'location.hash')).toMatch(/^#example=x\d+$/);
  });
});
