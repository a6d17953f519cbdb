/** @file capture: one hook's values of one batch, checked; it runs nothing and keeps nothing. */
import { MesascopeError } from '../core/errors.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { CaptureSite } from './capture-sites.ts';

/** [rows, ...dims] of one hook or of the choices. */
export type Block = { readonly name: string; readonly dims: readonly number[]; readonly data: Float32Array };

/**
 * [batch, positions, width], or [batch, width] where the hook has no positions. `picked` is the number of positions; rows beyond
 * the batch, which fill up a fixed batch size, are left out. Throws `MODEL_UNSUPPORTED`, `ACTIVATIONS_NON_FINITE`, `INTERNAL` for a value
 * that holds other positions than the picked ones: cut into rows, it would give one example the numbers of another.
 */
export function hookBlock(
  { hook, positions }: CaptureSite,
  { batch, picked }: { readonly batch: Int32Array; readonly picked: number },
  value: TensorValue,
): Block {
  if (value.type !== 'float32') {
    throw new MesascopeError('MODEL_UNSUPPORTED', `hook ${hook} has type ${value.type}, not float32`);
  }
  const [fed = 1] = value.dims;
  const rest = value.dims.slice(1);
  // Several trailing axes (heads by width) are one vector.
  const dims = positions ? [picked, sizeOf(rest.slice(1))] : [sizeOf(rest)];
  if (value.data.length !== fed * sizeOf(dims)) {
    throw new MesascopeError(
      'INTERNAL',
      `hook ${hook} came as [${value.dims.join(', ')}], where ${picked} positions were asked for`,
      { facts: { hook, dims: value.dims, picked } },
    );
  }
  const data = fed === batch.length ? value.data : value.data.subarray(0, batch.length * sizeOf(dims));
  mustBeFinite(data, { name: `hook ${hook}`, batch, perRow: sizeOf(dims) });
  return { name: hook, dims, data };
}

/** Throws `ACTIVATIONS_NON_FINITE`, with the row of the first value that is none. */
export function mustBeFinite(
  data: Float32Array,
  of: { readonly name: string; readonly batch: Int32Array; readonly perRow: number },
): void {
  // x * 0 is 0 for finite x and NaN otherwise: sums tell, without a branch per value. Four of them halve the time, since each
  // addition waits for the one before it.
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  const whole = data.length - (data.length % 4);
  for (let i = 0; i < whole; i += 4) {
    first += data[i]! * 0;
    second += data[i + 1]! * 0;
    third += data[i + 2]! * 0;
    fourth += data[i + 3]! * 0;
  }
  for (let i = whole; i < data.length; i++) first += data[i]! * 0;
  if (first + second + third + fourth === 0) return;
  const at = data.findIndex((value) => !Number.isFinite(value));
  const row = of.batch[Math.floor(at / of.perRow)]!;
  throw new MesascopeError('ACTIVATIONS_NON_FINITE', `${of.name} is ${data[at]} for example ${row}`, {
    facts: { of: of.name, row, value: String(data[at]) },
  });
}

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
