// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: starts everything; light, dark and print. */

const darkByDefault = window.matchMedia('(prefers-color-scheme: dark)');
let printing = false;

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  if (printing) return false;
  return chosen === undefined ? darkByDefault.matches : chosen === 'dark';
}

function mountTheme() {
  const choices = [
    { value: 'auto', text: 'Auto' },
    { value: 'light', text: 'Light' },
    { value: 'dark', text: 'Dark' },
  ];
  const choose = (/** @type {string} */ value) => {
    if (value === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    void redrawAll();
  };
  document.getElementById('theme')?.append(segments('Colours', choices, 'auto', choose));
  darkByDefault.addEventListener('change', () => void redrawAll());
  window.addEventListener('beforeprint', () => {
    printing = true;
    void redrawAll();
  });
  window.addEventListener('afterprint', () => {
    printing = false;
    void redrawAll();
  });
}

/** Copies the command; from a file some browsers refuse, then the text is selected instead. */
function mountCommand() {
  const text = document.getElementById('command-text');
  if (text === null) return;
  const button = el('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent ?? '');
      button.textContent = 'Copied';
    } catch {
      window.getSelection()?.selectAllChildren(text);
    }
  });
  text.parentElement?.append(button);
}

/** A link to a statistic leads into a folded part: unfold it. */
function unfoldTarget() {
  if (!location.hash.startsWith('#statistic-')) return;
  const target = document.getElementById(location.hash.slice(1));
  const folded = target?.closest('details');
  if (target === null || !folded) return;
  folded.open = true;
  target.scrollIntoView({ block: 'center' });
  target.focus({ preventScroll: true });
}

function watchWidth() {
  let width = document.documentElement.clientWidth;
  let waiting = 0;
  window.addEventListener('resize', () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => void redrawAll());
  });
}

document.documentElement.classList.add('script');
mountTheme();
mountFigures();
mountExamples();
mountPictures();
mountCommand();
unfoldTarget();
window.addEventListener('hashchange', unfoldTarget);
watchWidth();
void redrawAll().then(() => {
  document.documentElement.dataset.ready = 'true';
  // Drawings push what follows them down: go again to where the address points.
  const wanted = exampleInAddress() === undefined ? location.hash.slice(1) : 'example-detail';
  document.getElementById(wanted)?.scrollIntoView({ behavior: 'instant', block: 'start' });
});
