/** @file pipeline: a data file checked against a model row by row and put aside on disk, so that a capture may be any length. */
import type { RowSource } from '../core/activation-cache.ts';
import { locatedAtHeader } from '../core/data-place.ts';
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { runningSha256, type Sha256 } from '../core/hash.ts';
import type { RunControl } from '../core/progress.ts';
import { encode } from '../model/encode.ts';
import { mustCountTokens, positionNamed } from '../model/named-positions.ts';
import type { Model } from '../model/open-model.ts';
import { TextWarnings } from '../model/text-warnings.ts';
import { tokenizedInputs } from '../model/tokenize.ts';
import type { StreamName } from '../onnx/contract.ts';
import { type StreamedExample, streamExamples } from '../store/data-stream.ts';
import type { ExampleSpool, SpooledExample } from '../store/example-spool.ts';
import { namingRows } from './name-errors.ts';

export type SpooledRows = RowSource & {
  readonly fixedBatch: number | undefined;
  /** Our field to the model's input name, of tokens also where the data hold text. */
  readonly mapping: Readonly<Record<string, string>>;
  /** The data hold texts or chats. */
  readonly textual: boolean;
  /** `dataSetSha256` of the file. */
  readonly dataSha256: Sha256;
  /** Of the inputs as the model is fed them. */
  readonly inputsSha256: Sha256;
  example(row: number): SpooledExample;
};

/** Examples that are checked together; texts are given to the tokenizer in as many. */
const CHUNK_ROWS = 64;

/**
 * Reads a data file of any length into a spool; memory holds 20 bytes and the id of each example; positions are counted in the stream that is captured. Throws what `streamExamples`,
 * `encode` and the tokenizer throw, each error with the example's line and id.
 */
export async function spoolRows(
  model: Model,
  {
    data,
    spool,
    stream: captured,
    names = [],
  }: {
    readonly data: string;
    readonly spool: ExampleSpool;
    readonly stream: StreamName;
    /** Positions to be found in each row's text. */
    readonly names?: readonly string[];
  },
  control: RunControl = {},
): Promise<SpooledRows> {
  const lengths = new GrowingInts();
  const positions = new GrowingInts();
  const shapeClass = new GrowingInts();
  const classes = new Map<string, number>();
  const placed = new Map(names.map((name) => [name, new GrowingInts()]));
  const inputsHash = runningSha256();
  const seen = new TextWarnings(model);
  let first: ModelInput | undefined;
  let mapping: Readonly<Record<string, string>> = {};
  let textual = false;
  let fixedBatch: number | undefined;

  const take = async (chunk: readonly StreamedExample[]): Promise<void> => {
    const firstRow = spool.rows;
    const nameOf = (row: number): string | undefined => {
      const id = chunk[row - firstRow]?.example.id;
      return id === undefined ? undefined : `example ${JSON.stringify(id)}`;
    };
    await namingRows(nameOf, async () => {
      const { inputKind, inputs: declared } = chunk[0]!.header;
      const given = chunk.map(({ example }) => example.input);
      const written = inputKind === 'text' ? textTokens(model, given, firstRow) : undefined;
      const inputs = written?.inputs ?? given;
      if (written !== undefined) seen.add(written.texts, written.fed);
      textual = inputKind === 'text';
      mapping = inputKind === 'text' ? asTokens(declared) : declared;
      first ??= inputs[0];
      const encoded = encode(model, inputs, mapping, { firstRow, first });
      ({ fixedBatch } = encoded);
      inputsHash.add(encoded.sha256);
      for (const [i, { example, place }] of chunk.entries()) {
        const { id, set, group } = example;
        const input = inputs[i]!;
        spool.append({ id, set, group, input, place });
        lengths.push(encoded.lengths[i]!);
        positions.push(encoded.positionsIn(captured)[i]!);
        const key = shapeKey(input);
        if (!classes.has(key)) classes.set(key, classes.size);
        shapeClass.push(classes.get(key)!);
        for (const [name, places] of placed)
          places.push(placeOf(model, written, { id, i, name, input: given[i]!, captured }));
      }
    });
  };

  let chunk: StreamedExample[] = [];
  const stream = streamExamples(data, control);
  let step = await stream.next();
  for (; step.done !== true; step = await stream.next()) {
    chunk.push(step.value);
    if (chunk.length < CHUNK_ROWS) continue;
    await take(chunk);
    chunk = [];
  }
  if (chunk.length > 0) await take(chunk);
  for (const message of seen.sentences()) control.onProgress?.({ kind: 'warning', message });
  return {
    rows: spool.rows,
    lengths: lengths.values(),
    positions: positions.values(),
    placed: new Map([...placed].map(([name, places]) => [name, places.values()])),
    shapeClass: shapeClass.values(),
    fixedBatch,
    mapping,
    textual,
    dataSha256: step.value,
    inputsSha256: inputsHash.digest(),
    input: (row) => spool.read(row).input,
    example: (row) => spool.read(row),
  };
}

function textTokens(
  model: Model,
  inputs: readonly ModelInput[],
  firstRow: number,
): ReturnType<typeof tokenizedInputs> {
  const texts = inputs.filter((input) => input.kind === 'text' || input.kind === 'messages');
  return tokenizedInputs(model, texts, { firstRow });
}

/** Where a name's place lies in row i of a chunk. Throws `BAD_SETTING` where the data hold no text, and what `positionNamed` throws. */
function placeOf(
  model: Model,
  written: ReturnType<typeof tokenizedInputs> | undefined,
  of: {
    readonly id: string;
    readonly i: number;
    readonly name: string;
    readonly input: ModelInput;
    readonly captured: StreamName;
  },
): number {
  const { id, i, name, input, captured } = of;
  if (written === undefined) {
    throw new MesascopeError('BAD_SETTING', `${name} is a place in a text, and the data hold ${input.kind}`, {
      ...locatedAtHeader(input),
      remedy: 'Give the examples as `text` or `messages`, or name positions by number.',
    });
  }
  mustCountTokens(model, captured, name);
  return positionNamed(
    model.tokenizer(),
    { name: id, input: written.fed[i]!, tokens: written.texts[i]! },
    name,
  );
}

function asTokens({ text, ...others }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return text === undefined ? others : { ...others, tokens: text };
}

/** Rows with one key are fed as one tensor. */
function shapeKey(input: ModelInput): string {
  switch (input.kind) {
    case 'tokens':
      return String(input.tokens.length);
    case 'tensors':
      return JSON.stringify(
        Object.entries(input.tensors)
          .map(([name, { dims }]) => [name, dims] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    case 'text':
    case 'messages':
      return '';
  }
}

/** Whole numbers as they come, 4 bytes each. */
class GrowingInts {
  #values = new Int32Array(1024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Int32Array(2 * this.#length);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  values(): Int32Array {
    return this.#values.slice(0, this.#length);
  }
}
