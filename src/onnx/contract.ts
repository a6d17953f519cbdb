/** @file onnx: the types that the layer's files share and other layers see; the work is in the files beside it. */

/** A half-open range of bytes [start, end) in the model file. */
export type ByteRange = { readonly start: number; readonly end: number };

/** ONNX TensorProto.DataType numbers that this project names. */
export const DATA_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const;

export type Attribute = {
  readonly name: string;
  readonly int?: number;
  readonly ints?: readonly number[];
  readonly float?: number;
  readonly floats?: readonly number[];
  readonly string?: string;
  /** A tensor-valued attribute (Constant's `value`). */
  readonly tensor?: TensorView;
  /** True when the attribute holds one or more sub-graphs (If, Loop, Scan). */
  readonly hasGraph: boolean;
};

export type NodeView = {
  readonly index: number;
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** Empty string: an optional input that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Values of the enclosing graph that the node's sub-graphs read by name; absent without sub-graphs. */
  readonly captures?: readonly string[];
  /** The node's own bytes, tag and length excluded. */
  readonly range: ByteRange;
};

/** A stored tensor; its values stay where they are until `readTensor` is called. */
export type TensorView = {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly range: ByteRange;
  readonly data:
    | { readonly kind: 'raw'; readonly range: ByteRange }
    | { readonly kind: 'typed'; readonly field: number }
    | {
        readonly kind: 'external';
        readonly location: string;
        readonly offset: number;
        readonly length: number | undefined;
      }
    | { readonly kind: 'empty' };
};

/** A graph input or output as the file declares it; a dimension is a size, a symbol, or null where nothing is said. */
export type ValueInfo = {
  readonly name: string;
  readonly dataType: number | undefined;
  readonly shape: readonly (number | string | null)[] | undefined;
};

/** What a model file holds, by byte range; nothing is copied out of it. */
export type ModelIndex = {
  readonly bytes: Uint8Array;
  readonly irVersion: number;
  /** Domain ('' is ai.onnx) to version. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly graphName: string;
  /** Range of the GraphProto's contents in `bytes` (its first piece). */
  readonly graphRange: ByteRange;
  /** All pieces of the GraphProto, in order: protobuf merges a message that a file repeats. */
  readonly graphPieces: readonly ByteRange[];
  readonly nodes: readonly NodeView[];
  readonly initializers: ReadonlyMap<string, TensorView>;
  /** Graph inputs that must be fed, i.e. without those that are also initializers. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly valueInfo: ReadonlyMap<string, ValueInfo>;
  readonly functions: number;
  /** Every value name that a sub-graph (of If, Loop, Scan) defines; none of them can be an output. */
  readonly nestedNames: ReadonlySet<string>;
  /** Names of initializers stored as SparseTensorProto. */
  readonly sparseInitializers: readonly string[];
};

/** Upper bounds on what an untrusted file may state. */
export type ReadLimits = {
  /** Nodes, those of sub-graphs included. */
  readonly maxNodes: number;
  readonly maxInitializers: number;
  /** Declared graph inputs, outputs and value_info entries together. */
  readonly maxValues: number;
  /** Inputs, outputs, attributes (and the numbers in them), sub-graphs and metadata entries of all nodes together. */
  readonly maxParts: number;
  /** Graphs within graphs. */
  readonly maxDepth: number;
  readonly maxRank: number;
  readonly maxNameBytes: number;
};

/** How a hidden value X [batch, position, width] is changed; every part is a required input of the edited graph.
 *  All kinds are gated: X = Where(mask, changed, X__pre), mask bool [batch, position, 1], so an all-false mask is a
 *  bit-exact no-op and positions outside the mask keep their bits. */
export type EditKind =
  /** changed = X__pre + value; value broadcastable to [batch, position, width]. */
  | 'add'
  /** changed = value. */
  | 'replace'
  /** changed = X__pre - (X__pre B) B^T; basis B [width, k], orthonormal columns. */
  | 'project-out'
  /** changed = X__pre + ((value - X__pre) B) B^T. */
  | 'replace-in-subspace';

export type EditRequest = {
  readonly value: string;
  readonly kind: EditKind;
  readonly id: string;
  /** Number of axes of what will be fed as mask and value; a fused operator behind the edit may need to know it before it runs. */
  readonly rank?: number;
};

/** Names of the inputs that an edit added; `value` and `basis` only for the kinds that use them. */
export type EditInputs = {
  readonly id: string;
  readonly kind: EditKind;
  readonly mask: string;
  readonly value?: string;
  readonly basis?: string;
};

/** What to bring out of the graph. `all`: the value as it is. `positions`: rows picked inside the graph by an added
 *  int64 input [batch, p], giving [batch, p, width] (GatherND with batch_dims = 1). */
export type OutputRequest = { readonly value: string; readonly pick: 'all' | 'positions' };

export type InstrumentRequest = {
  readonly outputs: readonly OutputRequest[];
  readonly edits?: readonly EditRequest[];
  /** Values that are fed as float32 instead of being computed; what only they needed does not run. Without the model's own outputs only. */
  readonly given?: readonly string[];
  /** Keep the model's own outputs (default true); without them the graph is pruned after the last requested value. */
  readonly keepModelOutputs?: boolean;
  /** `inline`: the result is a complete model. `reference`: large initializers point into `modelFile` by offset. */
  readonly weights?: { readonly kind: 'inline' } | { readonly kind: 'reference'; readonly modelFile: string };
};

export type InstrumentedModel = {
  readonly bytes: Uint8Array;
  /** Requested value name -> output name in the instrumented graph. */
  readonly outputNames: ReadonlyMap<string, string>;
  /** Name of the int64 [batch, p] input, when any output picks positions. */
  readonly positionsInput: string | undefined;
  readonly edits: readonly EditInputs[];
  /** Given value -> name of the input that takes it; without an entry where no requested output depends on it. */
  readonly given: ReadonlyMap<string, string>;
};

/** Axes of a hook's value, in order. */
export type HookAxis =
  | 'batch'
  | 'position'
  | 'width'
  | 'head'
  | 'query'
  | 'key'
  | 'head_width'
  | 'vocabulary';

export type HookPoint = {
  readonly state: 'available';
  /** Canonical name, e.g. `embed`, `blocks.0.resid_pre`, `blocks.2.attn_out`, `final_norm`, `logits`. */
  readonly name: string;
  /** The value's name in the graph. */
  readonly value: string;
  readonly axes: readonly HookAxis[];
  readonly width: number | undefined;
};
export type MissingHook = {
  readonly state: 'unavailable';
  readonly name: string;
  readonly reason: string;
  /** True where the architecture has no such part, so that nothing is added to the stream by it. */
  readonly absent?: true;
  /** The value that holds it with batch and position as one axis, where that is what keeps it back, and its width. */
  readonly flat?: { readonly value: string; readonly width: number };
};

/**
 * What counts the positions of a stream: the second axis of an input, the graph itself (patches of an image), or a sum over
 * the sizes of inputs (patches of images of any size, tokens and one more).
 */
export type Sequence =
  | { readonly kind: 'input'; readonly input: string }
  | { readonly kind: 'fixed'; readonly positions: number }
  | { readonly kind: 'computed' };

/** The stream that a hook belongs to: `encoder.` hooks lie on the stream that another one attends to. */
export type StreamName = 'main' | 'encoder';

/** What the structure of a graph says about its hooks. */
export type HookMap = {
  /** `decoder`: causal mask or caches; `encoder`: none; `unknown`: cannot be told from the graph. */
  readonly blocks: readonly {
    readonly index: number;
    readonly kind: 'sequential' | 'parallel';
    readonly norm: 'pre' | 'post' | 'none';
    /** Set where a sum takes the stream scaled or rounded and its branches do not, so that it is not the stream plus what they add. */
    readonly scaledSkip?: true;
  }[];
  readonly hooks: readonly (HookPoint | MissingHook)[];
  /** Blocks of the encoder whose stream the main one attends to; its hooks are called `encoder.blocks.{i}...`. */
  readonly encoder?: HookMap['blocks'];
  /** Residual width, when there is a residual stream. */
  readonly width: number | undefined;
  /** Plain sentence when there is no residual stream, else undefined. */
  readonly noResidual: string | undefined;
  /** Plain sentence about another stream that has no names; left out where there is none. */
  readonly unnamed?: string;
  /** What counts the positions of each stream; left out where the graph does not tell. */
  readonly sequences?: Partial<Readonly<Record<StreamName, Sequence>>>;
};

/** What `verify` reports for one self-check; the numbers come from a small run of the model. */
export type SelfCheck = {
  readonly id:
    | 'residual-identity'
    | 'attention-rows'
    | 'batch-equals-alone'
    | 'edit-changes-output'
    | 'no-op-edit'
    | 'attention-mixes-positions'
    | 'mlp-keeps-positions'
    | 'edit-reaches-both'
    | 'run-equals-file';
  readonly state: 'passed' | 'failed' | 'not-applicable';
  /** Largest absolute difference, or the quantity the check is about; undefined where nothing was measured, or NaN came out. */
  readonly value: number | undefined;
  readonly limit: number | undefined;
  readonly note: string;
  /** The same quantity at each hook that was tried, where the check is about several. */
  readonly perHook?: readonly HookNumber[];
};

/** `value` is NaN where NaN came out. */
export type HookNumber = { readonly hook: string; readonly value: number };
