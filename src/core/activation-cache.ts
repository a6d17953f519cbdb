/** @file core: what a capture needs of a place to keep activations, and a long one of its rows; capture uses it, store implements it. */
import type { ModelInput } from './data-set.ts';

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

/** Inputs that are too many to be held in memory, one row each. */
export type RowSource = {
  readonly rows: number;
  /** Positions of each row. */
  readonly lengths: Int32Array;
  /** Positions of each row in the stream that is captured, where they are others (patches of an image, a decoder's own tokens). */
  readonly positions?: Int32Array;
  /** Absolute positions of each row under names, where places were asked for by what stands there. */
  readonly placed?: ReadonlyMap<string, Int32Array>;
  /** Rows of one shape class can share a batch without padding. */
  readonly shapeClass: Int32Array;
  /** The row's input, read from where it lies. */
  input(row: number): ModelInput;
};

/** A place that takes a long capture's activations batch by batch, each row at its final place. */
export type ActivationSink = {
  /** Batches of the plan that are there; a capture goes on with the next one. */
  readonly batchesDone: number;
  /**
   * Makes room for every row of these tensors; called once, before the first `write`. Throws `DISK_ROOM`, `DISK_FULL`,
   * `NOT_WRITABLE`.
   */
  begin(tensors: readonly StoredTensor[]): void;
  /**
   * Puts the rows of the next batch in place: `rows` are their numbers, ascending, and each array is [rows.length, ...dims]. The
   * arrays must not change before the promise resolves. One call at a time. Throws `ACTIVATIONS_RANGE`, `DISK_FULL`,
   * `NOT_WRITABLE`.
   */
  write(
    rows: Int32Array,
    tensors: readonly (StoredTensor & { readonly data: Float32Array })[],
  ): Promise<void>;
};
