/** @file model: inputs and data sets of text and of chats as ones of token ids, by the tokenizer beside the model; runs nothing. */
import { locatedAt, locatedAtHeader, samePlace } from '../core/data-place.ts';
import type { DataSet, InputKind, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { ChatPart } from './chat-parts.ts';
import { prefixWarning, resolvedChoices } from './choice-tokens.ts';
import type { Model } from './open-model.ts';
import { TextWarnings } from './text-warnings.ts';
import type { TokenizedText } from './tokenizer.ts';

type TextInput = ModelInput & { readonly kind: 'text' };
type ChatInput = ModelInput & { readonly kind: 'messages' };
type TokensInput = ModelInput & { readonly kind: 'tokens' };

/** What a tokenizer is needed for. */
export type WrittenInput = TextInput | ChatInput;

/** A text as the tokenizer was given it: as it stands in the data, or as the chat template wrote it, with special tokens of its own. */
export type FedText = TextInput & {
  /** Where the messages of a chat stand, one part each; absent where the input was a text. */
  readonly parts?: readonly ChatPart[];
};

/** One of these texts with a name for messages (the id of its example), and what the tokenizer made of it. */
export type NamedText = {
  readonly name: string;
  readonly input: FedText;
  readonly tokens: TokenizedText;
};

/** A data set as the model is fed it, and what the texts became. */
export type TokenizedData = {
  /** Of kind `tokens`; the data set that was given, unless its inputs are text. */
  readonly dataSet: DataSet;
  /** Tokens of each example's text, in order; undefined unless the inputs are text. */
  readonly texts?: readonly TokenizedText[];
  /** These texts themselves, chats as the template wrote them; undefined unless the inputs are text. */
  readonly fed?: readonly FedText[];
  /** What is legal and probably not meant, in sentences. */
  readonly warnings: readonly string[];
};

/** How messages speak of a row, and its number in the whole when the texts are a part of one. */
export type RowNames = { readonly firstRow?: number; readonly nameOf?: (row: number) => string };

/** A chat is one of the texts. */
export function kindOf({ kind }: ModelInput): InputKind {
  return kind === 'messages' ? 'text' : kind;
}

/**
 * Texts and chats as rows of token ids. Rows may differ in length: batches hold rows of one length, so that nothing is padded. A text gets
 * the special tokens that the tokenizer frames it with; a chat has those that its template wrote.
 *
 * Throws `TOKENIZER_MISSING`, `TOKENIZER_INVALID`, `CHAT_TEMPLATE_MISSING`, `CHAT_TEMPLATE_INVALID`, `CHAT_REFUSED` for messages that the
 * template does not take, and `INPUT_INVALID` for a text with a word that the tokenizer has no id for.
 */
export function tokenizedInputs(
  model: Model,
  inputs: readonly WrittenInput[],
  { firstRow = 0, nameOf = (row) => `example ${row}` }: RowNames = {},
): {
  readonly inputs: readonly TokensInput[];
  readonly texts: readonly TokenizedText[];
  readonly fed: readonly FedText[];
} {
  const named = (row: number): string => nameOf(firstRow + row);
  const fed = inputs.length === 0 ? [] : locatedErrors(inputs[0], () => fedTexts(model, inputs, named));
  const texts = inputs.length === 0 ? [] : locatedErrors(inputs[0], () => encodeTexts(model, fed));
  const tokens = texts.map(({ ids, pieces }, row): TokensInput => {
    const input = inputs[row]!;
    const unknown = ids.indexOf(-1);
    if (unknown >= 0) {
      throw new MesascopeError(
        'INPUT_INVALID',
        `${nameOf(firstRow + row)} holds ${JSON.stringify(pieces[unknown])}, for which the tokenizer has no id`,
        { ...locatedAt(input), facts: { row: firstRow + row, position: unknown, piece: pieces[unknown] } },
      );
    }
    const changed: TokensInput = { kind: 'tokens', tokens: ids };
    samePlace(input, changed);
    return changed;
  });
  return { inputs: tokens, texts, fed };
}

/** Texts as they are, chats through the template. */
function fedTexts(
  model: Model,
  inputs: readonly WrittenInput[],
  nameOf: (row: number) => string,
): readonly FedText[] {
  const chats = inputs.flatMap((input, row) => (input.kind === 'messages' ? [{ input, row }] : []));
  if (chats.length === 0) return inputs as readonly TextInput[];
  const template = model.tokenizer().chatTemplate();
  const rendered = ofRows(
    chats.map(({ row }) => row),
    () => template.render(chats.map(({ input }) => input)),
    (row, { code, message, facts, cause }) =>
      code === 'CHAT_TEMPLATE_INVALID'
        ? undefined
        : new MesascopeError(code, `${nameOf(row)}: ${message}`, {
            ...locatedAt(inputs[row]),
            facts,
            cause,
          }),
  ).values();
  return inputs.map((input): FedText => {
    if (input.kind === 'text') return input;
    const fed: FedText = { kind: 'text', ...rendered.next().value! };
    samePlace(input, fed);
    return fed;
  });
}

/** What the template wrote is not framed a second time. */
function encodeTexts(model: Model, fed: readonly FedText[]): readonly TokenizedText[] {
  const tokenizer = model.tokenizer();
  const rowsOf = (chats: boolean): number[] =>
    fed.flatMap(({ parts }, row) => ((parts !== undefined) === chats ? [row] : []));
  const encoded = new Map<number, TokenizedText>();
  for (const chats of [false, true]) {
    const rows = rowsOf(chats);
    const texts = rows.map((row) => fed[row]!.text);
    const found = ofRows(rows, () => (chats ? tokenizer.encodePlain(texts) : tokenizer.encode(texts)));
    for (const [i, row] of rows.entries()) encoded.set(row, found[i]!);
  }
  return fed.map((_, row) => encoded.get(row)!);
}

/** `facts.row` of an error counts the rows that were given to `work`: here it becomes one of all rows. */
function ofRows<T>(
  rows: readonly number[],
  work: () => T,
  better: (row: number, error: MesascopeError) => MesascopeError | undefined = () => undefined,
): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MesascopeError) || typeof error.facts.row !== 'number') throw error;
    const row = rows[error.facts.row]!;
    const { code, message, location, remedy, cause } = error;
    const facts = { ...error.facts, row };
    const same = new MesascopeError(code, message, {
      ...(location === undefined ? {} : { location }),
      remedy,
      facts,
      cause,
    });
    throw better(row, same) ?? same;
  }
}

/** What has no place of its own is a fault of the line that describes the data. */
function locatedErrors<T>(first: ModelInput | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MesascopeError) || error.location !== undefined) throw error;
    const { code, message, remedy, facts, cause } = error;
    throw new MesascopeError(code, message, { ...locatedAtHeader(first), remedy, facts, cause });
  }
}

/**
 * The data set with every text, of examples, counterfactuals and choices alike, in tokens. Throws what `tokenizedInputs` and
 * `resolvedChoices` throw.
 */
export function tokenizedData(model: Model, given: DataSet): TokenizedData {
  const choices = resolvedChoices(model, given);
  const dataSet = choices === given.choices ? given : { ...given, choices };
  const prefix = given.candidates === 'sum' ? prefixWarning(choices) : undefined;
  const warnings = prefix === undefined ? [] : [prefix];
  if (dataSet.inputKind !== 'text') return { dataSet, warnings };
  const own = dataSet.examples.map(({ input }) => writtenOf(input));
  const idOf = (row: number): string => JSON.stringify(dataSet.examples[row]!.id);
  const { inputs, texts, fed } = tokenizedInputs(model, own, { nameOf: (row) => `example ${idOf(row)}` });
  const sources = dataSet.examples.flatMap(({ counterfactuals }, row) =>
    Object.entries(counterfactuals).flatMap(([kind, list]) =>
      list.map(({ input }) => ({ row, kind, input })),
    ),
  );
  const {
    inputs: changed,
    texts: changedTokens,
    fed: changedFed,
  } = tokenizedInputs(
    model,
    sources.map(({ input }) => writtenOf(input)),
    { nameOf: (at) => `counterfactual ${sources[at]!.kind} of example ${idOf(sources[at]!.row)}` },
  );
  const tokensOf = new Map<ModelInput, TokensInput>(sources.map(({ input }, i) => [input, changed[i]!]));
  const { text: mapped, ...mapping } = dataSet.inputs;
  const seen = new TextWarnings(model);
  seen.add(texts, fed);
  seen.addChanged(changedTokens, changedFed);
  return {
    dataSet: {
      ...dataSet,
      inputKind: 'tokens',
      inputs: mapped === undefined ? mapping : { ...mapping, tokens: mapped },
      examples: dataSet.examples.map((example, row) => ({
        ...example,
        input: inputs[row]!,
        counterfactuals: Object.fromEntries(
          Object.entries(example.counterfactuals).map(([kind, list]) => [
            kind,
            list.map((each) => ({ ...each, input: tokensOf.get(each.input)! })),
          ]),
        ),
      })),
    },
    texts,
    fed,
    warnings: [...warnings, ...seen.sentences()],
  };
}

function writtenOf(input: ModelInput): WrittenInput {
  if (input.kind === 'text' || input.kind === 'messages') return input;
  throw new MesascopeError(
    'INPUT_INVALID',
    `an input is of kind ${input.kind}, and the data set is of text`,
    {
      ...locatedAt(input),
    },
  );
}
