/** @file model: choices that are given as text or as tokens, as what the model's output has for them; runs nothing. */
import { locatedAtHeader } from '../core/data-place.ts';
import type { DataSet } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Model } from './open-model.ts';

type Choices = DataSet['choices'];

/**
 * Every choice as an index or, only with `candidates`, as the ids of its several tokens; the same object where nothing changes. A text is
 * tokenized by itself, without the special tokens that frame a text.
 *
 * Throws `CHOICE_TOKENS` when a text becomes no token, an unknown one, or several without `candidates`, and when two choices become the
 * same tokens; `TOKENIZER_MISSING`, `TOKENIZER_INVALID`.
 */
export function resolvedChoices(
  model: Model,
  dataSet: Pick<DataSet, 'choices' | 'candidates' | 'examples'>,
): Choices {
  const { choices, candidates } = dataSet;
  const entries = Object.entries(choices);
  if (entries.every(([, choice]) => typeof choice === 'number')) return choices;
  const texts = entries.flatMap(([, choice]) => (typeof choice === 'string' ? [choice] : []));
  const tokenized = texts.length === 0 ? [] : tokenizerOf(model, dataSet).encodePlain(texts);
  const byText = new Map(texts.map((text, i) => [text, tokenized[i]!]));
  const fault = (seen: string, facts: Readonly<Record<string, unknown>>): MesascopeError =>
    new MesascopeError('CHOICE_TOKENS', seen, { ...locatedAtHeader(dataSet.examples[0]?.input), facts });
  const nameOf = new Map<string, string>();
  const resolved = entries.map(([name, choice]) => {
    const told = `the choice ${JSON.stringify(name)}${typeof choice === 'string' ? `, ${JSON.stringify(choice)},` : ''}`;
    let ids: readonly number[];
    if (typeof choice === 'string') {
      const { ids: own, pieces } = byText.get(choice)!;
      const shown = pieces.map((piece) => JSON.stringify(piece)).join(', ');
      const { unknownId } = model.tokenizer();
      if (own.length === 0) throw fault(`${told} becomes no token`, { name, pieces });
      if (own.some((id) => id === -1 || id === unknownId))
        throw fault(`${told} holds what the tokenizer does not know: it becomes ${shown}`, { name, pieces });
      if (own.length > 1 && candidates === undefined)
        throw fault(`${told} becomes ${own.length} tokens: ${shown}`, { name, pieces });
      ids = own;
    } else ids = typeof choice === 'number' ? [choice] : choice;
    const key = ids.join(' ');
    const other = nameOf.get(key);
    if (other !== undefined)
      throw fault(`${told} becomes the same tokens as ${JSON.stringify(other)}`, { name, other, ids });
    nameOf.set(key, name);
    return [name, ids.length === 1 ? ids[0]! : ids] as const;
  });
  return Object.fromEntries(resolved);
}

/** The data without their choices, for what never scores one: nothing is resolved, and no choice is refused that a model could not score. */
export function withoutChoices(dataSet: DataSet): DataSet {
  const { candidates, ...rest } = dataSet;
  return { ...rest, choices: {} };
}

function tokenizerOf(model: Model, { examples }: Pick<DataSet, 'examples'>): ReturnType<Model['tokenizer']> {
  try {
    return model.tokenizer();
  } catch (error) {
    if (!(error instanceof MesascopeError) || error.location !== undefined) throw error;
    const { code, message, remedy, facts, cause } = error;
    throw new MesascopeError(code, message.replace('the data hold text', 'the choices are text'), {
      ...locatedAtHeader(examples[0]?.input),
      remedy: remedy.replace('give `tokens` in place of `text`', 'give choices as token ids'),
      facts,
      cause,
    });
  }
}

/** A choice whose first tokens are all of another's: at least as probable by a sum, whatever the model holds. */
export function prefixWarning(choices: Choices): string | undefined {
  const rows = Object.entries(choices).map(([name, choice]) => ({
    name,
    ids: typeof choice === 'object' ? choice : [choice],
  }));
  for (const one of rows) {
    const longer = rows.find(
      (other) => other.ids.length > one.ids.length && one.ids.every((id, i) => other.ids[i] === id),
    );
    if (longer !== undefined)
      return `the tokens of the choice ${one.name} begin those of ${longer.name}: by a sum, ${one.name} is never the less probable of the two`;
  }
  return undefined;
}

/** The indices of choices that are one index each. Throws `CHOICE_TOKENS` for a text, or several tokens, which a model must resolve first. */
export function choiceColumns({ choices }: Pick<DataSet, 'choices'>): number[] {
  return Object.entries(choices).map(([name, choice]) => {
    if (typeof choice === 'number') return choice;
    throw new MesascopeError(
      'CHOICE_TOKENS',
      `the choice ${JSON.stringify(name)} is ${typeof choice === 'string' ? 'a text' : 'a list of tokens'}, and one index is needed here`,
      { facts: { name, choice } },
    );
  });
}
