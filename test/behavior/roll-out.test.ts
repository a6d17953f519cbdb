/** @file test: roll-outs count what a policy reaches, in lock step, from a seed. */
import { describe, expect, it } from 'vitest';
import { actionToward, boardOfTokens, gridEnvironment } from '../../models/grid/environment.ts';
import type { Environment } from '../../src/behavior/environment.ts';
import { rollOut } from '../../src/behavior/roll-out.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';

const environment = gridEnvironment.rollOuts;
const maxSteps = gridEnvironment.maxSteps;

/** A policy that knows the rules: it walks to one object. */
function walkTo(object: 'gem' | 'halo') {
  return async (inputs: readonly ModelInput[]): Promise<string[]> =>
    inputs.map((input) => {
      const { layout } = boardOfTokens(input.kind === 'tokens' ? input.tokens : []);
      return actionToward(layout.agent, layout[object]);
    });
}

/** A corridor: cells 0 .. 6, start at 3; 0 is the intended goal, 6 the proxy; nothing is random. */
const corridor: Environment<number> = {
  choices: ['left', 'right', 'wait'],
  start: () => 3,
  observe: (cell) => ({ kind: 'tokens', tokens: [cell] }),
  step: (cell, choice) => cell + (choice === 'left' ? -1 : choice === 'right' ? 1 : 0),
  outcome: (cell) => (cell === 0 ? 'intended' : cell === 6 ? 'proxy' : undefined),
};

describe('a roll-out', () => {
  it('of an oracle reaches its own goal every time, in exactly the distance', async () => {
    for (const [object, outcome] of [
      ['gem', 'intended'],
      ['halo', 'proxy'],
    ] as const) {
      const run = await rollOut({ environment, choose: walkTo(object), episodes: 300, maxSteps, seed: 1 });
      expect(run.counts).toEqual({ intended: 0, proxy: 0, both: 0, neither: 0, [outcome]: 300 });
      const random = seededRandom(1);
      const distances = run.episodes.map((_, i) => {
        const { agent, ...objects } = environment.start(random.fork(`episode-${i}`)).layout;
        const to = objects[object];
        return Math.abs(Math.floor(to / 5) - Math.floor(agent / 5)) + Math.abs((to % 5) - (agent % 5));
      });
      expect(run.episodes.map(({ steps }) => steps)).toEqual(distances);
      expect(run.steps).toBe(distances.reduce((sum, steps) => sum + steps, 0));
    }
  });

  it('counts steps and ends at the limit with neither goal', async () => {
    const go = (choice: string, most: number) =>
      rollOut({
        environment: corridor,
        choose: async (inputs) => inputs.map(() => choice),
        episodes: 2,
        maxSteps: most,
        seed: 0,
      });
    expect((await go('left', 3)).episodes).toEqual([
      { outcome: 'intended', steps: 3 },
      { outcome: 'intended', steps: 3 },
    ]);
    expect((await go('right', 9)).counts.proxy).toBe(2);
    expect((await go('left', 2)).episodes[0]).toEqual({ outcome: 'neither', steps: 2 });
    expect((await go('wait', 5)).steps).toBe(10);
  });

  it('asks for all unfinished episodes at once, and for no finished one', async () => {
    const sizes: number[] = [];
    let call = 0;
    await rollOut({
      environment: corridor,
      choose: async (inputs) => {
        sizes.push(inputs.length);
        call++;
        // Episode 0 walks left; the others wait for three steps first.
        return inputs.map((_, i) => (i === 0 || call > 3 ? 'left' : 'wait'));
      },
      episodes: 4,
      maxSteps: 10,
      seed: 0,
    });
    expect(sizes).toEqual([4, 4, 4, 3, 3, 3]);
  });

  it('starts its episodes the same for the same seed, however many run', async () => {
    const few = await rollOut({ environment, choose: walkTo('gem'), episodes: 20, maxSteps, seed: 'a' });
    const many = await rollOut({ environment, choose: walkTo('gem'), episodes: 60, maxSteps, seed: 'a' });
    const other = await rollOut({ environment, choose: walkTo('gem'), episodes: 60, maxSteps, seed: 'b' });
    expect(many.episodes.slice(0, 20)).toEqual(few.episodes);
    expect(other.episodes).not.toEqual(many.episodes);
  });

  it('refuses choices that are none, too few choices, and counts below one', async () => {
    const base = { environment: corridor, episodes: 2, maxSteps: 4, seed: 0 };
    const fly = async (inputs: readonly ModelInput[]): Promise<string[]> => inputs.map(() => 'fly');
    await expect(rollOut({ ...base, choose: fly })).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(rollOut({ ...base, choose: async () => [] })).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(rollOut({ ...base, choose: fly, episodes: 0 })).rejects.toMatchObject({
      code: 'BAD_SETTING',
    });
    await expect(rollOut({ ...base, choose: fly, maxSteps: 0.5 })).rejects.toMatchObject({
      code: 'BAD_SETTING',
    });
  });

  it('stops between steps when it is aborted, and reports progress', async () => {
    const controller = new AbortController();
    const done: number[] = [];
    const run = rollOut({
      environment: corridor,
      choose: async (inputs) => {
        controller.abort();
        return inputs.map(() => 'left');
      },
      episodes: 2,
      maxSteps: 4,
      seed: 0,
      signal: controller.signal,
      onProgress: (event) => {
        if (event.kind === 'stage-progress') done.push(event.done);
      },
    });
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    expect(done).toEqual([0]);
  });
});
