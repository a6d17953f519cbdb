/** @file contract: every import of a source file, type-only, dynamic and re-exported ones included. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export const ROOT: string = path.resolve(import.meta.dirname, '../..');

export type SourceImport = {
  /** Importing file, relative to the root, forward slashes. */
  readonly from: string;
  readonly line: number;
  /** The text between the quotes. */
  readonly specifier: string;
  /** Imported file relative to the root, or undefined for a package. */
  readonly file: string | undefined;
};

/** Files below `folder` whose names end in one of the endings, relative to the root, in order of names. */
export function filesBelow(folder: string, endings: readonly string[]): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort();
}

export function importsOf(file: string): SourceImport[] {
  return importsIn(file, readFileSync(path.join(ROOT, file), 'utf8'));
}

/** Reads the syntax tree, so that comments and strings that merely look like imports do not count. */
export function importsIn(file: string, text: string): SourceImport[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found: SourceImport[] = [];
  const add = (node: ts.Node | undefined): void => {
    if (node === undefined || !ts.isStringLiteralLike(node)) return;
    const relative = node.text.startsWith('.');
    found.push({
      from: file,
      line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
      specifier: node.text,
      file: relative ? path.posix.normalize(path.posix.join(path.posix.dirname(file), node.text)) : undefined,
    });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isCallExpression(node) && isLoader(node.expression)) add(node.arguments[0]);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `import(...)`, `require(...)`, and `resolve(...)` of require, createRequire(...) and import.meta. */
function isLoader(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  if (ts.isIdentifier(callee)) return callee.text === 'require';
  return (
    ts.isPropertyAccessExpression(callee) &&
    callee.name.text === 'resolve' &&
    /^(require|import\.meta|createRequire\(.*\))$/.test(callee.expression.getText())
  );
}
