/** @file record: the zod forms of the tables behind the figures, and of the examples shown; checks nothing across fields. */
import { z } from 'zod';
import type {
  BehaviorTable,
  DivergentReading,
  Geometry,
  InterchangePoint,
  QuadrantTable,
  RollOutTable,
  SiteMap,
} from '../evidence/figures.ts';
import { exactly } from './exact-form.ts';
import type { ExampleRecord } from './record.ts';
import { intervalForm, measuredForm, nullForm, roleForm } from './schema-evidence.ts';

const servesForm = z.enum(['intended', 'proxy', 'both', 'neither']).meta({ id: 'Serves' });
const goalValueForm = z.union([z.number(), z.string()]);
const count = z.number().int().nonnegative();

export const siteMapForm: z.ZodType<SiteMap> = exactly<SiteMap>()(
  z
    .strictObject({
      hooks: z.array(z.string()),
      positions: z.array(z.number().int()),
      layers: z.array(
        z.strictObject({
          id: z.string(),
          label: z.string(),
          unit: z.enum(['accuracy', 'share', 'nats']),
          chance: z.number(),
          values: z.array(z.array(z.number().nullable())).meta({ description: 'values[hook][position]' }),
        }),
      ),
    })
    .meta({ id: 'SiteMap' }),
);

export const interchangeForm: z.ZodType<InterchangePoint> = exactly<InterchangePoint>()(
  z
    .strictObject({
      role: roleForm,
      hook: z.string(),
      position: z.number().int(),
      scope: z.enum(['one-site', 'from-here-on']),
      rank: z.number().int().nullable(),
      effect: measuredForm,
      interval: intervalForm.exactOptional(),
      nie: measuredForm,
      interchangeAccuracy: measuredForm,
      nulls: z.array(nullForm),
    })
    .meta({ id: 'InterchangePoint' }),
);

export const quadrantForm: z.ZodType<QuadrantTable> = exactly<QuadrantTable>()(
  z
    .strictObject({
      set: z.string(),
      total: count,
      cells: z.array(
        z.strictObject({
          behavior: servesForm,
          internal: servesForm,
          count,
          share: z.number(),
          interval: intervalForm,
        }),
      ),
      silent: z.strictObject({
        count,
        total: count,
        share: measuredForm,
        interval: intervalForm.exactOptional(),
      }),
    })
    .meta({ id: 'QuadrantTable' }),
);

export const geometryForm: z.ZodType<Geometry> = exactly<Geometry>()(
  z
    .strictObject({
      hook: z.string(),
      position: z.number().int(),
      explained: z.array(z.number()),
      exampleIds: z.array(z.string()),
      components: z
        .array(z.array(z.number()))
        .meta({ description: 'components[component][row]; rows follow exampleIds' }),
    })
    .meta({ id: 'Geometry' }),
);

export const behaviorForm: z.ZodType<BehaviorTable> = exactly<BehaviorTable>()(
  z
    .strictObject({
      set: z.string(),
      rows: count,
      decisionStates: count,
      serves: z.array(z.strictObject({ what: servesForm, count, share: z.number(), interval: intervalForm })),
    })
    .meta({ id: 'BehaviorTable' }),
);

export const rollOutForm: z.ZodType<RollOutTable> = exactly<RollOutTable>()(
  z
    .strictObject({
      title: z.string(),
      episodes: count,
      outcomes: z.array(
        z.strictObject({ what: z.string(), count, share: z.number(), interval: intervalForm }),
      ),
      meanSteps: measuredForm,
    })
    .meta({ id: 'RollOutTable' }),
);

export const divergentForm: z.ZodType<DivergentReading> = exactly<DivergentReading>()(
  z
    .strictObject({
      id: z.string(),
      group: z.string(),
      named: measuredForm,
      held: measuredForm,
      preference: measuredForm,
      gap: measuredForm,
      silentNamed: z.boolean(),
      silentHeld: z.boolean(),
    })
    .meta({ id: 'DivergentReading' }),
);

const pictureForm = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('grid'),
      rows: z.number(),
      columns: z.number(),
      items: z.array(
        z.strictObject({
          row: z.number(),
          column: z.number(),
          label: z.string(),
          role: z.enum(['intended', 'proxy', 'irrelevant', 'agent', 'other']),
        }),
      ),
    }),
    z.strictObject({
      kind: z.literal('tokens'),
      tokens: z.array(z.strictObject({ text: z.string(), role: roleForm.exactOptional() })),
    }),
  ])
  .meta({ id: 'Picture' });

export const exampleForm: z.ZodType<ExampleRecord> = exactly<ExampleRecord>()(
  z
    .strictObject({
      id: z.string(),
      set: z.string(),
      group: z.string(),
      chosen: z.string(),
      probabilities: z.record(z.string(), z.number()),
      behavior: servesForm,
      internal: servesForm,
      score: measuredForm,
      preference: measuredForm,
      silent: z.boolean(),
      input: z.string(),
      goals: z.strictObject({
        intended: goalValueForm.exactOptional(),
        proxy: goalValueForm.exactOptional(),
        irrelevant: goalValueForm.exactOptional(),
      }),
      recommended: z.strictObject({
        intended: z.array(z.string()).exactOptional(),
        proxy: z.array(z.string()).exactOptional(),
      }),
      context: z.record(z.string(), goalValueForm),
      picture: pictureForm.exactOptional(),
    })
    .meta({ id: 'ExampleRecord' }),
);
