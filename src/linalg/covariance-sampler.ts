/** @file linalg: random directions and subspaces drawn with a given covariance, as controls for a fitted one. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Dense } from './dense.ts';
import { cholesky, orthonormalColumns } from './factor.ts';
import type { Covariance } from './moments.ts';

/**
 * Added to the diagonal, as a share of the mean variance, so that features that move together can be factored: it adds directions
 * of a thirty-thousandth of the typical spread, far below the float32 resolution of a residual stream's large features.
 */
const JITTER = 1e-9;

/** Draws from the normal distribution with mean 0 and one covariance. */
export type CovarianceSampler = {
  readonly width: number;
  /** Number of independent directions that the covariance really holds. */
  readonly rank: number;
  /** `count` draws as the columns of [width, count]. */
  draw(options: { readonly count: number; readonly random: Random }): Dense;
};

const samplers = new WeakMap<Covariance, CovarianceSampler>();

/**
 * Sampler of N(0, covariance), by its Cholesky factor: L z with z standard normal. The factor is made once per covariance object.
 * Throws `NON_FINITE`, and `RANK_DEFICIENT` when nothing varies.
 */
export function samplerOfCovariance(covariance: Covariance): CovarianceSampler {
  let sampler = samplers.get(covariance);
  if (sampler === undefined) {
    sampler = makeSampler(covariance);
    samplers.set(covariance, sampler);
  }
  return sampler;
}

function makeSampler(covariance: Covariance): CovarianceSampler {
  const { rows: width, data } = covariance.matrix;
  let trace = 0;
  for (let i = 0; i < width; i++) trace += data[i * width + i]!;
  if (trace === 0)
    throw new MesascopeError('RANK_DEFICIENT', 'no feature varies, so there is no direction to draw');
  const jitter = (JITTER * trace) / width;
  const shifted = Float64Array.from(data);
  for (let i = 0; i < width; i++) shifted[i * width + i]! += jitter;
  const { lower } = cholesky({ rows: width, columns: width, data: shifted });
  // A pivot squared is a feature's variance given those before it; what the jitter alone supplies is not the data's.
  let rank = 0;
  for (let i = 0; i < width; i++) if (lower.data[i * width + i]! ** 2 > 100 * jitter) rank += 1;
  return {
    width,
    rank,
    draw({ count, random }) {
      const out = new Float64Array(width * count);
      for (let column = 0; column < count; column++) {
        const z = Float64Array.from({ length: width }, () => random.normal());
        for (let i = 0; i < width; i++) {
          let sum = 0;
          for (let j = 0; j <= i; j++) sum += lower.data[i * width + j]! * z[j]!;
          out[i * count + column] = sum;
        }
      }
      return { rows: width, columns: count, data: out };
    },
  };
}

/**
 * A random k-dimensional subspace as the data would lie in it: the span of k draws from N(0, covariance), as orthonormal columns
 * [width, k]. Throws `RANK_DEFICIENT` when the covariance holds fewer than k independent directions, `NON_FINITE`.
 */
export function covarianceMatchedBasis(options: {
  readonly covariance: Covariance;
  readonly k: number;
  readonly random: Random;
}): Dense {
  const { covariance, k, random } = options;
  const sampler = samplerOfCovariance(covariance);
  if (k > sampler.rank) {
    throw new MesascopeError(
      'RANK_DEFICIENT',
      `a subspace of ${k} dimensions was asked for, the activations vary in ${sampler.rank}`,
      { facts: { k, rank: sampler.rank, width: sampler.width } },
    );
  }
  return orthonormalColumns(sampler.draw({ count: k, random }));
}
