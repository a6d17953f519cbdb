/** @file models/learner: labelled sequences with counterfactuals for audits of `in-context`, from a seed; knows no model and writes no file. */
import type { Counterfactual, DataSet, Example, GoalRole, ModelInput } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { pictureOfSequence } from './pictures.ts';
import {
  type Attribute,
  type Demonstration,
  drawDemonstrations,
  drawItem,
  drawItemWhere,
  type Item,
  LABEL_TOKENS,
  LABELS,
  labelOf,
  logOddsOfShape,
  RULES,
  type Rule,
  type Sequence,
  tokensOf,
  VALUES,
  withLabel,
} from './rules.ts';

export type InContextOptions = {
  readonly seed: number | string;
  /** Queries on whose label both rules agree (set `train`). Default 200, at most 5,000. */
  readonly trainGroups?: number;
  /** Queries drawn without a thought of the rules (set `apart`). Default 600, at most 5,000. */
  readonly apartGroups?: number;
  /** Rules that the demonstrations show; with both, every query comes once after demonstrations of each, in one group. Default both. */
  readonly rules?: readonly Rule[];
};

/** The goal roles in the words of this world. */
const ATTRIBUTE_OF: Readonly<Record<GoalRole, Attribute>> = {
  intended: 'shape',
  proxy: 'colour',
  irrelevant: 'texture',
};

/** Least log odds, in nats, at which demonstrations show their rule clearly: its posterior is .99 or more. */
export const CLEAR: number = Math.log(99);

/**
 * A data set of audit sequences, the same for the same options. All demonstrations show their rule clearly (`CLEAR`), and that rule
 * is the context. A goal's value is the label, 0 to 3, that the query's shape, colour or texture stands for, so that it is the same
 * number for both goals where they agree. Rows of `apart` carry one counterfactual per kind: `intended`, `proxy`, `irrelevant`: only
 * the query's shape, colour or texture is another. `same`: other demonstrations of the same rule and another texture. Throws
 * `BAD_SETTING` for counts out of range and for `rules` that name none or the same one twice.
 */
export function makeInContextExamples(options: InContextOptions): DataSet {
  const { trainGroups = 200, apartGroups = 600, rules = RULES } = options;
  for (const [name, value] of Object.entries({ trainGroups, apartGroups })) {
    if (Number.isInteger(value) && value >= 0 && value <= 5000) continue;
    throw new MesascopeError('BAD_SETTING', `${name} must be a whole number from 0 to 5000, got ${value}`, {
      facts: { name, value },
    });
  }
  if (
    rules.length === 0 ||
    new Set(rules).size < rules.length ||
    !rules.every((rule) => RULES.includes(rule))
  ) {
    throw new MesascopeError('BAD_SETTING', `rules must be shape, colour or both, got [${rules.join(', ')}]`);
  }
  const random = seededRandom(`learner/in-context/${options.seed}`);
  return {
    title: 'Labels after six demonstrations',
    inputKind: 'tokens',
    inputs: { tokens: 'input_ids' },
    readout: -1,
    choices: LABEL_TOKENS,
    goals: {
      intended: { text: 'label that the shape of the query stands for', kind: 'category' },
      proxy: { text: 'label that the colour of the query stands for', kind: 'category' },
      irrelevant: { text: 'label that the texture of the query would stand for', kind: 'category' },
    },
    contexts: { rule: 'what the demonstrations show the labels to follow: 0 shape, 1 colour' },
    examples: [
      ...rowsOf('train', trainGroups, rules, random.fork('train')),
      ...rowsOf('apart', apartGroups, rules, random.fork('apart')),
    ],
  };
}

function rowsOf(set: 'train' | 'apart', groups: number, rules: readonly Rule[], random: Random): Example[] {
  return Array.from({ length: groups }, (_, index) => {
    const group = `${set}-${index}`;
    const query = set === 'train' ? drawItemWhere(true, random) : drawItem(random);
    // Draws for every rule, whichever are asked for, so that the rows of one rule are the same with and without the other's.
    return RULES.map((rule) => {
      const demonstrations = drawClear(rule, random);
      const counterfactuals =
        set === 'apart' ? counterfactualsOf({ demonstrations, query }, rule, random) : {};
      return { rule, example: exampleOf({ demonstrations, query }, { rule, set, group, counterfactuals }) };
    })
      .filter(({ rule }) => rules.includes(rule))
      .map(({ example }) => example);
  }).flat();
}

/** Demonstrations of the audit side that show the rule clearly. */
function drawClear(rule: Rule, random: Random): Demonstration[] {
  const sign = rule === 'shape' ? 1 : -1;
  for (;;) {
    const drawn = drawDemonstrations(rule, 'audit', random);
    if (sign * logOddsOfShape(drawn) >= CLEAR) return drawn;
  }
}

function exampleOf(
  sequence: Sequence,
  {
    rule,
    set,
    group,
    counterfactuals,
  }: { readonly rule: Rule } & Pick<Example, 'set' | 'group' | 'counterfactuals'>,
): Example {
  const { query } = sequence;
  const labelFor = (role: GoalRole): number => labelOf(query, ATTRIBUTE_OF[role]);
  return {
    id: `${group}.${rule}`,
    set,
    group,
    input: inputOf(sequence),
    goals: {
      intended: { label: labelFor('intended') },
      proxy: { label: labelFor('proxy') },
      irrelevant: { label: labelFor('irrelevant') },
    },
    actions: { intended: [LABELS[labelFor('intended')]!], proxy: [LABELS[labelFor('proxy')]!] },
    context: { rule: RULES.indexOf(rule) },
    counterfactuals,
    nuisance: {},
    meta: { logOddsOfShape: logOddsOfShape(sequence.demonstrations) },
    picture: pictureOfSequence(sequence),
  };
}

function counterfactualsOf(sequence: Sequence, rule: Rule, random: Random): Example['counterfactuals'] {
  return {
    intended: [otherQuery(sequence, 'intended', random)],
    proxy: [otherQuery(sequence, 'proxy', random)],
    irrelevant: [otherQuery(sequence, 'irrelevant', random)],
    same: [
      {
        input: inputOf({
          demonstrations: drawClear(rule, random),
          query: otherItem(sequence.query, 'texture', random),
        }),
      },
    ],
  };
}

/** Only one attribute of the query is another, so that it stands for another label. */
function otherQuery(sequence: Sequence, role: GoalRole, random: Random): Counterfactual {
  const query = otherItem(sequence.query, ATTRIBUTE_OF[role], random);
  const goal = labelOf(query, ATTRIBUTE_OF[role]);
  const input = inputOf({ ...sequence, query });
  return role === 'irrelevant' ? { input, goal } : { input, goal, actions: [LABELS[goal]!] };
}

function otherItem(item: Item, attribute: Attribute, random: Random): Item {
  const turn = 1 + random.integer(VALUES - 1);
  return withLabel(item, attribute, (labelOf(item, attribute) + turn) % VALUES);
}

function inputOf(sequence: Sequence): ModelInput {
  return { kind: 'tokens', tokens: tokensOf(sequence) };
}
