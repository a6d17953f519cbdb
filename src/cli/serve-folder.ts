/** @file cli: a web server for one folder on this machine alone: reads only, no listing, no links out of the folder. */
import { createReadStream, type Stats } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MesascopeError } from '../core/errors.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.safetensors': 'application/octet-stream',
};

/** For everything that is not a page, and for a page that states no policy of its own. */
const CLOSED_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export type ServeOptions = {
  /** Absolute. */
  readonly folder: string;
  /** File shown at `/`. */
  readonly index: string;
  /** 0 or undefined: a free one. */
  readonly port?: number | undefined;
};

export type FolderServer = { readonly url: string; close(): Promise<void> };

/** Listens on 127.0.0.1 until closed. Throws `PORT_UNAVAILABLE`. */
export async function serveFolder({ folder, index, port = 0 }: ServeOptions): Promise<FolderServer> {
  const root = await realpath(folder);
  const server = createServer((request, response) => {
    answer(request, response, { root, index, server }).catch(() => refuse(response, 500));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${cause.code ?? cause.message})`;
      reject(new MesascopeError('PORT_UNAVAILABLE', `port ${port} ${why}`, { facts: { port }, cause }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${portOf(server)}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Served = { readonly root: string; readonly index: string; readonly server: Server };

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { root, index, server }: Served,
): Promise<void> {
  // A page elsewhere can point its own host name at 127.0.0.1; such a request carries that name.
  const hosts = [`127.0.0.1:${portOf(server)}`, `localhost:${portOf(server)}`];
  if (!hosts.includes(request.headers.host ?? '')) return refuse(response, 403);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405);
  }
  const found = await fileFor(request.url ?? '/', root, index);
  if (found === undefined) return refuse(response, 404);
  const extension = path.extname(found.file).toLowerCase();
  const type = CONTENT_TYPES[extension] ?? 'application/octet-stream';
  response.writeHead(200, {
    ...securityHeaders(extension === '.html' ? policyOf(await readFile(found.file, 'utf8')) : CLOSED_POLICY),
    'Content-Type': type,
    'Content-Length': found.stats.size,
  });
  if (request.method === 'HEAD') response.end();
  // A reader that closes its tab midway is no failure.
  else await pipeline(createReadStream(found.file), response).catch(() => response.destroy());
}

/** The file a URL names, or undefined when it is none of the folder's own. Names that start with a dot are private. */
async function fileFor(
  url: string,
  root: string,
  index: string,
): Promise<{ readonly file: string; readonly stats: Stats } | undefined> {
  let name: string;
  try {
    name = decodeURIComponent(url.split(/[?#]/, 1)[0]!);
  } catch {
    return undefined;
  }
  const segments = name.split('/').slice(1);
  if (!name.startsWith('/') || /[\0\\:]/.test(name)) return undefined;
  if (
    segments.some((segment, at) => segment.startsWith('.') || (segment === '' && at + 1 < segments.length))
  ) {
    return undefined;
  }
  try {
    // Resolved before it is compared: a link inside the folder may point out of it.
    const file = await realpath(path.join(root, name === '/' ? index : name));
    if (!file.startsWith(root + path.sep)) return undefined;
    const stats = await stat(file);
    return stats.isFile() ? { file, stats } : undefined;
  } catch {
    return undefined;
  }
}

/** The policy that the page itself declares, so that header and page cannot drift apart. */
function policyOf(page: string): string {
  const declared = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/i.exec(page)?.[1];
  if (declared === undefined) return CLOSED_POLICY;
  const policy = declared
    .replace(/&#0?39;|&#x27;|&apos;/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ');
  // A page cannot forbid being framed by itself; only a header can.
  return `${policy.replace(/;\s*$/, '')}; frame-ancestors 'none'`;
}

function securityHeaders(policy: string): Record<string, string> {
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}

function refuse(response: ServerResponse, status: 403 | 404 | 405 | 500): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    ...securityHeaders(CLOSED_POLICY),
    'Content-Type': 'text/plain; charset=utf-8',
  });
  response.end(`${status}\n`);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
