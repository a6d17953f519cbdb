/** @file fuzz: damages a file in the ways that files are damaged and attacked; seeded, so that a failure can be repeated. */
import type { Random } from '../../src/core/random.ts';
import { structurallyMutated } from './mutate-structure.ts';

/** Varints that length checks trip over: zero, one byte's limits, 2^31, 2^32, 2^53, 2^63, -1, and eleven bytes. */
const AWKWARD_VARINTS: readonly (readonly number[])[] = [
  [0],
  [0x7f],
  [0x80, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

function splice(file: Uint8Array, at: number, wanted: number, added: ArrayLike<number>): Uint8Array {
  const removed = Math.min(wanted, file.length - at);
  const out = new Uint8Array(file.length - removed + added.length);
  out.set(file.subarray(0, at));
  out.set(Array.from(added), at);
  out.set(file.subarray(at + removed), at + added.length);
  return out;
}

/** `file` with one to four mutations, half of the time such that every length stays right; `file` is not changed. */
export function mutated(file: Uint8Array, random: Random): Uint8Array {
  const inside = random.integer(2) === 0;
  let bytes = new Uint8Array(file) as Uint8Array;
  for (let n = 1 + random.integer(4); n > 0 && bytes.length > 0; n--) {
    bytes = inside ? structurallyMutated(bytes, random) : once(bytes, random);
  }
  return bytes;
}

function once(bytes: Uint8Array, random: Random): Uint8Array {
  // Most of a model file is weights, which nobody parses: aim at the front of the structure half of the time.
  const reach = random.integer(2) === 0 ? Math.min(bytes.length, 4096) : bytes.length;
  const at = random.integer(reach);
  switch (random.integer(8)) {
    case 0: {
      const out = bytes.slice();
      out[at] = out[at]! ^ (1 << random.integer(8));
      return out;
    }
    case 1: {
      const out = bytes.slice();
      out[at] = random.integer(256);
      return out;
    }
    case 2:
      return bytes.slice(0, at);
    case 3: {
      // A length one too long or far too long.
      const out = bytes.slice();
      out[at] = Math.min(255, out[at]! + 1 + random.integer(127));
      return out;
    }
    case 4:
      return splice(bytes, at, random.integer(3), AWKWARD_VARINTS[random.integer(AWKWARD_VARINTS.length)]!);
    case 5: {
      // A piece of the file again, somewhere else: repeated fields, nested graphs, second messages.
      const from = random.integer(bytes.length);
      const piece = bytes.subarray(from, from + 1 + random.integer(Math.min(512, bytes.length - from)));
      return splice(bytes, at, 0, piece);
    }
    case 6:
      return splice(bytes, at, 1 + random.integer(64), []);
    default:
      return splice(
        bytes,
        at,
        0,
        Array.from({ length: 1 + random.integer(16) }, () => random.integer(256)),
      );
  }
}
