/** @file core: what a capture needs of a place to keep activations; capture writes through it, store implements it. */

/** One array that a capture produces: `dims` is its shape per row (width, or positions by width). */
export type StoredTensor = { readonly name: string; readonly dims: readonly number[] };

/** The order in which a capture visits its rows. */
export type CapturePlan = {
  /** Stored row i is example `order[i]`; undefined when rows are visited in order. */
  readonly order: Int32Array | undefined;
  /** Rows of each batch, in the order visited. */
  readonly batches: readonly number[];
};

/** A capture on disk, possibly unfinished; held by one process at a time until `close`. */
export type StoredCapture = {
  /** Hash of the identity. */
  readonly key: string;
  readonly folder: string;
  readonly complete: boolean;
  /** Batches that are on disk in full; a capture goes on with the next one. */
  readonly batchesDone: number;
  /** Appends the rows of the next batch: one float32 array per tensor, the same tensors each time. */
  append(tensors: readonly (StoredTensor & { readonly data: Float32Array })[]): void;
  /** States that all batches are there. */
  finish(): void;
  /** All rows of a tensor, in the order of the examples: [rows, ...dims]. Only when complete. */
  read(name: string): { readonly dims: readonly number[]; readonly data: Float32Array };
  /** Lets other processes in; what was appended stays for a later run to go on with. */
  close(): void;
};

/** Keeps captures by what they were made from, so that equal ones are made once. */
export type ActivationCache = {
  /**
   * Opens the capture made from exactly `identity` (a JSON value that holds everything its bytes depend on), or begins it.
   * Throws `RUN_LOCKED` while another process writes it, `DISK_FULL`, `NOT_WRITABLE`.
   */
  open(identity: Readonly<Record<string, unknown>>, plan: CapturePlan): StoredCapture;
};
