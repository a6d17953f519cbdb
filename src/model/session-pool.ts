/** @file model: the open sessions of one model, one per way of instrumenting it; loading is dear, running is cheap. */

import { canonicalJson } from '../core/canonical-json.ts';
import { MesascopeError } from '../core/errors.ts';
import type { InstrumentedModel, InstrumentRequest, ModelIndex } from '../onnx/contract.ts';
import { indexModel } from '../onnx/index-model.ts';
import { instrument } from '../onnx/instrument.ts';
import type { OptimizationLevel, Session } from '../runtime/contract.ts';
import { openSession } from '../runtime/session.ts';

/** How a session's graph differs from the file's. */
export type SessionPlan = {
  /** Each step instruments the result of the one before; none: the model as it is. */
  readonly steps: readonly InstrumentStep[];
  readonly optimization: OptimizationLevel;
};

/** A later step may need the names that an earlier one gave to its outputs. */
export type InstrumentStep = (before: readonly InstrumentedModel[]) => InstrumentRequest;

export type OpenSession = { readonly session: Session; readonly instrumented: readonly InstrumentedModel[] };

type Entry = { readonly opened: Promise<OpenSession>; users: number };

/** Sessions kept open per model; beyond, the one that was idle longest is closed. */
const MOST_SESSIONS = 8;

export class SessionPool {
  readonly #index: ModelIndex;
  readonly #folder: string | undefined;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  /** `folder`: where ONNX Runtime finds the weights that the graph refers to. */
  constructor(index: ModelIndex, folder: string | undefined) {
    this.#index = index;
    this.#folder = folder;
  }

  /**
   * Runs `work` with the session of `plan`, opened on first use; `key` must tell plans apart. The session stays open at
   * least until `work` is done. Throws what instrumenting and opening throw, and `INTERNAL` on a closed model.
   */
  async use<T>(key: unknown, plan: SessionPlan, work: (open: OpenSession) => Promise<T>): Promise<T> {
    if (this.#closed) throw new MesascopeError('INTERNAL', 'a closed model was run');
    const name = canonicalJson([key, plan.optimization]);
    const entry = this.#entries.get(name) ?? { opened: this.#open(plan), users: 0 };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.users++;
    try {
      return await work(await entry.opened);
    } catch (error) {
      // A session that did not open must not be found again.
      await entry.opened.catch(() => this.#entries.delete(name));
      throw error;
    } finally {
      entry.users--;
      await this.#closeIdle(this.#closed ? 0 : MOST_SESSIONS);
    }
  }

  /** Closes what is idle now, and what is in use as soon as it is not. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#closeIdle(0);
  }

  async #closeIdle(keep: number): Promise<void> {
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size <= keep) return;
      if (entry.users > 0) continue;
      this.#entries.delete(name);
      await (await entry.opened).session.close();
    }
  }

  async #open({ steps, optimization }: SessionPlan): Promise<OpenSession> {
    const instrumented: InstrumentedModel[] = [];
    for (const step of steps) {
      const last = instrumented.at(-1);
      const index = last === undefined ? this.#index : indexModel(last.bytes);
      instrumented.push(instrument(index, step(instrumented)));
    }
    const bytes = instrumented.at(-1)?.bytes ?? this.#index.bytes;
    const folder = this.#folder;
    const session = await openSession(
      { kind: 'bytes', bytes, ...(folder === undefined ? {} : { folder }) },
      { optimization },
    );
    // The graph's bytes have served; what callers need of each step are its names.
    const names = instrumented.map((one) => ({ ...one, bytes: new Uint8Array(0) }));
    return { session, instrumented: names };
  }
}
