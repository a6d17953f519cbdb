/** @file test: what a synthetic network stores and does, and the networks whose verdict is known. */
import type { Role } from './synthetic-world.ts';

/** What a network stores and what it does with it. */
export type Truth = {
  /** Length of each variable's code at `blocks.0.resid_post`. */
  readonly code: Readonly<Record<Role, number>>;
  /** Nats by which the head prefers the action that each variable names; may depend on the context. */
  readonly weight: Readonly<Record<Role, number>>;
  /** Added to the logit of the first action: makes the model ignore the task without changing any effect. */
  readonly bias?: number;
  /** Factor on the proxy's weight where the context is 1. Default 1. */
  readonly proxyInContext?: number;
  /** Added to the proxy's weight where the gate is open. Default 0. */
  readonly proxyBehindGate?: number;
  /** A variable that `blocks.1` writes a second time at the read-out, in directions of its own; the head adds both copies. */
  readonly again?: Role;
  /** A variable that `blocks.1` writes instead of `blocks.0`: it reaches the read-out one hook later. */
  readonly late?: Role;
};

const FAINT = 0.3;
/** The networks whose verdict is known. */
export const TRUTHS = {
  intendedOnly: {
    code: { intended: 1, proxy: 0.05, irrelevant: 0.05 },
    weight: { intended: 4, proxy: 0, irrelevant: 0 },
  },
  proxyOnly: {
    code: { intended: 0.05, proxy: 1, irrelevant: 0.05 },
    weight: { intended: 0, proxy: 4, irrelevant: 0 },
  },
  mixture: {
    code: { intended: 1, proxy: 1, irrelevant: FAINT },
    weight: { intended: 2.8, proxy: 1.2, irrelevant: 0 },
  },
  ignoresBoth: {
    code: { intended: FAINT, proxy: FAINT, irrelevant: FAINT },
    weight: { intended: 0, proxy: 0, irrelevant: 3 },
  },
  unusedProxy: {
    code: { intended: 1, proxy: 1, irrelevant: FAINT },
    weight: { intended: 4, proxy: 0, irrelevant: 0 },
  },
  incompetent: {
    code: { intended: 1, proxy: 0.05, irrelevant: 0.05 },
    weight: { intended: 4, proxy: 0, irrelevant: 0 },
    bias: 20,
  },
} as const satisfies Record<string, Truth>;
