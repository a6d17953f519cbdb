/** @file benchmark: what a family of model organisms declares, so that its members can be audited; knows no family by name. */
import type { DataSet } from '../core/data-set.ts';
import type { AuditSettings } from '../pipeline/experiment.ts';
import type { Card, Truth } from './card.ts';

/** One audit of one organism: a data set, and what is true of the organism on such data. */
export type BenchmarkCase = {
  /** Unique among the cases of an organism, in letters, digits and dashes, e.g. `watched-only`. */
  readonly name: string;
  /** A data set on inputs that the organism was not trained on; `seed` varies the draw. */
  readonly data: (seed: string) => DataSet | Promise<DataSet>;
  /** By default the card's. */
  readonly truth?: Truth;
  readonly settings?: Partial<AuditSettings>;
};

export type FamilySpec = {
  readonly title: string;
  /** What its members teach, in one sentence. */
  readonly teaches: string;
  /** By member: what can and cannot be read of it, where that is not plain; shown beside its results. */
  readonly remarks?: Readonly<Record<string, string>>;
  /** The bytes of an organism whose folder holds a card and no model file, since they follow from another organism's. */
  readonly model?: (card: Card) => Uint8Array | Promise<Uint8Array>;
  /** The audits that an organism of this family gets, by its card. */
  readonly cases: (card: Card) => readonly BenchmarkCase[];
};

export type Family = FamilySpec & { readonly kind: 'mesascope-family' };

/** Declares a family; the default export of `models/FAMILY/family.ts`, in whose folder each `MEMBER/card.json` is an organism. */
export function defineFamily(spec: FamilySpec): Family {
  return { ...spec, kind: 'mesascope-family' };
}
