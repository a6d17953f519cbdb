/** @file core: 16-bit floating formats as float32, which is exact, and float32 as binary16, which rounds. */

/** IEEE 754-2008 binary16, subnormals, infinities and NaN included. */
export function halfToFloat32(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!;
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) out[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else out[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return out;
}

/** bfloat16 is the upper half of a float32 (TensorProto.DataType, onnx.proto). */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/**
 * IEEE 754-2008 binary16 bits of float32 values, rounded to nearest, ties to even; subnormals are kept. What rounds beyond 65504
 * (65520 and more) becomes infinity, as the standard has it: who cannot use that must look.
 */
export function float32ToHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size >= 0x38800000 && size < 0x47800000) {
      // Normal in both formats: rebias the exponent (127 to 15) and round off 13 bits; a carry runs into the exponent, as it should.
      const rebased = size - 0x38000000;
      out[i] = sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
    } else if (size < 0x38800000) {
      // Below 2^-14 the step is 2^-24; adding 0.5 puts it at the last bit of a float32, whose own rounding is to even.
      SUBNORMAL_BITS[0] = size;
      SUBNORMAL_VALUE[0] = SUBNORMAL_VALUE[0]! + 0.5;
      out[i] = sign | (SUBNORMAL_BITS[0]! - 0x3f000000);
    } else out[i] = sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00);
  }
  return out;
}

const SUBNORMAL_VALUE = new Float32Array(1);
const SUBNORMAL_BITS = new Uint32Array(SUBNORMAL_VALUE.buffer);
