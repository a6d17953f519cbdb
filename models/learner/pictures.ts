/** @file models/learner: how a report draws a sequence: what each demonstration shows, and of the query what tells which goal; decides nothing. */
import type { Picture, TokensPicture } from '../../src/core/data-set.ts';
import type { Predictions, Problem } from './gradient-step.ts';
import { FEATURES } from './least-squares.ts';
import { type Item, LABELS, type Sequence } from './rules.ts';

type Token = TokensPicture['tokens'][number];

const SHAPES = ['circle', 'square', 'triangle', 'star'] as const;
const COLOURS = ['red', 'green', 'blue', 'amber'] as const;
const TEXTURES = ['plain', 'dotted', 'striped', 'checked'] as const;

/** `plain red circle = B` for each demonstration, and the query with what each of its words tells. */
export function pictureOfSequence({ demonstrations, query }: Sequence): Picture {
  const [texture, colour, shape] = wordsOf(query);
  return {
    kind: 'tokens',
    tokens: [
      ...demonstrations.flatMap(({ item, label }) =>
        [...wordsOf(item), '=', `${LABELS[label]!};`].map((text): Token => ({ text })),
      ),
      { text: texture!, role: 'irrelevant' },
      { text: colour!, role: 'proxy' },
      { text: shape!, role: 'intended' },
      { text: '= ?' },
    ],
  };
}

function wordsOf({ shape, colour, texture }: Item): string[] {
  return [TEXTURES[texture]!, COLOURS[colour]!, SHAPES[shape]!];
}

/** Features and label of each demonstration, the query's features, and the three predictions for it. */
export function pictureOfProblem({ design, labels }: Problem, predictions: Predictions): Picture {
  const features = (data: Float64Array): string => `(${Array.from(data, shown).join(', ')})`;
  return {
    kind: 'tokens',
    tokens: [
      ...Array.from(
        labels,
        (label, i): Token => ({
          text: `${features(design.x.data.subarray(i * FEATURES, (i + 1) * FEATURES))} \u2192 ${shown(label)};`,
        }),
      ),
      { text: `${features(design.query.data)} \u2192 ?` },
      { text: `least squares ${shown(predictions.intended)}`, role: 'intended' },
      { text: `one step ${shown(predictions.proxy)}`, role: 'proxy' },
      { text: `other question ${shown(predictions.irrelevant)}`, role: 'irrelevant' },
    ],
  };
}

function shown(value: number): string {
  return value.toFixed(2).replace('-', '\u2212');
}
