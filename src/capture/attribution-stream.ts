/** @file capture: which hooks, added and subtracted, are the parts that make up a model's last stream; runs nothing. */
import { type Matrix, matrix } from '../core/matrix.ts';
import type { HookMap, HookPoint } from '../onnx/contract.ts';

/** One part of the stream: the sum of the hooks in `plus` less those in `minus`. */
export type StreamPart = {
  readonly name: string;
  readonly kind: 'embed' | 'attention' | 'mlp' | 'rest';
  readonly block?: number;
  readonly plus: readonly string[];
  readonly minus: readonly string[];
  /** Of attention: its values per head, and the hook that they are projected to. */
  readonly z?: HookPoint;
  readonly projected?: HookPoint;
  /** Why attention cannot be split into heads. */
  readonly whole?: string;
};

/**
 * The parts of a pre-norm model's last stream: the embedding and what each block's attention and MLP add. Where the graph has no value of
 * what was added (a bias that is added together with the stream), the difference of the streams around it is the part.
 */
export function streamParts(
  map: HookMap,
): { readonly parts: readonly StreamPart[]; readonly last: HookPoint } | { readonly reason: string } {
  if (map.noResidual !== undefined) return { reason: map.noResidual };
  const hooks = new Map(map.hooks.map((hook) => [hook.name, hook]));
  const available = (name: string): HookPoint | undefined => {
    const hook = hooks.get(name);
    return hook?.state === 'available' ? hook : undefined;
  };
  const vector = (name: string): HookPoint | undefined => {
    const hook = available(name);
    return hook !== undefined && String(hook.axes) === 'batch,position,width' ? hook : undefined;
  };
  const last = vector(`blocks.${map.blocks.length - 1}.resid_post`);
  if (last === undefined || vector('embed') === undefined) {
    return { reason: 'the graph does not offer the stream at both ends as one vector per position' };
  }
  const parts: StreamPart[] = [{ name: 'embed', kind: 'embed', plus: ['embed'], minus: [] }];
  for (const { index, norm } of map.blocks) {
    const name = (part: string): string => `blocks.${index}.${part}`;
    const scaled = ['resid_mid_sum', 'resid_cross_sum', 'resid_post_sum'].some((part) =>
      hooks.has(name(part)),
    );
    if (norm === 'post' || scaled) {
      return {
        reason: `block ${index} norms or scales the stream itself, so the stream is no sum of what blocks add`,
      };
    }
    const [pre, mid, post] = ['resid_pre', 'resid_mid', 'resid_post'].map((part) => vector(name(part)));
    if (pre === undefined || post === undefined) {
      return { reason: `block ${index} does not offer the stream at both ends` };
    }
    const attention = vector(name('attn_out'));
    const cross = vector(name('cross_attn_out'));
    const mlp = vector(name('mlp_out'));
    const kept: StreamPart[] = [];
    if (attention !== undefined) {
      kept.push({
        name: name('attn_out'),
        kind: 'attention',
        block: index,
        plus: [attention.name],
        minus: [],
        ...perHead(available(name('z')), hooks.get(name('z')), attention),
      });
    } else if (mid !== undefined) {
      const whole = 'the graph has no value of what attention adds, only of the streams around it';
      kept.push({
        name: name('attn_out'),
        kind: 'attention',
        block: index,
        plus: [mid.name],
        minus: [pre.name],
        whole,
      });
    }
    if (cross !== undefined) {
      kept.push({ name: name('cross_attn_out'), kind: 'rest', block: index, plus: [cross.name], minus: [] });
    }
    if (mlp !== undefined) {
      kept.push({ name: name('mlp_out'), kind: 'mlp', block: index, plus: [mlp.name], minus: [] });
    }
    const complete = attention !== undefined && mlp !== undefined;
    if (!complete) {
      // What is left of the block: its MLP, where attention is known, and nothing where the block has no more.
      const known = mid !== undefined && mlp === undefined;
      kept.push({
        name: name(known ? 'mlp_out' : 'rest'),
        kind: known ? 'mlp' : 'rest',
        block: index,
        plus: [post.name, ...kept.flatMap(({ minus }) => minus)],
        minus: [pre.name, ...kept.flatMap(({ plus }) => plus)],
      });
    }
    parts.push(...kept);
  }
  return { parts, last };
}

function perHead(
  z: HookPoint | undefined,
  hook: HookMap['hooks'][number] | undefined,
  projected: HookPoint,
): Pick<StreamPart, 'z' | 'projected' | 'whole'> {
  if (z === undefined) {
    return {
      whole: hook?.state === 'unavailable' ? `z: ${hook.reason}` : 'the graph has no values per head',
    };
  }
  if (String(z.axes) !== 'batch,position,head,head_width' || z.width === undefined) {
    return {
      whole: `z has the axes [${z.axes.join(', ')}], in which the heads of one position do not lie together`,
    };
  }
  return { z, projected };
}

/** The vectors of a part, [rows, width]. */
export function vectorOf({ plus, minus }: StreamPart, read: (hook: string) => Matrix): Matrix {
  const [first, ...others] = plus.map(read);
  if (others.length === 0 && minus.length === 0) return first!;
  const { rows, columns } = first!;
  const sum = Float64Array.from(first!.data);
  for (const { data } of others) for (let i = 0; i < sum.length; i++) sum[i]! += data[i]!;
  for (const { data } of minus.map(read)) for (let i = 0; i < sum.length; i++) sum[i]! -= data[i]!;
  return matrix(rows, columns, Float32Array.from(sum));
}
