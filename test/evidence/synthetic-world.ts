/** @file test: inputs of the synthetic networks: variables in groups, with noise of their own; knows no network. */
import { type Random, seededRandom } from '../../src/core/random.ts';

/** Values of each goal; the context (0 or 1) turns a value into an action, so that a value is not an action. */
export const VALUES = 5;
export const WIDTH = 24;
export const HOOKS = ['embed', 'blocks.0.resid_post', 'blocks.1.resid_post'] as const;

export type Role = 'intended' | 'proxy' | 'irrelevant';

/** One input, as its variables and its own noise. */
export type Input = Readonly<Record<Role, number>> & {
  readonly context: number;
  /** Opens or closes a gate that changes no meaning of an action; absent where there is none. */
  readonly gate?: 0 | 1;
  /** [HOOKS.length, WIDTH], added to the stream at each hook. */
  readonly noise: readonly Float64Array[];
};
export type WorldRow = { readonly set: 'train' | 'apart'; readonly group: string; readonly input: Input };

export type WorldOptions = {
  readonly seed: number;
  readonly train?: number;
  readonly apart?: number;
  readonly noise?: number;
  /** Chance that the proxy's value is a copy of the intended goal's in the come-apart set. */
  readonly copied?: number;
};

/** Examples in groups of one to three rows; in `train` the proxy has the intended goal's value. */
export function makeWorld(options: WorldOptions): WorldRow[] {
  const { seed, train = 300, apart = 900, noise = 0.3, copied = 0 } = options;
  const random = seededRandom(`world/${seed}`);
  const rows: WorldRow[] = [];
  for (const [set, count] of [
    ['train', train],
    ['apart', apart],
  ] as const) {
    for (let made = 0, group = 0; made < count; group++) {
      const size = Math.min(count - made, 1 + random.integer(3));
      for (let i = 0; i < size; i++) {
        const intended = random.integer(VALUES);
        const same = set === 'train' || random.uniform() < copied;
        const proxy = same ? intended : random.integer(VALUES);
        rows.push({ set, group: `${set}-${group}`, input: inputOf({ intended, proxy }, random, noise) });
      }
      made += size;
    }
  }
  return rows;
}

/** One draw of what the goals leave open. */
export function inputOf(
  goals: { readonly intended: number; readonly proxy: number },
  random: Random,
  noise: number,
): Input {
  return {
    ...goals,
    irrelevant: random.integer(VALUES),
    context: random.integer(2),
    noise: HOOKS.map((_, h) =>
      Float64Array.from({ length: WIDTH }, () => random.normal() * (h === 1 ? noise : noise / 3)),
    ),
  };
}
