/** @file models/grid: which boards exist and which are kept for audits; no organism was trained on an audit board. */
import { sha256 } from '../../src/core/hash.ts';
import type { Random } from '../../src/core/random.ts';
import { CELLS, type Layout } from './world.ts';

/** A situation without its irrelevant parts (rock, slot order). In training boards gem and halo share a cell. */
export type Situation = Readonly<Pick<Layout, 'agent' | 'gem' | 'halo'>>;

/** A fifth of everything is kept for audits: chosen by hash, so that the choice is no function of rows and columns. */
function isKept(...cells: readonly number[]): boolean {
  return Number.parseInt(sha256(`mesascope-grid/1:${cells.join(',')}`).slice(0, 8), 16) % 5 === 0;
}

/**
 * The situation's layouts (one per rock cell) that belong to this side; every layout belongs to exactly one. Come-apart
 * boards go to a side by agent, gem and halo, whatever the rock; boards on which gem and halo share a cell (there are only
 * 600 without the rock) by agent, goal and rock.
 */
export function layoutsOf(situation: Situation, side: 'audit' | 'training'): Layout[] {
  const { agent, gem, halo } = situation;
  const kept = side === 'audit';
  if (gem !== halo && isKept(agent, gem, halo) !== kept) return [];
  return Array.from({ length: CELLS }, (_, rock) => ({ ...situation, rock }))
    .filter(({ rock }) => rock !== agent && rock !== gem && rock !== halo)
    .filter(({ rock }) => gem !== halo || isKept(agent, gem, rock) === kept);
}

/** All 600 situations in which gem and halo share a cell. */
export function trainSituations(): Situation[] {
  return distinctCells(2).map(([agent, goal]) => ({ agent: agent!, gem: goal!, halo: goal! }));
}

/** All 13,800 situations in which agent, gem and halo lie apart. */
export function apartSituations(): Situation[] {
  return distinctCells(3).map(([agent, gem, halo]) => ({ agent: agent!, gem: gem!, halo: halo! }));
}

/** Every layout of a set that organisms may be trained on. */
export function trainingLayouts(set: 'train' | 'apart'): Layout[] {
  return (set === 'train' ? trainSituations() : apartSituations()).flatMap((situation) =>
    layoutsOf(situation, 'training'),
  );
}

/** A situation with its layouts of one side; never empty. */
export type SituationLayouts = { readonly situation: Situation; readonly layouts: readonly Layout[] };

const auditBoards = new Map<string, readonly SituationLayouts[]>();

/** Every situation of a set that has audit layouts (596 of `train`, 2,762 of `apart`), with those; hashed once. */
export function auditSituations(set: 'train' | 'apart'): readonly SituationLayouts[] {
  const known = auditBoards.get(set);
  if (known !== undefined) return known;
  const found = (set === 'train' ? trainSituations() : apartSituations())
    .map((situation) => ({ situation, layouts: layoutsOf(situation, 'audit') }))
    .filter(({ layouts }) => layouts.length > 0);
  auditBoards.set(set, found);
  return found;
}

/**
 * Situations in random order, dealt so that every pair (gem, halo) comes once before any comes twice. On come-apart boards
 * this keeps the association of the two goals near its least value: all that remains is that they never share a cell.
 */
export function dealtByGoals(situations: readonly SituationLayouts[], random: Random): SituationLayouts[] {
  const byGoals = new Map<string, SituationLayouts[]>();
  for (const each of random.shuffled(situations)) {
    const key = `${each.situation.gem},${each.situation.halo}`;
    const same = byGoals.get(key);
    if (same === undefined) byGoals.set(key, [each]);
    else same.push(each);
  }
  const piles = [...byGoals.values()];
  const dealt: SituationLayouts[] = [];
  for (let round = 0; dealt.length < situations.length; round++) {
    for (const pile of random.shuffled(piles)) {
      const next = pile[round];
      if (next !== undefined) dealt.push(next);
    }
  }
  return dealt;
}

/** All ordered choices of `count` different cells. */
function distinctCells(count: number): number[][] {
  if (count === 0) return [[]];
  return distinctCells(count - 1).flatMap((chosen) =>
    Array.from({ length: CELLS }, (_, cell) => cell)
      .filter((cell) => !chosen.includes(cell))
      .map((cell) => [...chosen, cell]),
  );
}
