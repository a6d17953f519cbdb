/** @file report: the method in words, one entry per rung, with its sources; says what was done, never what was found. */
import type { RungId } from '../record/parts.ts';

export type MethodEntry = { readonly rung: RungId; readonly text: string };

export const METHOD: readonly MethodEntry[] = [
  {
    rung: 'L0',
    text: 'The instrument and the data are checked first: an edit that changes nothing must change no logit, the goals must part on enough rows in enough independent groups, and no group may lie on two sides of the split.',
  },
  {
    rung: 'L1',
    text: 'Linear probes are fitted to one part of the groups, the site is chosen on a second, and balanced accuracy is reported on a third. The null permutes labels between groups and takes the maximum over every site searched (Westfall and Young 1993).',
  },
  {
    rung: 'L2',
    text: 'Decodable is not special: the same probe is asked for a matched variable that the task never needs, and for random labels (control tasks, Hewitt and Liang 2019). What counts is the difference, in accuracy and in share of activation variance.',
  },
  {
    rung: 'L3',
    text: 'Untrained networks let probes read their inputs too. Copies of the model with weights permuted inside each tensor go through the same procedure, site search included; the model must exceed them.',
  },
  {
    rung: 'L4',
    text: 'A probe is fitted only where the goals coincide, frozen, and read where they part: it follows one goal or the other. The null swaps the goals within examples, and the twins are read the same way.',
  },
  {
    rung: 'L5',
    text: 'Activations are exchanged between inputs that differ in one variable (interchange interventions, Geiger et al. 2021), whole and within the subspace of its class means; in each context of the data apart, and on goal values held out of training where the data give them. Nulls: the irrelevant variable exchanged instead, random subspaces with the covariance of the activations (outside the goal\u2019s own where those hold it), and sources with the same value.',
  },
  {
    rung: 'L6',
    text: 'Steering, dose by dose, along the difference of two codes of a goal; the codes of both goals are fitted together by least squares where the goals part. Held against four families of directions of equal length: random, random with the covariance of the activations, codes of permuted labels, codes of other variables. Another mode is looked for by pushes from one context to another, along directions without a context, and by single tokens.',
  },
  {
    rung: 'L7',
    text: 'What a linear eraser (LEACE, Belrose et al. 2023), fitted on these rows, finds of a goal is erased at a hook and at all later ones, against random erasers of equal rank and the irrelevant variable erased; a fresh probe says how much is still read. Supporting evidence only.',
  },
  {
    rung: 'L8',
    text: 'Among the test rows that behave as intended where the goals part, those whose activations name or hold the proxy are counted, above a threshold that the irrelevant variable sets on other rows. Null: the rate of false positives of that threshold (exact binomial over groups), and the irrelevant variable in the place of the proxy, swapped within groups; beyond that, L4, the twins and L1 to L3 must bear it out.',
  },
];
