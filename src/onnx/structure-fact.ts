/** @file onnx: what is known of one value before anything runs; the type that the readers of shapes and numbers share. */

export type Fact = {
  /** `constant`: depends on no input. `shape`: only on the sizes of inputs. `activation`: on what the inputs hold. */
  readonly kind: 'constant' | 'shape' | 'activation';
  readonly isFloat: boolean;
  /** Sizes for one example run (see `exampleSizes`), or undefined. */
  readonly dims: readonly number[] | undefined;
  /** Contents of a small tensor that is not an activation, row-major. */
  readonly numbers: readonly number[] | undefined;
};
