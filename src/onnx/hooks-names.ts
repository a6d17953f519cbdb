/** @file onnx: looks hook points up by name or pattern, and lists the identities that hold between them. */
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { HookMap, HookPoint } from './contract.ts';

/**
 * The hook point of that name.
 *
 * Throws `HOOK_UNAVAILABLE` (with the reason) when the graph cannot offer it, `HOOK_UNKNOWN` (with the nearest names) when
 * no such hook exists.
 */
export function hookNamed(map: HookMap, name: string): HookPoint {
  const hook = map.hooks.find((candidate) => candidate.name === name);
  if (hook?.state === 'available') return hook;
  if (hook !== undefined) {
    throw new MesascopeError('HOOK_UNAVAILABLE', `this graph does not offer ${name}: ${hook.reason}`, {
      facts: { name, reason: hook.reason },
    });
  }
  throw unknownHook(map, name);
}

/**
 * The available hook points that a pattern names, in order of computation, each once.
 *
 * A pattern is one or more names with commas between; `*` stands for any run of characters without a dot, `**` for any
 * run at all (`blocks.*.resid_post, logits`). A part without `*` must be available, as in `hookNamed`; a part with `*`
 * takes what there is. Throws `HOOK_UNKNOWN` when a part matches no hook at all, `HOOK_UNAVAILABLE` when it matches only
 * hooks that the graph cannot offer.
 */
export function matchHooks(map: HookMap, pattern: string): HookPoint[] {
  const chosen = new Set<HookPoint>();
  for (const part of pattern.split(',').map((text) => text.trim())) {
    if (part === '') continue;
    if (!part.includes('*')) {
      chosen.add(hookNamed(map, part));
      continue;
    }
    const matches = map.hooks.filter(({ name }) => globMatches(part, name));
    const [first] = matches;
    if (first === undefined) throw unknownHook(map, part);
    const available = matches.filter((hook): hook is HookPoint => hook.state === 'available');
    if (available.length === 0) hookNamed(map, first.name);
    for (const hook of available) chosen.add(hook);
  }
  if (chosen.size === 0) throw unknownHook(map, pattern);
  return map.hooks.filter((hook): hook is HookPoint => hook.state === 'available' && chosen.has(hook));
}

/** Compares by splitting at the stars and searching each piece in turn: linear, whatever the pattern. */
function globMatches(pattern: string, name: string): boolean {
  const segments = pattern.split('**');
  if (segments.length > 1) {
    const pieces = segments.flatMap((segment) => segment.split('*'));
    return piecesOccur(pieces, name);
  }
  const patternParts = pattern.split('.');
  const nameParts = name.split('.');
  return (
    patternParts.length === nameParts.length &&
    patternParts.every((part, i) => piecesOccur(part.split('*'), nameParts[i]!))
  );
}

/** True when `text` is the pieces in order with anything between: the first at its start, the last at its end. */
function piecesOccur(pieces: readonly string[], text: string): boolean {
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

function unknownHook(map: HookMap, name: string): MesascopeError {
  if (map.noResidual !== undefined) {
    return new MesascopeError('HOOK_UNKNOWN', `this model has no hook points, so none called ${name}`, {
      facts: { name, reason: map.noResidual },
      remedy: map.noResidual,
    });
  }
  const nearest = nearestNames(
    name,
    map.hooks.map((hook) => hook.name),
  );
  const stars = name.includes('*') && !name.includes('**') ? '; `*` stops at a dot, and `**` does not' : '';
  const hint = `${nearest.length === 0 ? '' : `; the nearest are ${nearest.join(', ')}`}${stars}`;
  return new MesascopeError('HOOK_UNKNOWN', `no hook point is called ${JSON.stringify(name)}${hint}`, {
    facts: { name, nearest },
  });
}

/** `sum` equals the elementwise sum of `terms`; all are names of available hooks with the same axes and width. */
export type ResidualIdentity = { readonly sum: string; readonly terms: readonly string[] };

/**
 * The identities that the hooks of a map must satisfy, one or two per block, in order; only those all of whose hooks are
 * available. Pre-norm and parallel blocks: `resid_post = resid_pre + attn_out + mlp_out` and, where there is one,
 * `resid_mid = resid_pre + attn_out`. Post-norm blocks: the same with `resid_mid_sum` and `resid_post_sum`, from
 * `resid_pre` and `resid_mid`. A block whose sums take the stream scaled or rounded has none.
 */
export function residualIdentities(map: HookMap): readonly ResidualIdentity[] {
  const available = new Set(map.hooks.filter(({ state }) => state === 'available').map(({ name }) => name));
  const known = new Set(map.hooks.map(({ name }) => name));
  const absent = new Set(
    map.hooks.flatMap((hook) => (hook.state === 'unavailable' && hook.absent === true ? [hook.name] : [])),
  );
  const identities: ResidualIdentity[] = [];
  const claim = (sum: string, terms: readonly string[]): void => {
    if ([sum, ...terms].every((name) => available.has(name))) identities.push({ sum, terms });
  };
  const plain = (all: HookMap['blocks']): HookMap['blocks'] =>
    all.filter(({ scaledSkip }) => scaledSkip !== true);
  const blocks = [
    ...plain(map.encoder ?? []).map(({ index }) => `encoder.blocks.${index}`),
    ...plain(map.blocks).map(({ index }) => `blocks.${index}`),
  ];
  for (const block of blocks) {
    const name = (part: string): string => `${block}.${part}`;
    const post = name(known.has(name('resid_post_sum')) ? 'resid_post_sum' : 'resid_post');
    const mid = name(known.has(name('resid_mid_sum')) ? 'resid_mid_sum' : 'resid_mid');
    // A term that cannot be read is not one that is not there.
    const parts = (list: readonly string[]): string[] =>
      list.filter((part) => !absent.has(name(part))).map(name);
    claim(mid, [name('resid_pre'), ...parts(['attn_out'])]);
    // Behind a norm the sum starts anew from what the norm gives out.
    const start =
      known.has(name('resid_mid_sum')) || known.has(name('resid_cross_sum'))
        ? lastNormed(name, known)
        : name('resid_pre');
    const cross = known.has(name('cross_attn_out')) ? ['cross_attn_out'] : [];
    const added = start === name('resid_pre') ? ['attn_out', ...cross, 'mlp_out'] : ['mlp_out'];
    claim(post, [start, ...parts(added)]);
  }
  return identities;
}

function lastNormed(name: (part: string) => string, known: ReadonlySet<string>): string {
  return name(known.has(name('resid_cross')) ? 'resid_cross' : 'resid_mid');
}
