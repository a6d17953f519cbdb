/** @file cli: any failure as one line. */
import { describe, expect, it } from 'vitest';
import { showError } from '../../src/cli/error-line.ts';
import { MesascopeError } from '../../src/core/errors.ts';

const OPTIONS = { workingFolder: '/home/x/project', debug: false };

describe('the error line', () => {
  it('names file, line, column, code, what happened and what to do', () => {
    const error = new MesascopeError('DATA_FIELD', 'the field is wrong.', {
      location: { file: '/home/x/project/data/a.jsonl', line: 12, column: 3 },
      remedy: 'Correct it.',
    });
    expect(showError(error, OPTIONS).line).toBe(
      'data/a.jsonl:12:3: error DATA_FIELD: the field is wrong; Correct it.',
    );
  });

  it('points at the start of a file when no line is known, and at the fallback when no file is', () => {
    const here = new MesascopeError('MODEL_CORRUPT', 'cut short', { location: { file: 'm.onnx' } });
    expect(showError(here, OPTIONS).line).toMatch(/^m\.onnx:1:1: error MODEL_CORRUPT: cut short; /);
    const nowhere = new MesascopeError('BAD_SETTING', 'no');
    expect(showError(nowhere, { ...OPTIONS, fallback: { file: 'probes/a.probe.ts' } }).line).toMatch(
      /^probes\/a\.probe\.ts:1:1: error BAD_SETTING/,
    );
    expect(showError(nowhere, OPTIONS).line).toMatch(/^error BAD_SETTING: no; /);
  });

  it('stays one line whatever a file name or a message holds', () => {
    const error = new MesascopeError('HOOK_UNKNOWN', 'no hook \u001b[31m\nred', {
      location: { file: 'a\nb.onnx' },
      remedy: 'one\ntwo',
    });
    expect(showError(error, OPTIONS).line).toBe(
      'a b.onnx:1:1: error HOOK_UNKNOWN: no hook \ufffd[31m red; one two',
    );
  });

  it('calls what nobody expected a bug, with a way to find it, and shows the stack only on request', () => {
    const bug = new TypeError('x is not a function');
    const plain = showError(bug, OPTIONS);
    expect(plain).toMatchObject({ code: 'INTERNAL', exitCode: 1, stack: undefined });
    expect(plain.line).toContain('MESASCOPE_DEBUG=1');
    expect(showError(bug, { ...OPTIONS, debug: true }).stack).toContain('error-line.test.ts');
    expect(showError('a thrown string', OPTIONS)).toMatchObject({
      code: 'INTERNAL',
      message: 'a thrown string',
    });
  });

  it.each([
    ['ENOSPC', 'DISK_FULL', 3],
    ['EROFS', 'NOT_WRITABLE', 3],
    ['EACCES', 'NOT_WRITABLE', 3],
    ['ECONNRESET', 'INTERNAL', 1],
  ])('reads the system failure %s as %s', (errno, code, exitCode) => {
    const failure = Object.assign(new Error(`${errno}: failed`), { code: errno });
    expect(showError(failure, OPTIONS)).toMatchObject({ code, exitCode });
  });
});
