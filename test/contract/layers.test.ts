/** @file contract: holds every import of src against the layer table, and ARCHITECTURE.md too. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { LAYER_TABLE, layerTableMarkdown } from './layer-table.ts';
import { filesBelow, importsIn, importsOf, ROOT, type SourceImport } from './source-imports.ts';

const FILES = filesBelow('src', ['.ts']);
const IMPORTS = FILES.flatMap(importsOf);

/** `src/onnx/x.ts` is onnx, `src/index.ts` is index. */
function layerOf(file: string): string {
  return file.split('/')[1]!.replace(/\.ts$/, '');
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** What is wrong with one import, or undefined. */
function fault({ from, line, specifier, file }: SourceImport): string | undefined {
  const layer = layerOf(from);
  const rule = LAYER_TABLE[layer];
  const at = `${from}:${line}: ${layer}`;
  if (rule === undefined) return `${at} is not in the layer table`;
  if (file === undefined) {
    if (rule.packages === '*' || rule.packages.includes(packageOf(specifier))) return undefined;
    return `${at} may not import the package ${packageOf(specifier)}`;
  }
  if (!file.startsWith('src/')) return layer === 'cli' ? undefined : `${at} reaches out of src: ${specifier}`;
  const target = layerOf(file);
  if (target === layer || rule.layers === '*' || rule.layers.includes(target)) return undefined;
  return `${at} may not import ${target} (${specifier})`;
}

/** The first cycle that a walk along `edges` meets, as a list of names, or undefined. */
function cycleIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const walk = (name: string, above: readonly string[]): string[] | undefined => {
    if (above.includes(name)) return [...above.slice(above.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of edges.get(name) ?? []) {
      const cycle = walk(next, [...above, name]);
      if (cycle !== undefined) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of edges.keys()) {
    const cycle = walk(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function edgesBetween(nameOf: (file: string) => string): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const { from, file } of IMPORTS) {
    if (file === undefined || !file.startsWith('src/')) continue;
    const [a, b] = [nameOf(from), nameOf(file)];
    if (a === b) continue;
    edges.set(a, (edges.get(a) ?? new Set()).add(b));
  }
  return edges;
}

describe('the layers of src', () => {
  it('import only what the layer table allows, type-only and dynamic imports included', () => {
    expect(IMPORTS.length).toBeGreaterThan(100);
    expect(IMPORTS.map(fault).filter((text) => text !== undefined)).toEqual([]);
  });

  it('form no cycle', () => {
    expect(cycleIn(edgesBetween(layerOf))).toBeUndefined();
  });

  it('hold no two files that import each other, however long the way round', () => {
    expect(cycleIn(edgesBetween((file) => file))).toBeUndefined();
  });

  it('import only files that exist', () => {
    const missing = IMPORTS.filter(({ file }) => file !== undefined && !existsSync(path.join(ROOT, file)));
    expect(missing.map(({ from, line, specifier }) => `${from}:${line}: ${specifier}`)).toEqual([]);
  });

  it('all appear in the table, and the table names no layer that is not there', () => {
    expect([...new Set(FILES.map(layerOf))].sort()).toEqual(Object.keys(LAYER_TABLE).sort());
  });

  it('leave printing, exiting and opening to the command line', () => {
    const speaking = FILES.filter((file) => layerOf(file) !== 'cli').filter((file) =>
      /\bconsole\.|process\.(exit\b|exitCode|stdout|stderr)/.test(withoutComments(file)),
    );
    expect(speaking).toEqual([]);
  });

  it('open every file with a line that names its layer', () => {
    const nameless = FILES.filter(
      (file) => !readFileSync(path.join(ROOT, file), 'utf8').startsWith(`/** @file ${layerOf(file)}: `),
    );
    expect(nameless).toEqual([]);
  });
});

/** A regular expression is enough here: a false hit would be seen at once, and comments are what it would trip over. */
function withoutComments(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '');
}

describe('the layer table', () => {
  it('lists layers in dependency order, so that a layer only names earlier ones', () => {
    const names = Object.keys(LAYER_TABLE);
    for (const [at, name] of names.entries()) {
      const { layers } = LAYER_TABLE[name]!;
      if (layers === '*') continue;
      expect(
        layers.filter((other) => !names.slice(0, at).includes(other)),
        name,
      ).toEqual([]);
    }
  });

  it('allows only packages that package.json installs for users', () => {
    const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const named = Object.values(LAYER_TABLE).flatMap(({ packages }) => (packages === '*' ? [] : packages));
    expect(named.filter((name) => !name.startsWith('node:') && !(name in dependencies))).toEqual([]);
  });

  it('is the one in ARCHITECTURE.md', () => {
    expect(readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8')).toContain(layerTableMarkdown());
  });
});

describe('the reader of imports', () => {
  it('sees every way to import, and nothing in comments or strings', () => {
    const text = [
      "import a from './a.ts';",
      "import type { B } from '../core/b.ts';",
      "export { c } from './c.ts';",
      "export type * from './d.ts';",
      "const e = await import('./e.ts');",
      "type F = import('./f.ts').F;",
      "const g = require.resolve('g/package.json');",
      "import 'node:fs';",
      "const k = createRequire(import.meta.url).resolve('k/dist/k.js');",
      "// import h from './h.ts';",
      'const i = "import j from \'./j.ts\'";',
    ].join('\n');
    expect(
      importsIn('src/onnx/x.ts', text).map(({ specifier, file, line }) => [line, file ?? specifier]),
    ).toEqual([
      [1, 'src/onnx/a.ts'],
      [2, 'src/core/b.ts'],
      [3, 'src/onnx/c.ts'],
      [4, 'src/onnx/d.ts'],
      [5, 'src/onnx/e.ts'],
      [6, 'src/onnx/f.ts'],
      [7, 'g/package.json'],
      [8, 'node:fs'],
      [9, 'k/dist/k.js'],
    ]);
  });

  it('finds an import that the table forbids', () => {
    const [upward, foreign, outside] = importsIn(
      'src/core/x.ts',
      "import type { A } from '../onnx/a.ts';\nimport b from 'zod';\nimport c from '../../package.json';",
    ).map(fault);
    expect(upward).toContain('core may not import onnx');
    expect(foreign).toContain('may not import the package zod');
    expect(outside).toContain('reaches out of src');
  });

  it('finds a cycle', () => {
    const edges = new Map([
      ['a', new Set(['b'])],
      ['b', new Set(['c'])],
      ['c', new Set(['b'])],
    ]);
    expect(cycleIn(edges)).toEqual(['b', 'c', 'b']);
  });
});
