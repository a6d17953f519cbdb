/** @file test: opens a page by file:// in a real browser that may fetch nothing, and writes down everything it complains of. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Set to 1 where no browser can be had; otherwise a missing browser is a failure, not a skipped test. */
export const SKIP_BROWSER: boolean = process.env.MESASCOPE_SKIP_BROWSER === '1';

export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(
      `no browser at ${executablePath}: install Chromium or name one in CHROMIUM_PATH (MESASCOPE_SKIP_BROWSER=1 leaves these tests out)`,
    );
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-default-apps',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

/** What a page must not do; each list is empty for a good one. */
export type Complaints = {
  readonly requests: string[];
  readonly console: string[];
  readonly errors: string[];
  readonly violations: string[];
};

export type Opened = {
  readonly page: Page;
  readonly url: string;
  readonly complaints: Complaints;
  close(): Promise<void>;
};

export type OpenOptions = BrowserContextOptions & { readonly hash?: string };

/** Writes the page to a folder of its own and opens it, waiting until its script says that everything is drawn. */
export async function openPage(browser: Browser, html: string, options: OpenOptions = {}): Promise<Opened> {
  const { hash = '', ...contextOptions } = options;
  const folder = mkdtempSync(join(tmpdir(), 'mesascope-report-'));
  const file = join(folder, 'report.html');
  writeFileSync(file, html);
  const url = pathToFileURL(file).href;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...contextOptions });
  const complaints: Complaints = { requests: [], console: [], errors: [], violations: [] };
  await context.route('**/*', (route) => {
    const asked = route.request().url();
    if (asked.split('#')[0] === url || asked.startsWith('data:') || asked.startsWith('blob:'))
      return route.continue();
    complaints.requests.push(asked);
    return route.abort();
  });
  await context.exposeBinding('reportViolation', (_, text: string) => complaints.violations.push(text));
  await context.addInitScript(
    "document.addEventListener('securitypolicyviolation', (event) => reportViolation(event.violatedDirective + ' ' + event.blockedURI))",
  );
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type())) complaints.console.push(message.text());
  });
  page.on('pageerror', (error) => complaints.errors.push(error.message));
  await page.goto(url + hash);
  if (contextOptions.javaScriptEnabled !== false) await ready(page);
  return {
    page,
    url,
    complaints,
    async close() {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function ready(page: Page): Promise<void> {
  await page.locator('html[data-ready="true"]').waitFor({ state: 'attached', timeout: 30_000 });
}

/** Value of an expression in the page. Text, because the tests are checked without the types of a browser. */
export function inPage<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate<T>(expression);
}

/** How many pixels the page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return inPage<number>(page, 'document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

export const NO_COMPLAINTS: Complaints = { requests: [], console: [], errors: [], violations: [] };
