/**
 * @file test: loaded into the program before anything else, makes the disk of this one process full after MESASCOPE_TEST_DISK_BYTES.
 * A small real file system would need rights that a test may not have, and /dev/full (full(4)) a file name known beforehand; so
 * writes are counted where they leave Node, and from the limit on they fail as the system makes them fail. With
 * MESASCOPE_TEST_FREE_BYTES the disk says that it has so much room.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

let left = Number(process.env.MESASCOPE_TEST_DISK_BYTES ?? Number.POSITIVE_INFINITY);

/** Counts the bytes of `data`; throws what write(2) gives on a full disk. Pipes to the terminal are no disk. */
function take(target, data) {
  if (target === 1 || target === 2) return;
  left -= typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
  if (left >= 0) return;
  const fault = new Error('ENOSPC: no space left on device, write');
  throw Object.assign(fault, { code: 'ENOSPC', errno: -os.constants.errno.ENOSPC, syscall: 'write' });
}

/** `dataAt`: which argument holds the data; of the functions of node:fs the first one is the file. */
function counting(holder, name, { dataAt, fails }) {
  const write = holder[name];
  holder[name] = function counted(...words) {
    try {
      take(dataAt === 0 ? undefined : words[0], words[dataAt]);
    } catch (fault) {
      if (fails === 'by rejecting') return Promise.reject(fault);
      if (fails === 'by calling back') return void setImmediate(words.at(-1), fault);
      throw fault;
    }
    return write.apply(this, words);
  };
}

const handle = await fs.promises.open(os.devNull, 'w');
const handles = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['writeSync', 'writeFileSync']) counting(fs, name, { dataAt: 1, fails: 'by throwing' });
counting(fs.promises, 'writeFile', { dataAt: 1, fails: 'by rejecting' });
counting(handles, 'writeFile', { dataAt: 0, fails: 'by rejecting' });
counting(fs, 'write', { dataAt: 1, fails: 'by calling back' });
if (process.env.MESASCOPE_TEST_FREE_BYTES !== undefined) {
  fs.statfsSync = () => ({ bsize: 1, bavail: Number(process.env.MESASCOPE_TEST_FREE_BYTES) });
}
syncBuiltinESMExports();
