/** @file store: a data file as a stream of examples, checked one by one, in memory of one example and the ids; keeps no data set. */
import { canonicalJson } from '../core/canonical-json.ts';
import { type DataPlace, rememberPlace } from '../core/data-place.ts';
import type { Example } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type RunningHash, runningSha256, type Sha256 } from '../core/hash.ts';
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
import { LinesOfIds } from './lines-of-ids.ts';

export type StreamedExample = {
  /** The same object for every example. */
  readonly header: DataHeader;
  readonly example: Example;
  readonly place: DataPlace;
};

/** Generous for real data, small enough that a hostile file cannot take the memory. */
const LIMITS: LineLimits = { maxLineBytes: 16 * 2 ** 20, maxDepth: 64 };
const PROGRESS_ROWS = 2000;

/**
 * The examples of a data file of format `mesascope-data/1`, in order; returns `dataSetSha256` of the whole.
 *
 * Throws `DATA_NOT_FOUND`, `DATA_SYNTAX`, `DATA_FIELD`, `DATA_UNKNOWN_FIELD`, `DATA_DUPLICATE_ID`, `DATA_EMPTY`, `DATA_LIMIT`,
 * each with file, line and field, and `ABORTED`.
 */
export async function* streamExamples(
  path: string,
  control: RunControl = {},
): AsyncGenerator<StreamedExample, Sha256> {
  const started = performance.now();
  control.onProgress?.({ kind: 'stage-start', stage: 'read data', unit: 'examples' });
  let header: DataHeader | undefined;
  let headerLine = 1;
  const hash = runningSha256();
  const ids = new LinesOfIds();
  let suspect: Suspect | undefined;
  for await (const { number, value } of jsonLines(path, LIMITS, control.signal)) {
    const place: LinePlace = { file: path, line: number };
    if (header === undefined) {
      header = readHeader(value, place);
      headerLine = number;
      // How chats are rendered shows in what the model is fed.
      const { chat: _, ...described } = header;
      addLine(hash, described);
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
    const earlier = ids.get(example.id);
    if (earlier !== undefined) {
      throw new MesascopeError(
        'DATA_DUPLICATE_ID',
        `field \`id\` is ${JSON.stringify(example.id)}, as in line ${earlier}`,
        { location: place, facts: { id: example.id, earlier } },
      );
    }
    ids.add(example.id, number);
    rememberPlaces(example, { ...place, headerLine });
    addLine(hash, example);
    yield { header, example, place: { ...place, headerLine } };
    if (ids.size % PROGRESS_ROWS === 0) {
      control.onProgress?.({ kind: 'stage-progress', stage: 'read data', done: ids.size });
    }
  }
  if (suspect !== undefined) throw suspect.fault;
  if (ids.size === 0) {
    throw new MesascopeError('DATA_EMPTY', `the data file ${path} holds no example`, {
      location: { file: path },
    });
  }
  throwIfAborted(control.signal);
  // The end of a stage is shown with the last number that was reported: all of them, and not the last round one.
  if (ids.size % PROGRESS_ROWS > 0)
    control.onProgress?.({ kind: 'stage-progress', stage: 'read data', done: ids.size });
  control.onProgress?.({ kind: 'stage-end', stage: 'read data', durationMs: performance.now() - started });
  return hash.digest();
}

/** One line of `canonicalLines` of a whole data set. */
function addLine(hash: RunningHash, value: DataHeader | Example): void {
  hash.add(`${canonicalJson(value)}\n`);
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
