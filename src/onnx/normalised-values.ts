/** @file onnx: finds the values that a normalisation spelled out in elementary operators has produced. */
import type { ModelIndex } from './contract.ts';
import { storedNumber, storedTensors } from './stored-tensors.ts';

/** Operators that move or retype values without mixing them. */
export const LAYOUT_OPS: ReadonlySet<string> = new Set(
  'Identity Cast CastLike Transpose Reshape Squeeze Unsqueeze Flatten Expand'.split(' '),
);
const REDUCTIONS = new Set('ReduceMean ReduceSum ReduceSumSquare GlobalAveragePool'.split(' '));
/** What may stand between a reduction and its root: epsilon, the square of the mean, a bound, a count. */
const ARITHMETIC = new Set('Add Sub Mul Div Max Clip Abs'.split(' '));

type Part = 'statistic' | 'root' | 'inverse-root' | 'normalised';

/**
 * Names of values of the form x / sqrt(statistic), where the statistic is a mean or a sum over an axis: what LayerNorm
 * (Ba et al. 2016, arXiv:1607.06450, eq. 4) and RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4) compute before
 * their gain. Attention's division by sqrt(head width) is not among them: nothing is reduced under its root.
 */
export function normalisedValues(index: ModelIndex): ReadonlySet<string> {
  const stored = storedTensors(index);
  const parts = new Map<string, Part>();
  for (const { opType, inputs, outputs } of index.nodes) {
    const part = partOf(opType, inputs);
    if (part !== undefined) for (const name of outputs) parts.set(name, part);
  }
  return new Set([...parts].filter(([, part]) => part === 'normalised').map(([name]) => name));

  function partOf(opType: string, inputs: readonly string[]): Part | undefined {
    const [a = '', b = ''] = inputs;
    const [first, second] = [parts.get(a), parts.get(b)];
    if (REDUCTIONS.has(opType)) return 'statistic';
    if (LAYOUT_OPS.has(opType)) return first;
    switch (opType) {
      case 'ReduceL2':
        return 'root';
      case 'Sqrt':
        return first === 'statistic' ? 'root' : undefined;
      case 'Reciprocal':
        return first === 'root' ? 'inverse-root' : undefined;
      case 'Pow':
        return first === 'statistic' ? power(storedNumber(index, stored.get(b))) : undefined;
      case 'Div':
        if (second === 'root') return stored.has(a) ? 'inverse-root' : 'normalised';
        break;
      case 'Mul':
        if (first === 'inverse-root' || second === 'inverse-root') return 'normalised';
        break;
    }
    if (!ARITHMETIC.has(opType)) return undefined;
    // With a constant or with its own kind a statistic stays one, and so does a root; x - mean is neither.
    for (const part of ['statistic', 'root'] as const) {
      const own = inputs.filter((name) => name !== '' && !stored.has(name));
      if (own.length > 0 && own.every((name) => parts.get(name) === part)) return part;
    }
    return undefined;
  }
}

function power(exponent: number | undefined): Part {
  if (exponent === 0.5) return 'root';
  return exponent === -0.5 ? 'inverse-root' : 'statistic';
}
