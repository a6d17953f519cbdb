/** @file test: the words that a decision is put into: claims cite what exists, and say no more than the findings do. */
import { describe, expect, it } from 'vitest';
import { measured } from '../../src/core/outcome.ts';
import type { RungId, RungResult, Statistic } from '../../src/evidence/rung.ts';
import { decide, type Findings } from '../../src/evidence/verdict.ts';
import { putIntoWords } from '../../src/evidence/verdict-words.ts';
import { NOTHING_LATER, SOME, USES } from './findings-space.ts';

const IDS: Readonly<Record<'L1' | 'L2' | 'L3' | 'L4' | 'L5', readonly string[]>> = {
  L1: ['L1.intended.accuracy', 'L1.proxy.accuracy'],
  L2: ['L2.intended.contrast', 'L2.proxy.contrast', 'L2.intended.share', 'L2.proxy.share'],
  L3: ['L3.intended.contrast', 'L3.proxy.contrast', 'L3.intended.share', 'L3.proxy.share'],
  L4: ['L4.rho'],
  L5: [
    ...(['intended', 'proxy'] as const).flatMap((goal) =>
      ['total', 'effect', 'subspace', 'same-value'].map((name) => `L5.${goal}.${name}`),
    ),
    'L5.proxy-weight',
  ],
};

function rung(id: RungId, statistics: readonly string[]): RungResult {
  return {
    id,
    title: id,
    question: '?',
    byRole: {},
    state: 'passed',
    summary: `summary of ${id}`,
    statistics: statistics.map(
      (name, i): Statistic => ({
        id: name,
        label: name,
        unit: 'nats',
        value: measured(i + 0.25),
        nulls: [],
        state: 'passed',
        criterion: '',
      }),
    ),
  };
}

const RUNGS = [
  rung('L0', ['L0.no-op']),
  ...(Object.entries(IDS) as [RungId, string[]][]).map(([id, ids]) => rung(id, ids)),
];

describe('a verdict in words', () => {
  it('cites statistics of the record in every claim and strength, whichever of them exist', () => {
    for (const rungs of [RUNGS, RUNGS.slice(0, 3), [RUNGS[0]!]]) {
      const known = new Set(rungs.flatMap(({ statistics }) => statistics.map(({ id }) => id)));
      const faults: string[] = [];
      for (const findings of SOME) {
        const { claims, strength } = putIntoWords(decide(findings), findings, rungs);
        for (const { id, cites, text, scope } of claims) {
          if (cites.length === 0 || scope === '' || /undefined|NaN/.test(text)) faults.push(id);
          faults.push(...cites.filter((cited) => !known.has(cited)));
        }
        faults.push(...Object.values(strength).flatMap(({ cites }) => (known.has(cites) ? [] : [cites])));
        if (new Set(claims.map(({ id }) => id)).size !== claims.length) faults.push('two claims of one id');
      }
      expect(faults).toEqual([]);
    }
  });

  it('says in the sentence and in every claim that it is provisional, when it is', () => {
    for (const findings of SOME) {
      const decision = decide(findings);
      const verdict = putIntoWords(decision, findings, RUNGS);
      expect(verdict.provisional).toBe(decision.provisional);
      expect(verdict.sentence.startsWith('Provisionally: ')).toBe(verdict.provisional);
      for (const claim of verdict.claims) expect(claim.provisional).toBe(verdict.provisional);
      if (verdict.provisional) expect(verdict.missing.length).toBeGreaterThan(0);
    }
  });

  it('names what would supply each rung that held it back', () => {
    for (const findings of SOME) {
      const decision = decide(findings);
      const { missing, overturnedBy, notShown } = putIntoWords(decision, findings, RUNGS);
      for (const id of decision.heldBackBy) expect(missing.map((one) => one.rung)).toContain(id);
      for (const { why, supply } of missing) expect([why, supply]).not.toContain('');
      expect(overturnedBy).not.toBe('');
      expect(notShown.length).toBeGreaterThan(1);
    }
  });

  it('does not say that a proxy was looked for and not found when no rung could tell', () => {
    const findings: Findings = {
      intact: 'passed',
      competent: true,
      present: { intended: true, proxy: undefined },
      side: 'intended',
      use: { intended: 'used', proxy: 'unused' },
      ...NOTHING_LATER,
    };
    const { sentence, proxy } = putIntoWords(decide(findings), findings, RUNGS);
    expect(proxy).toBe('undetermined');
    expect(sentence).not.toMatch(/not found/);
    const looked = { ...findings, present: { intended: true, proxy: false } };
    expect(putIntoWords(decide(looked), looked, RUNGS).sentence).toMatch(/not found/);
    for (const rung of ['L1', 'L2', 'L3'] as const)
      for (const use of ['used', 'unused'] as const) {
        const open: Findings = {
          ...findings,
          presentOpenAt: { proxy: rung },
          use: { intended: use, proxy: 'unused' },
        };
        expect(decide(open).heldBackBy).toEqual([rung]);
      }
  });

  it('calls a habit no goal: on goal values that it never met it follows the other one', () => {
    const findings: Findings = {
      intact: 'passed',
      competent: true,
      present: { intended: true, proxy: false },
      side: 'intended',
      use: { intended: 'used', proxy: 'unused' },
      ...NOTHING_LATER,
      heldOut: { intended: 'used', proxy: 'used' },
    };
    const { verdict, missing } = putIntoWords(decide(findings), findings, RUNGS);
    expect(verdict).toBe('insufficient-evidence');
    expect(missing[0]).toMatchObject({
      rung: 'L5',
      why: expect.stringMatching(/depend on the proxy, which they do not elsewhere/),
    });
    const carried = { ...findings, heldOut: { intended: 'used', proxy: 'unused' } } as const;
    expect(decide(carried).verdict).toBe('pursues-intended');
  });

  it('calls a proxy dormant that acts elsewhere and leaves a trace here, where the intended goal leads', () => {
    const trace: Findings = {
      intact: 'passed',
      competent: true,
      present: { intended: true, proxy: true },
      side: 'intended',
      use: { intended: 'used', proxy: 'unclear' },
      ...NOTHING_LATER,
      intendedLeads: true,
      mode: { state: 'acts-elsewhere', how: 'mode-steering' },
    };
    const expected = { verdict: 'proxy-dormant', pursues: 'intended', proxy: 'dormant', provisional: true };
    expect(decide(trace)).toMatchObject({ ...expected, heldBackBy: ['L5'] });
    const sure: Partial<Findings> = {
      steers: { intended: 'steers', proxy: 'unclear' },
      heldOut: { intended: 'used', proxy: 'unclear' },
    };
    expect(decide({ ...trace, ...sure })).toMatchObject(expected);
    const sized = withStatistics('L5', [measuredAt('L5.proxy-size', 0.03)]);
    const { claims, sentence, missing } = wordsOf(trace, sized);
    expect(claims.find(({ id }) => id === 'claim.trace')?.text).toMatch(/trace.*0\.03/);
    expect(sentence).toMatch(/^Provisionally: /);
    expect(missing.map(({ rung }) => rung)).toContain('L5');
    const others: Partial<Findings>[] = [
      { intendedLeads: false },
      { mode: { state: 'silent', how: undefined } },
      { heldOut: { intended: 'used', proxy: 'used' } },
      { use: { intended: 'unclear', proxy: 'unclear' } },
      { steers: { intended: 'does-not', proxy: 'unclear' } },
      { heldOut: { intended: 'unused', proxy: 'not-run' } },
      { competent: false },
    ];
    for (const other of others) expect(decide({ ...trace, ...other }).verdict).toBe('insufficient-evidence');
  });

  it('never says that a variable is not represented: a probe that fails can mean several things', () => {
    for (const findings of SOME) {
      const { claims, sentence } = putIntoWords(decide(findings), findings, RUNGS);
      for (const text of [sentence, ...claims.map((claim) => claim.text)])
        expect(text).not.toMatch(/not represented|does not represent|absent from/);
    }
  });

  const base: Findings = {
    intact: 'passed',
    competent: true,
    present: { intended: true, proxy: false },
    side: 'intended',
    use: { intended: 'used', proxy: 'unused' },
    ...NOTHING_LATER,
  };
  const wordsOf = (findings: Findings, rungs = RUNGS): ReturnType<typeof putIntoWords> =>
    putIntoWords(decide(findings), findings, rungs);
  const measuredAt = (id: string, value: number, state: Statistic['state'] = 'reported'): Statistic => ({
    id,
    label: `label of ${id}`,
    unit: 'nats',
    value: measured(value),
    nulls: [],
    state,
    criterion: `criterion of ${id}`,
  });
  const withStatistics = (id: RungId, statistics: readonly Statistic[]): RungResult[] =>
    [...RUNGS, rung('L6', [])].map((one) => (one.id === id ? { ...one, statistics } : one));

  it('names the context in which each goal leads, with both effects there, and cites them', () => {
    const contexts = { variable: 'monitor', intendedAt: '0', proxyAt: '1' };
    const findings: Findings = {
      ...base,
      use: { intended: 'used', proxy: 'used' },
      mode: { state: 'acts-elsewhere', how: 'context', contexts },
    };
    const ids = ['0', '1'].flatMap((value) =>
      ['weight', 'intended', 'proxy'].map((what) => `L5.context.monitor.${value}.${what}`),
    );
    const numbers = [0.007, 26.5, 0.25, 0.99, 0.5, 26.75];
    const rungs = withStatistics(
      'L5',
      ids.map((id, i) => measuredAt(id, numbers[i]!)),
    );
    const { verdict, sentence, claims, overturnedBy } = wordsOf(findings, rungs);
    expect(verdict).toBe('proxy-dormant');
    const told =
      'here monitor is 0 the choice follows the intended goal (26.50 nats against 0.25), where it is 1 the proxy (26.75 against 0.50).';
    expect(sentence).toContain(`in one context of these data and the proxy in another: w${told}`);
    const claim = claims.find(({ id }) => id === 'claim.mode');
    expect(claim).toMatchObject({ text: `W${told}`, cites: ids });
    expect(claim!.scope).toContain('by the value of monitor');
    // What is said of all rows says so: it averages two modes.
    for (const { id, scope } of claims.filter(({ id }) => id !== 'claim.mode'))
      expect([id, scope.endsWith('all values of monitor together')]).toEqual([id, true]);
    expect(overturnedBy).toContain('these contexts');
    const pushed = wordsOf({ ...base, mode: { state: 'acts-elsewhere', how: 'mode-steering' } });
    expect(pushed.sentence).toContain('holds the proxy ready');
  });

  it('says of the search for another mode what became of it, and nothing where the proxy acts already', () => {
    const told = (findings: Partial<Findings>): string[] =>
      wordsOf({ ...base, ...findings }).notShown.filter((text) => /another mode|other mode/.test(text));
    expect(told({ mode: { state: 'unclear', how: undefined } })).toEqual([
      expect.stringContaining('found neither a mode nor its absence'),
    ]);
    expect(told({ mode: { state: 'silent', how: undefined } })).toEqual([
      expect.stringContaining('No other mode was found'),
    ]);
    expect(told({ use: { intended: 'unclear', proxy: 'unused' } })).toEqual([
      expect.stringContaining('No search for another mode was made'),
    ]);
    expect(told({})).toEqual([expect.stringContaining('could be made')]);
    for (const intended of USES) expect(told({ use: { intended, proxy: 'used' } })).toEqual([]);
  });

  it('says that a push does not move the choice with the effect, and with the margin it lies under', () => {
    const rungs = withStatistics('L6', [
      measuredAt('L6.intended.effect', -0.38),
      measuredAt('L6.intended.slope', 0.8),
      measuredAt('L5.intended.margin', 1.3),
    ]);
    const findings: Findings = {
      ...base,
      use: { intended: 'unused', proxy: 'used' },
      side: 'proxy',
      steers: { intended: 'does-not', proxy: 'steers' },
    };
    const { claims, strength } = wordsOf(findings, rungs);
    const claim = claims.find(({ id }) => id === 'claim.intended.does-not-steer')!;
    expect(claim.text).toContain('(1.30 nats): −0.38 nats at the deciding dose, 0.80 per class gap');
    expect(claim.cites).toEqual(['L6.intended.effect', 'L5.intended.margin', 'L6.intended.slope']);
    expect(strength.pushIntended).toEqual({ value: measured(-0.38), cites: 'L6.intended.effect' });
  });

  it('names the statistic that held a verdict back and what mends it; counterfactuals only where there are none', () => {
    const findings: Findings = { ...base, use: { intended: 'unused', proxy: 'unclear' } };
    const rungs = withStatistics('L5', [
      measuredAt('L5.groups', 105, 'passed'),
      measuredAt('L5.intended.effect', 0, 'failed'),
      measuredAt('L5.proxy.effect', 12, 'passed'),
      measuredAt('L5.proxy.subspace', 3.2, 'failed'),
    ]);
    const [held, ...rest] = wordsOf(findings, rungs).missing.filter(({ rung }) => rung === 'L5');
    expect(rest).toEqual([]);
    expect(held!.why).toBe(
      'L5.proxy.subspace did not hold (label of L5.proxy.subspace): 3.20; asked: criterion of L5.proxy.subspace.',
    );
    expect(held!.supply).toContain('a finer coding of the goal');
    expect(held!.supply).not.toContain('counterfactual');
    const without: Findings = { ...base, use: { intended: 'not-run', proxy: 'not-run' } };
    expect(wordsOf(without, withStatistics('L5', [])).missing[0]).toMatchObject({
      rung: 'L5',
      supply: expect.stringContaining('counterfactual inputs in which only one goal changes'),
    });
  });
});
