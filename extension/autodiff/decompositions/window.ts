import type { OperatorCall } from '../../onnx/operator.ts';
import { showShape } from '../../onnx/shapes.ts';

/** A sliding window with everything explicit, as the primitives want it. */
export interface Window {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begins of all spatial axes, then ends. */
  readonly pads: readonly number[];
}

/**
 * Strides, dilations and pads of a convolution or pooling. SAME pads until every stride-th element has a window;
 * UPPER puts the odd element behind, LOWER in front.
 */
export function windowOf(call: OperatorCall, spatial: readonly number[], kernel: readonly number[]): Window {
  const rank = spatial.length;
  if (rank < 1) throw new Error('the input has no spatial axes');
  if (kernel.length !== rank) throw new Error(`a window with ${kernel.length} axes does not fit ${rank} spatial axes`);
  const ones = spatial.map(() => 1);
  const strides = call.ints('strides', ones);
  const dilations = call.ints('dilations', ones);
  for (const [name, values] of Object.entries({ kernel_shape: kernel, strides, dilations }))
    if (values.some((value) => value < 1)) throw new Error(`${name} ${showShape(values)} must be above 0`);
  const same = samePadding(call);
  let pads = call.ints('pads', [...spatial, ...spatial].fill(0));
  if (same) {
    const totals = spatial.map((size, i) =>
      Math.max(0, (Math.ceil(size / strides[i]!) - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 - size),
    );
    pads = distribute(totals, same);
  } else if (call.string('auto_pad', 'NOTSET') === 'VALID') pads = [...spatial, ...spatial].fill(0);
  for (const [name, values, length] of [
    ['strides', strides, rank],
    ['dilations', dilations, rank],
    ['pads', pads, 2 * rank],
  ] as const)
    if (values.length !== length) throw new Error(`${name} has ${values.length} numbers where ${length} belong`);
  return { strides, dilations, pads };
}

/** Which of the SAME paddings is asked for, if any. */
export function samePadding(call: OperatorCall): 'upper' | 'lower' | undefined {
  const mode = call.string('auto_pad', 'NOTSET');
  return mode === 'SAME_UPPER' ? 'upper' : mode === 'SAME_LOWER' ? 'lower' : undefined;
}

/** Splits the padding of each axis between begin and end. */
export function distribute(totals: readonly number[], odd: 'upper' | 'lower'): number[] {
  const round = odd === 'upper' ? Math.floor : Math.ceil;
  const begins = totals.map((total) => round(total / 2));
  return [...begins, ...totals.map((total, i) => total - begins[i]!)];
}
