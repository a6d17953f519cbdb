/** @file core: the form of one entry of the table of error codes. */

/** 1: a bug in the tool. 2: bad usage or settings. 3: a model or data problem the user can mend. 130: interrupted, resumable. */
export type FailureExitCode = 1 | 2 | 3 | 130;

export type ErrorEntry = {
  readonly exitCode: FailureExitCode;
  /** What was seen and why it matters, in one or two sentences. */
  readonly meaning: string;
  /** What to do about it. */
  readonly remedy: string;
};

export function entry(exitCode: FailureExitCode, meaning: string, remedy: string): ErrorEntry {
  return { exitCode, meaning, remedy };
}
