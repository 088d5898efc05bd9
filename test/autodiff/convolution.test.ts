import { describe, it } from 'node:test';
import { checkOperator, ints, type OperatorSpec } from './harness.ts';
import { checkPrecision } from './precision.ts';

const conv = (label: string, x: number[], w: number[], attributes: OperatorSpec['attributes'] = {}, bias = false) => ({
  op: 'Conv',
  label: `Conv ${label}`,
  inputs: [{ shape: x }, { shape: w }, ...(bias ? [{ shape: [w[0]] }] : [])],
  attributes,
  oracle: 'float32' as const,
});

const transposed = (
  label: string,
  x: number[],
  w: number[],
  attributes: OperatorSpec['attributes'] = {},
  bias = false,
) => ({
  op: 'ConvTranspose',
  label: `ConvTranspose ${label}`,
  inputs: [{ shape: x }, { shape: w }, ...(bias ? [{ shape: [w[1] * ((attributes.group as number) ?? 1)] }] : [])],
  attributes,
  oracle: 'float32' as const,
});

const joined = (
  label: string,
  x: number[],
  image: number[],
  block: number[],
  attributes: OperatorSpec['attributes'] = {},
): OperatorSpec => ({
  op: 'Col2Im',
  label: `Col2Im ${label}`,
  inputs: [{ shape: x }, ints(...image), ints(...block)],
  attributes,
  oracle: 'float32' as const,
});

const specs: OperatorSpec[] = [
  joined('side by side', [2, 12, 6], [4, 6], [2, 2], { strides: [2, 2] }),
  joined('overlapping', [2, 12, 12], [4, 5], [2, 2]),
  joined('with pads, strides and places that nothing reaches', [1, 8, 12], [5, 6], [2, 2], {
    pads: [1, 1, 1, 1],
    strides: [2, 2],
  }),
  joined('dilated', [1, 12, 12], [4, 8], [3, 2], { dilations: [1, 2], strides: [1, 2], pads: [0, 1, 1, 1] }),
  conv('2-D', [2, 3, 5, 6], [4, 3, 3, 2]),
  // So many positions that they are gathered, and not sliced one by one.
  // So many copies of the data for the gradient of the kernel that its windows are gathered, too.
  conv('of a long window', [2, 4, 1104], [2, 2, 1050], { group: 2, strides: [3], pads: [4, 5] }),
  conv('of a large window', [1, 1, 35, 33], [1, 1, 34, 31], { strides: [1, 2], pads: [1, 0, 0, 0] }),
  conv('with bias and pads', [2, 3, 5, 6], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }, true),
  conv('1×1', [2, 3, 4, 4], [5, 3, 1, 1], { kernel_shape: [1, 1] }, true),
  conv('1×1 with strides', [2, 3, 5, 4], [5, 3, 1, 1], { strides: [2, 3] }),
  conv('with strides', [2, 2, 7, 8], [3, 2, 3, 3], { strides: [2, 3], pads: [1, 1, 1, 1] }),
  conv('with strides that leave a rest', [1, 2, 8, 9], [3, 2, 3, 2], { strides: [3, 4] }),
  conv('with dilations', [2, 2, 7, 8], [3, 2, 3, 2], { dilations: [2, 3] }),
  conv('with dilations and strides', [2, 2, 9, 9], [3, 2, 3, 3], {
    dilations: [2, 2],
    strides: [2, 2],
    pads: [2, 1, 2, 1],
  }),
  conv('with unequal pads', [2, 2, 5, 5], [3, 2, 3, 3], { pads: [0, 2, 1, 0] }),
  conv('with pads wider than the kernel', [1, 2, 3, 3], [2, 2, 2, 2], { pads: [3, 0, 2, 4] }),
  conv('in groups', [2, 4, 5, 5], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }, true),
  conv('depthwise', [2, 4, 5, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1], strides: [2, 2] }),
  conv('depthwise with multiplier', [2, 3, 5, 5], [6, 1, 3, 3], { group: 3 }),
  conv('same upper', [2, 2, 6, 5], [3, 2, 3, 2], { auto_pad: 'SAME_UPPER' }),
  conv('same upper with strides', [2, 2, 6, 7], [3, 2, 4, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  conv('same lower with strides', [2, 2, 6, 7], [3, 2, 4, 4], { auto_pad: 'SAME_LOWER', strides: [2, 3] }),
  conv('valid', [2, 2, 6, 7], [3, 2, 3, 3], { auto_pad: 'VALID', strides: [2, 1] }),
  conv('1-D', [2, 3, 9], [4, 3, 3], { pads: [1, 1], strides: [2] }, true),
  conv('1-D in groups with dilation', [2, 4, 9], [4, 2, 3], { group: 2, dilations: [2] }),
  conv('3-D', [2, 2, 4, 5, 4], [3, 2, 2, 3, 2], { pads: [1, 1, 0, 0, 1, 1], strides: [1, 2, 1] }),
  transposed('2-D', [2, 3, 4, 3], [3, 2, 3, 3]),
  transposed('with bias', [2, 3, 4, 3], [3, 2, 2, 3], { pads: [1, 0, 0, 1] }, true),
  transposed('with strides', [2, 3, 3, 4], [3, 2, 3, 3], { strides: [2, 3], pads: [1, 1, 1, 1] }),
  transposed('2×2 with stride 2', [2, 3, 3, 4], [3, 2, 2, 2], { strides: [2, 2] }, true),
  transposed('with output padding', [2, 3, 3, 4], [3, 2, 3, 3], { strides: [2, 3], output_padding: [1, 2] }),
  transposed('with dilations', [2, 2, 4, 4], [2, 3, 3, 2], { dilations: [2, 2], strides: [2, 1] }),
  transposed('in groups', [2, 4, 3, 3], [4, 3, 3, 3], { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }, true),
  transposed('depthwise', [2, 4, 3, 3], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
  transposed('with an output shape', [2, 3, 3, 4], [3, 2, 3, 3], { strides: [2, 3], output_shape: [6, 11] }),
  transposed('with an output shape, same upper', [2, 3, 3, 4], [3, 2, 3, 3], {
    strides: [2, 3],
    output_shape: [6, 11],
    auto_pad: 'SAME_UPPER',
  }),
  transposed('same upper', [2, 3, 3, 4], [3, 2, 4, 5], { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  transposed('same lower', [2, 3, 3, 4], [3, 2, 4, 5], { strides: [2, 2], auto_pad: 'SAME_LOWER' }),
  transposed('with pads wider than the kernel', [2, 3, 6, 6], [3, 2, 2, 2], { pads: [2, 3, 2, 1] }),
  transposed('1-D', [2, 3, 5], [3, 2, 4], { strides: [2], pads: [1, 2] }, true),
  transposed('3-D', [1, 2, 3, 2, 3], [2, 2, 2, 3, 2], { strides: [2, 1, 2] }),
  ...['DCR', 'CRD'].map((mode) => ({
    op: 'DepthToSpace',
    label: `DepthToSpace ${mode}`,
    inputs: [{ shape: [2, 12, 2, 3] }],
    attributes: { blocksize: 2, mode },
  })),
  { op: 'SpaceToDepth', inputs: [{ shape: [2, 3, 4, 6] }], attributes: { blocksize: 2 } },
];

describe('convolutions: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('convolutions: derivatives in float32 and float64', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkPrecision(spec));
});
