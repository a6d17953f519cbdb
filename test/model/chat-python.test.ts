/** @file test: templates mean what they mean to transformers in Python, down to blanks, loops that are left, and what is printed. */
import { readFileSync } from 'node:fs';
import { Template } from '@huggingface/jinja';
import { describe, expect, it } from 'vitest';
import { runTemplate } from '../../src/model/chat-interpreter.ts';

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/chat/jinja.json', import.meta.url), 'utf8'),
) as {
  readonly cases: readonly {
    readonly name: string;
    readonly template: string;
    readonly variables: Readonly<Record<string, unknown>>;
    /** Null where Python refuses the template. */
    readonly text: string | null;
  }[];
};

function rendered(template: string, variables: Readonly<Record<string, unknown>> = {}): string {
  const program: unknown = new Template(template).parsed;
  return runTemplate(program, new Map(Object.entries(variables)));
}

describe('a template', () => {
  it.each(cases)('is what transformers makes of it: $name', ({ template, variables, text }) => {
    if (text === null) expect(() => rendered(template, variables)).toThrow();
    else expect(rendered(template, variables)).toBe(text);
  });
});
