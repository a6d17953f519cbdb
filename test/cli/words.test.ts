/** @file cli: numbers, paths and untrusted text as a terminal shows them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  byteText,
  counted,
  durationText,
  numberText,
  plainLine,
  quoted,
  relativePath,
  shownPath,
  table,
} from '../../src/cli/words.ts';

describe('text from files', () => {
  it('loses what a terminal would act on, and stays on one line', () => {
    expect(plainLine('a\u001b[2Jb')).toBe('a\ufffd[2Jb');
    expect(plainLine('one\r\n  two\u2028three\tfour')).toBe('one two three four');
    expect(plainLine('\u202eevil\u0007')).toBe('\ufffdevil\ufffd');
  });

  it('never keeps a control character, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
        expect(plainLine(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
  });

  it('keeps words of other scripts', () => {
    expect(plainLine('Größe 目標 🎯')).toBe('Größe 目標 🎯');
  });
});

describe('amounts', () => {
  it('are written as people write them', () => {
    expect([0, 1, 999, 1000, 4096, 1_500_000_000].map(byteText)).toEqual([
      '0 bytes',
      '1 byte',
      '999 bytes',
      '1.00 kB',
      '4.10 kB',
      '1.50 GB',
    ]);
    expect([0, 420, 9940, 9960, 59_600, 200_000, 7_500_000].map(durationText)).toEqual([
      '0.0 s',
      '0.4 s',
      '9.9 s',
      '10 s',
      '1 min 0 s',
      '3 min 20 s',
      '2 h 5 min',
    ]);
    expect([counted(1, 'rows'), counted(4800, 'rows')]).toEqual(['1 row', '4,800 rows']);
    expect([0, 0.12345, -1234.5, 1e-7, 3e8].map((value) => numberText(value))).toEqual([
      '0',
      '0.123',
      '-1230',
      '1.00e-7',
      '3.00e+8',
    ]);
  });
});

describe('tables', () => {
  it('align their columns and end no line with spaces', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['a', '10'],
          ['long name', ''],
        ],
      ),
    ).toBe('NAME       N\na          10\nlong name');
  });
});

describe('paths', () => {
  it('are relative to the working folder, and absolute only outside', () => {
    expect(shownPath('/home/x/p/models/a.onnx', '/home/x/p')).toBe('models/a.onnx');
    expect(shownPath('models/../a.onnx', '/home/x/p')).toBe('a.onnx');
    expect(shownPath('/home/x/p', '/home/x/p')).toBe('.');
    expect(shownPath('../other/a.onnx', '/home/x/p')).toBe('/home/x/other/a.onnx');
    expect(shownPath('..a/b', '/home/x/p')).toBe('..a/b');
  });

  it('are relative everywhere for programs that read JSON', () => {
    expect(relativePath('/home/x/p/reports/a/run.json', '/home/x/p')).toBe('reports/a/run.json');
    expect(relativePath('/home/x/other/run.json', '/home/x/p')).toBe('../other/run.json');
    expect(relativePath('.', '/home/x/p')).toBe('.');
  });
});

describe('arguments', () => {
  it('are quoted only when a shell needs it', () => {
    expect(['grid-proxy', 'a b', "it's", 'blocks.*', 'twins=99'].map(quoted)).toEqual([
      'grid-proxy',
      "'a b'",
      "'it'\\''s'",
      "'blocks.*'",
      'twins=99',
    ]);
  });
});
