/** @file contract: what an install gets: exact versions, no install scripts, nothing missing, nothing from elsewhere. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { mesascope } from '../cli/captured-terminal.ts';
import { filesBelow, importsOf, ROOT } from './source-imports.ts';

type LockEntry = {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly engines?: { readonly node?: string };
  readonly dev?: boolean;
  readonly devOptional?: boolean;
};

function json<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as T;
}

const manifest = json<{
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly exports: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}>('package.json');
const lock = json<{ readonly packages: Readonly<Record<string, LockEntry>> }>('package-lock.json');
const LOCKED = Object.entries(lock.packages).filter(([name]) => name !== '');

/** Whether Node `version` satisfies the ranges that packages use: `>=18`, `^20.19.0 || >=22.12`, `18 || 20`, `>=0.10`. */
function allows(range: string, version: readonly [number, number, number]): boolean {
  const compare = (a: readonly number[]): number =>
    version.map((part, at) => Math.sign(part - (a[at] ?? 0))).find((sign) => sign !== 0) ?? 0;
  return range.split('||').some((alternative) =>
    [...alternative.matchAll(/(>=|<=|>|<|\^|~|=)?\s*v?(\d+|\*)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?/g)].every(
      ([, operator = '', ...parts]) => {
        const numbers = parts.filter((part) => part !== undefined && /^\d+$/.test(part)).map(Number);
        if (numbers.length === 0) return true;
        if (operator === '>=') return compare(numbers) >= 0;
        if (operator === '>') return compare(numbers) > 0;
        if (operator === '<') return compare(numbers) < 0;
        if (operator === '<=') return compare(numbers) <= 0;
        if (operator === '^') return compare(numbers) >= 0 && numbers[0] === version[0];
        if (operator === '~')
          return (
            compare(numbers) >= 0 && numbers[0] === version[0] && (numbers[1] ?? version[1]) === version[1]
          );
        return numbers.every((part, at) => part === version[at]);
      },
    ),
  );
}

describe('the package', () => {
  it('pins every dependency to one exact version', () => {
    const pins = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(pins.length).toBeGreaterThan(10);
    expect(pins.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('has a lockfile that agrees with the pins', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });

  it("locks every package by its hash, and names no place to download it from: that is the reader's own registry", () => {
    expect(LOCKED.length).toBeGreaterThan(100);
    expect(LOCKED.filter(([, { integrity }]) => integrity === undefined).map(([name]) => name)).toEqual([]);
    expect(LOCKED.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name)).toEqual([]);
  });

  it('runs on Node 20.19, and so does everything that it installs for users', () => {
    expect(manifest.engines.node).toBe('>=20.19');
    const refusing = LOCKED.filter(([, { dev, devOptional }]) => !dev && !devOptional)
      .filter(([, { engines }]) => engines?.node !== undefined && !allows(engines.node, [20, 19, 0]))
      .map(([name, { engines }]) => [name, engines?.node]);
    expect(refusing).toEqual([]);
  });

  it('needs no install script: npm skips them all, and ONNX Runtime comes with its library', () => {
    expect(readFileSync(path.join(ROOT, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
    const own = Object.keys(manifest.scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name));
    expect(own).toEqual([]);
    const natives = readdirSync(path.join(ROOT, 'node_modules/onnxruntime-node/bin'), { recursive: true });
    expect(
      natives.some(
        (file) =>
          String(file).includes(path.join(process.platform, process.arch)) && String(file).endsWith('.node'),
      ),
    ).toBe(true);
  });

  it('uses every dependency it installs for users', () => {
    const used = new Set(
      [...filesBelow('src', ['.ts']).flatMap(importsOf), ...importsOf('bin/mesascope.js')].map(
        ({ specifier }) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
      ),
    );
    expect(Object.keys(manifest.dependencies).filter((name) => !used.has(name))).toEqual([]);
  });

  it('ships files that exist', () => {
    const named = [...manifest.files, ...Object.values(manifest.bin), ...Object.values(manifest.exports)];
    expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  it('has a binary that starts and knows its version', async () => {
    expect(readFileSync(path.join(ROOT, 'bin/mesascope.js'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(statSync(path.join(ROOT, 'bin/mesascope.js')).mode & 0o100).toBe(0o100);
    expect(await mesascope(['--version'])).toEqual({
      exitCode: 0,
      stdout: `${manifest.version}\n`,
      stderr: '',
    });
  });
});

describe('the reader of Node ranges', () => {
  it.each([
    ['>=18', true],
    ['^20.19.0 || >=22.12.0', true],
    ['>=20.20', false],
    ['>=22', false],
    ['18 || 20 || >=22', true],
    ['>=0.10', true],
    ['^18.0.0', false],
    ['>= 14.0.0 < 20', false],
    ['*', true],
  ])('reads %s', (range, expected) => {
    expect(allows(range, [20, 19, 0])).toBe(expected);
  });
});
