/** @file core: the one table of error codes; messages, `mesascope explain` and the tests all read it. */

/** 1: a bug in the tool. 2: bad usage or settings. 3: a model or data problem the user can mend. 130: interrupted, resumable. */
export type FailureExitCode = 1 | 2 | 3 | 130;

export type ErrorEntry = {
  readonly exitCode: FailureExitCode;
  /** What was seen and why it matters, in one or two sentences. */
  readonly meaning: string;
  /** What to do about it. */
  readonly remedy: string;
};

function entry(exitCode: FailureExitCode, meaning: string, remedy: string): ErrorEntry {
  return { exitCode, meaning, remedy };
}

/** Every code, in layer order; the table below must hold each one exactly once. */
export type ErrorCode =
  | 'INTERNAL'
  | 'ABORTED'
  | 'BAD_USAGE'
  | 'BAD_SETTING'
  | 'MATRIX_SHAPE'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_CORRUPT'
  | 'MODEL_LIMIT'
  | 'MODEL_UNSUPPORTED'
  | 'EXTERNAL_DATA_PATH'
  | 'EXTERNAL_DATA_MISSING'
  | 'HOOK_UNKNOWN'
  | 'HOOK_UNAVAILABLE'
  | 'RUNTIME_VERSION'
  | 'SESSION_FAILED'
  | 'RUN_FAILED'
  | 'FEED_UNKNOWN'
  | 'NON_FINITE'
  | 'NOT_POSITIVE_DEFINITE'
  | 'RANK_DEFICIENT'
  | 'LABELS_INVALID'
  | 'LABELS_ONE_CLASS';

/** One section per layer, in layer order. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorEntry>> = {
  // core
  INTERNAL: entry(
    1,
    'Something happened that the tool itself should have prevented.',
    'Please report it with the command and the message.',
  ),
  ABORTED: entry(
    130,
    'The run was interrupted. Finished batches are on disk.',
    'Run the same command again: it goes on where it stopped.',
  ),
  BAD_USAGE: entry(
    2,
    'The command line or an option cannot be understood.',
    'See `mesascope --help` or `mesascope COMMAND --help`.',
  ),
  BAD_SETTING: entry(
    2,
    'A setting has a value outside its range or of the wrong kind.',
    'Correct the setting that the message names.',
  ),
  MATRIX_SHAPE: entry(
    1,
    'Two shapes that must agree do not.',
    'In a script: check the rows and columns handed in. From the command line this is a bug; please report it.',
  ),
  // onnx
  MODEL_NOT_FOUND: entry(
    3,
    'No model file at that path.',
    'Check the path; relative paths start at the working folder.',
  ),
  MODEL_CORRUPT: entry(
    3,
    'The file is not a readable ONNX model: a length, a field or the whole file is damaged or cut short.',
    'Export or download the model again.',
  ),
  MODEL_LIMIT: entry(
    3,
    'The file states a size or a count beyond what this tool accepts from an untrusted file.',
    'If the model is genuine, open it with a higher limit (see `limits` in the documentation of `indexModel`).',
  ),
  MODEL_UNSUPPORTED: entry(
    3,
    'The model uses something this tool does not handle.',
    'The message names it; another export of the same model usually avoids it.',
  ),
  EXTERNAL_DATA_PATH: entry(
    3,
    'The model refers to a weight file outside its own folder, which could read any file of this machine.',
    'Put the weight file beside the model and export again with a relative location.',
  ),
  EXTERNAL_DATA_MISSING: entry(
    3,
    'A weight file that the model refers to is missing or too short.',
    'Copy the weight file beside the model.',
  ),
  HOOK_UNKNOWN: entry(
    2,
    'No hook point of that name exists in this model.',
    'Run `mesascope inspect MODEL` for the list.',
  ),
  HOOK_UNAVAILABLE: entry(
    3,
    'This graph does not offer that hook point.',
    'Run `mesascope inspect MODEL` for the reason, or choose another hook.',
  ),
  // runtime
  RUNTIME_VERSION: entry(
    3,
    'The installed onnxruntime-node is older than 1.24.3, which mixes up partial outputs (microsoft/onnxruntime#26865).',
    'Install onnxruntime-node 1.24.3 or later.',
  ),
  SESSION_FAILED: entry(
    3,
    'ONNX Runtime refused to load the model.',
    'The message carries its reason; an unsupported operator or a damaged file are the usual ones.',
  ),
  RUN_FAILED: entry(
    3,
    'ONNX Runtime failed while running the model.',
    'The message carries its reason; usually an input of the wrong shape.',
  ),
  FEED_UNKNOWN: entry(
    1,
    'A value was fed under a name that the model does not take; ONNX Runtime would ignore it in silence.',
    'Check the name against `inputNames`.',
  ),
  // linalg
  NON_FINITE: entry(
    3,
    'A matrix holds NaN or infinity, so every number computed from it would be meaningless.',
    'Check the model and the inputs that gave these activations: an overflow in half precision is the usual source.',
  ),
  NOT_POSITIVE_DEFINITE: entry(
    3,
    'A system has no unique solution: the features are linearly dependent and nothing regularises them.',
    'Use a larger penalty, more shrinkage or more examples.',
  ),
  RANK_DEFICIENT: entry(
    3,
    'Fewer independent directions exist than were asked for.',
    'Ask for a smaller subspace or give more examples.',
  ),
  // probe
  LABELS_INVALID: entry(
    3,
    'Class labels do not fit the data: one is outside its range, or there are too few of them.',
    'Labels are whole numbers from 0 to the number of classes less one, or -1 for "no value"; one per example.',
  ),
  LABELS_ONE_CLASS: entry(
    3,
    'Fewer than two classes of a variable occur among the examples a probe is fitted on, so there is nothing to tell apart.',
    'Add examples of another class to the fitting side, or leave the variable out.',
  ),
};
