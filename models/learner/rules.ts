/** @file models/learner: sequences whose demonstrations show which of two rules is meant, and the exact posterior over the rule; knows no model. */
import { MesascopeError } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/hash.ts';
import type { Random } from '../../src/core/random.ts';

/** What decides the labels of a sequence. */
export type Rule = 'shape' | 'colour';
export const RULES: readonly Rule[] = ['shape', 'colour'];

/** A thing to label; each attribute is 0 to 3. No rule reads the texture. */
export type Item = { readonly shape: number; readonly colour: number; readonly texture: number };
export type Attribute = keyof Item;
export const ATTRIBUTES: readonly Attribute[] = ['shape', 'colour', 'texture'];
export const VALUES = 4;
export const DEMONSTRATIONS = 6;

/** An item with the label it was given: the rule's, or a wrong one. */
export type Demonstration = { readonly item: Item; readonly label: number };
export type Sequence = { readonly demonstrations: readonly Demonstration[]; readonly query: Item };

/** Token ids: begin, 64 items, 4 labels, and the sign that asks for a label. */
const BEGIN = 0;
const FIRST_ITEM = 1;
const FIRST_LABEL = FIRST_ITEM + VALUES ** ATTRIBUTES.length;
const ASK = FIRST_LABEL + VALUES;
export const VOCABULARY: number = ASK + 1;
/** Item, sign, label: so that where a label is asked for, the token itself tells neither item nor label. */
const STEP = 3;
/** Begin, six demonstrations, item and sign of the query. */
export const LENGTH: number = 1 + DEMONSTRATIONS * STEP + STEP - 1;
/** Positions of the sign, [7]; the last one is the query's. */
export const ASKED_AT: readonly number[] = Array.from({ length: DEMONSTRATIONS + 1 }, (_, i) => 2 + i * STEP);
export const LABELS: readonly string[] = ['A', 'B', 'C', 'D'];
export const LABEL_TOKENS: Readonly<Record<string, number>> = Object.fromEntries(
  LABELS.map((label, i) => [label, FIRST_LABEL + i]),
);

/** How far each attribute's values are turned against the labels, so that no two attributes name a label by the same number. */
const TURN: Readonly<Record<Attribute, number>> = { shape: 0, colour: 1, texture: 2 };

/** The label that an attribute of the item stands for, 0 to 3; texture has one as well, which nothing ever asks for. */
export function labelOf(item: Item, attribute: Attribute): number {
  return (item[attribute] + TURN[attribute]) % VALUES;
}

/** The item with the one attribute at the value that stands for `label`. */
export function withLabel(item: Item, attribute: Attribute, label: number): Item {
  return { ...item, [attribute]: (label + VALUES - TURN[attribute]) % VALUES };
}

/** Share of demonstrations on whose label both rules agree: it differs, so the items themselves tell something of the rule. */
export const AGREEING: Readonly<Record<Rule, number>> = { shape: 0.4, colour: 0.2 };
/** Share of wrong labels, any of the three others; the query's is no exception, so that no label is ever impossible. */
export const WRONG = 0.2;

/** Any of the 64 items. */
export function drawItem(random: Random): Item {
  const value = (): number => random.integer(VALUES);
  return { shape: value(), colour: value(), texture: value() };
}

/** An item on whose label the rules agree (one of 16), or do not (one of 48). */
export function drawItemWhere(agrees: boolean, random: Random): Item {
  const item = drawItem(random);
  const turn = agrees ? 0 : 1 + random.integer(VALUES - 1);
  return withLabel(item, 'colour', (labelOf(item, 'shape') + turn) % VALUES);
}

function drawDemonstration(rule: Rule, random: Random): Demonstration {
  const item = drawItemWhere(random.uniform() < AGREEING[rule], random);
  return { item, label: drawLabel(item, rule, random) };
}

/** The label that an item is given under a rule, 0 to 3: a wrong one in a fifth of all cases. */
export function drawLabel(item: Item, rule: Rule, random: Random): number {
  const turn = random.uniform() < WRONG ? 1 + random.integer(VALUES - 1) : 0;
  return (labelOf(item, rule) + turn) % VALUES;
}

/** Six demonstrations of a rule; they belong to audits or to training by a hash of their items, a fifth to audits. */
export function drawDemonstrations(rule: Rule, side: 'audit' | 'training', random: Random): Demonstration[] {
  for (;;) {
    const drawn = Array.from({ length: DEMONSTRATIONS }, () => drawDemonstration(rule, random));
    if (isForAudits(drawn) === (side === 'audit')) return drawn;
  }
}

export function isForAudits(demonstrations: readonly Demonstration[]): boolean {
  const items = demonstrations.map(({ item }) => ATTRIBUTES.map((attribute) => item[attribute]).join(''));
  return Number.parseInt(sha256(`mesascope-learner/1:${items.join()}`).slice(0, 8), 16) % 5 === 0;
}

/** log P(item and label | rule), up to what both rules share. */
function logLikelihood({ item, label }: Demonstration, rule: Rule): number {
  const agrees = labelOf(item, 'shape') === labelOf(item, 'colour');
  const items = agrees ? AGREEING[rule] : 1 - AGREEING[rule];
  const right = labelOf(item, rule) === label;
  return Math.log(items) + Math.log(right ? 1 - WRONG : WRONG / (VALUES - 1));
}

/**
 * log P(shape | demonstrations) - log P(colour | demonstrations), in nats, by Bayes' rule from equal prior chances. Items count as
 * well as labels: an item on which the rules agree is twice as likely under `shape`, and its label says nothing.
 */
export function logOddsOfShape(demonstrations: readonly Demonstration[]): number {
  return demonstrations.reduce(
    (sum, each) => sum + logLikelihood(each, 'shape') - logLikelihood(each, 'colour'),
    0,
  );
}

/**
 * The same comparison of two rules that nothing follows: the label that the texture stands for, and the one after it. As a sum over
 * demonstrations it is of the same kind as `logOddsOfShape`, and a model has no use for it.
 */
export function logOddsOfTextures(demonstrations: readonly Demonstration[]): number {
  const unit = Math.log(1 - WRONG) - Math.log(WRONG / (VALUES - 1));
  return demonstrations.reduce((sum, { item, label }) => {
    const turn = (label + VALUES - labelOf(item, 'texture')) % VALUES;
    return sum + (turn === 0 ? unit : turn === 1 ? -unit : 0);
  }, 0);
}

/**
 * Chances of the four labels of a query [4]: under each rule its own label comes with 1 - WRONG and the others share the rest, and the
 * rules count by their chances. No policy has a smaller expected log loss.
 */
export function policyAt(logOdds: number, query: Item): number[] {
  const shape = 1 / (1 + Math.exp(-logOdds));
  const under = (rule: Rule, label: number): number =>
    labelOf(query, rule) === label ? 1 - WRONG : WRONG / (VALUES - 1);
  return Array.from(
    { length: VALUES },
    (_, label) => shape * under('shape', label) + (1 - shape) * under('colour', label),
  );
}

export function bayesPolicy({ demonstrations, query }: Sequence): number[] {
  return policyAt(logOddsOfShape(demonstrations), query);
}

/** Token ids [21] of a sequence. */
export function tokensOf({ demonstrations, query }: Sequence): number[] {
  return [
    BEGIN,
    ...demonstrations.flatMap(({ item, label }) => [itemToken(item), ASK, FIRST_LABEL + label]),
    itemToken(query),
    ASK,
  ];
}

function itemToken({ shape, colour, texture }: Item): number {
  return FIRST_ITEM + (shape * VALUES + colour) * VALUES + texture;
}

/** The inverse of `tokensOf`; throws `BAD_SETTING` for tokens that are no sequence of this world. */
export function sequenceOfTokens(tokens: readonly number[]): Sequence {
  const itemAt = (position: number): Item => {
    const index = (tokens[position] ?? Number.NaN) - FIRST_ITEM;
    return {
      shape: Math.floor(index / VALUES ** 2),
      colour: Math.floor(index / VALUES) % VALUES,
      texture: index % VALUES,
    };
  };
  const sequence: Sequence = {
    demonstrations: Array.from({ length: DEMONSTRATIONS }, (_, i) => ({
      item: itemAt(1 + i * STEP),
      label: (tokens[STEP + i * STEP] ?? Number.NaN) - FIRST_LABEL,
    })),
    query: itemAt(1 + DEMONSTRATIONS * STEP),
  };
  const told = [
    ...sequence.demonstrations.flatMap(({ item, label }) => [...Object.values(item), label]),
    ...Object.values(sequence.query),
  ];
  const possible = told.every((value) => Number.isInteger(value) && value >= 0 && value < VALUES);
  if (!possible || tokensOf(sequence).join() !== tokens.join()) {
    throw new MesascopeError('BAD_SETTING', `tokens ${tokens.join(' ')} are no sequence of demonstrations`);
  }
  return sequence;
}
