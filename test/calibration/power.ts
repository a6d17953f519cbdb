/** @file test: is the smallest effect that `plan` promises the one that the tool's own tests find? Prints a table.
 *  Run with `npx tsx test/calibration/power.ts [RUNS]`; 400 runs per point by default, a few minutes. */
import {
  contrastScenario,
  findRate,
  marginScenario,
  meanScenario,
  multipleFoundInFourOfFive,
  scatterScenario,
  shareScenario,
} from './power-simulation.ts';

const runs = Number(process.argv[2] ?? 400);
const MULTIPLES = [0.85, 0.925, 1, 1.075, 1.15];
const RESAMPLES = { swaps: 999, bootstrap: 1000 };

const single = (groups: number) => ({ groups, perGroup: 1, correlation: 1 });
const scenarios = [
  contrastScenario(single(30), 0.5),
  contrastScenario(single(60), 0.5),
  contrastScenario(single(200), 0.5),
  contrastScenario(single(200), 0.25),
  contrastScenario({ groups: 60, perGroup: 2, correlation: 1 }, 0.5),
  contrastScenario({ groups: 60, perGroup: 2, correlation: 0 }, 0.5),
  contrastScenario({ groups: 60, perGroup: 4, correlation: 0.3 }, 0.5),
  meanScenario(single(30), 'normal'),
  meanScenario(single(100), 'normal'),
  meanScenario(single(100), 'skewed'),
  meanScenario({ groups: 60, perGroup: 3, correlation: 0.5 }, 'normal'),
  marginScenario(single(30)),
  marginScenario(single(100)),
  scatterScenario(single(30)),
  scatterScenario(single(100)),
  shareScenario(100, 0),
  shareScenario(300, 0),
  shareScenario(300, 0.05),
];

console.log(
  'promise                                                          promised   found at it   found in 80 % at',
);
for (const scenario of scenarios) {
  const rates = MULTIPLES.map((multiple) => ({
    multiple,
    rate: findRate(scenario, { multiple, runs, resamples: RESAMPLES, seed: 1 }),
  }));
  const at = multipleFoundInFourOfFive(rates, runs);
  console.log(
    `${scenario.name.padEnd(64)} ${scenario.promised.toFixed(3).padStart(8)} ${(100 * rates[2]!.rate).toFixed(1).padStart(11)} % ${(at * scenario.promised).toFixed(3).padStart(9)} (x ${at.toFixed(2)})`,
  );
}
