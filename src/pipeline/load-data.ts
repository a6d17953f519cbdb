/** @file pipeline: gets the data set of an experiment, from a file, a value or a function, and its content hash. */
import { basename } from 'node:path';
import type { DataSet } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { dataSetSha256, readDataSet } from '../store/data-set.ts';
import { dataSetWarnings } from '../store/data-warnings.ts';
import type { Experiment } from './experiment.ts';
import { mustBeDataSet } from './made-data.ts';
import { runUserCode } from './user-code.ts';

export type LoadedData = {
  readonly dataSet: DataSet;
  /** Hash of the content; the same set made by a program or read from a file has the same one. */
  readonly sha256: string;
  /** File name without folders, or null for data made by a program. */
  readonly file: string | null;
  readonly warnings: readonly string[];
};

/**
 * Throws the reader's coded errors, `DATA_EMPTY` when there is nothing to read, and `EXPERIMENT_INVALID` when a data function throws or
 * what it gives is no data set.
 */
export async function loadData(
  experiment: Pick<Experiment, 'data'>,
  control: RunControl,
): Promise<LoadedData> {
  if (typeof experiment.data === 'string') {
    const { dataSet, sha256, warnings } = await readDataSet(experiment.data, control);
    return { dataSet, sha256, file: basename(experiment.data), warnings };
  }
  const { data } = experiment;
  const dataSet: unknown =
    typeof data === 'function' ? await runUserCode('the data function', () => data()) : data;
  mustBeDataSet(dataSet);
  if (dataSet.examples.length === 0) throw new MesascopeError('DATA_EMPTY', 'the data set has no examples');
  return { dataSet, sha256: dataSetSha256(dataSet), file: null, warnings: dataSetWarnings(dataSet) };
}
