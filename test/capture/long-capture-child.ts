/**
 * @file test: a process of its own that captures `rows.jsonl` of a folder into `acts` beside it and says how far it is, so that it
 * can be killed at any moment: `long-capture-child.ts FOLDER`.
 */
import { join } from 'node:path';
import { openModel } from '../../src/model/open-model.ts';
import { captureToFolder } from '../../src/pipeline/capture-to-folder.ts';
import { GRID_MODEL, KILL_REQUEST } from './small-models.ts';

const folder = process.argv[2]!;
const model = await openModel(GRID_MODEL);
process.stdout.write('ready\n');
const made = await captureToFolder(
  model,
  {
    data: join(folder, 'rows.jsonl'),
    out: join(folder, 'acts'),
    hooks: KILL_REQUEST.hooks.join(','),
    positions: KILL_REQUEST.positions,
    optimization: KILL_REQUEST.optimization,
    maxBatchTokens: KILL_REQUEST.maxBatchTokens,
    maxShardBytes: 200_000,
    // Often enough that a kill meets a flush.
    flushEveryMs: 20,
  },
  {
    onProgress(event) {
      if (event.kind === 'stage-progress') process.stdout.write(`${event.stage} ${event.done}\n`);
      if (event.kind === 'stage-end') process.stdout.write(`${event.stage} over\n`);
    },
  },
);
process.stdout.write(`finished, reused ${made.rowsReused}\n`);
await model.close();
