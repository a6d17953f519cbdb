/** @file record: the zod schema of run.json, held to the type at compile time, and the JSON schema made from it. */
import { z } from 'zod';
import { exactly } from './exact-form.ts';
import { RECORD_SCHEMA, type RunRecord } from './record.ts';
import {
  baselineForm,
  calibrationForm,
  doseForm,
  erasureForm,
  leakForm,
  sensitivityForm,
  stratumForm,
  testReadForm,
} from './schema-causal.ts';
import { roleForm, rungForm, verdictForm } from './schema-evidence.ts';
import {
  behaviorForm,
  divergentForm,
  exampleForm,
  geometryForm,
  interchangeForm,
  quadrantForm,
  rollOutForm,
  siteMapForm,
} from './schema-figures.ts';
import { lensesForm } from './schema-lenses.ts';

const count = z.number().int().nonnegative();
const free = z.record(z.string(), z.unknown());
const sha256Form = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ id: 'Sha256' });

const dataForm = z
  .strictObject({
    title: z.string(),
    sha256: sha256Form,
    file: z.string().nullable(),
    inputKind: z.enum(['tokens', 'text', 'tensors']),
    readout: z.number().int(),
    choices: z.array(z.string()),
    candidates: z.enum(['sum', 'mean']).exactOptional(),
    goals: z.array(
      z.strictObject({
        role: roleForm,
        text: z.string(),
        kind: z.enum(['category', 'number']),
        classes: count,
      }),
    ),
    contexts: z.record(z.string(), z.string()),
    sets: z.array(
      z.strictObject({
        name: z.string(),
        rows: count,
        groups: count,
        decisionStates: count,
        split: z.strictObject({ fit: count, select: count, test: count }),
      }),
    ),
    counterfactuals: z.record(z.string(), count),
  })
  .meta({ id: 'DataCard' });

const modelForm = z
  .strictObject({
    file: z.string(),
    sha256: sha256Form,
    bytes: count,
    producer: z.string(),
    opset: z.number().int(),
    blocks: count,
    width: count.nullable(),
    tokenizer: z.strictObject({ file: z.string(), sha256: sha256Form }).exactOptional(),
    hooks: z.array(
      z.strictObject({ name: z.string(), available: z.boolean(), reason: z.string().exactOptional() }),
    ),
    card: free.nullable(),
  })
  .meta({ id: 'ModelCard' });

const provenanceForm = z
  .strictObject({
    versions: z.record(z.string(), z.string()),
    platform: z.string(),
    optimization: z.string(),
    splitSeed: z.string(),
    command: z.string(),
    git: z.strictObject({ commit: z.string(), changed: z.boolean() }).nullable(),
  })
  .meta({ id: 'Provenance' });

const timingsForm = z
  .strictObject({
    startedAt: z.string(),
    durationMs: z.number(),
    stages: z.array(z.strictObject({ stage: z.string(), durationMs: z.number() })),
    reused: z.array(z.string()),
  })
  .meta({ id: 'Timings', description: 'Everything that may differ between two runs of the same settings.' });

const form = z.strictObject({
  schema: z.literal(RECORD_SCHEMA),
  experiment: z.string(),
  title: z.string(),
  question: z.string(),
  verdict: verdictForm,
  warnings: z.array(z.strictObject({ code: z.string(), text: z.string() })),
  rungs: z.array(rungForm),
  behavior: z.array(behaviorForm),
  rollOuts: z.array(rollOutForm),
  quadrants: z.array(quadrantForm),
  sites: siteMapForm.nullable(),
  interchange: z.array(interchangeForm),
  doses: z.array(doseForm),
  erasure: z.array(erasureForm),
  baselines: z.array(baselineForm),
  calibration: z.array(calibrationForm),
  sensitivity: z.array(sensitivityForm),
  strata: z.array(stratumForm),
  leaks: z.array(leakForm),
  testReads: z.array(testReadForm),
  divergent: z.array(divergentForm).exactOptional(),
  geometry: geometryForm.nullable(),
  lenses: lensesForm.exactOptional(),
  examples: z.array(exampleForm),
  data: dataForm,
  model: modelForm,
  provenance: provenanceForm,
  settings: z.strictObject({ given: free, resolved: free }),
  expectations: z.array(z.strictObject({ text: z.string(), held: z.boolean() })),
  shards: z.array(z.strictObject({ hook: z.string(), file: z.string(), sha256: sha256Form })),
  timings: timingsForm,
});

/** Strict: unknown fields, NaN and infinities are errors. Parsing copies; it does not check references between fields. */
export const runRecordSchema: z.ZodType<RunRecord> = exactly<RunRecord>()(form);

/** The published JSON schema (draft 2020-12) of run.json; `src/record/run.schema.json` holds its bytes. */
export function recordJsonSchema(): string {
  const { $schema, ...rest } = z.toJSONSchema(form, { target: 'draft-2020-12' });
  const schema = { $schema, title: 'Record of one mesascope run', ...rest };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
