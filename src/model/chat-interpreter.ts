/** @file model: one run of a chat template, which is untrusted, by the Jinja library; bounds what it may build, knows no file. */
import { Environment, Interpreter } from '@huggingface/jinja';
import { followJinja2, type Running, type Scope } from './chat-python.ts';
import type { Value } from './chat-values.ts';

/** Longer strings are no chat: a quarter million tokens. */
const MOST_CHARACTERS = 2 ** 20;
/** Characters of all strings that one run makes, and entries of its lists at `ENTRY` each: about its bytes. */
const MOST_MADE = 2 ** 28;
const ENTRY = 100;
/** As in the sandbox of the Python package jinja2. */
const MOST_RANGE = 100_000;

/** What a template said with `raise_exception`: it refuses the messages, and there is nothing wrong with it. */
export class Refusal extends Error {}

/**
 * The text that a template makes of its variables, JSON values by name. The value of `strftime_now` is a day (`2026-01-31`), which the
 * function of that name then tells, at midnight; without it there is no such function, for what a model is fed must not depend on the day.
 *
 * Throws `Refusal`, and an `Error` of some kind for everything that a template may do wrong.
 */
export function runTemplate(program: unknown, variables: ReadonlyMap<string, unknown>): string {
  const scope: Scope = new Environment();
  const all = new Map<string, unknown>([...Object.entries(CONSTANTS), ...variables]);
  const day = all.get('strftime_now');
  if (day !== undefined) all.set('strftime_now', (format: unknown) => strftime(String(day), format));
  for (const [name, value] of all) scope.set(name, value);
  const interpreter: Running = new Interpreter(scope);
  followJinja2(interpreter, MOST_CHARACTERS);
  bound(interpreter);
  // A template always evaluates to a string.
  return String(interpreter.run(program).value);
}

const CONSTANTS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception: (words: unknown) => {
    throw new Refusal(typeof words === 'string' ? words : 'the template gives no reason');
  },
};

/** Counts what each step makes. Memory runs out sooner than time: lists and strings that double at each step would end the process. */
function bound(interpreter: Running): void {
  const counted = new WeakSet<Value>();
  let left = MOST_MADE;
  const evaluate = interpreter.evaluate.bind(interpreter);
  interpreter.evaluate = (statement, scope) => {
    const made = evaluate(statement, scope);
    if (counted.has(made)) return made;
    counted.add(made);
    const { value } = made;
    left -= ENTRY;
    if (typeof value === 'string') {
      if (value.length > MOST_CHARACTERS)
        throw new RangeError(`it makes a text of more than ${MOST_CHARACTERS} characters`);
      left -= value.length;
    } else if (Array.isArray(value)) left -= ENTRY * value.length;
    else if (value instanceof Map) left -= ENTRY * value.size;
    if (left < 0) throw new RangeError('it builds more than can be held');
    return made;
  };
}

function range(...given: readonly unknown[]): number[] {
  const numbers = given.filter((each) => typeof each === 'number');
  const [start, stop, step] =
    numbers.length < 2 ? [0, numbers[0], 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  if (stop === undefined || numbers.length !== given.length || !numbers.every(Number.isSafeInteger))
    throw new TypeError('range() takes whole numbers');
  if (step === 0) throw new RangeError('the step of range() must not be zero');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > MOST_RANGE) throw new RangeError(`range() is longer than ${MOST_RANGE}`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** As Python's, for a day at midnight and in English. */
function strftime(day: string, format: unknown): string {
  if (typeof format !== 'string') throw new TypeError('strftime_now() takes a text');
  const date = new Date(`${day}T00:00:00Z`);
  const [year, month, ofMonth] = day.split('-') as [string, string, string];
  const told: Readonly<Record<string, string>> = {
    Y: year,
    y: year.slice(2),
    m: month,
    d: ofMonth,
    B: MONTHS[date.getUTCMonth()]!,
    b: MONTHS[date.getUTCMonth()]!.slice(0, 3),
    A: DAYS[date.getUTCDay()]!,
    a: DAYS[date.getUTCDay()]!.slice(0, 3),
    H: '00',
    M: '00',
    S: '00',
    '%': '%',
  };
  return format.replace(/%(.?)/gs, (whole, letter: string) => {
    if (Object.hasOwn(told, letter)) return told[letter]!;
    throw new RangeError(`strftime_now() asks for ${whole}, which a day does not tell`);
  });
}
