/** @file contract: what the pages say can be done: their commands, options, scripts, links and paths hold. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { capturedTerminal } from '../cli/captured-terminal.ts';
import { filesBelow, ROOT } from './source-imports.ts';

const SKIPPED = ['node_modules', 'coverage', 'reports'];
const PAGES = readdirSync(ROOT, { withFileTypes: true })
  .filter(({ name }) => !name.startsWith('.') && !SKIPPED.includes(name))
  .flatMap((entry) => (entry.isDirectory() ? filesBelow(entry.name, ['.md']) : [entry.name]))
  .filter((file) => file.endsWith('.md'));
const program = buildProgram(async () => {}, capturedTerminal());
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

function text(page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8');
}

/** Inline code and fenced blocks: where commands are. */
function codeIn(markdown: string): string[] {
  const fenced = [...markdown.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].flatMap(([, body]) =>
    body!.replace(/\\\n/g, ' ').split('\n'),
  );
  const inline = [...markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code]) => code!,
  );
  return [...fenced, ...inline];
}

/** `mesascope COMMAND ...` and `npm run mesascope -- COMMAND ...` as lists of arguments. */
function commandLines(markdown: string): string[][] {
  return codeIn(markdown).flatMap((code) =>
    [
      ...code.matchAll(
        /(?:^|\s|\$ )(?:mesascope|npm run (?:--silent )?mesascope --|node bin\/mesascope\.js) ([a-z-][^#|>&]*)/g,
      ),
    ].map(([, rest]) => rest!.trim().split(/\s+/)),
  );
}

/** GitHub's rule: lower case, punctuation gone, spaces to hyphens. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

describe('the pages', () => {
  it('include the four that a newcomer looks for', () => {
    for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md']) {
      expect(PAGES).toContain(page);
    }
  });

  it.each(PAGES)('%s names no path of somebody’s machine', (page) => {
    const found = text(page).match(
      /(?:^|[\s("'`=])(?:\/(?:home|Users|root|work|tmp|opt|mnt|var)\/\S*|[A-Z]:\\\S*|file:\/\/\/\S+)/gm,
    );
    expect(found ?? []).toEqual([]);
  });

  it.each(PAGES)('%s names only commands and options that exist', (page) => {
    const wrong = commandLines(text(page)).flatMap(([name, ...rest]) => {
      if (name!.startsWith('-')) return ['--help', '--version'].includes(name!) ? [] : [name!];
      const command = program.commands.find((candidate) => candidate.name() === name);
      if (command === undefined) return [`mesascope ${name}`];
      const known = ['--help', ...command.options.map(({ long }) => long)];
      return rest
        .filter((argument) => argument.startsWith('--') && !known.includes(argument.split('=')[0]!))
        .map((option) => `mesascope ${name} ${option}`);
    });
    expect(wrong).toEqual([]);
  });

  it.each(PAGES)('%s names only npm scripts that exist', (page) => {
    const named = codeIn(text(page)).flatMap((code) =>
      [...code.matchAll(/npm run (?:--silent )?([a-z][\w:-]*)/g)].map(([, name]) => name!),
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it.each(PAGES)('%s links only to what is there', (page) => {
    const markdown = text(page).replace(/^```[\s\S]*?^```/gm, '');
    const targets = [
      ...[...markdown.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].map(([, target]) => target!),
      ...[...markdown.matchAll(/\b(?:src|href|srcset)="([^"]+)"/g)].map(([, target]) => target!),
    ].filter((target) => !/^[a-z]+:/.test(target));
    const broken = targets.filter((target) => {
      const [file, anchor] = target.split('#', 2) as [string, string | undefined];
      const linked = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURI(file));
      if (!existsSync(path.join(ROOT, linked))) return true;
      return anchor !== undefined && linked.endsWith('.md') && !anchorsOf(text(linked)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('show every command in the README', () => {
    const shown = new Set(codeIn(text('README.md')).flatMap((code) => code.match(/[a-z]+/g) ?? []));
    expect(program.commands.map((command) => command.name()).filter((name) => !shown.has(name))).toEqual([]);
  });
});

describe('the reader of pages', () => {
  it('finds commands in fenced and inline code, and in nothing else', () => {
    const markdown = [
      'The mesascope project and `mesascope inspect m.onnx --json`.',
      '```sh',
      'npx mesascope audit \\',
      '  --model m.onnx # comment',
      'npm run mesascope -- list',
      '```',
    ].join('\n');
    expect(commandLines(markdown)).toEqual([
      ['audit', '--model', 'm.onnx'],
      ['list'],
      ['inspect', 'm.onnx', '--json'],
    ]);
  });
});
