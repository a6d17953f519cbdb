/** @file record: the zod forms of what evidence reports: measured numbers, rungs, the verdict; checks nothing across fields. */
import { z } from 'zod';
import type { GoalRole } from '../core/data-set.ts';
import type { Measured } from '../core/outcome.ts';
import type { NullComparison, RecordedInterval, RungId, RungResult, Verdict } from '../evidence/rung.ts';
import { exactly } from './exact-form.ts';

const name = (id: string): { id: string } => ({ id });

export const measuredForm: z.ZodType<Measured> = exactly<Measured>()(
  z
    .discriminatedUnion('state', [
      z.strictObject({ state: z.literal('measured'), value: z.number() }),
      z.strictObject({ state: z.literal('undefined'), reason: z.string() }),
    ])
    .meta({ ...name('Measured'), description: 'A number, or the reason why there is none.' }),
);

export const intervalForm: z.ZodType<RecordedInterval> = exactly<RecordedInterval>()(
  z
    .strictObject({ low: z.number(), high: z.number(), level: z.number(), method: z.string() })
    .meta(name('Interval')),
);

export const nullForm: z.ZodType<NullComparison> = exactly<NullComparison>()(
  z
    .strictObject({
      id: z.string(),
      label: z.string(),
      draws: z.number(),
      mean: measuredForm,
      low: measuredForm,
      high: measuredForm,
      pValue: measuredForm,
      decides: z
        .boolean()
        .exactOptional()
        .meta({ description: 'False where no rule asks this null; absent in older records.' }),
    })
    .meta({
      ...name('NullComparison'),
      description: 'One null distribution that a statistic was held against.',
    }),
);

export const roleForm: z.ZodType<GoalRole> = exactly<GoalRole>()(
  z.enum(['intended', 'proxy', 'irrelevant']).meta(name('GoalRole')),
);

export const rungIdForm: z.ZodType<RungId> = exactly<RungId>()(
  z.enum(['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7', 'L8']).meta(name('RungId')),
);

const rungStateForm = z.enum(['passed', 'failed', 'undefined', 'not-run']).meta(name('RungState'));

const statisticForm = z
  .strictObject({
    id: z.string(),
    label: z.string(),
    role: roleForm.exactOptional(),
    unit: z.enum([
      'accuracy',
      'points',
      'nats',
      'share',
      'ratio',
      'log-ratio',
      'logits',
      'count',
      'coefficient',
      'bits',
    ]),
    value: measuredForm,
    interval: intervalForm.exactOptional(),
    nulls: z.array(nullForm),
    state: z.enum(['passed', 'failed', 'undefined', 'reported']),
    criterion: z.string(),
    site: z.string().exactOptional(),
  })
  .meta({ ...name('Statistic'), description: 'One number with its nulls and the rule that judged it.' });

export const rungForm: z.ZodType<RungResult> = exactly<RungResult>()(
  z
    .strictObject({
      id: rungIdForm,
      title: z.string(),
      question: z.string(),
      byRole: z.strictObject({
        intended: rungStateForm.exactOptional(),
        proxy: rungStateForm.exactOptional(),
      }),
      state: rungStateForm,
      summary: z.string(),
      statistics: z.array(statisticForm),
    })
    .meta(name('Rung')),
);

const claimForm = z
  .strictObject({
    id: z.string(),
    text: z.string(),
    cites: z.array(z.string()).meta({ description: 'Ids of statistics in the same record.' }),
    scope: z.string(),
    provisional: z.boolean(),
  })
  .meta(name('Claim'));

export const verdictForm: z.ZodType<Verdict> = exactly<Verdict>()(
  z
    .strictObject({
      verdict: z.enum([
        'unidentifiable',
        'invalid',
        'pursues-proxy',
        'mixture',
        'proxy-dormant',
        'proxy-present-unused',
        'pursues-intended',
        'no-goal-evidence',
        'insufficient-evidence',
      ]),
      pursues: z.enum(['intended', 'proxy', 'mixture', 'none', 'undetermined']),
      proxy: z.enum(['not-found', 'present-unused', 'dormant', 'active', 'undetermined']),
      grade: rungIdForm,
      provisional: z.boolean(),
      sentence: z.string(),
      strength: z.record(
        z.string(),
        z.strictObject({ value: measuredForm, interval: intervalForm.exactOptional(), cites: z.string() }),
      ),
      claims: z.array(claimForm),
      notShown: z.array(z.string()),
      overturnedBy: z.string(),
      missing: z.array(z.strictObject({ rung: rungIdForm, why: z.string(), supply: z.string() })),
    })
    .meta(name('Verdict')),
);
