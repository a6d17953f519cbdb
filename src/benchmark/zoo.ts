/** @file benchmark: finds families and their organisms below a folder; audits nothing. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MesascopeError, nearestNames } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import { type Card, readCard } from './card.ts';
import type { Family } from './family.ts';

export const FAMILY_FILE = 'family.ts';
export const CARD_FILE = 'card.json';
export const MODEL_FILE = 'model.onnx';

export type Use = 'development' | 'reported';

/** One model file whose truth is known. */
export type Organism = {
  /** `FAMILY/NAME`, as the folders are called. */
  readonly id: string;
  readonly family: string;
  readonly member: string;
  readonly use: Use;
  /** Absolute. */
  readonly folder: string;
  readonly card: Card;
};

export type FoundFamily = {
  readonly name: string;
  readonly file: string;
  /** By member, then by seed. */
  readonly organisms: readonly Organism[];
};

export type ZooFilter = {
  /** Names of families; all of them by default. */
  readonly families?: readonly string[] | undefined;
  readonly use?: Use | undefined;
  /** At most so many seeds of each member, the smallest first. */
  readonly seeds?: number | undefined;
};

/**
 * Every folder below `root` that holds a family file, and its organisms. Throws `FAMILY_INVALID` for a name that no family has,
 * `CARD_INVALID`.
 */
export async function findZoo(root: string, filter: ZooFilter = {}): Promise<FoundFamily[]> {
  const names = existsSync(root)
    ? (await readdir(root)).filter((name) => existsSync(path.join(root, name, FAMILY_FILE))).sort()
    : [];
  for (const wanted of filter.families ?? []) {
    if (names.includes(wanted)) continue;
    const near = nearestNames(wanted, names);
    throw new MesascopeError('FAMILY_INVALID', `there is no family ${wanted} in ${path.basename(root)}/`, {
      remedy:
        names.length === 0
          ? `A family is a folder with a ${FAMILY_FILE}.`
          : `Choose from ${(near.length > 0 ? near : names).join(', ')}.`,
    });
  }
  const families: FoundFamily[] = [];
  for (const name of names) {
    if (filter.families !== undefined && !filter.families.includes(name)) continue;
    const folder = path.join(root, name);
    families.push({
      name,
      file: path.join(folder, FAMILY_FILE),
      organisms: chosen(await organismsOf(name, folder), filter),
    });
  }
  return families;
}

async function organismsOf(family: string, folder: string): Promise<Organism[]> {
  const found: Organism[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const own = path.join(folder, name);
    if (!existsSync(path.join(own, CARD_FILE))) continue;
    const card = await readCard(path.join(own, CARD_FILE));
    if (card.made_from === undefined && !existsSync(path.join(own, MODEL_FILE))) {
      throw new MesascopeError(
        'CARD_INVALID',
        `${family}/${name}: the folder holds a card and no ${MODEL_FILE}`,
        {
          remedy: 'Restore the file, or name in `made_from` the organism that it follows from.',
        },
      );
    }
    found.push({
      id: `${family}/${name}`,
      family,
      member: card.member ?? card.name,
      use: card.use ?? 'development',
      folder: own,
      card,
    });
  }
  return found.sort((a, b) =>
    a.member === b.member ? a.card.seed - b.card.seed : a.member < b.member ? -1 : 1,
  );
}

function chosen(organisms: readonly Organism[], { use, seeds = Infinity }: ZooFilter): Organism[] {
  const taken = new Map<string, number>();
  return organisms.filter((organism) => {
    if (use !== undefined && organism.use !== use) return false;
    const count = taken.get(organism.member) ?? 0;
    taken.set(organism.member, count + 1);
    return count < seeds;
  });
}

/**
 * The organism's model file, or what its family makes where the folder leaves it out. Throws `CARD_INVALID` unless it is, byte for byte,
 * the file that the card speaks of.
 */
export async function readModel({ id, folder, card }: Organism, make?: Family['model']): Promise<Uint8Array> {
  const file = path.join(folder, MODEL_FILE);
  const isThere = existsSync(file);
  if (!isThere && make === undefined) {
    throw new MesascopeError('CARD_INVALID', `${id}: the folder holds no ${MODEL_FILE}`, {
      remedy: 'Restore the file, or let the family say in `model` how it is made from another organism.',
    });
  }
  const bytes = isThere ? new Uint8Array(await readFile(file)) : await make!(card);
  if (sha256(bytes) === card.sha256) return bytes;
  throw new MesascopeError('CARD_INVALID', `${id}: the model file is not the one that its card speaks of`, {
    remedy: 'Make it again with the command on the card, or restore the file.',
  });
}

/** Imports a family file and returns its default export. Throws `FAMILY_INVALID`. */
export async function loadFamily(file: string): Promise<Family> {
  const invalid = (seen: string, cause?: unknown): MesascopeError =>
    new MesascopeError('FAMILY_INVALID', seen, { location: { file }, cause });
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (cause) {
    if (cause instanceof MesascopeError) throw cause;
    throw invalid(
      `the file cannot be loaded: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      cause,
    );
  }
  const { default: family } = module;
  const isFamily =
    typeof family === 'object' &&
    family !== null &&
    (family as Partial<Family>).kind === 'mesascope-family' &&
    typeof (family as Partial<Family>).cases === 'function';
  if (!isFamily) throw invalid('the default export is not a family made by defineFamily');
  return family as Family;
}
