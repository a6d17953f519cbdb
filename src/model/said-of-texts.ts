/** @file model: what is legal and probably not meant in the texts among some inputs, for whoever hands inputs on without tokens; runs nothing. */
import type { ModelInput } from '../core/data-set.ts';
import type { Model } from './open-model.ts';
import { TextWarnings } from './text-warnings.ts';
import { tokenizedInputs } from './tokenize.ts';

/** Sentences, as `tokenizedData` gives them of a whole data set; none where no input is a text or a chat. Throws what `tokenizedInputs` throws. */
export function saidOfTexts(model: Model, inputs: readonly ModelInput[]): string[] {
  const written = inputs.filter((input) => input.kind === 'text' || input.kind === 'messages');
  if (written.length === 0) return [];
  const { texts, fed } = tokenizedInputs(model, written);
  const seen = new TextWarnings(model);
  seen.add(texts, fed);
  return seen.sentences();
}
