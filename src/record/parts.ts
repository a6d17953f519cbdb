/** @file record: names for the parts of a record, so that what draws it needs no other layer; holds no values. */
export type { Measured } from '../core/outcome.ts';
export type {
  BehaviorTable,
  ExampleReading,
  Geometry,
  InterchangePoint,
  QuadrantTable,
  RollOutTable,
  Serves,
  SiteLayer,
  SiteMap,
} from '../evidence/figures.ts';
export type {
  Claim,
  Headline,
  NullComparison,
  ProxyState,
  Pursues,
  RecordedInterval,
  RungId,
  RungResult,
  RungState,
  Statistic,
  StatisticState,
  StatisticUnit,
  Verdict,
} from '../evidence/rung.ts';
