/** @file record: the zod forms of steering, erasure, baselines, calibration and the tables of doubt; checks nothing across fields. */
import { z } from 'zod';
import type {
  BaselineReading,
  CalibrationTable,
  DoseResponse,
  ErasurePoint,
  LeakReading,
  SensitivityPoint,
  StratumEffect,
  TestRead,
} from '../evidence/figures.ts';
import { exactly } from './exact-form.ts';
import { intervalForm, measuredForm, nullForm, roleForm } from './schema-evidence.ts';

const count = z.number().int().nonnegative();
const position = z.number().int();

const sideEffectsForm = z
  .strictObject({
    choiceMass: measuredForm,
    entropy: measuredForm,
    neutralShift: measuredForm,
    distance: measuredForm,
  })
  .meta({ id: 'SideEffects' });

export const doseForm: z.ZodType<DoseResponse> = exactly<DoseResponse>()(
  z
    .strictObject({
      id: z.string(),
      label: z.string(),
      hook: z.string(),
      position,
      bases: count,
      preference: z.string(),
      points: z.array(
        z.strictObject({
          dose: z.number(),
          percentOfNorm: z.number(),
          effect: measuredForm,
          interval: intervalForm.exactOptional(),
          flips: measuredForm,
          valid: z.boolean(),
          broken: z.array(z.string()),
          sideEffects: sideEffectsForm,
          nulls: z.array(nullForm),
        }),
      ),
      slope: measuredForm,
      slopeInterval: intervalForm.exactOptional(),
    })
    .meta({ id: 'DoseResponse', description: 'Steering along one direction, dose by dose, in class gaps.' }),
);

export const erasureForm: z.ZodType<ErasurePoint> = exactly<ErasurePoint>()(
  z
    .strictObject({
      role: roleForm,
      hook: z.string(),
      position,
      effect: measuredForm,
      interval: intervalForm.exactOptional(),
      nulls: z.array(nullForm),
      accuracyAfter: measuredForm,
      chance: z.number(),
      othersLost: measuredForm,
    })
    .meta({ id: 'ErasurePoint' }),
);

export const baselineForm: z.ZodType<BaselineReading> = exactly<BaselineReading>()(
  z
    .strictObject({
      role: roleForm,
      id: z.string(),
      label: z.string(),
      accuracy: measuredForm,
      interval: intervalForm.exactOptional(),
      chance: z.number(),
    })
    .meta({ id: 'BaselineReading' }),
);

export const calibrationForm: z.ZodType<CalibrationTable> = exactly<CalibrationTable>()(
  z
    .strictObject({
      id: z.string(),
      label: z.string(),
      rows: count,
      bins: z.array(
        z.strictObject({
          low: z.number(),
          high: z.number(),
          count,
          stated: z.number().nullable(),
          observed: z.number().nullable(),
        }),
      ),
      brier: measuredForm,
      ece: measuredForm,
    })
    .meta({ id: 'CalibrationTable' }),
);

export const sensitivityForm: z.ZodType<SensitivityPoint> = exactly<SensitivityPoint>()(
  z
    .strictObject({
      hook: z.string(),
      position,
      chosen: z.boolean(),
      intended: measuredForm,
      proxy: measuredForm,
      intendedInterval: intervalForm.exactOptional(),
      proxyInterval: intervalForm.exactOptional(),
      proxyWeight: measuredForm,
    })
    .meta({ id: 'SensitivityPoint' }),
);

const useForm = z.enum(['used', 'unused', 'unclear', 'not-run']).meta({ id: 'Use' });

export const stratumForm: z.ZodType<StratumEffect> = exactly<StratumEffect>()(
  z
    .strictObject({
      kind: z.enum(['context', 'nuisance']),
      variable: z.string(),
      value: z.string(),
      bases: count,
      groups: count,
      intended: measuredForm,
      proxy: measuredForm,
      intendedInterval: intervalForm.exactOptional(),
      proxyInterval: intervalForm.exactOptional(),
      proxyWeight: measuredForm,
      proxyWeightInterval: intervalForm.exactOptional(),
      use: z.strictObject({ intended: useForm, proxy: useForm }),
    })
    .meta({ id: 'StratumEffect' }),
);

export const leakForm: z.ZodType<LeakReading> = exactly<LeakReading>()(
  z
    .strictObject({
      role: roleForm,
      hook: z.string(),
      position,
      rowSplit: measuredForm,
      groupSplit: measuredForm,
      difference: measuredForm,
    })
    .meta({ id: 'LeakReading' }),
);

export const testReadForm: z.ZodType<TestRead> = exactly<TestRead>()(
  z.strictObject({ rung: z.string(), what: z.string(), times: count }).meta({ id: 'TestRead' }),
);
