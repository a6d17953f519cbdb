/** @file benchmark: one order to one result, in whatever process; an error is part of the answer. */
import path from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { readCard } from './card.ts';
import type { CaseOrder, CaseResult } from './case-order.ts';
import { runCase } from './run-case.ts';
import { CARD_FILE, loadFamily } from './zoo.ts';

/** Never throws. */
export async function doCase(order: CaseOrder, control: RunControl = {}): Promise<CaseResult> {
  try {
    const card = await readCard(path.join(order.folder, CARD_FILE));
    const { cases, model } = await loadFamily(order.familyFile);
    const part = cases(card).find(({ name }) => name === order.case);
    if (part === undefined) {
      throw new MesascopeError(
        'FAMILY_INVALID',
        `the family has no case ${order.case} for ${card.name} any more`,
      );
    }
    const organism = {
      id: order.id.slice(0, order.id.lastIndexOf('/')),
      family: order.family,
      member: card.member ?? card.name,
      use: card.use ?? 'development',
      folder: order.folder,
      card,
    } as const;
    const row = await runCase(organism, part, {
      folder: order.scratch,
      seed: order.seed,
      settings: order.settings,
      ...(model === undefined ? {} : { model }),
      version: order.version,
      earlier: order.earlier,
      control,
    });
    return { row };
  } catch (thrown) {
    const code = thrown instanceof MesascopeError ? thrown.code : 'INTERNAL';
    return { fault: { code, message: thrown instanceof Error ? thrown.message : String(thrown) } };
  }
}
