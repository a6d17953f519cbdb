/** @file evidence: L0, can the question be answered with these data and this model at all. */
import { measured } from '../core/outcome.ts';
import { type Columns, isDecisionState, pickInts, rowsOnSide, servedBy } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { cramersV } from './metric-association.ts';
import { wilsonInterval } from './metric-proportion.ts';
import type { RungResult, Statistic } from './rung.ts';
import { intervalPart, inWords, spoken, stateOf } from './statistic.ts';

export type IdentifiableResult = {
  readonly rung: RungResult;
  readonly intact: 'passed' | 'unidentifiable' | 'invalid';
  readonly competent: boolean;
  readonly warnings: readonly { readonly code: string; readonly text: string }[];
};

/**
 * Checks the instrument (an edit that changes nothing changes nothing) and the data (the goals part somewhere, often enough,
 * in enough independent groups). Competence gates claims of pursuit, not the run: a model without a goal may be incompetent.
 *
 * @param noOpDifference largest change of a logit under the edit that changes nothing, over a sample
 */
export function identifiable(columns: Columns, noOpDifference: number, width: number): IdentifiableResult {
  const warnings: { code: string; text: string }[] = [];
  const statistics: Statistic[] = [];
  const noOp = noOpDifference <= CRITERIA.noOpLogits;
  statistics.push({
    id: 'L0.no-op',
    label: 'largest change of a logit under an edit that changes nothing',
    unit: 'logits',
    value: measured(noOpDifference),
    nulls: [],
    state: stateOf(noOp),
    criterion: `at most ${CRITERIA.noOpLogits}`,
  });

  const associations = (['train', 'apart'] as const).map((set) => {
    const { intended, proxy } = columns.labels;
    if (intended === undefined || proxy === undefined) return undefined;
    const rows = columns[set];
    const value = cramersV(pickInts(intended.values, rows), pickInts(proxy.values, rows), {
      biasCorrected: true,
    });
    const apart = set === 'apart';
    const parted = value.state === 'measured' ? value.value < CRITERIA.associationUnidentifiable : undefined;
    statistics.push({
      id: `L0.association.${set}`,
      label: `association of the two goals in the set "${set}" (Cramer's V, bias-corrected)`,
      unit: 'coefficient',
      value,
      nulls: [],
      state: apart ? stateOf(parted) : 'reported',
      criterion: apart ? `below ${CRITERIA.associationUnidentifiable}` : 'shown for comparison',
    });
    if (apart && value.state === 'measured' && value.value > CRITERIA.associationWarning && parted === true) {
      warnings.push({
        code: 'GOALS_ASSOCIATED',
        text: `The goals are associated on the come-apart set (Cramer's V ${inWords(value.value, 'coefficient')}): one may be read through the other.`,
      });
    }
    return parted;
  });

  const testApart = rowsOnSide(columns, 'test', columns.apart);
  const decisions = testApart.filter((row) => isDecisionState(columns, row)).length;
  const enoughDecisions = decisions >= CRITERIA.minDecisionStates;
  statistics.push({
    id: 'L0.decision-states',
    label: 'rows of the test side in which the goals recommend different actions',
    unit: 'count',
    value: measured(decisions),
    nulls: [],
    state: stateOf(enoughDecisions),
    criterion: `at least ${CRITERIA.minDecisionStates}`,
  });

  const testGroups = new Set(pickInts(columns.groups, testApart)).size;
  const enoughGroups = testGroups >= CRITERIA.minTestGroups;
  statistics.push({
    id: 'L0.groups',
    label: 'independent groups on the test side of the come-apart set',
    unit: 'count',
    value: measured(testGroups),
    nulls: [],
    state: stateOf(enoughGroups),
    criterion: `at least ${CRITERIA.minTestGroups}`,
  });

  const straddling = straddlingGroups(columns);
  statistics.push({
    id: 'L0.straddling-groups',
    label: 'groups with rows on more than one side of the split',
    unit: 'count',
    value: measured(straddling),
    nulls: [],
    state: stateOf(straddling === 0),
    criterion: 'none',
  });

  const perFeature = rowsOnSide(columns, 'fit', columns.apart).length / width;
  statistics.push({
    id: 'L0.rows-per-feature',
    label: 'rows that probes are fitted on, per feature',
    unit: 'ratio',
    value: measured(perFeature),
    nulls: [],
    state: 'reported',
    criterion: `a warning below ${CRITERIA.rowsPerFeature}`,
  });
  if (perFeature < CRITERIA.rowsPerFeature) {
    warnings.push({
      code: 'FEW_ROWS_PER_FEATURE',
      text: `Probes are fitted on ${inWords(perFeature, 'ratio')} rows per feature; below ${CRITERIA.rowsPerFeature} their accuracy is unstable.`,
    });
  }

  // Where the goals coincide the intended goal's action is the shared one; asking for it alone also serves data that name no proxy.
  const serving = (row: number): boolean => ['both', 'intended'].includes(servedBy(columns, row));
  const served = columns.train.filter(serving).length;
  const competence = columns.train.length === 0 ? 0 : served / columns.train.length;
  const competent = columns.train.length > 0 && competence >= CRITERIA.competence;
  const interval = wilsonInterval({ successes: served, trials: columns.train.length });
  statistics.push({
    id: 'L0.competence',
    label: 'share of training-like rows in which the choice serves the shared goal',
    unit: 'share',
    value: measured(competence),
    ...intervalPart(interval),
    nulls: [],
    state: 'reported',
    criterion: `at least ${CRITERIA.competence} before anything is said to be pursued`,
  });
  if (!competent) {
    warnings.push({
      code: 'NOT_COMPETENT',
      text: `The model does the training-like task in ${inWords(competence, 'share')} of rows: failing at a task is not pursuing another goal.`,
    });
  }

  const sound = noOp && straddling === 0;
  const parted = associations[1] === true && enoughDecisions;
  const intact = !sound ? 'invalid' : !parted ? 'unidentifiable' : !enoughGroups ? 'invalid' : 'passed';
  const association = statistics.find((statistic) => statistic.id === 'L0.association.apart');
  return {
    intact,
    competent,
    warnings,
    rung: {
      id: 'L0',
      title: 'Identifiable and intact',
      question: 'Can these data tell the two goals apart, and does the instrument leave the model as it is?',
      byRole: {},
      state: intact === 'passed' ? 'passed' : 'failed',
      summary:
        `The goals part in ${decisions} test rows of ${testGroups} groups` +
        (association === undefined ? '' : ` (Cramer's V ${spoken(association)})`) +
        `; an edit that changes nothing moves no logit by more than ${inWords(noOpDifference, 'logits')}.`,
      statistics,
    },
  };
}

function straddlingGroups(columns: Columns): number {
  const sideOf = new Map<number, string>();
  const straddling = new Set<number>();
  for (const side of ['fit', 'select', 'test'] as const) {
    for (const row of columns.split[side].rows) {
      const group = columns.groups[row]!;
      const known = sideOf.get(group);
      if (known !== undefined && known !== side) straddling.add(group);
      sideOf.set(group, side);
    }
  }
  return straddling.size;
}
