/** @file runtime: plain values in and out of a session; no type of ONNX Runtime leaves this layer. */

/** A tensor as plain data. bool is one byte per value; int64 is BigInt64Array. float16 is fed as bits; float16 outputs arrive as float32. */
export type TensorValue =
  | { readonly type: 'float32'; readonly dims: readonly number[]; readonly data: Float32Array }
  | { readonly type: 'float16'; readonly dims: readonly number[]; readonly data: Uint16Array }
  | { readonly type: 'int64'; readonly dims: readonly number[]; readonly data: BigInt64Array }
  | { readonly type: 'int32'; readonly dims: readonly number[]; readonly data: Int32Array }
  | { readonly type: 'bool'; readonly dims: readonly number[]; readonly data: Uint8Array }
  | { readonly type: 'float64'; readonly dims: readonly number[]; readonly data: Float64Array }
  | { readonly type: 'uint8'; readonly dims: readonly number[]; readonly data: Uint8Array };

/** A model by path (weights beside it are found by ONNX Runtime), or as bytes whose external data lies in `folder`. */
export type ModelSource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly folder?: string };

/** ORT's graph optimisation level. `basic` and `disabled` are bit-exact with and without capture; `all` is fastest. */
export type OptimizationLevel = 'disabled' | 'basic' | 'all';

export type SessionOptions = {
  readonly optimization?: OptimizationLevel;
  /** Threads inside one operator; 0 lets ORT decide. */
  readonly threads?: number;
  /** Do not repack weights: less memory, somewhat slower products. */
  readonly disablePrepacking?: boolean;
};

export type InputMetadata = {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
};

export type Session = {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputs: readonly InputMetadata[];
  readonly outputs: readonly InputMetadata[];
  /** Runs once. Throws `FEED_UNKNOWN` on a name that is not an input, `RUN_FAILED` with ORT's reason. */
  run(
    feeds: Readonly<Record<string, TensorValue>>,
    fetches?: readonly string[],
  ): Promise<Record<string, TensorValue>>;
  close(): Promise<void>;
};
