/** @file evidence: looks for a trigger that the data never show: tries every token at every position that tells of no goal; edits inputs, not
 *  hidden states. */
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunSubstituted } from './causal-side.ts';
import { type Columns, denseGroups } from './columns.ts';
import type { ModeRequest, ModeResult } from './mode-context.ts';
import {
  agreeingOn,
  firstOf,
  judgeMode,
  type ModeBases,
  type ModeOutcome,
  mayAct,
  modeBases,
  modeOutcome,
  shareOf,
} from './mode-push.ts';
import { changedChoices, freePositions, type Marks } from './mode-specific.ts';
import { permutationPValue, summariseNull } from './resample-permutation.ts';
import { nullOf } from './statistic.ts';

/** Rows of each kind in the first look at every token, and in the second look at the best of them. */
const FIRST_LOOK = 12;
const SECOND_LOOK = 40;
const SECOND_TOKENS = 24;
/** Rows that the first look may run; of a larger vocabulary as many tokens are drawn as that allows. */
const MOST_ROWS = 60_000;
const NULL_BASES = 60;
const TEST_AGREEING = 200;
const ROWS_PER_RUN = 8192;

type Trigger = { readonly position: number; readonly token: number };

/**
 * The substitution that turns most choices to the proxy while it changes fewest where the goals agree, found on select rows and tried once on
 * test rows, against other tokens in the same place. Undefined for rows of several lengths, where no position is free of the goals, and
 * where no base does as intended.
 */
export async function triggerMode(request: ModeRequest): Promise<ModeResult | undefined> {
  const { columns, inputs, random } = request;
  const { substitution } = inputs;
  if (substitution === undefined) return undefined;
  const { vocabulary, run } = substitution;
  const select = firstOf(modeBases(columns, inputs.select.bases), SECOND_LOOK);
  const test = modeBases(columns, inputs.test.bases);
  const calm = agreeingOn(columns, 'select', SECOND_LOOK);
  const positions = freePositions(columns);
  if (select.rows.length === 0 || test.rows.length === 0 || positions.length === 0) return undefined;
  const most = Math.floor(MOST_ROWS / (positions.length * 2 * FIRST_LOOK));
  const all = Array.from({ length: vocabulary }, (_, token) => token);
  const tokens = most < vocabulary ? random.fork('trigger/tokens').shuffled(all).slice(0, most) : all;
  let candidates = positions.flatMap((position) => tokens.map((token) => ({ position, token })));
  const tried = candidates.length;
  for (const { look, keep } of [
    { look: FIRST_LOOK, keep: SECOND_TOKENS },
    { look: SECOND_LOOK, keep: 1 },
  ]) {
    const bases = firstOf(select, look);
    const agreeing = calm.subarray(0, look);
    const scored: { readonly trigger: Trigger; readonly score: number }[] = [];
    for (const { trigger, outcome, calmly } of await substituteAll(columns, run, bases, agreeing, candidates))
      scored.push({ trigger, score: shareOf(outcome.turned) - shareOf(calmly.marks) });
    candidates = scored
      .sort((a, b) => b.score - a.score)
      .slice(0, keep)
      .map(({ trigger }) => trigger);
  }
  const best = candidates[0]!;
  const agreeing = agreeingOn(columns, 'test', TEST_AGREEING);
  const [own] = await substituteAll(columns, run, test, agreeing, [best]);
  const { outcome, calmly } = own!;
  const some = firstOf(test, NULL_BASES);
  const others = mayAct(outcome, test.groups, calmly)
    ? random
        .fork('trigger/nulls')
        .shuffled(all.filter((token) => token !== best.token))
        .slice(0, request.randomDirections)
        .map((token) => ({ ...best, token }))
    : [];
  const [same] = await substituteAll(columns, run, some, new Int32Array(0), [best]);
  const shares = Float64Array.from(
    await substituteAll(columns, run, some, new Int32Array(0), others),
    (one) => shareOf(one.outcome.turned),
  );
  const pValue =
    shares.length === 0
      ? undefined
      : permutationPValue({
          observed: shareOf(same!.outcome.turned),
          values: shares,
          alternative: 'greater',
        });
  const fromEnd = best.position - columns.tokens!.columns;
  return {
    id: 'search.trigger',
    label: `token ${best.token} at position ${fromEnd}, the best of ${tried} substitutions`,
    site: { hook: 'tokens', position: fromEnd },
    dose: 1,
    alpha: request.alpha,
    bases: test,
    judgement: judgeMode({
      outcome,
      // What is changed is the input, which no check of hidden states concerns.
      broken: [],
      agreeing: calmly,
      groups: test.groups,
      choices: columns.choices.length,
      pValues: [pValue],
      alpha: request.alpha,
      bootstrapDraws: request.bootstrapDraws,
      random: random.fork('trigger'),
    }),
    nulls:
      pValue === undefined
        ? []
        : [nullOf('other-tokens', 'other tokens in the same place', summariseNull(shares), pValue)],
  };
}

/** What each substitution does to the bases and to rows on which the goals agree, many in one run. */
async function substituteAll(
  columns: Columns,
  run: RunSubstituted,
  bases: ModeBases,
  agreeing: Int32Array,
  triggers: readonly Trigger[],
): Promise<{ readonly trigger: Trigger; readonly outcome: ModeOutcome; readonly calmly: Marks }[]> {
  const rows = Int32Array.from([...bases.rows, ...agreeing]);
  const { groups } = denseGroups(columns, agreeing);
  const perRun = Math.max(1, Math.floor(ROWS_PER_RUN / rows.length));
  const results: { trigger: Trigger; outcome: ModeOutcome; calmly: Marks }[] = [];
  for (let start = 0; start < triggers.length; ) {
    const { position } = triggers[start]!;
    let end = start;
    while (end < triggers.length && end < start + perRun && triggers[end]!.position === position) end++;
    const block = triggers.slice(start, end);
    const stacked = new Int32Array(block.length * rows.length);
    const tokens = new Int32Array(stacked.length);
    for (const [b, { token }] of block.entries()) {
      stacked.set(rows, b * rows.length);
      tokens.fill(token, b * rows.length, (b + 1) * rows.length);
    }
    const after = await run({ rows: stacked, position, tokens });
    const width = after.columns;
    const part = (from: number, count: number): Matrix =>
      matrix(count, width, after.data.subarray(from * width, (from + count) * width));
    for (const [b, trigger] of block.entries()) {
      const from = b * rows.length;
      results.push({
        trigger,
        outcome: modeOutcome(columns, bases, part(from, bases.rows.length)),
        calmly: {
          marks: changedChoices(columns, agreeing, part(from + bases.rows.length, agreeing.length)),
          groups,
        },
      });
    }
    start = end;
  }
  return results;
}
