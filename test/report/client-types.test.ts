/** @file test: the page's own script passes the type checker with a browser's types and none of Node's. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const CONFIG = fileURLToPath(new URL('../../src/report/client/tsconfig.json', import.meta.url));

function diagnosticsOf(change: (text: string, file: string) => string): string[] {
  const { config } = ts.readConfigFile(CONFIG, ts.sys.readFile) as { config: unknown };
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, dirname(CONFIG), undefined, CONFIG);
  const host = ts.createCompilerHost(parsed.options);
  const { readFile } = host;
  host.readFile = (file) => {
    const text = readFile(file);
    return text === undefined ? undefined : change(text, file);
  };
  const program = ts.createProgram({ rootNames: parsed.fileNames, options: parsed.options, host });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

test('the script of the page has no type error', () => {
  expect(diagnosticsOf((text) => text)).toEqual([]);
});

test('a wrong field of the page data would be one', () => {
  const found = diagnosticsOf((text, file) =>
    file.endsWith('client/downloads.js')
      ? text.replace('const { id, title, finding } = figure', 'const { id, titel: title, finding } = figure')
      : text,
  );
  expect(found.join('\n')).toContain('titel');
});
