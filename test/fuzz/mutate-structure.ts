/** @file fuzz: changes a protobuf file inside while every length stays right, so that mutants get past the first check. */
import type { Random } from '../../src/core/random.ts';

type Field = { readonly field: number; readonly wire: number; readonly payload: Uint8Array };

/** Fields of a message, or undefined when the bytes are none (text, weights). Written apart from the reader under test. */
function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number | undefined => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 70; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag < 8 || tag > 2 ** 20) return undefined;
    const wire = tag % 8;
    let start = at;
    if (wire === 0) {
      if (varint() === undefined) return undefined;
    } else if (wire === 2) {
      const length = varint();
      if (length === undefined) return undefined;
      start = at;
      at += length;
    } else if (wire === 5 || wire === 1) at += wire === 5 ? 4 : 8;
    else return undefined;
    if (at > bytes.length) return undefined;
    fields.push({ field: Math.floor(tag / 8), wire, payload: bytes.subarray(start, at) });
  }
  return fields;
}

function varintBytes(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...out, rest];
}

function join(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(({ field, wire, payload }) => [
      Uint8Array.from(varintBytes(field * 8 + wire)),
      ...(wire === 2 ? [Uint8Array.from(varintBytes(payload.length))] : []),
      payload,
    ]),
  );
}

const HUGE: readonly (readonly number[])[] = [
  [0],
  [1],
  [16],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/** `bytes` with one field somewhere inside dropped, repeated, moved, renumbered or given another value. */
export function structurallyMutated(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = fieldsOf(bytes);
  if (fields === undefined || fields.length === 0) return bytes;
  const i = random.integer(fields.length);
  const chosen = fields[i]!;
  if (chosen.wire === 2 && random.uniform() < 0.85) {
    const inner = structurallyMutated(chosen.payload, random);
    if (inner !== chosen.payload) {
      fields[i] = { ...chosen, payload: inner };
      return join(fields);
    }
  }
  const other = fields[random.integer(fields.length)]!;
  switch (random.integer(6)) {
    case 0:
      fields.splice(i, 1);
      break;
    case 1:
      fields.splice(random.integer(fields.length + 1), 0, chosen);
      break;
    case 2:
      fields[i] = { ...chosen, field: 1 + random.integer(16) };
      break;
    case 3:
      fields[i] = chosen.wire === other.wire ? { ...chosen, payload: other.payload } : other;
      break;
    case 4: {
      const payload = Uint8Array.from(chosen.payload);
      if (payload.length > 0 && chosen.wire !== 0)
        payload[random.integer(payload.length)] = random.integer(256);
      fields[i] = { ...chosen, payload };
      break;
    }
    default:
      if (chosen.wire === 0)
        fields[i] = { ...chosen, payload: Uint8Array.from(HUGE[random.integer(HUGE.length)]!) };
      else
        fields[i] = {
          ...chosen,
          payload: chosen.payload.subarray(0, random.integer(chosen.payload.length + 1)),
        };
  }
  return join(fields);
}
