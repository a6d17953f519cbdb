/** @file report: the small static pictures: state and role marks, and a number on its axis with interval and null. */
import type { GoalRole } from '../core/data-set.ts';
import type {
  NullComparison,
  RungId,
  RungState,
  Serves,
  Statistic,
  StatisticState,
} from '../record/parts.ts';
import { inUnit, sharedDecimals, spanText, type Unit } from './format.ts';
import { type Html, html } from './html.ts';
import { DIVERGENCE_STATES, STATES } from './words.ts';

/** A state as shape, colour and word, so that none of the three is needed alone. */
export function stateMark(state: RungState | StatisticState, rung?: RungId): Html {
  const shown = shownState(state, rung);
  return html`<span class="state state-${shown}">${stateShape(shown)}<span>${stateWord(state, rung)}</span></span>`;
}

export function stateWord(state: RungState | StatisticState, rung?: RungId): string {
  return (rung === 'L8' ? DIVERGENCE_STATES : STATES)[state];
}

/** The colour and shape of a state: finding no hidden proxy is no failure. */
export function shownState(state: RungState | StatisticState, rung?: RungId): RungState | StatisticState {
  return rung === 'L8' && state === 'failed' ? 'reported' : state;
}

export function stateShape(state: RungState | StatisticState): Html {
  const shapes: Readonly<Record<RungState | StatisticState, Html>> = {
    passed: html`<circle cx="8" cy="8" r="7.5" fill="currentColor"/><path d="M4.6 8.3l2.4 2.4 4.5-5" fill="none" stroke="var(--paper)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`,
    failed: html`<rect x="1" y="1" width="14" height="14" rx="3" fill="currentColor"/><path d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" stroke="var(--paper)" stroke-width="1.8" stroke-linecap="round"/>`,
    undefined: html`<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.6 2.2"/><circle cx="8" cy="8" r="1.4" fill="currentColor"/>`,
    'not-run': html`<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.4"/>`,
    reported: html`<path d="M3.5 8h9" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/>`,
  };
  return html`<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">${shapes[state]}</svg>`;
}

/** Circle: intended; diamond: proxy; square: both or the irrelevant variable; cross: neither. The same shapes in every figure. */
export function roleShape(role: GoalRole | Serves): Html {
  const shapes: Readonly<Record<GoalRole | Serves, Html>> = {
    intended: html`<circle cx="8" cy="8" r="5.6" fill="currentColor"/>`,
    proxy: html`<path d="M8 1.4L14.6 8 8 14.6 1.4 8z" fill="currentColor"/>`,
    both: html`<rect x="2.8" y="2.8" width="10.4" height="10.4" fill="currentColor"/>`,
    irrelevant: html`<rect x="3.4" y="3.4" width="9.2" height="9.2" fill="none" stroke="currentColor" stroke-width="2"/>`,
    neither: html`<path d="M3.5 3.5l9 9M12.5 3.5l-9 9" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"/>`,
  };
  return html`<svg class="mark role-${role}" viewBox="0 0 16 16" aria-hidden="true">${shapes[role]}</svg>`;
}

/** Shape and word of what an action or a reading serves. */
export function servesMark(what: GoalRole | Serves, word: string = what): Html {
  return html`<span class="serves">${roleShape(what)}${word}</span>`;
}

export type StripOptions = {
  readonly unit: Unit;
  readonly value: number | undefined;
  readonly interval?: { readonly low: number; readonly high: number } | undefined;
  readonly nulls?: readonly NullComparison[];
  readonly role?: GoalRole | undefined;
  /** Ends of the axis; from the numbers themselves by default. */
  readonly domain?: readonly [number, number] | undefined;
};

const WIDTH = 240;
const EDGE = 7;

/** One number on an axis: grey bands are the central 95 % of its nulls, the line its interval, the dot itself. */
export function strip(options: StripOptions): Html {
  const { unit, value, interval, role } = options;
  const bands = (options.nulls ?? []).flatMap((comparison) =>
    comparison.low.state === 'measured' && comparison.high.state === 'measured'
      ? [{ low: comparison.low.value, high: comparison.high.value }]
      : [],
  );
  const [low, high] = options.domain ?? stripDomain([options]);
  const at = (x: number): number => {
    const share = (x - low) / (high - low || 1);
    return Math.round((EDGE + (WIDTH - 2 * EDGE) * Math.min(1, Math.max(0, share))) * 10) / 10;
  };
  const decimals = sharedDecimals(value, interval, unit);
  const said = [
    value === undefined ? 'undefined' : inUnit(value, unit, decimals),
    interval === undefined
      ? ''
      : `interval ${inUnit(interval.low, unit, decimals)} to ${inUnit(interval.high, unit, decimals)}`,
    ...bands.map((band) => `null ${spanText(band.low, band.high, unit)}`),
  ].filter((part) => part !== '');
  return html`<svg class="strip" viewBox="0 0 ${WIDTH} 30" role="img" aria-label="${said.join(', ')}"><path class="strip-axis" d="M${EDGE} 15H${WIDTH - EDGE}"/>${bands.map(
    (band) =>
      html`<rect class="strip-null" x="${at(band.low)}" y="6" width="${Math.max(2, Math.round((at(band.high) - at(band.low)) * 10) / 10)}" height="18" rx="2"/>`,
  )}${low <= 0 && high >= 0 && html`<path class="strip-zero" d="M${at(0)} 4V26"/>`}${
    interval !== undefined &&
    html`<path class="strip-interval ${roleClass(role)}" d="M${at(interval.low)} 15H${at(interval.high)}M${at(interval.low)} 10.5V19.5M${at(interval.high)} 10.5V19.5"/>`
  }${value !== undefined && dot(at(value), role)}</svg>`;
}

/** Axis ends that hold every number of the given strips, and 0; shares get the whole of 0 to 1. */
export function stripDomain(strips: readonly StripOptions[]): readonly [number, number] {
  const numbers = strips.flatMap(({ value, interval, nulls }) => [
    ...(value === undefined ? [] : [value]),
    ...(interval === undefined ? [] : [interval.low, interval.high]),
    ...(nulls ?? []).flatMap(({ low, high }) => [
      ...(low.state === 'measured' ? [low.value] : []),
      ...(high.state === 'measured' ? [high.value] : []),
    ]),
  ]);
  const shares = strips.every(({ unit }) => unit === 'accuracy' || unit === 'share');
  const low = Math.min(0, ...numbers);
  const high = Math.max(shares ? 1 : 0, ...numbers);
  const margin = low === high ? 1 : 0.04 * (high - low);
  return [low < 0 ? low - margin : 0, high > 0 ? (shares ? high : high + margin) : margin];
}

/** The strip of a statistic; nothing where a picture would say nothing. */
export function statisticStrip(statistic: Statistic): Html | undefined {
  const { value, interval, nulls, unit, role } = statistic;
  if (value.state === 'undefined' || unit === 'count' || unit === 'logits') return undefined;
  if (interval === undefined && nulls.length === 0) return undefined;
  return strip({ unit, value: value.value, interval, nulls, role });
}

function roleClass(role: GoalRole | undefined): string {
  return role === undefined ? 'role-none' : `role-${role}`;
}

function dot(x: number, role: GoalRole | undefined): Html {
  const className = `strip-dot ${roleClass(role)}`;
  if (role === 'proxy') return html`<path class="${className}" d="M${x} 8.5l6.5 6.5-6.5 6.5-6.5-6.5z"/>`;
  if (role === 'irrelevant')
    return html`<rect class="${className}" x="${x - 5}" y="10" width="10" height="10"/>`;
  return html`<circle class="${className}" cx="${x}" cy="15" r="5.6"/>`;
}
