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
  const workers = new Set<ChildProcess>();
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
      const forked = async (): Promise<void> => {
        let worker: ChildProcess | undefined;
        await lane((order) => {
          // One that died (memory) takes its order with it, and no other.
          if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) {
            if (worker !== undefined) workers.delete(worker);
            worker = startWorker(workerFile);
            workers.add(worker);
          }
          return askWorker(worker, order);
        });
      };
      if (jobs === 1) await lane((order) => doCase(order, { signal }));
      else await Promise.all(Array.from({ length: jobs }, forked));
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
    const done = (result: CaseResult): void => {
      worker.off('exit', ended).off('error', failed).off('message', answered);
      resolve(result);
    };
    const fault = (why: string): void => {
      const { code, message } = new MesascopeError('INTERNAL', why);
      done({ fault: { code, message } });
    };
    const ended = (code: number | null): void => fault(`a worker ended with ${code ?? 'a signal'}`);
    const failed = (cause: Error): void => fault(`a worker failed: ${cause.message}`);
    const answered = (result: unknown): void => done(result as CaseResult);
    worker.once('exit', ended).once('error', failed).once('message', answered);
    worker.send(order);
  });
}
