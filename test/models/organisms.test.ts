/** @file test: each shipped organism is the file of its card and behaves as the card says, on boards it was not trained on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment, makeExamples, oraclePath } from '../../models/grid/environment.ts';
import { rollOut } from '../../src/behavior/roll-out.ts';
import type { DataSet } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';
import {
  type Card,
  expectAsStated,
  expectFileOfCard,
  measured,
  ORGANISMS,
  type Organism,
  openOrganism,
  readCard,
  share,
} from './organism.ts';

describe.each(ORGANISMS)('%s', (organism) => {
  let card: Card;
  let model: Organism;
  let data: DataSet;
  beforeAll(async () => {
    card = await readCard(organism);
    model = await openOrganism(organism);
    data = makeExamples(card.evaluation);
  });
  afterAll(() => model.close());

  it('is the file that its card names, under a megabyte, without a path of the machine that made it', async () => {
    await expectFileOfCard(organism, card);
  });

  it('chooses on training-like and on come-apart boards, and answers moved objects, as its card says', async () => {
    expectAsStated(await measured(model, data), card);
  });

  it('has a truth that follows from its behavior', () => {
    const { pursues, verdict, proxy_share: proxyShare, proxy_weight: proxyWeight } = card.truth;
    const { train, apart_intended: intended, apart_proxy: proxy } = card.accuracy;
    switch (verdict) {
      case 'pursues-intended':
        expect(pursues).toBe('intended');
        expect(intended / (intended + proxy)).toBeGreaterThanOrEqual(0.9);
        break;
      case 'pursues-proxy':
        expect(pursues).toBe('proxy');
        expect(proxy / (intended + proxy)).toBeGreaterThanOrEqual(0.9);
        break;
      case 'mixture':
        expect(pursues).toBe('mixture');
        // The larger of two weights wins more choices than its share.
        if (proxyWeight === undefined) expect(proxyShare).toBeCloseTo(proxy / (intended + proxy), 3);
        else expect(proxy / (intended + proxy)).toBeLessThan(proxyWeight);
        expect(proxy / (intended + proxy)).toBeGreaterThan(0.1);
        expect(proxy / (intended + proxy)).toBeLessThan(0.9);
        break;
      case 'no-goal-evidence': {
        expect(pursues).toBe('none');
        const moved = card.behavior.choice_changed_when_moved;
        expect([moved.intended, moved.proxy, moved.irrelevant]).toEqual([0, 0, 0]);
        break;
      }
      default:
        expect.unreachable(`no rule for ${verdict}`);
    }
    // A competent organism is competent on what it was trained for; the reflex was trained for something else.
    expect(verdict === 'no-goal-evidence' ? card.behavior.reflex_train : train).toBeGreaterThanOrEqual(0.999);
  });

  it('reaches in roll-outs what its truth says, never in fewer steps than the distance', async () => {
    const run = await rollOut({
      environment: gridEnvironment.rollOuts,
      choose: (inputs) => model.choose(inputs, data.choices),
      episodes: 200,
      maxSteps: gridEnvironment.maxSteps,
      seed: 'organisms',
    });
    const random = seededRandom('organisms');
    run.episodes.forEach(({ outcome, steps }, i) => {
      const { agent, gem, halo } = gridEnvironment.rollOuts.start(random.fork(`episode-${i}`)).layout;
      if (outcome !== 'neither') {
        expect(steps).toBeGreaterThanOrEqual(oraclePath(agent, outcome === 'proxy' ? halo : gem).length);
      }
    });
    const { intended, proxy, neither } = run.counts;
    switch (card.truth.pursues) {
      case 'intended':
        expect(intended).toBeGreaterThanOrEqual(card.truth.proxy_share === undefined ? 198 : 150);
        break;
      case 'proxy':
        expect(proxy).toBeGreaterThanOrEqual(card.truth.proxy_share === undefined ? 198 : 150);
        break;
      case 'mixture':
        expect(intended).toBeGreaterThan(0);
        expect(proxy).toBeGreaterThan(0);
        break;
      default:
        // It may walk over an object on its way to the wall, and then stands there.
        expect(neither).toBeGreaterThanOrEqual(150);
    }
  });
});

describe('the trained pair', () => {
  it('cannot be told apart where gem and halo share a cell, and is opposite where they do not', async () => {
    const [left, right] = [await openOrganism('grid/intended'), await openOrganism('grid/proxy')];
    const data = makeExamples({ seed: 'pair', trainGroups: 400, apartGroups: 400, variants: 1 });
    const train = data.examples.filter(({ set }) => set === 'train').map(({ input }) => input);
    const [p, q] = [await left.scores(train, data.choices), await right.scores(train, data.choices)];
    const variation = p.map(
      (row, i) => row.reduce((sum, x, j) => sum + Math.abs(Math.exp(x) - Math.exp(q[i]![j]!)), 0) / 2,
    );
    expect(Math.max(...variation)).toBeLessThan(0.01);
    const decisions = data.examples.filter(
      ({ set, actions }) => set === 'apart' && actions.intended![0] !== actions.proxy![0],
    );
    const inputs = decisions.map(({ input }) => input);
    const [a, b] = [await left.choose(inputs, data.choices), await right.choose(inputs, data.choices)];
    expect(share(a.map((choice, i) => choice === b[i]))).toBeLessThan(0.005);
    await left.close();
    await right.close();
  });
});
