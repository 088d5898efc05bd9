import { zip } from '../../onnx/checked.ts';
import type { WindowAttributes } from '../../onnx/nodeTypes.ts';
import type { OperatorCall } from '../../onnx/operator.ts';
import { showShape } from '../../onnx/shapes.ts';

/** The operators that look at their input through a window. */
export type Sliding = 'Conv' | 'ConvTranspose' | 'MaxPool' | 'AveragePool' | 'LpPool';

/**
 * Strides, dilations and pads of a convolution or pooling. SAME pads until every stride-th element has a window;
 * UPPER puts the odd element behind, LOWER in front.
 */
export function windowOf(
  call: OperatorCall<Sliding>,
  spatial: readonly number[],
  kernel: readonly number[],
): WindowAttributes {
  const rank = spatial.length;
  if (rank < 1) throw new Error('the input has no spatial axes');
  if (kernel.length !== rank) throw new Error(`a window with ${kernel.length} axes does not fit ${rank} spatial axes`);
  const ones = spatial.map(() => 1);
  const { strides = ones, dilations = ones, auto_pad } = call.attributes;
  for (const [name, values] of Object.entries({ kernel_shape: kernel, strides, dilations }))
    if (values.some((value) => value < 1)) throw new Error(`${name} ${showShape(values)} must be above 0`);
  requireLength('strides', strides, rank);
  requireLength('dilations', dilations, rank);
  const none = [...spatial, ...spatial].fill(0);
  const same = samePadding(call);
  if (same) {
    const totals = zip(spatial, strides, dilations, kernel).map(([size, stride, dilation, taps]) =>
      Math.max(0, (Math.ceil(size / stride) - 1) * stride + dilation * (taps - 1) + 1 - size),
    );
    return { strides, dilations, pads: distribute(totals, same) };
  }
  const pads = auto_pad === 'VALID' ? none : (call.attributes.pads ?? none);
  requireLength('pads', pads, 2 * rank);
  return { strides, dilations, pads };
}

/** Refuses a list of another length than belongs to the axes. */
export function requireLength(name: string, values: readonly number[], length: number): void {
  if (values.length !== length) throw new Error(`${name} has ${values.length} numbers where ${length} belong`);
}

/** Which of the SAME paddings is asked for, if any. */
export function samePadding({ attributes: { auto_pad } }: OperatorCall<Sliding>): 'upper' | 'lower' | undefined {
  return auto_pad === 'SAME_UPPER' ? 'upper' : auto_pad === 'SAME_LOWER' ? 'lower' : undefined;
}

/** Splits the padding of each axis between begin and end. */
export function distribute(totals: readonly number[], odd: 'upper' | 'lower'): number[] {
  const round = odd === 'upper' ? Math.floor : Math.ceil;
  const begins = totals.map((total) => round(total / 2));
  return [...begins, ...zip(totals, begins).map(([total, begin]) => total - begin)];
}
