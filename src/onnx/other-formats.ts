/** @file onnx: files that are often met where an ONNX file was meant, told apart so that the message can say what to do; reads their first bytes. */
import { MesascopeError } from '../core/errors.ts';

const HEAD_BYTES = 512;
/** Neither letter begins a field that a model has: both read as the start of a group, which ONNX never writes. */
const JSON_TEXT = /^(ï»¿)?\s*[{[]\s*(["{}[\]\d-]|true|false|null)/;
const MARKUP = /^(ï»¿)?\s*<(!doctype|html|head|body|!--|\?xml)/i;

/**
 * Refuses what a file begins like: `bytes` is the file, or its first 512 bytes, `size` the whole of it.
 *
 * Throws `MODEL_CORRUPT` for a Git LFS pointer, JSON, safetensors and web pages, `MODEL_UNSUPPORTED` for the ORT format.
 */
export function refuseOtherFormats(bytes: Uint8Array, size: number = bytes.length): void {
  const head = String.fromCharCode(...bytes.subarray(0, HEAD_BYTES));
  const corrupt = (seen: string, remedy: string): MesascopeError =>
    new MesascopeError('MODEL_CORRUPT', `the file is ${seen}`, { remedy });
  if (head.startsWith('version https://git-lfs.github.com/spec/')) {
    throw corrupt(
      'a Git LFS pointer, not the model it points to',
      'Run `git lfs pull` in the repository that the file came from.',
    );
  }
  if (head.slice(4, 8) === 'ORTM') {
    throw new MesascopeError('MODEL_UNSUPPORTED', "the file is in ONNX Runtime's own ORT format", {
      remedy: 'Use the .onnx file that it was converted from.',
    });
  }
  if (isSafetensors(bytes, size)) {
    throw corrupt(
      'safetensors, weights without a graph, not an ONNX model',
      'Give the .onnx file of the model, or export one; a probe goes behind the model.',
    );
  }
  if (JSON_TEXT.test(head))
    throw corrupt('JSON, not an ONNX model', 'Give the .onnx file that it lies beside or belongs to.');
  if (MARKUP.test(head)) {
    throw corrupt(
      'a web page, not an ONNX model',
      'Download the file itself: what was saved is the page about it, or an error of the server.',
    );
  }
}

/** The length of a JSON header in 64 bits, little-endian, and the header (format of huggingface/safetensors). */
function isSafetensors(bytes: Uint8Array, size: number): boolean {
  if (bytes.length < 9 || bytes[8] !== '{'.charCodeAt(0)) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(size - 8);
}
