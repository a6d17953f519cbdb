/** @file onnx test: hooks do not depend on names or node order, survive ONNX Runtime's rewriting, and any graph at all. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { buildModel, type NodeSpec } from '../../src/onnx/build.ts';
import { findHookPoints, type HookMap } from '../../src/onnx/hooks-find.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { captureAll, fixtureBytes, fixtureRows, largestDifference, WITH_RESIDUAL } from './hooks-fixtures.ts';
import { decodeModel, encodeModel, type PlainModel } from './schema.ts';

describe.each(WITH_RESIDUAL)('the hooks of %s', (name) => {
  it('are the same when every value has a misleading name and the nodes are shuffled', () => {
    const before = findHookPoints(indexModel(fixtureBytes(name)));
    const { bytes, renamed } = disguise(decodeModel(fixtureBytes(name)), name);
    const after = findHookPoints(indexModel(bytes));
    expect(after).toEqual({
      ...before,
      hooks: before.hooks.map((hook) =>
        hook.state === 'available' ? { ...hook, value: renamed.get(hook.value) } : hook,
      ),
      sequences: {
        main:
          before.sequences?.main?.kind === 'input'
            ? { kind: 'input', input: renamed.get(before.sequences.main.input) }
            : before.sequences?.main,
      },
    });
  });

  it.each(['basic', 'extended'] as const)(
    "hold PyTorch's values in the graph that ONNX Runtime rewrites at level %s, or are said to be fused away",
    async (level) => {
      const rows = fixtureRows(name);
      const { map, rows: values } = await captureAll(await rewritten(name, level), rows);
      let compared = 0;
      rows.forEach(({ truth }, r) => {
        for (const [hook, value] of truth) {
          const captured = values[r]!.get(hook);
          if (captured === undefined) continue;
          expect(largestDifference(captured, value.data as Float32Array), hook).toBeLessThan(1e-5);
          compared++;
        }
      });
      expect(compared).toBeGreaterThan(0.6 * rows.length * rows[0]!.truth.size);
      for (const hook of map.hooks) if (hook.state === 'unavailable') expect(hook.reason).not.toBe('');
      // The stream itself is lost only where a sum sits inside a fused skip-and-norm.
      const lost = map.hooks.filter(
        (hook) => hook.state === 'unavailable' && /resid_(pre|mid|post)$/.test(hook.name),
      );
      expect(lost.length).toBeLessThanOrEqual(map.blocks[0]!.kind === 'parallel' ? map.blocks.length + 1 : 1);
    },
  );
});

/** Every value under another value's old name, or one that claims to be something else, and the nodes in any order. */
function disguise(
  model: PlainModel,
  seed: string,
): { readonly bytes: Uint8Array; readonly renamed: ReadonlyMap<string, string> } {
  const { graph } = model;
  const names = new Set<string>();
  for (const { name } of [...graph.initializer, ...graph.input, ...graph.output]) if (name) names.add(name);
  for (const node of graph.node)
    for (const name of [...(node.input ?? []), ...(node.output ?? [])]) names.add(name);
  names.delete('');
  const shuffled = shuffle([...names], seed);
  const renamed = new Map(
    [...names].map((name, i) => [name, i % 5 === 0 ? `blocks.${i}.attn_out` : shuffled[i]!]),
  );
  // Misleading names may collide with kept ones; a suffix keeps each value its own.
  const taken = new Set<string>();
  for (const [name, to] of renamed) {
    let unique = to;
    while (taken.has(unique)) unique += '_';
    taken.add(unique);
    renamed.set(name, unique);
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  const plain = {
    ...model,
    graph: {
      ...graph,
      value_info: [],
      node: shuffle(graph.node, seed).map((node) => ({
        ...node,
        name: '',
        input: node.input?.map(rename),
        output: node.output?.map(rename),
      })),
      initializer: graph.initializer.map((tensor) => ({ ...tensor, name: rename(tensor.name ?? '') })),
      input: graph.input.map((value) => ({ ...value, name: rename(value.name) })),
      output: graph.output.map((value) => ({ ...value, name: rename(value.name) })),
    },
  };
  return { bytes: encodeModel(plain), renamed };
}

function shuffle<T>(items: readonly T[], seed: string): T[] {
  const random = seededRandom(`hooks ${seed}`);
  return items
    .map((item) => ({ item, key: random.normal() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** The fixture as ONNX Runtime writes it out after its own graph rewriting. */
async function rewritten(name: string, level: 'basic' | 'extended'): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'hooks-'));
  try {
    const path = join(folder, 'model.onnx');
    const session = await InferenceSession.create(fixtureBytes(name), {
      graphOptimizationLevel: level,
      optimizedModelFilePath: path,
      logSeverityLevel: 3,
    });
    await session.release();
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const OPERATORS = [
  ...[
    'Add',
    'Sum',
    'MatMul',
    'Gemm',
    'LayerNormalization',
    'Softmax',
    'Mul',
    'Div',
    'Sub',
    'Pow',
    'Sqrt',
    'Relu',
  ],
  ...[
    'ReduceMean',
    'Reshape',
    'Transpose',
    'Cast',
    'Identity',
    'Split',
    'Slice',
    'Gather',
    'Concat',
    'Shape',
  ],
  ...['Attention', 'Where', 'Tanh', 'Expand', 'Unsqueeze', 'Squeeze', 'Range', 'Conv', 'NoSuchOperator'],
  ...['com.microsoft:SkipLayerNormalization', 'com.microsoft:SkipSimplifiedLayerNormalization'],
];

describe('any graph', () => {
  it('gets hooks that name values of the graph, or none and a sentence, and never fails', () => {
    const value = fc.oneof(
      { weight: 8, arbitrary: fc.nat(30).map((i) => `v${i}`) },
      fc.constantFrom('x', 'w', 'shape', '', 'nowhere'),
    );
    const node = fc.record({
      op: fc.constantFrom(...OPERATORS),
      inputs: fc.array(value, { maxLength: 5 }),
      outputs: fc.array(value, { minLength: 0, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(node, { maxLength: 60 }), fc.array(value, { maxLength: 3 }), (nodes, outputs) => {
        const map = hooksOf(
          nodes.map(({ op, inputs, outputs: made }): NodeSpec => {
            const [domain, opType] = op.includes(':') ? op.split(':') : [undefined, op];
            const spec = { opType: opType!, inputs, outputs: made };
            return domain === undefined ? spec : { ...spec, domain };
          }),
          outputs,
        );
        const names = new Set(nodes.flatMap(({ inputs, outputs: made }) => [...inputs, ...made]));
        expect(map.noResidual === undefined).toBe(map.hooks.length > 0);
        expect(new Set(map.hooks.map((hook) => hook.name)).size).toBe(map.hooks.length);
        for (const hook of map.hooks)
          if (hook.state === 'available') expect(names.has(hook.value)).toBe(true);
      }),
      { numRuns: 2000, seed: 11 },
    );
  });

  it('made from a real one by rewiring a few nodes gets hooks or a sentence, and never fails', () => {
    const real = decodeModel(fixtureBytes('encoder-pre-norm'));
    const names = real.graph.node.flatMap((node) => node.output ?? []);
    const rewiring = fc.array(fc.tuple(fc.nat(1000), fc.nat(4), fc.nat(1000)), {
      minLength: 1,
      maxLength: 4,
    });
    let broken = 0;
    fc.assert(
      fc.property(rewiring, (changes) => {
        const node = real.graph.node.map((old) => ({ ...old, input: [...(old.input ?? [])] }));
        for (const [at, place, to] of changes) {
          const inputs = node[at % node.length]!.input;
          if (inputs.length > 0) inputs[place % inputs.length] = names[to % names.length]!;
        }
        const map = findHookPoints(indexModel(encodeModel({ ...real, graph: { ...real.graph, node } })));
        expect(map.noResidual === undefined).toBe(map.hooks.length > 0);
        if (map.blocks.length !== 2) broken++;
      }),
      { numRuns: 300, seed: 5 },
    );
    expect(broken).toBeGreaterThan(30);
  });

  it('of nodes that wait for each other gets a sentence that says so', () => {
    const ring: NodeSpec[] = [0, 1, 2].map((i) => ({
      opType: 'Add',
      inputs: [`v${i}`, 'x'],
      outputs: [`v${(i + 1) % 3}`],
    }));
    expect(hooksOf(ring, ['v0'])).toMatchObject({
      hooks: [],
      noResidual: 'No residual stream: 3 nodes of this graph wait for each other, so it cannot be followed.',
    });
  });

  const chain = (make: (from: string, i: number) => NodeSpec[]): NodeSpec[] =>
    Array.from({ length: 20_000 }, (_, i) => make(i === 0 ? 'x' : `v${i - 1}`, i)).flat();

  it('of twenty thousand blocks is followed to the end', () => {
    const map = hooksOf(
      chain((from, i) => [
        { opType: 'MatMul', inputs: [from, 'w'], outputs: [`m${i}`] },
        { opType: 'Add', inputs: [from, `m${i}`], outputs: [`v${i}`] },
      ]),
      ['v19999'],
    );
    expect(map.blocks).toHaveLength(20_000);
  });

  it('that would cost the square of its size to search is given up with a sentence', () => {
    const map = hooksOf(
      chain((from, i) => [
        { opType: 'MatMul', inputs: [from, 'w'], outputs: [`m${i}`] },
        { opType: 'Add', inputs: ['x', `m${i}`], outputs: [`v${i}`] },
      ]),
      ['v19999'],
    );
    expect(map).toMatchObject({
      hooks: [],
      noResidual: 'No residual stream was found within the work limit: the graph is too entangled to follow.',
    });
  });
});

function hooksOf(nodes: readonly NodeSpec[], outputs: readonly string[]): HookMap {
  const bytes = buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 'position', 4] }],
    outputs: outputs.map((name) => ({ name })),
    nodes,
    initializers: [
      { name: 'w', dims: [4, 4], type: 'float32', data: new Float32Array(16).fill(0.5) },
      { name: 'shape', dims: [3], type: 'int64', data: BigInt64Array.of(0n, -1n, 4n) },
    ],
  });
  return findHookPoints(indexModel(bytes));
}
