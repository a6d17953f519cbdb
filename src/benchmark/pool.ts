/** @file benchmark: hands cases to this process or to several of its own kind; knows nothing of what a case is about. */
import { type ChildProcess, fork } from 'node:child_process';
import { MesascopeError } from '../core/errors.ts';
import type { CaseOrder, CaseResult } from './case-order.ts';
import { doCase } from './worker-case.ts';

export type Pool = {
  /** Calls `finish` once per order, in the order in which they come to an end; stops handing out once aborted. */
  each(
    orders: readonly CaseOrder[],
    finish: (order: CaseOrder, result: CaseResult) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
};

/** One job works in this process; more are forked, since a session and the products of its probes share one JavaScript thread. */
export async function openPool(
  jobs: number,
  { workerFile, signal }: { readonly workerFile: string; readonly signal: AbortSignal | undefined },
): Promise<Pool> {
  const workers = jobs === 1 ? [] : Array.from({ length: jobs }, () => startWorker(workerFile));
  const stop = (): void => {
    for (const worker of workers) worker.kill();
  };
  signal?.addEventListener('abort', stop, { once: true });
  return {
    async each(orders, finish) {
      let next = 0;
      const isStopped = (): boolean => signal?.aborted === true;
      const lane = async (handle: (order: CaseOrder) => Promise<CaseResult>): Promise<void> => {
        while (next < orders.length && !isStopped()) {
          const order = orders[next++]!;
          const result = await handle(order);
          if (isStopped()) return;
          await finish(order, result);
        }
      };
      if (jobs === 1) await lane((order) => doCase(order, { signal }));
      else await Promise.all(workers.map((worker) => lane((order) => askWorker(worker, order))));
    },
    async close() {
      signal?.removeEventListener('abort', stop);
      stop();
    },
  };
}

function startWorker(file: string): ChildProcess {
  return fork(file, {
    // The package ships TypeScript, here as in bin/.
    execArgv: ['--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

function askWorker(worker: ChildProcess, order: CaseOrder): Promise<CaseResult> {
  return new Promise((resolve) => {
    const ended = (code: number | null): void => {
      const { code: name, message } = new MesascopeError(
        'INTERNAL',
        `a worker ended with ${code ?? 'a signal'}`,
      );
      resolve({ fault: { code: name, message } });
    };
    if (worker.exitCode !== null || worker.signalCode !== null) return ended(worker.exitCode);
    worker.once('exit', ended);
    worker.once('message', (result) => {
      worker.off('exit', ended);
      resolve(result as CaseResult);
    });
    worker.send(order);
  });
}
