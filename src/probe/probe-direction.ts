/** @file probe: the direction in which a linear probe's score of a class grows against the other ones; fits nothing. */
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { LinearProbe } from './linear-probe.ts';

/**
 * Unit vector [width]: the weights of a class less the mean weights of the other classes that occurred; the weights themselves where the
 * probe has one row (a number). Without `towards` only such a probe has a direction.
 *
 * Throws `BAD_SETTING` for a class that is not named or does not exist, or that never occurred among the fit rows, and for a probe
 * without any direction.
 */
export function probeDirection(probe: LinearProbe, towards?: string): Float32Array {
  const { classes, width, classNames, weights, bias } = probe;
  const bad = (seen: string, remedy: string): MesascopeError =>
    new MesascopeError('BAD_SETTING', seen, { facts: { towards, classNames }, remedy });
  const named = towards === undefined && classes === 1 ? 0 : classNames.indexOf(towards ?? '');
  if (named < 0) {
    const near = towards === undefined ? [] : nearestNames(towards, classNames);
    throw bad(
      towards === undefined
        ? `the probe tells ${classes} classes apart, and none is named to push towards`
        : `the probe has no class ${JSON.stringify(towards)}`,
      `Name one of ${(near.length > 0 ? near : classNames.slice(0, 20)).join(', ')}.`,
    );
  }
  const occurs = (row: number): boolean => bias[row] !== Number.NEGATIVE_INFINITY;
  if (!occurs(named))
    throw bad(
      `the class ${JSON.stringify(classNames[named])} never occurred when the probe was fitted`,
      'Name another class.',
    );
  const others = Array.from({ length: classes }, (_, row) => row).filter(
    (row) => row !== named && occurs(row),
  );
  const direction = new Float64Array(width);
  for (let j = 0; j < width; j++) {
    direction[j] = weights.data[named * width + j]!;
    for (const row of others) direction[j]! -= weights.data[row * width + j]! / others.length;
  }
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
  if (!(length > 0))
    throw bad('the weights of the probe are all 0, so it has no direction', 'Give another probe.');
  return Float32Array.from(direction, (value) => value / length);
}
