/** @file cli: the process that the benchmark forks: one order in, one result out, until the channel closes. */

import type { CaseOrder } from '../benchmark/case-order.ts';
import { doCase } from '../benchmark/worker-case.ts';

// Ctrl+C reaches every process of the terminal; the parent ends its workers itself.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('message', (order) => {
  void doCase(order as CaseOrder).then((result) => process.send?.(result));
});
