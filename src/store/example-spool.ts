/** @file store: examples put aside on disk as they come and read back one by one, so that a long job holds none of them. */
import { closeSync, openSync, readSync, rmSync, unlinkSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { rememberPlace } from '../core/data-place.ts';
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { writeAll, writing } from './write-fault.ts';

/** What a capture needs of an example. */
export type SpooledExample = {
  readonly id: string;
  readonly set: string;
  readonly group: string;
  readonly input: ModelInput;
  /** Where it was read, for messages. */
  readonly place: { readonly file: string; readonly line: number; readonly headerLine: number };
};

/** Records are gathered up to this size before they are written. */
const BUFFER_BYTES = 1 << 18;

/**
 * A scratch file of examples, 8 bytes of memory each. Values come back exactly as they were (V8's own serialization: -0 and every
 * bit of a double included), and only this process reads them.
 */
export class ExampleSpool {
  readonly #path: string;
  readonly #file: number;
  readonly #pending = Buffer.alloc(BUFFER_BYTES);
  #pendingBytes = 0;
  #written = 0;
  /** Row i lies at [starts[i], starts[i + 1]). */
  #starts = new Float64Array(1024);
  #rows = 0;
  /** The record that is being read. */
  #piece = Buffer.alloc(4096);

  /** `path` must be of this process alone. Throws `DISK_FULL`, `NOT_WRITABLE`. */
  constructor(path: string) {
    this.#path = path;
    this.#file = writing(path, () => {
      // Left by a process of the same number that was killed.
      rmSync(path, { force: true });
      const file = openSync(path, 'wx+');
      try {
        // A file without a name is found by no other process, and goes with this one however it ends.
        unlinkSync(path);
      } catch {
        // Some systems keep the name of an open file; whoever chose the path removes it.
      }
      return file;
    });
  }

  get rows(): number {
    return this.#rows;
  }

  /** Throws `DISK_FULL`, `NOT_WRITABLE`. */
  append(example: SpooledExample): void {
    const bytes = serialize(example);
    if (this.#pendingBytes + bytes.length > BUFFER_BYTES) this.#write();
    if (bytes.length > BUFFER_BYTES) {
      writing(this.#path, () => writeAll(this.#file, bytes, this.#written));
      this.#written += bytes.length;
    } else {
      bytes.copy(this.#pending, this.#pendingBytes);
      this.#pendingBytes += bytes.length;
    }
    this.#rows++;
    if (this.#rows + 1 > this.#starts.length) {
      const longer = new Float64Array(2 * this.#starts.length);
      longer.set(this.#starts);
      this.#starts = longer;
    }
    this.#starts[this.#rows] = this.#written + this.#pendingBytes;
  }

  /** Throws `DISK_FULL`, `NOT_WRITABLE` (what was appended last is written first), `STORE_CORRUPT`. */
  read(row: number): SpooledExample {
    this.#write();
    const [from, to] = [this.#starts[row]!, this.#starts[row + 1]!];
    if (this.#piece.length < to - from) this.#piece = Buffer.alloc(2 * (to - from));
    const bytes = this.#piece.subarray(0, to - from);
    for (let done = 0; done < bytes.length; ) {
      const got = readSync(this.#file, bytes, done, bytes.length - done, from + done);
      if (got === 0) {
        throw new MesascopeError('STORE_CORRUPT', `${this.#path} was cut short while it was in use`, {
          location: { file: this.#path },
        });
      }
      done += got;
    }
    const example = deserialize(bytes) as SpooledExample;
    rememberPlace(example.input, example.place);
    return example;
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(): void {
    if (this.#pendingBytes === 0) return;
    writing(this.#path, () =>
      writeAll(this.#file, this.#pending.subarray(0, this.#pendingBytes), this.#written),
    );
    this.#written += this.#pendingBytes;
    this.#pendingBytes = 0;
  }
}
