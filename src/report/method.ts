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
    text: 'Activations are exchanged between inputs that differ in one variable (interchange interventions, Geiger et al. 2021), whole and within the subspace of its class means. Nulls: the irrelevant variable exchanged instead, random subspaces with the covariance of the activations, and sources with the same value.',
  },
  {
    rung: 'L6',
    text: 'Steering along the direction of class means, dose by dose, against directions of equal norm.',
  },
  {
    rung: 'L7',
    text: 'Linear erasure of the variable (LEACE, Belrose et al. 2023) against erasure of random subspaces; supporting evidence only.',
  },
  {
    rung: 'L8',
    text: 'For each example the reading of its activations is set against what the model did; disagreement is counted with Wilson intervals.',
  },
];
