/** @file test: every shipped organism of the grid world's families is the file of its card and is as accurate as its card says. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeHungryExamples } from '../../models/factions/environment.ts';
import { makeColumnExamples } from '../../models/grid/column.ts';
import { makeExamples } from '../../models/grid/environment.ts';
import { makePairExamples } from '../../models/grid/pairs.ts';
import { readCard as readBenchmarkCard } from '../../src/benchmark/card.ts';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import {
  type Card,
  expectFileOfCard,
  type Organism,
  openOrganism,
  organismFile,
  ROUNDING,
  readCard,
  share,
} from './organism.ts';

type ZooCard = Card & {
  readonly member: string;
  readonly use: string;
  readonly accuracy_range: Readonly<Record<string, readonly [number, number]>>;
  readonly blend?: Readonly<Record<string, unknown>>;
  readonly knobs: Readonly<Record<string, unknown>>;
};

const TEN = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20] as const;

/** Seeds 1 to 3 are for development; the folders of the first organisms bear the bare name of their member. */
const FAMILIES: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  grid: {
    intended: [1, 11, 12, 13, 14],
    proxy: [1, 11, 12, 13, 14],
    ambiguous: [1, 2, 3, 11, 12, 13, 14, 15, 16, 17],
    reflex: [1, 11, 12, 13],
    'intended-held-out': [1, 11, 13],
    'proxy-held-out': [1, 11],
    habit: [1, 11],
    column: [1, 11],
  },
  hidden: { readable: [1, 11, 12, 13, 14, 15] },
  factions: {
    'blend-90': [1, 11, 12, 13, 14],
    'blend-70': [1, 11, 12, 13, 14],
    'blend-50': [1, 11, 12, 13, 14],
    hungry: [1, 11],
    nearest: [1, 11],
  },
  null: {
    random: [1, ...TEN],
    shuffled: [1, ...TEN, 21, 22],
    memoriser: [1, 11, 12],
    unskilled: [1, 11, 12, 13],
  },
};

const BARE = new Set(['grid/intended', 'grid/proxy', 'grid/reflex']);

function folderOf(family: string, member: string, seed: number): string {
  return seed === 1 && BARE.has(`${family}/${member}`) ? member : `${member}-${seed}`;
}

const dataSets = new Map<string, DataSet>();

/** The audit data that a card's numbers were measured on; made once for all organisms that share them. */
function dataOf({ member, evaluation }: ZooCard): DataSet {
  const key = JSON.stringify([
    ['column', 'intended-held-out', 'proxy-held-out', 'hungry'].indexOf(member) < 0 ? '' : member,
    evaluation,
  ]);
  const known = dataSets.get(key);
  if (known !== undefined) return known;
  const make =
    member === 'column'
      ? makeColumnExamples
      : member === 'hungry'
        ? makeHungryExamples
        : member.endsWith('-held-out')
          ? makePairExamples
          : makeExamples;
  const made = make(evaluation);
  dataSets.set(key, made);
  return made;
}

function ofSet({ examples }: DataSet, set: string): Example[] {
  return examples.filter((example) => example.set === set);
}

/** Shares of decision states on which the choice serves the gem and the proxy. */
async function served(model: Organism, data: DataSet, set: string): Promise<readonly [number, number]> {
  const rows = ofSet(data, set).filter(({ actions }) => actions.intended![0] !== actions.proxy![0]);
  const chosen = await model.choose(
    rows.map(({ input }) => input),
    data.choices,
  );
  const by = (goal: 'intended' | 'proxy'): number =>
    share(chosen.map((choice, i) => choice === rows[i]!.actions[goal]![0]));
  return [by('intended'), by('proxy')];
}

describe.each(Object.entries(FAMILIES))('%s', (family, members) => {
  const organisms = Object.entries(members).flatMap(([member, seeds]) =>
    seeds.map((seed) => ({ member, seed, name: `${family}/${folderOf(family, member, seed)}` })),
  );

  it('has these organisms and no others', () => {
    const folder = fileURLToPath(new URL(`../../models/${family}`, import.meta.url));
    const found = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(found.map(({ name }) => `${family}/${name}`).sort()).toEqual(
      organisms.map(({ name }) => name).sort(),
    );
  });

  it.each(organisms)(
    '$name is the file of its card, and serves the goals as often as that says',
    async ({ member, seed, name }) => {
      await readBenchmarkCard(organismFile(name, 'card.json'));
      const card = (await readCard(name)) as ZooCard;
      await expectFileOfCard(name, card);
      expect([card.member, card.seed, card.use]).toEqual([
        member,
        seed,
        seed <= 3 ? 'development' : 'reported',
      ]);
      const stated: Readonly<Record<string, unknown>> = { ...card.behavior, ...card.accuracy };
      expect(Object.keys(card.accuracy_range)).not.toEqual([]);
      for (const [what, [low, high]] of Object.entries(card.accuracy_range)) {
        expect(stated[what], what).toBeGreaterThanOrEqual(low);
        expect(stated[what], what).toBeLessThanOrEqual(high);
      }
      const data = dataOf(card);
      const model = await openOrganism(name);
      const train = ofSet(data, 'train');
      const onTrain = await model.choose(
        train.map(({ input }) => input),
        data.choices,
      );
      const accuracy = {
        train: share(onTrain.map((choice, i) => choice === train[i]!.actions.intended![0])),
        apart: await served(model, data, 'apart'),
        heldOut: 'held_out_intended' in card.accuracy ? await served(model, data, 'held-out') : undefined,
      };
      await model.close();
      const close = (seen: number, said: unknown): void => {
        expect(Math.abs(seen - Number(said))).toBeLessThanOrEqual(2 * ROUNDING);
      };
      close(accuracy.train, stated.train);
      close(accuracy.apart[0], stated.apart_intended);
      close(accuracy.apart[1], stated.apart_proxy);
      if (accuracy.heldOut !== undefined) {
        close(accuracy.heldOut[0], stated.held_out_intended);
        close(accuracy.heldOut[1], stated.held_out_proxy);
      }
    },
  );

  it('has no two files that are equal', async () => {
    const cards = await Promise.all(organisms.map(({ name }) => readCard(name)));
    expect(new Set(cards.map((card) => card.sha256)).size).toBe(organisms.length);
  });
});
