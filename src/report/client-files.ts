/** @file report: which files make up the page's own script and style sheet, in order; reads none of them. */

/**
 * Files of src/report/client. They are plain scripts that share one scope, checked by `tsc -p src/report/client`; put one after
 * the other inside one function they are the script of a page, so no bundler stands between source and page.
 */
export const CLIENT_FILES: readonly string[] = [
  'data.js',
  'dom.js',
  'palette.js',
  'draw-parts.js',
  'draw-maps.js',
  'draw-interchange.js',
  'draw-doses.js',
  'draw-points.js',
  'draw-lenses.js',
  'figures.js',
  'downloads.js',
  'picture.js',
  'examples.js',
  'main.js',
];

/** The page's script from the texts of `CLIENT_FILES`, in that order. */
export function clientScript(texts: readonly string[]): string {
  return `(() => {\n'use strict';\n${texts.join('\n')}})();\n`;
}

/** Style sheets of src/report/client, in cascade order; later ones may refine earlier ones. */
export const STYLE_FILES: readonly string[] = [
  'page.css',
  'marks.css',
  'verdict.css',
  'behavior.css',
  'ladder.css',
  'figures.css',
  'examples.css',
  'about.css',
  'screens.css',
];
