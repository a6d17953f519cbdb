/** @file test: the page as text: the same bytes for the same record, its policy, its size, its parts. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { recordText } from '../../src/record/canonical.ts';
import { parseRecord } from '../../src/record/read.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { type ReportAssets, renderReport } from '../../src/report/render.ts';
import { hostileRecord } from './hostile-record.ts';
import { pageOf, sampleAssets } from './sample-page.ts';
import { emptyRecord, sampleRecord } from './sample-record.ts';

let assets: ReportAssets;
let html: string;
beforeAll(async () => {
  assets = await sampleAssets();
  html = await pageOf(sampleRecord());
});

function scriptsOf(page: string): readonly { readonly attributes: string; readonly text: string }[] {
  return [...page.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)].map(([, attributes, text]) => ({
    attributes: attributes!,
    text: text!,
  }));
}

describe('a rendered page', () => {
  test('has the same bytes for the same record, fresh or read back from disk', async () => {
    expect(await pageOf(sampleRecord())).toBe(html);
    expect(await pageOf(parseRecord(recordText(sampleRecord())))).toBe(html);
    const { title, ...rest } = sampleRecord();
    expect(await pageOf({ title, ...rest } as RunRecord)).toBe(html);
    expect(await pageOf({ ...sampleRecord(), title: 'another' })).not.toBe(html);
  });

  test('allows by hash the two scripts it has, and nothing else', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
    const run = scriptsOf(html).filter(({ attributes }) => !attributes.includes('application/json'));
    const hashes = run.map(
      ({ text }) => `&#39;sha256-${createHash('sha256').update(text).digest('base64')}&#39;`,
    );
    expect(hashes.length).toBe(2);
    expect(policy).toBe(
      `default-src 'none'; script-src ${hashes.join(' ')}; connect-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'`
        .replaceAll("'", '&#39;')
        .replaceAll('&#39;&#39;', '&#39;'),
    );
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style>'));
  });

  test('names no other place: no address to fetch from', () => {
    const markup = html
      .replace(/<script[^>]*>[\s\S]*?<\/script>/g, '')
      .replace(/<style>[\s\S]*?<\/style>/, '');
    expect(markup).not.toMatch(/(src|href)="(?!#|data:,")/);
    expect(assets.style).not.toMatch(/url\(|@import/);
  });

  test('keeps the licence banner of the drawing library, and is at most 2 MB without its data', () => {
    expect(html).toContain('* plotly.js (cartesian - minified)');
    expect(html).toContain('* Licensed under the MIT license');
    const data = scriptsOf(html).find(({ attributes }) => attributes.includes('page-data'))!;
    expect(Buffer.byteLength(html) - Buffer.byteLength(data.text)).toBeLessThan(2_000_000);
  });

  test('counts its own bytes right', async () => {
    for (const page of [html, await pageOf(emptyRecord()), await pageOf(hostileRecord(sampleRecord()))]) {
      const table = /<table class="bytes">[\s\S]*?<\/table>/.exec(page)![0];
      const cells = [...table.matchAll(/<td class="number">\s*([\d,]+)<\/td>/g)].map(([, text]) =>
        Number(text!.replaceAll(',', '')),
      );
      const total = cells.pop()!;
      expect(total).toBe(Buffer.byteLength(page));
      expect(cells.reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
      expect(cells[0]).toBe(Buffer.byteLength(assets.plotly));
      expect(cells[1]).toBe(Buffer.byteLength(assets.client));
    }
  });

  test('holds data that is JSON and cannot end its element', async () => {
    for (const page of [html, await pageOf(hostileRecord(sampleRecord()))]) {
      const scripts = scriptsOf(page);
      expect(scripts.length).toBe(3);
      const { text } = scripts.find(({ attributes }) => attributes.includes('page-data'))!;
      expect(text).not.toMatch(/[<>\u2028\u2029]/);
      expect((JSON.parse(text) as { examples: unknown[] }).examples.length).toBe(300);
    }
  });

  test('of a far larger model keeps its tables short and stays within its size', async () => {
    const record = sampleRecord();
    const hooks = Array.from({ length: 60 }, (_, i) => `blocks.${i}.resid_post`);
    const positions = Array.from({ length: 24 }, (_, i) => i - 24);
    const layers = record.sites!.layers.map((layer) => ({
      ...layer,
      values: hooks.map((_, h) => positions.map((__, p) => (h + p) / 90)),
    }));
    const [point] = record.interchange;
    const interchange = hooks.flatMap((hook) =>
      [1, 2, 4, 8, null].flatMap((rank) => [{ ...point!, hook, rank }]),
    );
    const page = await pageOf({
      ...record,
      sites: { hooks, positions, layers },
      interchange: [...interchange, ...interchange],
    });
    const { text } = scriptsOf(page).find(({ attributes }) => attributes.includes('page-data'))!;
    expect(Buffer.byteLength(page) - Buffer.byteLength(text)).toBeLessThan(2_000_000);
    expect(page).toContain(`${60 * 24 - 240} more rows are in the downloads`);
  });

  test('refuses a script or a style sheet that would end its own element', () => {
    const render = (change: Partial<ReportAssets>) => () =>
      renderReport(emptyRecord(), { assets: { ...assets, ...change } });
    expect(render({ client: 'let a = "</SCRIPT>";' })).toThrow(/end its element/);
    expect(render({ plotly: '/* <!-- */' })).toThrow(/end its element/);
    expect(render({ style: 'a::after { content: "</style>" }' })).toThrow(/end its element/);
  });

  test('hashes scripts as a browser reads them, whatever ends their lines', () => {
    const page = renderReport(emptyRecord(), {
      assets: { ...assets, client: 'let a = 1;\r\nlet b = 2;\r\n' },
    });
    const hash = createHash('sha256').update('let a = 1;\nlet b = 2;\n').digest('base64');
    expect(page).toContain(`&#39;sha256-${hash}&#39;`);
  });
});

describe('the script and the style sheet of the page', () => {
  test('never make markup from text', () => {
    expect(assets.client).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function/,
    );
  });

  test('keep text readable: every text colour has a contrast of 4.5 on every ground, light and dark (WCAG 2.2, 1.4.3)', () => {
    const colors = new Map(
      [...assets.style.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
        ([, name, light, dark]) => [name!, [light!, dark!] as const],
      ),
    );
    const luminance = (hex: string): number => {
      const [r, g, b] = [1, 3, 5].map((at) => {
        const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const texts = ['ink', 'muted', 'link', 'passed', 'failed', 'open', 'idle', 'warn', 'silent'];
    for (const [mode, word] of ['light', 'dark'].entries()) {
      for (const text of texts) {
        for (const ground of ['paper', 'card', 'sunk']) {
          const [a, b] = [colors.get(text)![mode]!, colors.get(ground)![mode]!].map(luminance);
          const contrast = (Math.max(a!, b!) + 0.05) / (Math.min(a!, b!) + 0.05);
          expect(contrast, `${text} on ${ground}, ${word}`).toBeGreaterThanOrEqual(4.5);
        }
      }
    }
  });

  test('are the files that lie in the folder, none forgotten', async () => {
    const { CLIENT_FILES, STYLE_FILES } = await import('../../src/report/client-files.ts');
    const { readdirSync } = await import('node:fs');
    const folder = new URL('../../src/report/client/', import.meta.url);
    const there = readdirSync(folder).filter((name) => /\.(js|css)$/.test(name));
    expect([...CLIENT_FILES, ...STYLE_FILES].sort()).toEqual(there.sort());
    for (const name of CLIENT_FILES)
      expect(readFileSync(new URL(name, folder), 'utf8')).toMatch(/^\/\/ @ts-check\n/);
  });
});
