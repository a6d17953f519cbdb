/** @file core: what a long job says while it runs; listeners decide whether and how to show it. */

/** `unit` names what `done` and `total` count ("rows", "twins"). Events come between batches, from the calling thread. */
export type ProgressEvent =
  | { readonly kind: 'stage-start'; readonly stage: string; readonly unit?: string; readonly total?: number }
  | {
      readonly kind: 'stage-progress';
      readonly stage: string;
      readonly done: number;
      readonly total?: number;
    }
  | {
      readonly kind: 'stage-end';
      readonly stage: string;
      readonly durationMs: number;
      readonly note?: string;
    }
  | { readonly kind: 'warning'; readonly message: string };

export type ProgressListener = (event: ProgressEvent) => void;

/** Options every long-running function takes. */
export type RunControl = {
  /** Called between batches. */
  readonly onProgress?: ProgressListener | undefined;
  /** Checked between batches; an aborted run throws `ABORTED` and leaves finished batches on disk. */
  readonly signal?: AbortSignal | undefined;
};
