/** @file store: on which line each id of a data file stands, for any number of ids; reads no file. */

/** A map of V8 takes 2^24 entries and throws at the next. */
const MOST_PER_MAP = 2 ** 23;

/** Some hundred bytes of memory per id. */
export class LinesOfIds {
  readonly #mostPerMap: number;
  /** All full but for the last. */
  readonly #maps: Map<string, number>[] = [new Map()];

  constructor(mostPerMap: number = MOST_PER_MAP) {
    this.#mostPerMap = mostPerMap;
  }

  get size(): number {
    return (this.#maps.length - 1) * this.#mostPerMap + this.#maps.at(-1)!.size;
  }

  get(id: string): number | undefined {
    for (const map of this.#maps) {
      const line = map.get(id);
      if (line !== undefined) return line;
    }
    return undefined;
  }

  /** `id` must be a new one. */
  add(id: string, line: number): void {
    if (this.#maps.at(-1)!.size === this.#mostPerMap) this.#maps.push(new Map());
    this.#maps.at(-1)!.set(id, line);
  }
}
