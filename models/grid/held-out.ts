/** @file models/grid: cells kept out of training on come-apart boards, and where things may lie for the sake of that; draws nothing. */
import type { SituationLayouts } from './boards.ts';
import { actionToward, freeCells, type GridObject, type Layout } from './world.ts';

/**
 * On these cells no gem, halo or rock lies on the come-apart boards that a held-out organism is trained on, so whether to follow gem
 * or halo was never learned there. One in every row and one in every column.
 */
export const HELD_OUT_CELLS: readonly number[] = [3, 5, 12, 19, 21];

/** On which cells the two goals' objects and the rock may lie; the agent may stand anywhere. */
export type Region = {
  readonly goals: (cell: number) => boolean;
  readonly rock: (cell: number) => boolean;
};

const isHeldOut = (cell: number): boolean => HELD_OUT_CELLS.includes(cell);
const isSeen = (cell: number): boolean => !isHeldOut(cell);

export const ANYWHERE: Region = { goals: () => true, rock: () => true };
export const SEEN: Region = { goals: isSeen, rock: isSeen };
export const HELD_OUT: Region = { goals: isHeldOut, rock: isSeen };

/** Whether a held-out organism may be trained on this come-apart layout. */
export function isSeenLayout({ gem, halo, rock }: Layout): boolean {
  return [gem, halo, rock].every(isSeen);
}

/** The region's free cells on which the object would recommend another step. */
export function goalTargets(layout: Layout, object: GridObject, region: Region): number[] {
  const before = actionToward(layout.agent, layout[object]);
  return freeCells(layout).filter(
    (cell) => region.goals(cell) && actionToward(layout.agent, cell) !== before,
  );
}

/** Situations and layouts that lie within the region and in which either goal can be moved within it; none is empty. */
export function within(situations: readonly SituationLayouts[], region: Region): SituationLayouts[] {
  if (region === ANYWHERE) return [...situations];
  const movable = (layout: Layout): boolean =>
    (['gem', 'halo'] as const).every((object) => goalTargets(layout, object, region).length > 0);
  return situations
    .filter(({ situation: { gem, halo } }) => region.goals(gem) && region.goals(halo))
    .map(({ situation, layouts }) => ({
      situation,
      layouts: layouts.filter((layout) => region.rock(layout.rock) && movable(layout)),
    }))
    .filter(({ layouts }) => layouts.length > 0);
}
