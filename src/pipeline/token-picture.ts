/** @file pipeline: draws examples of text as their tokens, marked by what the data's own counterfactuals change; runs nothing. */
import { type DataSet, type Example, GOAL_ROLES, type GoalRole, type Picture } from '../core/data-set.ts';
import type { TokenizedData } from '../model/tokenize.ts';

/**
 * The data set with a picture for each text that has none. A token carries the role of the goal whose counterfactual, of the same length,
 * changes it; a token that several goals change, or none, carries no role.
 */
export function withTokenPictures(dataSet: DataSet, tokenized: TokenizedData): DataSet {
  const { texts } = tokenized;
  if (texts === undefined) return dataSet;
  return {
    ...dataSet,
    examples: dataSet.examples.map((example, row) =>
      example.picture === undefined
        ? { ...example, picture: pictureOf(texts[row]!.pieces, tokenized.dataSet.examples[row]!) }
        : example,
    ),
  };
}

/** `fed` is the example in token ids, one per piece. */
function pictureOf(pieces: readonly string[], fed: Example): Picture {
  const roles = rolesOfPlaces(fed, pieces.length);
  return {
    kind: 'tokens',
    tokens: pieces.map((text, place) => {
      const role = roles[place];
      return role === undefined ? { text } : { text, role };
    }),
  };
}

/** The goal that each of `count` tokens tells by itself: the only one whose counterfactuals, of the same length, change it. */
export function rolesOfPlaces(fed: Example, count: number): (GoalRole | undefined)[] {
  const changed = new Map(GOAL_ROLES.map((role) => [role, placesChanged(fed, role)]));
  return Array.from({ length: count }, (_, place) => {
    const [role, ...others] = GOAL_ROLES.filter((each) => changed.get(each)!.has(place));
    return others.length > 0 ? undefined : role;
  });
}

/** Places at which some counterfactual of this goal has another token. */
function placesChanged({ input, counterfactuals }: Example, role: GoalRole): ReadonlySet<number> {
  const places = new Set<number>();
  if (input.kind !== 'tokens') return places;
  for (const { input: other } of counterfactuals[role] ?? []) {
    if (other.kind !== 'tokens' || other.tokens.length !== input.tokens.length) continue;
    for (const [place, token] of other.tokens.entries()) if (token !== input.tokens[place]) places.add(place);
  }
  return places;
}
