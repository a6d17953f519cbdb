/** @file onnx: the nodes that change one hidden value as an edit asks, gated by a mask. */
import { MesascopeError } from '../core/errors.ts';
import type { AddedParts } from './added-parts.ts';
import type { EditInputs, EditRequest } from './contract.ts';
import { DATA_TYPE } from './contract.ts';

/** Where an edit reads and what it must define. */
export type EditPlace = {
  readonly from: string;
  readonly to: string;
  /** TensorProto.DataType of both. */
  readonly dataType: number;
};

/**
 * Declares the inputs of one edit. They are there even when the edit itself is pruned away, so that the same feeds fit.
 *
 * No sizes are stated: the value and the mask may be broadcast, and ONNX Runtime warns about a stated size that is not met. The number of
 * axes is, where it is known: an operator that takes its inputs for packed ones while nothing is known of them would be read wrongly.
 */
export function addEditInputs(parts: AddedParts, edit: EditRequest): EditInputs {
  const { id, kind, rank } = edit;
  const wish = `mesascope/${id}`;
  const axes = rank === undefined ? {} : { shape: new Array<null>(rank).fill(null) };
  const mask = parts.input(`${wish}/mask`, { type: 'bool', ...axes });
  const value = (): string => parts.input(`${wish}/value`, { type: 'float32', ...axes });
  const basis = (): string => parts.input(`${wish}/basis`, { type: 'float32', shape: [null, null] });
  switch (kind) {
    case 'add':
    case 'replace':
      return { id, kind, mask, value: value() };
    case 'project-out':
      return { id, kind, mask, basis: basis() };
    case 'replace-in-subspace':
      return { id, kind, mask, value: value(), basis: basis() };
  }
}

/**
 * Adds the nodes of one edit: `to = Where(mask, changed, from)`, so an all-false mask passes `from` on bit for bit.
 *
 * 16-bit values are changed and gated in float32, since ONNX Runtime's CPU kernels for them are few; the way there and
 * back is exact for every number. float64 values are changed in float64.
 *
 * Throws `MODEL_UNSUPPORTED` (opset), `VALUE_NOT_EDITABLE` (the value is not floating).
 */
export function addEditNodes(parts: AddedParts, inputs: EditInputs, place: EditPlace): void {
  const { from, to, dataType } = place;
  const wish = (part: string): string => `${to}__${inputs.id}__${part}`;
  const fed = (name: string): string =>
    dataType === DATA_TYPE.float64
      ? parts.cast(name, { to: DATA_TYPE.float64, wish: `${name}_float64` })
      : name;
  if (dataType === DATA_TYPE.float32 || dataType === DATA_TYPE.float64) {
    gate(from, to);
  } else if (dataType === DATA_TYPE.float16 || dataType === DATA_TYPE.bfloat16) {
    const wide = parts.cast(from, { to: DATA_TYPE.float32, wish: wish('float32') });
    const gated = gate(wide, undefined);
    parts.cast(gated, { to: dataType, wish: to, as: to });
  } else {
    throw new MesascopeError(
      'VALUE_NOT_EDITABLE',
      `the value ${JSON.stringify(to)} has data type ${dataType}, which is not floating`,
      { facts: { value: to, dataType } },
    );
  }

  function gate(before: string, as: string | undefined): string {
    return parts.node({
      opType: 'Where',
      inputs: [inputs.mask, changed(before), before],
      wish: wish('gated'),
      ...(as === undefined ? {} : { as }),
    });
  }

  function changed(before: string): string {
    switch (inputs.kind) {
      case 'add':
        return parts.node({ opType: 'Add', inputs: [before, fed(inputs.value!)], wish: wish('added') });
      case 'replace':
        return fed(inputs.value!);
      case 'project-out': {
        const inside = projection(before);
        return parts.node({ opType: 'Sub', inputs: [before, inside], wish: wish('projected') });
      }
      case 'replace-in-subspace': {
        const step = parts.node({
          opType: 'Sub',
          inputs: [fed(inputs.value!), before],
          wish: wish('difference'),
        });
        return parts.node({ opType: 'Add', inputs: [before, projection(step)], wish: wish('replaced') });
      }
    }
  }

  /** (v B) B^T: [.., width] x [width, k] -> [.., k] x [k, width] -> [.., width] */
  function projection(v: string): string {
    const basis = fed(inputs.basis!);
    const inner = parts.node({ opType: 'MatMul', inputs: [v, basis], wish: wish('coordinates') });
    const turned = parts.node({
      opType: 'Transpose',
      inputs: [basis],
      wish: wish('basis_transposed'),
      attributes: { perm: { ints: [1, 0] } },
    });
    return parts.node({ opType: 'MatMul', inputs: [inner, turned], wish: wish('inside') });
  }
}
