/** @file test: what is wrong with a prompt is said of prompts, counted from 1, with a remedy that a prompt has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../src/behavior/generate.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { cachedPath } from '../capture/small-models.ts';

let model: Model;
beforeAll(async () => {
  model = await openModel(cachedPath('llama-cached'));
});
afterAll(() => model.close());

const tokens = (...row: number[]): ModelInput => ({ kind: 'tokens', tokens: row });

describe('an error of generating', () => {
  it.each<[ModelInput, string, RegExp]>([
    [tokens(1, 99), 'prompt 2 has the token id 99 at position 1', /^Ids of this model run from 0 to 59\.$/],
    [tokens(), 'prompt 2 has no tokens', /^Give prompts of at least one token/],
    [
      { kind: 'text', text: 'a' },
      'a prompt is a text, and no tokenizer lies beside',
      /or give prompts as token ids/,
    ],
    [
      { kind: 'messages', messages: [{ role: 'user', content: 'a' }] },
      'a prompt is a text, and no tokenizer lies beside',
      /or give prompts as token ids/,
    ],
    [{ kind: 'tensors', tensors: {} }, 'prompt 2 is of tensors', /./],
  ])('speaks of prompts: %j', async (prompt, message, remedy) => {
    const refused = await generate(model, { prompts: [tokens(1), prompt], maxNewTokens: 1 }).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(MesascopeError);
    const error = refused as MesascopeError;
    expect(error.message).toContain(message);
    expect(error.remedy).toMatch(remedy);
    expect(`${error.message} ${error.remedy}`).not.toMatch(/example|the data/);
  });
});
