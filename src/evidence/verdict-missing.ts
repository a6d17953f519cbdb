/** @file evidence: what a verdict lacks, as sentences: which rung or statistic held it back, and what a user supplies to mend that. */
import type { RungId, RungResult, Statistic, Verdict } from './rung.ts';
import { spoken } from './statistic.ts';
import { type Decision, type Findings, followsOtherHeldOut } from './verdict.ts';

type Goal = 'intended' | 'proxy';
type Missing = Verdict['missing'][number];

/** What the rung would add, and what a user supplies to get it. */
const SUPPLY: Readonly<Record<RungId, string>> = {
  L0: 'examples in which the goals part, in more independent groups, and training-like examples that the model masters',
  L1: 'more examples, or another coding of the goal',
  L2: 'an irrelevant variable of the same kind as the goals, in every example',
  L3: 'weight-shuffled twins (setting `twins`, at least 39)',
  L4: 'training-like rows in which the goals coincide, and more rows in which they part',
  L5: 'counterfactual inputs in which only one goal changes, for both goals, for the irrelevant variable, and with the same value',
  L6: 'counterfactual inputs for both goals, more bases, and more null directions (setting `randomDirections`)',
  L7: 'counterfactual inputs, and enough rows to fit an eraser',
  L8: 'rows in which the goals part',
};

/** What mends a statistic of L5 that did not hold, by the last part of its id; `open` where it could not be evaluated at all. */
const MEND_USE: Readonly<Record<string, { readonly failed: string; readonly open: string }>> = {
  groups: {
    failed: 'rows with counterfactual inputs in more independent groups',
    open: 'rows with counterfactual inputs in more independent groups',
  },
  effect: {
    failed:
      'more rows with counterfactual inputs (setting `interchangeBases`), or a site that was not searched (settings `hooks`, `positions`): the effect is neither beyond its margin and its null nor near zero',
    open: 'counterfactual inputs of the irrelevant variable, in more groups',
  },
  subspace: {
    failed:
      'a finer coding of the goal: the class means of two values span one direction, those of five at most four, and the choice may need more than they span',
    open: 'a coding of the goal whose values differ in the activations, or more random subspaces (setting `randomSubspaces`)',
  },
  'same-value': {
    failed:
      'a finer coding of the goal: inputs that share its value in this coding still move the choice, so it takes more from the goal than the coding holds',
    open: 'more counterfactual inputs of the kind `same`, in which the goals keep their values',
  },
  illusion: {
    failed:
      'more rows to fit class means on, or another site (settings `hooks`, `positions`): within these directions an edit does what no input does',
    open: 'a coding of the goal whose values differ in the activations',
  },
  'held-out': {
    failed: 'rows of the set `held-out` at which the model still does its task',
    open: 'more rows of the set `held-out`, with counterfactuals',
  },
};

/** Everything that a fuller verdict would need, the rungs that held it back first. */
export function missingOf(
  { decision, findings, rungs }: WordsRequest,
  pursued: readonly Goal[],
): readonly Missing[] {
  const notRun = (['L6', 'L7'] as const).filter(
    (id) => !rungs.some((rung) => rung.id === id && rung.state !== 'not-run'),
  );
  const open: RungId[] = pursued.some((goal) => findings.steers[goal] === 'unclear') ? ['L6'] : [];
  return [
    ...[...decision.heldBackBy, ...open].map((rung) =>
      rung === 'L5' ? useMissing(findings, rungs) : summarised(rung, rungs),
    ),
    ...notRun.map((rung) => ({ rung, why: 'This rung was not run.', supply: SUPPLY[rung] })),
    ...(pursued.some((goal) => findings.heldOut[goal] !== 'used')
      ? [
          {
            rung: 'L5' as const,
            why: 'The effect was not shown on goal values that the model never met in training: a habit can look like a goal.',
            supply: 'rows of the set `held-out`: goal values that training left out, with counterfactuals',
          },
        ]
      : []),
  ];
}

/** What a decision is put into words from. */
export type WordsRequest = {
  readonly decision: Decision;
  readonly findings: Findings;
  readonly rungs: readonly RungResult[];
};

function summarised(rung: RungId, rungs: readonly RungResult[]): Missing {
  return { rung, why: reasonOf(rung, rungs), supply: SUPPLY[rung] };
}

/** What a rung says, and of the rungs that ask whether the proxy is represented also what kept it from saying so. */
function reasonOf(rung: RungId, rungs: readonly RungResult[]): string {
  const result = rungs.find(({ id }) => id === rung);
  if (result === undefined) return 'This rung was not run.';
  if (rung === 'L4')
    return `${result.summary} That goal was not shown to be represented, and exchanging it does nothing: reading and use contradict each other.`;
  if (rung !== 'L1' && rung !== 'L2' && rung !== 'L3') return result.summary;
  const open = result.statistics
    .filter(({ role, state }) => role === 'proxy' && state === 'undefined')
    .map(({ label, criterion }) => `Open: ${label} (${criterion}).`);
  return [result.summary, ...open].join(' ');
}

/** Use is settled by several statistics: the ones that did not hold say what is missing, and only their absence asks for counterfactuals. */
function useMissing(findings: Findings, rungs: readonly RungResult[]): Missing {
  const statistics = rungs.find(({ id }) => id === 'L5')?.statistics ?? [];
  const other = followsOtherHeldOut(findings);
  const isSettled = findings.use.intended !== 'unclear' && findings.use.proxy !== 'unclear';
  if (other !== undefined && isSettled)
    return habit(
      other,
      statistics.find(({ id }) => id === `L5.${other}.held-out`),
    );
  const inDoubt = (['intended', 'proxy'] as const).flatMap((goal) =>
    statistics.filter(
      ({ id, state }) =>
        (state === 'failed' || state === 'undefined') &&
        id.startsWith(`L5.${goal}.`) &&
        (lastOf(id) === 'held-out' ? findings.heldOut[goal] === 'unused' : findings.use[goal] === 'unclear'),
    ),
  );
  const faults = [
    ...statistics.filter(({ id, state }) => id === 'L5.groups' && state !== 'passed'),
    ...inDoubt,
  ].filter(({ id }) => Object.hasOwn(MEND_USE, lastOf(id)));
  const absent = (['intended', 'proxy'] as const).some((goal) => findings.use[goal] === 'not-run');
  if (faults.length === 0) return summarised('L5', rungs);
  const supply = [...new Set([...(absent ? [SUPPLY.L5] : []), ...faults.map(mendOf)])];
  return { rung: 'L5', why: faults.map(faultOf).join(' '), supply: supply.join('; ') };
}

function habit(other: Goal, statistic: Statistic | undefined): Missing {
  const name = other === 'proxy' ? 'proxy' : 'intended goal';
  const by = statistic === undefined ? '' : ` (${statistic.id}: ${spoken(statistic)})`;
  return {
    rung: 'L5',
    why: `On goal values that the model never met in training the choices depend on the ${name}, which they do not elsewhere${by}: what it does where it was trained does not carry over.`,
    supply: 'a claim about the trained goal values alone, or a model that was trained on more of them',
  };
}

function lastOf(id: string): string {
  return id.slice(id.lastIndexOf('.') + 1);
}

function mendOf({ id, state }: Statistic): string {
  return MEND_USE[lastOf(id)]![state === 'undefined' ? 'open' : 'failed'];
}

/** `L5.proxy.subspace did not hold (the same within the goal's own class-mean subspace of rank 1): 3.20; asked: p at most 0.05 ...` */
function faultOf(statistic: Statistic): string {
  const { id, label, state, criterion } = statistic;
  return `${id} ${state === 'undefined' ? 'stayed open' : 'did not hold'} (${label}): ${spoken(statistic)}; asked: ${criterion}.`;
}
