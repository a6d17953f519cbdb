/** @file store: reads a data file into a data set and gives a data set its hash; the format itself is data-schema's. */
import { canonicalJson } from '../core/canonical-json.ts';
import { type DataPlace, rememberPlace } from '../core/data-place.ts';
import type { DataSet, Example } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Sha256, sha256Of } from '../core/hash.ts';
import type { RunControl } from '../core/progress.ts';
import { type DataHeader, toExample, toHeader } from './data-example.ts';
import {
  fieldFault,
  headerFault,
  type LinePlace,
  schemaFault,
  type Undeclared,
  undeclaredBy,
} from './data-fault.ts';
import { jsonLines, type LineLimits } from './data-lines.ts';
import { parseExample, parseHeader } from './data-schema.ts';
import { dataSetWarnings } from './data-warnings.ts';

export type DataSetFile = {
  readonly dataSet: DataSet;
  /** `dataSetSha256` of the data set: of what it says, not of how the file spells it. */
  readonly sha256: Sha256;
  /** What is legal but probably not meant, in plain sentences. */
  readonly warnings: readonly string[];
};

/** Generous for real data, small enough that a hostile file cannot take the memory. */
const LIMITS: LineLimits = { maxLineBytes: 16 * 2 ** 20, maxDepth: 64 };
const PROGRESS_ROWS = 2000;

/**
 * Reads a data file of format `mesascope-data/1`, line by line.
 *
 * Throws `DATA_NOT_FOUND`, `DATA_SYNTAX`, `DATA_FIELD`, `DATA_UNKNOWN_FIELD`, `DATA_DUPLICATE_ID`, `DATA_EMPTY`, `DATA_LIMIT`,
 * each with file, line and field, and `ABORTED`.
 */
export async function readDataSet(path: string, control: RunControl = {}): Promise<DataSetFile> {
  const started = performance.now();
  control.onProgress?.({ kind: 'stage-start', stage: 'read data', unit: 'examples' });
  let header: DataHeader | undefined;
  let headerLine = 1;
  const examples: Example[] = [];
  const lineOfId = new Map<string, number>();
  let suspect: Suspect | undefined;
  for await (const { number, value } of jsonLines(path, LIMITS, control.signal)) {
    const place: LinePlace = { file: path, line: number };
    if (header === undefined) {
      header = readHeader(value, place);
      headerLine = number;
      continue;
    }
    if (suspect !== undefined) {
      const found = sameLack(suspect, { value, header, place, headerLine });
      if (found === undefined) continue;
      throw found;
    }
    let example: Example;
    try {
      example = readExample(value, header, place);
    } catch (fault) {
      const undeclared = undeclaredBy(fault);
      if (undeclared === undefined) throw fault;
      suspect = { fault, undeclared, line: number };
      continue;
    }
    const earlier = lineOfId.get(example.id);
    if (earlier !== undefined) {
      throw new MesascopeError(
        'DATA_DUPLICATE_ID',
        `field \`id\` is ${JSON.stringify(example.id)}, as in line ${earlier}`,
        { location: place, facts: { id: example.id, earlier } },
      );
    }
    lineOfId.set(example.id, number);
    rememberPlaces(example, { ...place, headerLine });
    examples.push(example);
    if (examples.length % PROGRESS_ROWS === 0) {
      control.onProgress?.({ kind: 'stage-progress', stage: 'read data', done: examples.length });
    }
  }
  if (suspect !== undefined) throw suspect.fault;
  if (header === undefined || examples.length === 0) {
    throw new MesascopeError('DATA_EMPTY', `the data file ${path} holds no example`, {
      location: { file: path },
    });
  }
  throwIfAborted(control.signal);
  const { chat: _, ...described } = header;
  const dataSet: DataSet = { ...described, examples };
  control.onProgress?.({ kind: 'stage-end', stage: 'read data', durationMs: performance.now() - started });
  return { dataSet, sha256: dataSetSha256(dataSet), warnings: dataSetWarnings(dataSet) };
}

function readExample(value: unknown, header: DataHeader, place: LinePlace): Example {
  const parsed = parseExample(value);
  if (!parsed.success) throw schemaFault(place, value, parsed.issues, 'example');
  mustBeStorable(value, place);
  return toExample(parsed.data, header, place);
}

/** The first example that uses what the first line does not declare; which of the two is to blame, later lines show. */
type Suspect = { readonly fault: unknown; readonly undeclared: Undeclared; readonly line: number };

/** The fault of the description, once a further example uses what it does not declare. */
function sameLack(
  { undeclared, line }: Suspect,
  at: {
    readonly value: unknown;
    readonly header: DataHeader;
    readonly place: LinePlace;
    readonly headerLine: number;
  },
): MesascopeError | undefined {
  let also: Undeclared | undefined;
  try {
    readExample(at.value, at.header, at.place);
  } catch (fault) {
    also = undeclaredBy(fault);
  }
  if (also?.field !== undeclared.field || also.lack !== undeclared.lack) return undefined;
  return headerFault({ ...at.place, line: at.headerLine }, undeclared, [line, at.place.line]);
}

/** Later faults of an input, which only the model shows, can then name its line. */
function rememberPlaces({ input, counterfactuals }: Example, place: DataPlace): void {
  rememberPlace(input, place);
  for (const list of Object.values(counterfactuals)) {
    for (const counterfactual of list) rememberPlace(counterfactual.input, place);
  }
}

function readHeader(value: unknown, place: LinePlace): DataHeader {
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && format === undefined) {
    throw fieldFault(
      place,
      ['format'],
      'is missing: the first line must describe the data, beginning with {"format": "mesascope-data/1"',
    );
  }
  const parsed = parseHeader(value);
  if (!parsed.success) throw schemaFault(place, value, parsed.issues, 'header');
  mustBeStorable(value, place);
  return toHeader(parsed.data, place);
}

/**
 * What the schema leaves free (`meta`, names of codings) must still survive being stored: JSON reads 1e999 as infinity, and
 * most code that copies objects loses the key `__proto__` in silence.
 */
function mustBeStorable(value: unknown, place: LinePlace): void {
  const stack: unknown[] = [value];
  while (stack.length > 0) {
    const item = stack.pop();
    if (item === Number.POSITIVE_INFINITY || item === Number.NEGATIVE_INFINITY) {
      throw fieldFault(place, ['meta'], 'holds a number too large to be stored');
    }
    if (typeof item !== 'object' || item === null) continue;
    if (Object.hasOwn(item, '__proto__')) throw fieldFault(place, ['__proto__'], 'is not allowed as a name');
    for (const child of Array.isArray(item) ? item : Object.values(item)) {
      if (typeof child !== 'string') stack.push(child);
    }
  }
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
