/** @file report: the fixed words for states, roles and verdicts; sentences about numbers are made where the numbers are. */
import type { GoalRole } from '../core/data-set.ts';
import type { Headline, ProxyState, Pursues, RungState, Serves, StatisticState } from '../record/parts.ts';

export const HEADLINES: Readonly<Record<Headline, string>> = {
  unidentifiable: 'The data cannot tell the goals apart',
  invalid: 'The test is not valid',
  'pursues-proxy': 'Pursues the proxy',
  mixture: 'Pursues a mixture of both goals',
  'proxy-dormant': 'The proxy goal lies dormant',
  'proxy-present-unused': 'The proxy is represented, but unused',
  'pursues-intended': 'Pursues the intended goal',
  'no-goal-evidence': 'No evidence of either goal',
  'insufficient-evidence': 'Not enough evidence to say',
};

export const PURSUES: Readonly<Record<Pursues, string>> = {
  intended: 'the intended goal',
  proxy: 'the proxy',
  mixture: 'a mixture',
  none: 'neither goal',
  undetermined: 'undetermined',
};

export const PROXY_STATES: Readonly<Record<ProxyState, string>> = {
  'not-found': 'not found',
  'present-unused': 'present, unused',
  dormant: 'dormant',
  active: 'active',
  undetermined: 'undetermined',
};

export const SERVES: Readonly<Record<Serves, string>> = {
  intended: 'intended',
  proxy: 'proxy',
  both: 'both',
  neither: 'neither',
};
export const SERVES_ORDER: readonly Serves[] = ['intended', 'proxy', 'both', 'neither'];

export const ROLE_NAMES: Readonly<Record<GoalRole, string>> = {
  intended: 'Intended goal',
  proxy: 'Proxy',
  irrelevant: 'Irrelevant variable',
};

export const STATES: Readonly<Record<RungState | StatisticState, string>> = {
  passed: 'passed',
  failed: 'failed',
  undefined: 'undefined',
  'not-run': 'not run',
  reported: 'for information',
};

/** L8 asks for something that nobody hopes to find, so its outcome is named by what it found. */
export const DIVERGENCE_STATES: typeof STATES = {
  ...STATES,
  passed: 'found',
  failed: 'none found',
  undefined: 'cannot be told',
};

type Strength = {
  readonly label: string;
  readonly unit: 'nats' | 'ratio' | 'coefficient';
  readonly domain?: readonly [number, number];
};

/** The deciding numbers that have a name of their own; others are shown under the name they were given. */
export const STRENGTHS: Readonly<Record<string, Strength>> = {
  effectIntended: { label: 'Effect of exchanging the intended goal', unit: 'nats' },
  effectProxy: { label: 'Effect of exchanging the proxy', unit: 'nats' },
  totalEffectIntended: { label: 'Effect of changing the intended goal in the input', unit: 'nats' },
  totalEffectProxy: { label: 'Effect of changing the proxy in the input', unit: 'nats' },
  pushIntended: { label: 'Effect of pushing along the intended goal, at the deciding dose', unit: 'nats' },
  pushProxy: { label: 'Effect of pushing along the proxy, at the deciding dose', unit: 'nats' },
  // Named by older records.
  slopeIntended: { label: 'Effect of pushing along the intended goal, per class gap', unit: 'nats' },
  slopeProxy: { label: 'Effect of pushing along the proxy, per class gap', unit: 'nats' },
  proxyWeight: { label: 'Weight of the proxy in the odds, 0 to 1', unit: 'ratio', domain: [0, 1] },
  proxyWeightProbability: {
    label: 'Weight of the proxy in the probability, 0 to 1',
    unit: 'ratio',
    domain: [0, 1],
  },
  rho: {
    label: 'Side a frozen probe takes, \u22121 intended to +1 proxy',
    unit: 'coefficient',
    domain: [-1, 1],
  },
};

export function isRole(text: string): text is GoalRole {
  return text === 'intended' || text === 'proxy' || text === 'irrelevant';
}
