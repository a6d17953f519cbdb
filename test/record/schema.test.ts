/** @file test: the published JSON schema is the one that reading enforces. */
import { expect, test } from 'vitest';
import { recordJsonSchema, runRecordSchema } from '../../src/record/schema.ts';
import { emptyRecord, sampleRecord } from '../report/sample-record.ts';

type JsonSchema = {
  readonly $schema?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: boolean;
};

test('the committed schema is what the code generates (after a change: npx vitest run test/record/schema.test.ts -u)', async () => {
  await expect(recordJsonSchema()).toMatchFileSnapshot('../../src/record/run.schema.json');
});

/** Fields that were added after a version was published; records without them are read as they are. */
const ADDED = ['divergent', 'lenses'];

test('the schema names every field of a record, requires each but those added later, and allows no other', () => {
  const schema = JSON.parse(recordJsonSchema()) as JsonSchema;
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  const fields = Object.keys(sampleRecord()).sort();
  expect([...(schema.required ?? [])].sort()).toEqual(fields.filter((field) => !ADDED.includes(field)));
  expect(Object.keys(schema.properties ?? {}).sort()).toEqual(Object.keys(sampleRecord()).sort());
  expect(schema.additionalProperties).toBe(false);
});

test('records of a full and of an empty run fit, and come out of the check unchanged', () => {
  for (const record of [sampleRecord(), emptyRecord()]) {
    expect(runRecordSchema.parse(record)).toEqual(record);
    const { divergent, lenses, ...older } = record;
    expect([divergent, lenses]).not.toContain(undefined);
    expect(runRecordSchema.parse(older)).toEqual(older);
  }
});
