/** @file cli: the page server: what it gives, to whom, and what it never gives. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FolderServer, serveFolder } from '../../src/cli/serve-folder.ts';

const POLICY = "default-src 'none'; script-src 'sha256-abc='; style-src 'unsafe-inline'; connect-src 'none'";
let folder: string;
let server: FolderServer;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-serve-'));
  const run = path.join(folder, 'run');
  mkdirSync(path.join(run, 'shards'), { recursive: true });
  mkdirSync(path.join(run, '.unfinished-1'));
  mkdirSync(path.join(folder, 'run-other'));
  const escaped = POLICY.replaceAll("'", '&#39;');
  writeFileSync(
    path.join(run, 'report.html'),
    `<!doctype html><meta http-equiv="Content-Security-Policy" content="${escaped}"><title>x</title>`,
  );
  writeFileSync(path.join(run, 'bare.html'), '<!doctype html><title>no policy</title>');
  writeFileSync(path.join(run, 'run.json'), '{"a":1}');
  writeFileSync(path.join(run, 'with space.csv'), 'a,b\n');
  writeFileSync(path.join(run, 'shards/a.safetensors'), 'x');
  writeFileSync(path.join(run, '.unfinished-1/run.json'), 'half');
  writeFileSync(path.join(folder, 'secret.txt'), 'secret');
  writeFileSync(path.join(folder, 'run-other/secret.txt'), 'secret');
  symlinkSync(path.join(folder, 'secret.txt'), path.join(run, 'link.txt'));
  server = await serveFolder({ folder: run, index: 'report.html' });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

type Answer = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: string };

/** Sends the path as it is: `fetch` would tidy `..` away before anybody saw it. */
function get(target: string, options: http.RequestOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path: target, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

describe('the page server', () => {
  it('listens on this machine alone', () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  it('gives the page at the root, under the policy that the page itself states', async () => {
    const { status, headers, body } = await get('/');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers['content-security-policy']).toBe(`${POLICY}; frame-ancestors 'none'`);
    expect(body).toContain('<title>x</title>');
  });

  it('gives a page without a policy, and everything that is no page, the closed one', async () => {
    for (const target of ['/bare.html', '/run.json', '/missing']) {
      expect((await get(target)).headers['content-security-policy'], target).toMatch(/^default-src 'none'/);
    }
  });

  it.each([
    ['/run.json', 'application/json; charset=utf-8', '{"a":1}'],
    ['/run.json?download=1#x', 'application/json; charset=utf-8', '{"a":1}'],
    ['/with%20space.csv', 'text/csv; charset=utf-8', 'a,b\n'],
    ['/shards/a.safetensors', 'application/octet-stream', 'x'],
  ])('gives %s as %s', async (target, type, expected) => {
    const { status, headers, body } = await get(target);
    expect([status, headers['content-type'], body]).toEqual([200, type, expected]);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-length']).toBe(String(expected.length));
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/shards/../../secret.txt',
    '/..%5csecret.txt',
    '//secret.txt',
    '/../run-other/secret.txt',
    '/link.txt',
    '/.unfinished-1/run.json',
    '/shards',
    '/shards/',
    '/%00',
    '/%',
    '/missing.html',
    'http://example.org/run.json',
    '*',
  ])('gives nothing for %s', async (target) => {
    const { status, body } = await get(target);
    expect(status).toBe(404);
    expect(body).toBe('404\n');
  });

  it('refuses a request that came in under another host name', async () => {
    expect((await get('/', { headers: { host: 'evil.example' } })).status).toBe(403);
    const port = new URL(server.url).port;
    expect((await get('/', { headers: { host: `localhost:${port}` } })).status).toBe(200);
  });

  it('reads only', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await get('/run.json', { method })).status, method).toBe(405);
    }
    expect(await get('/run.json', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('says so when the port is taken', async () => {
    const port = Number(new URL(server.url).port);
    await expect(serveFolder({ folder, index: 'report.html', port })).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
    });
  });
});
