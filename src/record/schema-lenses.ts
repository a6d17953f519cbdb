/** @file record: the zod form of what lenses show; checks nothing across fields. */
import { z } from 'zod';
import type { LensReadings } from '../evidence/lens-figures.ts';
import { exactly } from './exact-form.ts';
import { intervalForm, measuredForm, roleForm } from './schema-evidence.ts';

const count = z.number().int().nonnegative();
const undefinedForm = z.strictObject({ state: z.literal('undefined'), reason: z.string() });
const meanForm = z
  .strictObject({ value: measuredForm, interval: intervalForm.exactOptional() })
  .meta({ id: 'LensMean' });
const byBlock = z.array(z.strictObject({ block: count, reason: z.string() }));

const streamsForm = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('measured'),
    points: z.array(z.strictObject({ hook: z.string(), difference: meanForm })),
  }),
  undefinedForm,
]);

const sharesForm = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('measured'),
    parts: z.array(
      z.strictObject({
        part: z.string(),
        block: count.exactOptional(),
        head: count.exactOptional(),
        difference: meanForm,
      }),
    ),
    total: meanForm,
    error: z.number(),
    whole: byBlock,
  }),
  undefinedForm,
]);

const places = z.array(
  z
    .strictObject({ text: z.string().exactOptional(), role: roleForm.exactOptional() })
    .meta({ id: 'LensPlace' }),
);

const attentionForm = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('measured'),
    rows: count,
    ofRows: count,
    readout: count,
    places,
    even: z.strictObject({
      intended: z.number().exactOptional(),
      proxy: z.number().exactOptional(),
      irrelevant: z.number().exactOptional(),
    }),
    heads: z.array(
      z.strictObject({
        block: count,
        head: count,
        mean: z.array(z.number()).meta({ description: 'mean[key]; keys follow places' }),
        onto: z.strictObject({
          intended: meanForm.exactOptional(),
          proxy: meanForm.exactOptional(),
          irrelevant: meanForm.exactOptional(),
        }),
      }),
    ),
    example: z.strictObject({
      id: z.string(),
      places,
      full: z.discriminatedUnion('state', [
        z.strictObject({
          state: z.literal('measured'),
          patterns: z
            .array(z.array(z.array(z.number())))
            .meta({ description: 'patterns[head][query][key]; heads follow the list of heads' }),
        }),
        undefinedForm,
      ]),
    }),
    missing: byBlock,
  }),
  undefinedForm,
]);

export const lensesForm: z.ZodType<LensReadings> = exactly<LensReadings>()(
  z
    .strictObject({
      rows: count,
      groups: count,
      ofRows: count,
      streams: streamsForm,
      shares: sharesForm,
      attention: attentionForm,
    })
    .meta({ id: 'LensReadings', description: 'Exploratory: no rule reads any of it.' }),
);
