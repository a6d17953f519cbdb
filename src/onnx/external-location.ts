/** @file onnx: decides whether a weight file that a model names may be opened; opens nothing. */
import { MesascopeError } from '../core/errors.ts';

/**
 * Throws `EXTERNAL_DATA_PATH` unless `location` is a relative path that stays inside the model's folder on every
 * platform: no leading slash, drive letter or backslash, no `..` part, no NUL.
 *
 * ONNX Runtime's own marker for "an address in this process's memory" (`_ORT_MEM_ADDR_`, onnxruntime
 * core/framework/tensorprotoutils.h) is refused as well: written into a file it would name arbitrary memory.
 */
export function checkExternalLocation(location: string): void {
  const parts = location.split('/');
  const bad =
    parts.some((part) => part === '' || part === '..') ||
    /^[A-Za-z]:/.test(location) ||
    location.includes('\\') ||
    location.includes('\0') ||
    location.includes('_ORT_MEM_ADDR_');
  if (bad) {
    throw new MesascopeError(
      'EXTERNAL_DATA_PATH',
      `the model names the weight file ${JSON.stringify(location.slice(0, 200))}`,
      { facts: { location } },
    );
  }
}
