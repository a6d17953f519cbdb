/** @file onnx test: looking hooks up by name and by pattern. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { findHookPoints } from '../../src/onnx/hooks-find.ts';
import { hookNamed, matchHooks } from '../../src/onnx/hooks-names.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { fixtureBytes } from './hooks-fixtures.ts';

const decoder = findHookPoints(indexModel(fixtureBytes('decoder-by-hand')));
const bert = findHookPoints(indexModel(fixtureBytes('bert')));
const lstm = findHookPoints(indexModel(fixtureBytes('no-residual-lstm')));

function failure(act: () => unknown): MesascopeError {
  try {
    act();
  } catch (error) {
    if (error instanceof MesascopeError) return error;
  }
  throw new Error('expected a MesascopeError');
}

describe('a hook by name', () => {
  it('is the hook of exactly that name', () => {
    for (const hook of decoder.hooks) expect(hookNamed(decoder, hook.name)).toBe(hook);
  });

  it('mistyped gives HOOK_UNKNOWN with the nearest names', () => {
    expect(() => matchHooks(decoder, 'blocks.*')).toThrow('`*` stops at a dot, and `**` does not');
    const error = failure(() => hookNamed(decoder, 'blocks.1.residpost'));
    expect(error.code).toBe('HOOK_UNKNOWN');
    expect(error.message).toContain('blocks.1.resid_post');
    expect(failure(() => hookNamed(decoder, 'blocks.9.resid_post')).code).toBe('HOOK_UNKNOWN');
  });

  it('that the graph cannot offer gives HOOK_UNAVAILABLE with the reason', () => {
    const error = failure(() => hookNamed(bert, 'logits'));
    expect(error.code).toBe('HOOK_UNAVAILABLE');
    expect(error.message).toContain('it ends in hidden states');
  });

  it('in a model without a residual stream gives the sentence that says why', () => {
    const error = failure(() => hookNamed(lstm, 'blocks.0.resid_post'));
    expect(error.code).toBe('HOOK_UNKNOWN');
    expect(error.remedy).toBe(lstm.noResidual);
  });
});

describe('hooks by pattern', () => {
  const names = (pattern: string, map = decoder): string[] =>
    matchHooks(map, pattern).map(({ name }) => name);

  it('come in order of computation, each once', () => {
    expect(names('blocks.*.resid_post')).toEqual([0, 1, 2].map((i) => `blocks.${i}.resid_post`));
    expect(names('logits, blocks.*.resid_post, blocks.1.*_post , embed')).toEqual([
      ...['embed', 'blocks.0.resid_post', 'blocks.1.mlp_post', 'blocks.1.resid_post', 'blocks.2.resid_post'],
      'logits',
    ]);
    expect(names('blocks.0.resid_*')).toEqual(
      ['resid_pre', 'resid_mid', 'resid_post'].map((part) => `blocks.0.${part}`),
    );
  });

  it('with one star stay within a part, with two stars do not', () => {
    expect(names('*')).toEqual(['embed', 'final_norm', 'logits']);
    expect(names('**')).toEqual(decoder.hooks.map(({ name }) => name));
    expect(names('**.pattern')).toHaveLength(3);
  });

  it('leave out what a graph cannot offer, unless nothing is left', () => {
    expect(names('*', bert)).toEqual(['embed']);
    expect(failure(() => matchHooks(bert, 'log*')).code).toBe('HOOK_UNAVAILABLE');
    expect(failure(() => matchHooks(bert, 'embed,logits')).code).toBe('HOOK_UNAVAILABLE');
    expect(failure(() => matchHooks(bert, 'embed,block.*.q')).code).toBe('HOOK_UNKNOWN');
    expect(failure(() => matchHooks(bert, ' , ')).code).toBe('HOOK_UNKNOWN');
  });

  it('are those that a regular expression would give, for any pattern', () => {
    const piece = fc.constantFrom(
      '*',
      '**',
      'blocks',
      '.',
      '0',
      '1',
      'resid',
      '_',
      'post',
      'q',
      'e',
      'logits',
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 7 }), (pieces) => {
        const pattern = pieces.join('').replace(/\*{3,}/g, '**');
        if (!pattern.includes('*')) return;
        // A double star anywhere frees all stars of the pattern from staying within a part.
        const any = pattern.includes('**') ? '.*' : '[^.]*';
        const source = pattern.replaceAll('.', '\\.').replace(/\*+/g, any);
        const wanted = decoder.hooks.filter(({ name }) => new RegExp(`^${source}$`).test(name));
        if (wanted.length === 0)
          expect(failure(() => matchHooks(decoder, pattern)).code).toBe('HOOK_UNKNOWN');
        else expect(matchHooks(decoder, pattern)).toEqual(wanted);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
