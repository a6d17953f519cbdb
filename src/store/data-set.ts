/** @file store: reads a data file into a data set and gives a data set its hash; the format itself is data-schema's. */
import { canonicalJson } from '../core/canonical-json.ts';
import type { DataSet, Example } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Sha256, sha256Of } from '../core/hash.ts';
import type { RunControl } from '../core/progress.ts';
import type { DataHeader } from './data-example.ts';
import { streamExamples } from './data-stream.ts';
import { dataSetWarnings } from './data-warnings.ts';

export type DataSetFile = {
  readonly dataSet: DataSet;
  /** `dataSetSha256` of the data set: of what it says, not of how the file spells it. */
  readonly sha256: Sha256;
  /** What is legal but probably not meant, in plain sentences. */
  readonly warnings: readonly string[];
};

/**
 * Reads a data file of format `mesascope-data/1`, line by line.
 *
 * Throws `DATA_NOT_FOUND`, `DATA_SYNTAX`, `DATA_FIELD`, `DATA_UNKNOWN_FIELD`, `DATA_DUPLICATE_ID`, `DATA_EMPTY`, `DATA_LIMIT`,
 * each with file, line and field, and `ABORTED`.
 */
export async function readDataSet(path: string, control: RunControl = {}): Promise<DataSetFile> {
  const examples: Example[] = [];
  const stream = streamExamples(path, control);
  let header: DataHeader | undefined;
  let step = await stream.next();
  for (; step.done !== true; step = await stream.next()) {
    header = step.value.header;
    examples.push(step.value.example);
  }
  const { chat: _, ...described } = header!;
  const dataSet: DataSet = { ...described, examples };
  return { dataSet, sha256: step.value, warnings: dataSetWarnings(dataSet) };
}

/**
 * Hash of what a data set says, in canonical JSON, one line for the description and one per example: a data set made in
 * memory and the same one read from a file have the same hash, whatever the order of keys or the spacing of the file.
 *
 * Throws `DATA_FIELD` when a data set made in memory holds what JSON cannot (NaN, infinity, functions).
 */
export function dataSetSha256(dataSet: DataSet): Sha256 {
  const { examples, ...header } = dataSet;
  try {
    return sha256Of(canonicalLines(header, examples));
  } catch (cause) {
    throw new MesascopeError(
      'DATA_FIELD',
      `the data set "${dataSet.title}" holds a value that JSON cannot hold`,
      {
        cause,
      },
    );
  }
}

function* canonicalLines(header: Omit<DataSet, 'examples'>, examples: readonly Example[]): Generator<string> {
  yield `${canonicalJson(header)}\n`;
  for (const example of examples) yield `${canonicalJson(example)}\n`;
}
