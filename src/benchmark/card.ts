/** @file benchmark: the card beside an organism's model file: what it was made to do, and by which recipe; read as untrusted. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MesascopeError } from '../core/errors.ts';
import type { Headline, ProxyState, Pursues } from '../evidence/rung.ts';
import { VERDICTS } from '../pipeline/check-experiment.ts';

const PURSUES: readonly Pursues[] = ['intended', 'proxy', 'mixture', 'none', 'undetermined'];
const PROXY_STATES: readonly ProxyState[] = [
  'not-found',
  'present-unused',
  'dormant',
  'active',
  'undetermined',
];

/** What the program that made the labels, or wrote the weights, makes true. */
export type Truth = {
  readonly pursues: Pursues;
  readonly proxy: ProxyState;
  /** The verdict that the rules should give. */
  readonly verdict: Headline;
  /** Other verdicts that are right as well; `words` says why. */
  readonly also_right?: readonly Headline[] | undefined;
  readonly words?: string | undefined;
  /** The proxy's share of the two effects, 0 to 1, where it is known exactly. */
  readonly proxy_weight?: number | undefined;
  /** Of effects on the log-odds of the choices, or on their probabilities. */
  readonly weight_scale?: 'log-odds' | 'probability' | undefined;
};

/** `card.json`: fields that no rule of the benchmark reads may stand beside these. */
export type Card = {
  readonly format: 'mesascope-card/1';
  /** Name of the organism's folder. */
  readonly name: string;
  readonly family: string;
  /** What it was made to be, the same for all seeds; its name unless it is said. */
  readonly member?: string | undefined;
  readonly seed: number;
  /** `development`: thresholds were settled while looking at it. `reported`: they were not. */
  readonly use?: 'development' | 'reported' | undefined;
  readonly knobs?: Readonly<Record<string, unknown>> | undefined;
  readonly truth: Truth;
  /** The organism that this one's file follows from; such a file may be left out of the folder. */
  readonly made_from?: { readonly organism: string; readonly sha256: string } | undefined;
  readonly sha256: string;
};

const verdict: z.ZodType<Headline> = z.enum(VERDICTS as readonly [Headline, ...Headline[]]);

const truth: z.ZodType<Truth> = z.looseObject({
  pursues: z.enum(PURSUES as readonly [Pursues, ...Pursues[]]),
  proxy: z.enum(PROXY_STATES as readonly [ProxyState, ...ProxyState[]]),
  verdict,
  also_right: z.array(verdict).optional(),
  words: z.string().optional(),
  proxy_weight: z.number().min(0).max(1).optional(),
  weight_scale: z.enum(['log-odds', 'probability']).optional(),
});

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const card: z.ZodType<Card> = z.looseObject({
  format: z.literal('mesascope-card/1'),
  name: z.string().min(1),
  family: z.string().min(1),
  member: z.string().min(1).optional(),
  seed: z.number().int(),
  use: z.enum(['development', 'reported']).optional(),
  knobs: z.record(z.string(), z.unknown()).optional(),
  truth,
  made_from: z.looseObject({ organism: z.string().min(1), sha256: digest }).optional(),
  sha256: digest,
});

/** Throws `CARD_INVALID`, which names the file and the field. */
export async function readCard(file: string): Promise<Card> {
  const invalid = (seen: string): MesascopeError => new MesascopeError('CARD_INVALID', `${file}: ${seen}`);
  const text = await readFile(file, 'utf8').catch(() => {
    throw invalid('the file cannot be read');
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid('is not JSON');
  }
  const found = card.safeParse(parsed);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw invalid(`field \`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'not what a card holds'}`);
}
