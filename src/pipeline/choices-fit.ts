/** @file pipeline: whether a data set's choices can be asked of a model at all, told before anything runs; scores none. */
import { mustTellReadingAhead } from '../capture/candidates.ts';
import { locatedAtHeader } from '../core/data-place.ts';
import type { DataSet } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Model } from '../model/open-model.ts';

/** Throws `DATA_FIELD`, at the line that describes the data, where it declares no choice: captures need none, and an audit is of choices. */
export function mustHaveChoices({ choices, examples }: Pick<DataSet, 'choices' | 'examples'>): void {
  if (Object.keys(choices).length > 0) return;
  throw new MesascopeError(
    'DATA_FIELD',
    'field `choices` is missing: without choices there is nothing to audit',
    {
      ...locatedAtHeader(examples[0]?.input),
      facts: { field: 'choices' },
      remedy:
        'Name what the model chooses from in the first line, e.g. "choices": {"left": 104, "right": 105}; docs/data.md shows how.',
    },
  );
}

/** Throws `MODEL_UNSUPPORTED` for choices of several tokens whose scores no run of this model could give. `choices` are resolved. */
export function mustScoreChoices(
  model: Pick<Model, 'name' | 'mixesRows'>,
  { choices }: Pick<DataSet, 'choices'>,
): void {
  mustTellReadingAhead(
    model,
    Object.values(choices).map((choice) => (typeof choice === 'object' ? choice : [])),
  );
}
