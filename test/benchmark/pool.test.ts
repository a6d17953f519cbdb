/** @file test of benchmark: a worker that dies takes its own order with it and no other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CaseOrder } from '../../src/benchmark/case-order.ts';
import { openPool } from '../../src/benchmark/pool.ts';

let folder: string;
let workerFile: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-pool-'));
  workerFile = path.join(folder, 'worker.ts');
  writeFileSync(
    workerFile,
    `process.on('message', (order) => {
  if (order.case === 'dies') process.exit(3);
  setTimeout(() => process.send({ fault: { code: 'DONE', message: order.id } }), 20);
});`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

it('goes on with a new worker after one has died', async () => {
  const orders = Array.from({ length: 8 }, (_, i) => ({
    id: `order-${i}`,
    case: i === 0 || i === 5 ? 'dies' : 'lives',
  })) as unknown as CaseOrder[];
  const pool = await openPool(2, { workerFile, signal: undefined });
  const found = new Map<string, string>();
  try {
    await pool.each(orders, async ({ id }, result) => {
      found.set(id, 'fault' in result ? result.fault.code : 'row');
    });
  } finally {
    await pool.close();
  }
  // In which order they die depends on which worker starts first.
  const died = [...found].filter(([, code]) => code === 'INTERNAL').map(([id]) => id);
  expect(died.sort()).toEqual(['order-0', 'order-5']);
  expect([...found.values()].filter((code) => code === 'DONE')).toHaveLength(6);
}, 30_000);
