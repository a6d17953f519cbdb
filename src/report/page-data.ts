/** @file report: the data that a page carries for its own script; plain JSON, shared as types with src/report/client. */
import type { ExampleRecord } from '../record/record.ts';

/** Text columns keep each distinct value once (`codes` are base64 uint16); long number columns are base64 float32, NaN is none. */
export type ColumnData =
  | {
      readonly kind: 'text';
      readonly name: string;
      readonly levels: readonly string[];
      readonly codes: string;
    }
  | { readonly kind: 'number'; readonly name: string; readonly values: readonly (number | null)[] }
  | { readonly kind: 'number'; readonly name: string; readonly float32: string };

/** One tidy table: the numbers of a figure, one row per mark, stored once and read by drawing and downloads alike. */
export type TableData = {
  readonly id: string;
  readonly rows: number;
  readonly columns: readonly ColumnData[];
};

export type MapPanel = {
  readonly column: string;
  readonly title: string;
  readonly chance: number;
  /** Largest distance from chance in all maps of the same unit: one colour means one value. */
  readonly span: number;
  readonly percent: boolean;
};

/** Something to colour points by. */
export type Coloring = { readonly column: string; readonly label: string; readonly finding: string };

export type FigureDrawing =
  | {
      readonly kind: 'site-maps';
      readonly hooks: readonly string[];
      readonly positions: readonly number[];
      readonly panels: readonly MapPanel[];
    }
  | {
      readonly kind: 'interchange-by-hook';
      readonly hooks: readonly string[];
      readonly ranks: readonly string[];
    }
  | {
      readonly kind: 'interchange-by-rank';
      readonly hooks: readonly string[];
      readonly ranks: readonly string[];
    }
  | {
      readonly kind: 'components';
      readonly components: readonly { readonly column: string; readonly label: string }[];
      readonly colorings: readonly Coloring[];
    }
  | { readonly kind: 'scores'; readonly behaviors: readonly string[]; readonly width: number }
  | { readonly kind: 'score-against-preference' }
  | {
      readonly kind: 'doses';
      readonly series: readonly { readonly id: string; readonly label: string }[];
    }
  | {
      readonly kind: 'baselines';
      readonly features: readonly { readonly id: string; readonly label: string }[];
    }
  | { readonly kind: 'calibration' }
  | { readonly kind: 'lens-streams'; readonly hooks: readonly string[] }
  | { readonly kind: 'lens-shares' }
  | {
      readonly kind: 'attention-goals';
      readonly heads: readonly string[];
      /** What a head gives to the tokens of a goal that looks at all places alike, 0 to 1. */
      readonly even: readonly { readonly role: string; readonly share: number }[];
    }
  | {
      readonly kind: 'attention';
      readonly queries: readonly string[];
      readonly keys: readonly string[];
      readonly panels: readonly (MapPanel & { readonly block?: number })[];
      /** One block at a time, by choice. */
      readonly byBlock?: boolean;
    };

export type FigureData = {
  readonly id: string;
  readonly title: string;
  readonly finding: string;
  readonly table: string;
  readonly drawing: FigureDrawing;
};

export type PageData = {
  /** For file names of downloads. */
  readonly experiment: string;
  readonly choices: readonly string[];
  readonly tables: readonly TableData[];
  readonly figures: readonly FigureData[];
  readonly examples: readonly ExampleRecord[];
};
