/** @file cli: numbers, tables and untrusted text as a terminal may show them; prints nothing itself. */
import path from 'node:path';

/** Bytes that a terminal would act on (C0, DEL, C1) and marks that reorder text; names from files may hold them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `text` on one line, without anything that a terminal would act on. */
export function plainLine(text: string): string {
  return text
    .replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ')
    .replace(/\t/g, ' ')
    .replace(UNPRINTABLE, '\ufffd')
    .trim();
}

/** `1 row`, `1,200 rows`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun.replace(/s$/, '') : noun}`;
}

/** Decimal units, as file managers show them: `312 bytes`, `4.1 kB`, `1.50 GB`. */
export function byteText(bytes: number): string {
  if (bytes < 1000) return counted(bytes, 'bytes');
  const units = ['kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** step).toPrecision(3)} ${units[step - 1]}`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A number for a reader: at most `digits` significant ones, no exponent in the usual range. */
export function numberText(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 1e6)) return String(Number(value.toPrecision(digits)));
  return value.toExponential(digits - 1);
}

/** Left-aligned columns, two spaces apart; cells are made plain; no trailing spaces. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heads, ...rows].map((row) => row.map(plainLine));
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `file` relative to the working folder, with forward slashes on every system; absolute when it lies outside. */
export function shownPath(file: string, workingFolder: string): string {
  const absolute = path.resolve(workingFolder, file);
  const relative = path.relative(workingFolder, absolute);
  const outside = relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
  const shown = outside ? absolute : relative === '' ? '.' : relative;
  return path.sep === '/' ? shown : shown.split(path.sep).join('/');
}

/** `file` relative to the working folder wherever it lies, with forward slashes: for JSON that other programs read. */
export function relativePath(file: string, workingFolder: string): string {
  return path.relative(workingFolder, path.resolve(workingFolder, file)).split(path.sep).join('/') || '.';
}

/** An argument as a shell needs it. */
export function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replace(/'/g, "'\\''")}'`;
}
