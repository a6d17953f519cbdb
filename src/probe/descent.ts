/** @file probe: minimises many smooth convex functions side by side, asking for all their values in one batch a round. */

/** Value and gradient of one function at the point last proposed. */
export type Evaluation = {
  readonly value: number;
  readonly gradient: Float64Array;
  /** Largest derivative in the caller's own units; handed back with the best point. */
  readonly gradientNorm: number;
  /** What the value can at most lie above the minimum, where strong convexity tells. */
  readonly excessBound: number | undefined;
};

/** `converged`: within tolerance. `stalled`: rounding hides any further decrease. `iteration-limit`: stopped early. */
export type DescentState = 'converged' | 'stalled' | 'iteration-limit';

export type DescentResult = {
  readonly point: Float64Array;
  readonly state: DescentState;
  readonly iterations: number;
  readonly value: number;
  readonly gradientNorm: number;
};

export type DescentOptions = {
  /** Stop when the estimated excess of the value over the minimum is below this share of the value. */
  readonly tolerance: number;
  readonly maxIterations: number;
  /** Share of the value that rounding can move it by: a rise that small is no reason to turn back. */
  readonly rounding: number;
};

/** Asks for the functions numbered `indices` at `points`; answers in that order. */
export type EvaluateTogether = (
  indices: readonly number[],
  points: readonly Float64Array[],
) => Promise<readonly Evaluation[]>;

/** Corrections kept per function; scikit-learn and SciPy keep 10 as well. */
const MEMORY = 10;
const SUFFICIENT_DECREASE = 1e-4;
/** The estimate of the excess can be far off where curvature changes fast; a proven bound this many times larger must hold too. */
const BOUND_FACTOR = 1000;
const MAX_SHRINKS = 20;
/** So many accepted steps in a row without a decrease mean that only rounding is left. */
const MAX_FLAT = 3;

/**
 * Minimises each function from its start by L-BFGS (Nocedal and Wright 2006, algorithm 7.5) with a backtracking line search that
 * fits a parabola. Functions that are done drop out of the following rounds. The excess is estimated as half the product of
 * gradient and step, which is exact for a parabola with the right curvature, and held against the bound where there is one.
 */
export async function minimiseTogether(
  starts: readonly Float64Array[],
  evaluate: EvaluateTogether,
  options: DescentOptions,
): Promise<DescentResult[]> {
  const descents = starts.map((start) => new Descent(start, options));
  let active = descents.map((_, index) => index);
  while (active.length > 0) {
    const evaluations = await evaluate(
      active,
      active.map((index) => descents[index]!.trial),
    );
    active = active.filter((index, place) => descents[index]!.observe(evaluations[place]!));
  }
  return descents.map((descent) => descent.result());
}

type Correction = { readonly step: Float64Array; readonly change: Float64Array; readonly product: number };

class Descent {
  /** Where the next evaluation is wanted. */
  trial: Float64Array;
  private readonly options: DescentOptions;
  private point: Float64Array;
  private best: Evaluation | undefined;
  private direction: Float64Array = new Float64Array(0);
  private slope = 0;
  private stride = 1;
  private shrinks = 0;
  private flat = 0;
  private iterations = 0;
  private state: DescentState = 'iteration-limit';
  private corrections: Correction[] = [];

  constructor(start: Float64Array, options: DescentOptions) {
    this.options = options;
    this.point = start;
    this.trial = start;
  }

  result(): DescentResult {
    const { value, gradientNorm } = this.best!;
    return { point: this.point, state: this.state, iterations: this.iterations, value, gradientNorm };
  }

  /** Takes the evaluation of `trial`; true when another is wanted. */
  observe(found: Evaluation): boolean {
    const held = this.best;
    if (held !== undefined) {
      const wanted =
        held.value +
        SUFFICIENT_DECREASE * this.stride * this.slope +
        this.options.rounding * Math.abs(held.value);
      if (!(found.value <= wanted)) return this.shrink(found.value - held.value);
      this.remember(held.gradient, found.gradient);
      this.iterations += 1;
      this.flat = found.value < held.value ? 0 : this.flat + 1;
    }
    this.point = this.trial;
    this.best = found;
    return this.advance(found);
  }

  /** Chooses the next direction and step from an accepted point. */
  private advance({ value, gradient, excessBound }: Evaluation): boolean {
    this.direction = this.quasiNewtonDirection(gradient);
    this.slope = dot(this.direction, gradient);
    if (!(this.slope < 0)) {
      this.corrections = [];
      this.direction = gradient.map((part) => -part);
      this.slope = -dot(gradient, gradient);
    }
    const allowed = this.options.tolerance * Math.abs(value);
    const proven = excessBound === undefined || excessBound <= BOUND_FACTOR * allowed;
    if (-this.slope / 2 <= allowed && proven) return this.stop('converged');
    if (this.flat >= MAX_FLAT) return this.stop('stalled');
    if (this.iterations >= this.options.maxIterations) return this.stop('iteration-limit');
    this.stride = 1;
    this.shrinks = 0;
    this.propose();
    return true;
  }

  /** Shortens the step to the lowest point of the parabola through both values and the slope, by a factor of 2 to 10. */
  private shrink(rise: number): boolean {
    if (this.shrinks >= MAX_SHRINKS) return this.stop('stalled');
    this.shrinks += 1;
    const lowest = (-this.slope * this.stride) / (2 * (rise - this.slope * this.stride));
    this.stride *= Number.isFinite(lowest) ? Math.min(0.5, Math.max(0.1, lowest)) : 0.1;
    this.propose();
    return true;
  }

  private stop(state: DescentState): false {
    this.state = state;
    return false;
  }

  private propose(): void {
    const { point, direction, stride } = this;
    this.trial = point.map((value, i) => value + stride * direction[i]!);
  }

  private remember(before: Float64Array, after: Float64Array): void {
    const step = this.trial.map((value, i) => value - this.point[i]!);
    const change = after.map((value, i) => value - before[i]!);
    const product = dot(step, change);
    // Convexity makes the product positive; where rounding does not, the pair says nothing about curvature.
    if (!(product > Number.EPSILON * dot(change, change))) return;
    this.corrections.push({ step, change, product });
    if (this.corrections.length > MEMORY) this.corrections.shift();
  }

  /** Two-loop recursion; without corrections it is steepest descent. */
  private quasiNewtonDirection(gradient: Float64Array): Float64Array {
    const direction = gradient.map((part) => -part);
    const { corrections } = this;
    const weights = new Float64Array(corrections.length);
    for (let k = corrections.length - 1; k >= 0; k--) {
      const { step, change, product } = corrections[k]!;
      weights[k] = dot(step, direction) / product;
      addScaled(direction, change, -weights[k]!);
    }
    const last = corrections.at(-1);
    if (last !== undefined) {
      const scale = last.product / dot(last.change, last.change);
      for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
    }
    corrections.forEach(({ step, change, product }, k) => {
      addScaled(direction, step, weights[k]! - dot(change, direction) / product);
    });
    return direction;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * source[i]!;
}
