/** @file test: made-up site maps and interchange effects; no number in them was measured. */
import type { GoalRole } from '../../src/core/data-set.ts';
import { type Measured, measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { Random } from '../../src/core/random.ts';
import type { RecordedInterval } from '../../src/evidence/rung.ts';
import type { InterchangePoint, NullComparison, SiteMap } from '../../src/record/parts.ts';
import { sampleInterval } from './sample-evidence.ts';

export const HOOKS: readonly string[] = [
  'embed',
  'blocks.0.resid_mid',
  'blocks.0.resid_post',
  'blocks.1.resid_mid',
  'blocks.1.resid_post',
];
const POSITIONS = [-7, -6, -5, -4, -3, -2, -1];
const ROLES: readonly GoalRole[] = ['intended', 'proxy', 'irrelevant'];

/** To four digits, so that records stay small. */
export function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** Of a share, roughly. */
export function shareInterval(count: number, total: number): RecordedInterval {
  const share = count / Math.max(1, total);
  const half = 1.96 * Math.sqrt((share * (1 - share) + 0.002) / Math.max(1, total));
  return {
    ...sampleInterval(round(Math.max(0, share - half)), round(Math.min(1, share + half))),
    method: 'Wilson',
  };
}

export function sampleSites(random: Random): SiteMap {
  // How well each role is read at full strength, by kind of map.
  const peak = { intended: 0.31, proxy: 0.97, irrelevant: 0.14 } as const;
  const grid = (top: number, floor: number, spread = 0.01): number[][] =>
    HOOKS.map((_, hook) =>
      POSITIONS.map((position) => {
        const reach = position === -1 ? hook / 4 : position < -5 ? 0 : 0.5;
        return round(Math.max(0, floor + (top - floor) * reach + random.normal() * spread));
      }),
    );
  return {
    hooks: HOOKS,
    positions: POSITIONS,
    layers: [
      ...ROLES.map((role) => ({
        id: `probe.${role}`,
        label: `Probe reads the ${role} cell`,
        unit: 'accuracy' as const,
        chance: 0.04,
        values: grid(peak[role], 0.04),
      })),
      ...ROLES.map((role) => ({
        id: `twins.${role}`,
        label: `The same in the twins, ${role}`,
        unit: 'accuracy' as const,
        chance: 0.04,
        values: grid(0.2, 0.05),
      })),
      {
        id: 'control',
        label: 'Control task (random labels per type)',
        unit: 'accuracy',
        chance: 0.04,
        values: grid(0.09, 0.04),
      },
      ...ROLES.map((role) => ({
        id: `share.${role}`,
        label: `Share of variance, ${role}`,
        unit: 'share' as const,
        chance: 0,
        values: grid(peak[role] / 2, 0.005, 0.002),
      })),
      ...ROLES.map((role) => ({
        id: `causal.${role}`,
        label: `Effect of exchanging the ${role} cell`,
        unit: 'nats' as const,
        chance: 0,
        values: HOOKS.map((_, hook) =>
          POSITIONS.map((position) =>
            position === -1
              ? round((role === 'proxy' ? 5.6 : 0.1) * (hook / 4) + random.normal() * 0.05)
              : null,
          ),
        ),
      })),
    ],
  };
}

export function sampleInterchange(random: Random): InterchangePoint[] {
  const top = { intended: 0.3, proxy: 5.8, irrelevant: 0.02 } as const;
  return ROLES.flatMap((role) =>
    (['one-site', 'from-here-on'] as const).flatMap((scope) =>
      HOOKS.flatMap((hook, h) =>
        [1, 2, 4, 8, null].map((rank): InterchangePoint => {
          const part =
            (rank === null ? 1 : 1 - 0.55 ** rank) * (scope === 'one-site' ? h / 4 : 0.4 + 0.15 * h);
          const effect = round(top[role] * part + random.normal() * 0.04);
          const band = round(0.08 + 0.5 * part * (rank === null ? 0.2 : 1));
          const nulls: NullComparison[] = [
            {
              id: 'random-subspaces',
              label: 'covariance-matched random subspaces',
              draws: 199,
              mean: measured(0.02),
              low: measured(-band),
              high: measured(band),
              pValue: measured(effect > band ? 0.005 : 0.41),
            },
            {
              id: 'irrelevant-swapped',
              label: 'irrelevant variable swapped instead',
              draws: 240,
              mean: measured(0.01),
              low: measured(-band / 2),
              high: measured(band / 2),
              pValue: undefinedBecause('no test is made'),
            },
          ];
          const share: Measured =
            role === 'irrelevant'
              ? undefinedBecause('the model ignores this variable')
              : measured(round(effect / (top[role] + 0.4)));
          return {
            role,
            hook,
            position: -1,
            scope,
            rank,
            effect: measured(effect),
            interval: sampleInterval(round(effect - 0.2), round(effect + 0.2)),
            nie: share,
            interchangeAccuracy: measured(round(Math.max(0, effect / 7))),
            nulls: role === 'irrelevant' ? [] : nulls,
          };
        }),
      ),
    ),
  );
}
