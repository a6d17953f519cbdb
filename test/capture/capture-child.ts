/**
 * @file test: a process of its own that captures into a cache and says after each batch how far it is, so that it can be
 * killed at any moment: `capture-child.ts CACHE_FOLDER`.
 */
import { runForward } from '../../src/capture/run-forward.ts';
import { openModel } from '../../src/model/open-model.ts';
import { openCache } from '../../src/store/cache.ts';
import { GRID_MODEL, KILL_REQUEST } from './small-models.ts';

const model = await openModel(GRID_MODEL);
const cache = openCache(process.argv[2]!, { maxShardBytes: 200_000 });
const onProgress = (event: { readonly kind: string; readonly done?: number }): void => {
  if (event.kind === 'stage-progress') process.stdout.write(`${event.done}\n`);
};
const result = await runForward(model, { ...KILL_REQUEST, cache }, { onProgress });
process.stdout.write(`finished ${result.fromCache}\n`);
await model.close();
