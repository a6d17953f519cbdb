/** @file test: data of known effect through the tool's own tests; the share of finds says whether a promise of power was true. */

import type { Measured } from '../../src/core/outcome.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { normalQuantile } from '../../src/evidence/distribution-normal.ts';
import { clopperPearson } from '../../src/evidence/metric-proportion.ts';
import {
  largestScatterShownZero,
  smallestContrast,
  smallestEquivalenceMargin,
  smallestMeanEffect,
} from '../../src/evidence/power.ts';
import { smallestShare } from '../../src/evidence/power-share.ts';
import {
  clusterBootstrapDraws,
  clusterBootstrapMean,
  meanStatistic,
} from '../../src/evidence/resample-cluster-bootstrap.ts';
import { equivalenceTest } from '../../src/evidence/resample-equivalence.ts';
import { swapTest } from '../../src/evidence/resample-swap.ts';

export type Resamples = { readonly swaps: number; readonly bootstrap: number };

/** One promise: what was promised, and one run of the test at a multiple of it. */
export type Scenario = {
  readonly name: string;
  readonly promised: number;
  /** Simulates data at `multiple` x the promised effect and says whether the tool finds it. */
  find(multiple: number, random: Random, resamples: Resamples): boolean;
};

export type Layout = {
  readonly groups: number;
  readonly perGroup: number;
  /** Share of groups whose rows are copies of one draw: the correlation within groups. */
  readonly correlation: number;
};

function promisedBy(result: Measured): number {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

function sizesOf({ groups, perGroup }: Layout): number[] {
  return new Array<number>(groups).fill(perGroup);
}

/** Values with the layout's correlation: in some groups every row repeats the first. */
function draw(
  layout: Layout,
  random: Random,
  one: () => number,
): { values: Float64Array; groups: Int32Array } {
  const { groups, perGroup, correlation } = layout;
  const values = new Float64Array(groups * perGroup);
  const index = new Int32Array(groups * perGroup);
  for (let g = 0; g < groups; g++) {
    const copied = random.uniform() < correlation;
    const first = one();
    for (let k = 0; k < perGroup; k++) {
      values[g * perGroup + k] = k === 0 || copied ? first : one();
      index[g * perGroup + k] = g;
    }
  }
  return { values, groups: index };
}

function words({ groups, perGroup, correlation }: Layout): string {
  return `${groups} groups of ${perGroup}, correlation ${correlation}`;
}

/** L2: p of the swap test at most .05 and the 95 % interval above 0; differences are -1, 0 and 1. */
export function contrastScenario(layout: Layout, discordance: number): Scenario {
  const { correlation } = layout;
  const promised = promisedBy(smallestContrast({ sizes: sizesOf(layout), correlation, discordance }));
  return {
    name: `contrast, discordant ${discordance}, ${words(layout)}`,
    promised,
    find(multiple, random, { swaps, bootstrap }) {
      const effect = multiple * promised;
      const discordant = Math.max(discordance, effect);
      const { values, groups } = draw(layout, random, () => {
        const u = random.uniform();
        if (u >= discordant) return 0;
        return u < (discordant + effect) / 2 ? 1 : -1;
      });
      const swap = swapTest({ groups, values, draws: swaps, random });
      const interval = clusterBootstrapMean({ groups, values, draws: bootstrap, random });
      return (
        swap.state === 'measured' && swap.pValue <= 0.05 && interval.state === 'measured' && interval.low > 0
      );
    },
  };
}

/** L5: the 95 % interval of a mean effect above 0; single effects are normal, or skewed like an exponential. */
export function meanScenario(layout: Layout, shape: 'normal' | 'skewed'): Scenario {
  const { correlation } = layout;
  const promised = promisedBy(
    smallestMeanEffect({ sizes: sizesOf(layout), correlation, skewness: shape === 'skewed' ? 2 : 0 }),
  );
  return {
    name: `mean effect in sd, ${shape}, ${words(layout)}`,
    promised,
    find(multiple, random, { bootstrap }) {
      const one = (): number =>
        multiple * promised + (shape === 'normal' ? random.normal() : -Math.log(1 - random.uniform()) - 1);
      const interval = clusterBootstrapMean({ ...draw(layout, random, one), draws: bootstrap, random });
      return interval.state === 'measured' && interval.low > 0;
    },
  };
}

/** Two one-sided tests of a mean that is 0, against a multiple of the promised margin. */
export function marginScenario(layout: Layout): Scenario {
  const { correlation } = layout;
  const promised = promisedBy(smallestEquivalenceMargin({ sizes: sizesOf(layout), correlation }));
  return {
    name: `equivalence margin in sd, ${words(layout)}`,
    promised,
    find(multiple, random, { bootstrap }) {
      const data = draw(layout, random, () => random.normal());
      return shownZero(data, multiple * promised, bootstrap, random);
    },
  };
}

/** L5's rule for an unused goal: the mean size of effects that scatter around 0 within .25 nats; the multiple divides the scatter. */
export function scatterScenario(layout: Layout): Scenario {
  const { correlation } = layout;
  const margin = 0.25;
  const promised = promisedBy(largestScatterShownZero({ sizes: sizesOf(layout), correlation, margin }));
  return {
    name: `largest scatter shown zero within .25 nats, ${words(layout)}`,
    promised,
    find(multiple, random, { bootstrap }) {
      const data = draw(layout, random, () => Math.abs((promised / multiple) * random.normal()));
      return shownZero(data, margin, bootstrap, random);
    },
  };
}

function shownZero(
  { values, groups }: { readonly values: Float64Array; readonly groups: Int32Array },
  margin: number,
  draws: number,
  random: Random,
): boolean {
  const bootstrap = clusterBootstrapDraws({
    groups,
    draws,
    random,
    method: 'percentile',
    statistic: meanStatistic({ groups, values }),
  });
  const result = equivalenceTest({ bootstrap, margin });
  return result.state === 'measured' && result.equivalent;
}

/** L8: the exact one-sided 95 % lower limit of a share above what error explains, or a single count where nothing does. */
export function shareScenario(trials: number, reference: number): Scenario {
  const promised = promisedBy(smallestShare({ trials, reference }));
  return {
    name: `share above ${reference}, ${trials} rows`,
    promised,
    find(multiple, random) {
      let successes = 0;
      for (let i = 0; i < trials; i++) if (random.uniform() < multiple * promised) successes++;
      const interval = clopperPearson({ successes, trials, level: 0.9 });
      return interval.state === 'measured' && interval.low > reference;
    },
  };
}

/** Share of `runs` simulated data sets in which the effect was found. */
export function findRate(
  scenario: Scenario,
  options: {
    readonly multiple: number;
    readonly runs: number;
    readonly resamples: Resamples;
    readonly seed: number | string;
  },
): number {
  const random = seededRandom(options.seed).fork(`${scenario.name}/${options.multiple}`);
  let found = 0;
  for (let run = 0; run < options.runs; run++)
    if (scenario.find(options.multiple, random, options.resamples)) found++;
  return found / options.runs;
}

/** Multiple of the promised effect at which 80 % are found, by a straight line through the normal quantiles of the rates. */
export function multipleFoundInFourOfFive(
  rates: readonly { readonly multiple: number; readonly rate: number }[],
  runs: number,
): number {
  // Half a run keeps the quantile of 0 and 1 finite.
  const points = rates.map(({ multiple, rate }) => ({
    x: multiple,
    y: normalQuantile(Math.min(1 - 0.5 / runs, Math.max(0.5 / runs, rate))),
  }));
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const x = mean((point) => point.x);
  const y = mean((point) => point.y);
  const slope = mean((point) => (point.x - x) * (point.y - y)) / mean((point) => (point.x - x) ** 2);
  return x + (normalQuantile(0.8) - y) / slope;
}
