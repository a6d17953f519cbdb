/** @file model: inputs and data sets of text as ones of token ids, by the tokenizer beside the model; runs nothing. */
import { locatedAt, locatedAtHeader, samePlace } from '../core/data-place.ts';
import type { DataSet, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { prefixWarning, resolvedChoices } from './choice-tokens.ts';
import type { Model } from './open-model.ts';
import type { TokenizedText } from './tokenizer.ts';

type TextInput = ModelInput & { readonly kind: 'text' };
type TokensInput = ModelInput & { readonly kind: 'tokens' };

/** A data set as the model is fed it, and what the texts became. */
export type TokenizedData = {
  /** Of kind `tokens`; the data set that was given, unless its inputs are text. */
  readonly dataSet: DataSet;
  /** Tokens of each example's text, in order; undefined unless the inputs are text. */
  readonly texts?: readonly TokenizedText[];
  /** What is legal and probably not meant, in sentences. */
  readonly warnings: readonly string[];
};

/** How messages speak of a row, and its number in the whole when the texts are a part of one. */
export type RowNames = { readonly firstRow?: number; readonly nameOf?: (row: number) => string };

/**
 * Texts as rows of token ids. Rows may differ in length: batches hold rows of one length, so that nothing is padded.
 *
 * Throws `TOKENIZER_MISSING`, `TOKENIZER_INVALID`, and `INPUT_INVALID` for a text with a word that the tokenizer has no id for.
 */
export function tokenizedInputs(
  model: Model,
  inputs: readonly TextInput[],
  { firstRow = 0, nameOf = (row) => `example ${row}` }: RowNames = {},
): { readonly inputs: readonly TokensInput[]; readonly texts: readonly TokenizedText[] } {
  const texts = inputs.length === 0 ? [] : encodeTexts(model, inputs);
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
  return { inputs: tokens, texts };
}

function encodeTexts(model: Model, inputs: readonly TextInput[]): readonly TokenizedText[] {
  try {
    return model.tokenizer().encode(inputs.map(({ text }) => text));
  } catch (error) {
    if (!(error instanceof MesascopeError) || error.location !== undefined) throw error;
    const { code, message, remedy, facts, cause } = error;
    throw new MesascopeError(code, message, { ...locatedAtHeader(inputs[0]), remedy, facts, cause });
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
  const own = dataSet.examples.map(({ input }) => textOf(input));
  const idOf = (row: number): string => JSON.stringify(dataSet.examples[row]!.id);
  const { inputs, texts } = tokenizedInputs(model, own, { nameOf: (row) => `example ${idOf(row)}` });
  const sources = dataSet.examples.flatMap(({ counterfactuals }, row) =>
    Object.entries(counterfactuals).flatMap(([kind, list]) =>
      list.map(({ input }) => ({ row, kind, input })),
    ),
  );
  const changedTexts = sources.map(({ input }) => textOf(input));
  const { inputs: changed, texts: changedTokens } = tokenizedInputs(model, changedTexts, {
    nameOf: (at) => `counterfactual ${sources[at]!.kind} of example ${idOf(sources[at]!.row)}`,
  });
  const tokensOf = new Map<ModelInput, TokensInput>(sources.map(({ input }, i) => [input, changed[i]!]));
  const { text: mapped, ...mapping } = dataSet.inputs;
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
    warnings: [
      ...warnings,
      unknownWords(model, texts),
      repeatedSpecials(
        model,
        [...texts, ...changedTokens],
        [...own, ...changedTexts].map(({ text }) => text),
      ),
    ].filter((warning) => warning !== undefined),
  };
}

function textOf(input: ModelInput): TextInput {
  if (input.kind === 'text') return input;
  throw new MesascopeError(
    'INPUT_INVALID',
    `an input is of kind ${input.kind}, and the data set is of text`,
    {
      ...locatedAt(input),
    },
  );
}

function unknownWords(model: Model, texts: readonly TokenizedText[]): string | undefined {
  const { unknownId } = model.tokenizer();
  const count = unknownId === undefined ? 0 : texts.filter(({ ids }) => ids.includes(unknownId)).length;
  return count === 0
    ? undefined
    : `${count} of ${texts.length} texts hold a word that the tokenizer does not know, which every unknown word looks like to the model`;
}

/**
 * What to say where a text already begins with what the tokenizer puts in front of every text, so that it begins with it twice;
 * undefined where none does. `texts` are what the tokenizer made of `own`.
 */
export function repeatedSpecials(
  model: Model,
  texts: readonly TokenizedText[],
  own: readonly string[],
): string | undefined {
  if (texts.length === 0) return undefined;
  const [empty] = model.tokenizer().encode(['']);
  const first = empty?.pieces[0];
  if (first === undefined) return undefined;
  const doubled = own.flatMap((text, row) => {
    const { pieces } = texts[row]!;
    return pieces[0] === first && pieces[1] === first && text.trimStart().startsWith(first) ? [row] : [];
  });
  return doubled.length === 0
    ? undefined
    : `the tokenizer puts ${first} in front of every text, and ${doubled.length} of ${texts.length} begin with it already (the first is text ${doubled[0]! + 1}), so that the model reads it twice: leave special tokens out of the texts`;
}
