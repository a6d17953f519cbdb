/** @file model: makes the Jinja library run loops, printing and texts as Jinja2 does in Python; knows no template and bounds no time. */
import { Environment } from '@huggingface/jinja';
import {
  capitalized,
  equal,
  isMapping,
  isUndefined,
  mustBeShort,
  printed,
  stripped,
  TEXT_METHODS,
  titled,
  type Value,
} from './chat-values.ts';

/** A part of a parsed template: the fields of all kinds that are looked into. */
export type Statement = {
  readonly type: string;
  /** Of a literal, or the name of an identifier; the right side of a keyword argument. */
  readonly value?: unknown;
  readonly key?: Statement;
  readonly body?: readonly Statement[];
  /** Of a loop: what stands behind its `else`. */
  readonly defaultBlock?: readonly Statement[];
  readonly operator?: { readonly value: string };
  readonly left?: Statement;
  readonly right?: Statement;
  readonly object?: Statement;
  readonly property?: Statement;
  readonly computed?: boolean;
  readonly operand?: Statement;
  readonly filter?: Statement;
  readonly callee?: Statement;
  readonly args?: readonly Statement[];
  readonly test?: Statement;
  readonly negate?: boolean;
  /** Of the kind `Made`, which is ours: a value that has been evaluated. */
  readonly made?: Value;
  /** Of the kind `Iteration`, which is ours: the body of a loop, once. */
  readonly loop?: Loop;
};

/** What is used of the library, whose own declarations name files that this project's module resolution does not find. */
export type Scope = { set(name: string, value: unknown): Value };
export type Running = {
  evaluate(statement: Statement | undefined, scope: Scope): Value;
  /** Every body goes through it. It is private in the library, so a test of each kind of body guards it. */
  evaluateBlock(statements: readonly Statement[], scope: Scope): Value;
  run(program: unknown): Value;
};

type Loop = {
  /** Once it has begun. */
  scope?: Scope;
  /** By a `break`: the library goes on with it. */
  ended: boolean;
  /** Whether an iteration came to its end. */
  completed: boolean;
};

/** Leaves an iteration, with what it has written so far. */
class Exit extends Error {
  written = '';
  readonly ends: boolean;
  constructor(ends: boolean) {
    super('a `break` or `continue` stands outside of a loop');
    this.ends = ends;
  }
}

/** Statements that write nothing; everything else in a block is written out. */
const SILENT: ReadonlySet<string> = new Set(['Set', 'Macro', 'Comment']);
/** Statements whose bodies are written where they stand. */
const INLINE: ReadonlySet<string> = new Set(['If', 'For']);
const OPERATORS: ReadonlySet<string> = new Set(['==', '!=', '~', '+', 'in', 'not in']);
const TOJSON = ['ensure_ascii', 'indent', 'separators', 'sort_keys'];

const madeOf = (made: Value): Statement => ({ type: 'Made', made });
const asValue = (held: unknown): Value => (new Environment() as Scope).set('value', held);

/**
 * Replaces two methods of an interpreter. What it then does as Jinja2 and did not before: each iteration of a loop has variables of its
 * own and keeps what it wrote before `continue` and `break`; None, truth values, lists and mappings are printed in Python's notation;
 * `==` and `in` compare as Python does; texts are stripped, capitalized and counted as Python's. A value that is written out has to fit
 * into `mostCharacters`.
 */
export function followJinja2(interpreter: Running, mostCharacters: number): void {
  const library = interpreter.evaluate.bind(interpreter);
  const text = (value: Value): string => {
    mustBeShort(value, mostCharacters);
    return printed(value);
  };

  interpreter.evaluateBlock = (statements, scope) => {
    let written = '';
    for (const statement of statements) {
      try {
        const made = interpreter.evaluate(statement, scope);
        if (!SILENT.has(statement.type)) written += text(made);
      } catch (exit) {
        // What was written within a `set` or a filter that is left is lost, as in Python.
        if (exit instanceof Exit) exit.written = written + (INLINE.has(statement.type) ? exit.written : '');
        throw exit;
      }
    }
    return asValue(written);
  };

  interpreter.evaluate = (statement, scope) => {
    if (statement === undefined) return library(statement, scope);
    switch (statement.type) {
      case 'Made':
        return statement.made!;
      case 'Break':
      case 'Continue':
        throw new Exit(statement.type === 'Break');
      case 'For':
        return loopOver(statement, scope);
      case 'Iteration':
        return iteration(statement.body!, scope, statement.loop!);
      case 'MemberExpression':
        return member(statement, scope);
      case 'BinaryExpression':
        return binary(statement, scope);
      case 'TestExpression':
        return tested(statement, scope);
      case 'FilterExpression':
        return filtered(statement, scope);
      case 'FilterStatement': {
        const operand = madeOf(interpreter.evaluateBlock(statement.body!, scope));
        return interpreter.evaluate({ type: 'FilterExpression', operand, filter: statement.filter! }, scope);
      }
      default:
        return library(statement, scope);
    }
  };

  function loopOver(statement: Statement, scope: Scope): Value {
    const loop: Loop = { ended: false, completed: false };
    const body = [{ type: 'Iteration', body: statement.body!, loop }];
    const made = library({ ...statement, body }, scope);
    if (loop.scope === undefined || loop.completed) return made;
    // As in Python: what stands behind `else` follows where every iteration was left early.
    return interpreter.evaluateBlock([madeOf(made), ...statement.defaultBlock!], loop.scope);
  }

  function iteration(body: readonly Statement[], scope: Scope, loop: Loop): Value {
    loop.scope = scope;
    if (loop.ended) return asValue('');
    try {
      const made = interpreter.evaluateBlock(body, new Environment(scope) as Scope);
      loop.completed = true;
      return made;
    } catch (exit) {
      if (!(exit instanceof Exit)) throw exit;
      loop.ended = exit.ends;
      return asValue(exit.written);
    }
  }

  /** Methods of texts by their names, as in `text.strip` and `text['strip']`. */
  function member(statement: Statement, scope: Scope): Value {
    const { property, computed } = statement;
    const named = property!.type === (computed === true ? 'StringLiteral' : 'Identifier');
    const method = named ? TEXT_METHODS.get(String(property!.value)) : undefined;
    if (method === undefined) return library(statement, scope);
    const object = interpreter.evaluate(statement.object, scope);
    if (typeof object.value !== 'string') return library({ ...statement, object: madeOf(object) }, scope);
    const own = object.value;
    return asValue((...given: readonly unknown[]) => method(own, given));
  }

  function binary(statement: Statement, scope: Scope): Value {
    const operator = statement.operator!.value;
    if (!OPERATORS.has(operator)) return library(statement, scope);
    const left = interpreter.evaluate(statement.left, scope);
    const right = interpreter.evaluate(statement.right, scope);
    if (operator === '==' || operator === '!=') return asValue(equal(left, right) === (operator === '=='));
    if (operator === '~') return asValue(text(left) + text(right));
    if (operator === '+' && (typeof left.value === 'string') !== (typeof right.value === 'string'))
      throw new TypeError('it adds a text and something that is none');
    if (operator !== '+' && Array.isArray(right.value)) {
      const found = right.value.some((each: Value) => equal(left, each));
      return asValue(found === (operator === 'in'));
    }
    return library({ ...statement, left: madeOf(left), right: madeOf(right) }, scope);
  }

  function tested(statement: Statement, scope: Scope): Value {
    if (statement.test!.value !== 'iterable') return library(statement, scope);
    const operand = interpreter.evaluate(statement.operand, scope);
    const { value } = operand;
    const can =
      typeof value === 'string' || Array.isArray(value) || isMapping(operand) || isUndefined(operand);
    return asValue(can !== statement.negate);
  }

  function filtered(statement: Statement, scope: Scope): Value {
    const filter = statement.filter!;
    const name = (filter.callee ?? filter).value;
    const operand = interpreter.evaluate(statement.operand, scope);
    const given = (names: readonly string[]): (Value | undefined)[] => argumentsOf(filter, names, scope);
    switch (name) {
      case 'string':
        return asValue(text(operand));
      case 'capitalize':
        return asValue(capitalized(text(operand)));
      case 'title':
        return asValue(titled(text(operand)));
      case 'trim': {
        const [chars] = given(['chars']);
        return asValue(stripped(text(operand), chars?.value ?? null, { front: true, back: true }));
      }
      case 'join': {
        const [between] = given(['d']);
        return asValue(joined(operand, between === undefined ? '' : text(between)));
      }
      case 'tojson': {
        const values = given(TOJSON);
        const [, indent, separators] = values.map((each) => each?.value);
        mustBeShort(operand, mostCharacters, {
          between: Array.isArray(separators) ? separators.map(printed).join('').length : 0,
          indent: typeof indent === 'number' ? indent : 0,
        });
        const args = values.flatMap((each, i) => {
          const key = { type: 'Identifier', value: TOJSON[i]! };
          return each === undefined ? [] : [{ type: 'KeywordArgumentExpression', key, value: madeOf(each) }];
        });
        const call = { type: 'CallExpression', callee: { type: 'Identifier', value: name }, args };
        return library({ ...statement, operand: madeOf(operand), filter: call }, scope);
      }
      default: {
        if (name === 'length' && typeof operand.value === 'string')
          return asValue(Array.from(operand.value).length);
        // Of an empty list, `first` and `last` are no value at all.
        const made: Value | undefined = library({ ...statement, operand: madeOf(operand) }, scope);
        return made ?? asValue(undefined);
      }
    }
  }

  function joined(operand: Value, between: string): string {
    const { value } = operand;
    if (typeof value === 'string') return Array.from(value).join(between);
    if (!Array.isArray(value)) throw new TypeError(`join() takes a list, not a ${operand.type}`);
    mustBeShort(operand, mostCharacters, { between: between.length });
    return value.map(printed).join(between);
  }

  /** What a filter is given, by the names of its parameters; an argument of another name, or unpacked, is not known. */
  function argumentsOf(filter: Statement, names: readonly string[], scope: Scope): (Value | undefined)[] {
    const values: (Value | undefined)[] = names.map(() => undefined);
    let place = 0;
    for (const argument of filter.args ?? []) {
      const keyword = argument.type === 'KeywordArgumentExpression' ? argument : undefined;
      const at = keyword === undefined ? place++ : names.indexOf(String(keyword.key!.value));
      if (at < 0 || at >= names.length || argument.type.endsWith('SpreadExpression'))
        throw new TypeError(`the filter ${String(filter.callee!.value)} is given what is not known`);
      values[at] = interpreter.evaluate((keyword?.value as Statement | undefined) ?? argument, scope);
    }
    return values;
  }
}
