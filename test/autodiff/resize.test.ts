import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { checkOperator, type Input, ints, type OperatorSpec } from './harness.ts';
import { checkPrecision } from './precision.ts';

type Given = OperatorSpec['attributes'];

const numbers = (values: readonly number[]): Input => ({ constant: tensorOf('float32', [values.length], values) });

const byScale = (label: string, shape: number[], scales: number[], attributes: Given, opset = 18): OperatorSpec => ({
  op: 'Resize',
  label: `Resize ${label}`,
  inputs: opset >= 11 ? [{ shape }, undefined, numbers(scales)] : [{ shape }, numbers(scales)],
  attributes,
  opset,
  oracle: 'float32',
});

const bySize = (label: string, shape: number[], sizes: number[], attributes: Given, opset = 18): OperatorSpec => ({
  op: 'Resize',
  label: `Resize ${label}`,
  inputs: [{ shape }, undefined, undefined, ints(...sizes)],
  attributes,
  opset,
  oracle: 'float32',
});

const coordinates = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric'];
const rounding = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

const specs: OperatorSpec[] = [
  ...coordinates.flatMap((mode) =>
    ['linear', 'cubic'].flatMap((kind) => [
      byScale(
        `${kind}, ${mode}, up`,
        [1, 2, 3, 4],
        [1, 1, 2, 1.5],
        { mode: kind, coordinate_transformation_mode: mode },
        19,
      ),
      bySize(
        `${kind}, ${mode}, down`,
        [1, 2, 6, 7],
        [1, 2, 4, 3],
        { mode: kind, coordinate_transformation_mode: mode },
        19,
      ),
    ]),
  ),
  ...coordinates.flatMap((mode) =>
    rounding.map((nearest_mode) =>
      bySize(
        `nearest, ${mode}, ${nearest_mode}`,
        [1, 2, 4, 6],
        [1, 2, 7, 3],
        { mode: 'nearest', coordinate_transformation_mode: mode, nearest_mode },
        19,
      ),
    ),
  ),
  byScale('nearest twofold', [2, 3, 3, 4], [1, 1, 2, 2], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  byScale('nearest twofold, half_pixel', [2, 3, 3, 4], [1, 1, 2, 3], { mode: 'nearest' }),
  byScale('nearest 1-D', [2, 3, 5], [1, 1, 2], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  byScale('nearest 3-D', [1, 2, 2, 3, 2], [1, 1, 2, 1, 3], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  byScale('linear 1-D', [1, 2, 5], [1, 1, 1.7], { mode: 'linear' }),
  byScale('by a scale that is rounded in the file', [1, 1, 10], [1, 1, 0.7], { mode: 'linear' }),
  byScale('linear 3-D', [1, 2, 2, 3, 2], [1, 1, 2, 1.5, 2], { mode: 'linear' }),
  bySize('to one element', [1, 2, 4, 5], [1, 2, 1, 1], {
    mode: 'linear',
    coordinate_transformation_mode: 'align_corners',
  }),
  {
    op: 'Resize',
    label: 'Resize tf_half_pixel_for_nn',
    inputs: [{ shape: [1, 2, 4, 5] }, numbers([]), numbers([]), ints(1, 2, 7, 8)],
    attributes: { mode: 'nearest', coordinate_transformation_mode: 'tf_half_pixel_for_nn', nearest_mode: 'floor' },
    opset: 11,
    oracle: 'float32',
  },
  bySize('cubic, excluding what is outside', [1, 2, 5, 6], [1, 2, 8, 9], {
    mode: 'cubic',
    exclude_outside: 1,
    cubic_coeff_a: { float: -0.5 },
  }),
  ...['linear', 'cubic'].flatMap((mode) => [
    bySize(`${mode} with antialiasing, down`, [1, 2, 9, 8], [1, 2, 4, 3], { mode, antialias: 1 }),
    bySize(`${mode} with antialiasing, up`, [1, 2, 4, 5], [1, 2, 7, 8], { mode, antialias: 1 }),
  ]),
  {
    op: 'Resize',
    label: 'Resize, crop and resize',
    inputs: [{ shape: [1, 2, 5, 6] }, numbers([0, 0, 0.2, -0.3, 1, 1, 0.9, 1.2]), undefined, ints(1, 2, 4, 7)],
    attributes: {
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: { float: 0.7 },
    },
    oracle: 'float32',
  },
  {
    op: 'Resize',
    label: 'Resize of two axes',
    inputs: [{ shape: [1, 2, 4, 5] }, undefined, undefined, ints(7, 3)],
    attributes: { mode: 'linear', axes: [2, 3] },
    oracle: 'float32',
  },
  ...['not_larger', 'not_smaller'].map((keep_aspect_ratio_policy) => ({
    op: 'Resize',
    label: `Resize ${keep_aspect_ratio_policy}`,
    inputs: [{ shape: [1, 2, 4, 6] }, undefined, undefined, ints(8, 6)],
    attributes: { mode: 'linear', axes: [2, 3], keep_aspect_ratio_policy },
    oracle: 'float32' as const,
  })),
  byScale('of opset 10', [1, 2, 3, 4], [1, 1, 2, 1.5], { mode: 'linear' }, 10),
  byScale('of opset 10, nearest', [1, 2, 3, 4], [1, 1, 2, 2], { mode: 'nearest' }, 10),
  {
    op: 'Upsample',
    inputs: [{ shape: [1, 2, 3, 4] }],
    attributes: { scales: { floats: [1, 1, 2, 2] }, mode: 'nearest' },
    opset: 7,
    oracle: 'float32',
  },
  {
    op: 'Upsample',
    label: 'Upsample 9',
    inputs: [{ shape: [1, 2, 3, 4] }, numbers([1, 1, 2, 3])],
    attributes: { mode: 'linear' },
    opset: 9,
    oracle: 'float32',
  },
];

// Beyond 2¹⁸ weights an axis is resampled without a matrix.
const long: OperatorSpec[] = [
  byScale('linear, a long axis', [1, 2, 520], [1, 1, 2], { mode: 'linear' }, 19),
  byScale('cubic, a long axis', [1, 1, 2, 520], [1, 1, 1, 2], { mode: 'cubic' }, 19),
  byScale('nearest, a long axis', [1, 2, 520], [1, 1, 1.7], { mode: 'nearest' }, 19),
  byScale('linear, a long axis with others behind', [1, 1, 520, 3], [1, 1, 2, 2], { mode: 'linear' }, 19),
  bySize('linear with antialiasing, a long axis', [1, 1, 1400, 2], [1, 1, 200, 2], { mode: 'linear', antialias: 1 }),
];

const pad = (
  label: string,
  shape: number[],
  pads: number[],
  attributes: Given = {},
  rest: Input[] = [],
): OperatorSpec => ({
  op: 'Pad',
  label: `Pad ${label}`,
  inputs: [{ shape }, ints(...pads), ...rest],
  attributes,
  opset: 19,
});

const pads: OperatorSpec[] = [
  pad('with zeros', [2, 3], [1, 0, 2, 3]),
  pad('cutting off', [4, 5], [-1, 2, 1, -2]),
  pad('with a constant', [2, 3], [1, 0, 2, 3], {}, [{ constant: tensorOf('float64', [], [0.7]) }]),
  pad('with a variable', [2, 3], [1, 0, 2, 3], {}, [{ shape: [] }]),
  pad('of some axes', [2, 3, 4], [1, 2, 0, 1], {}, [undefined, ints(-1, 0)]),
  pad('by reflection', [3, 4], [2, 1, 1, 3], { mode: 'reflect' }),
  pad('by reflection and cutting off', [5, 5], [2, -1, -1, 2], { mode: 'reflect' }),
  pad('with the edge', [3, 4], [2, 0, 4, 3], { mode: 'edge' }),
  pad('around', [3, 4], [2, 1, 3, 5], { mode: 'wrap' }),
  pad('around, many times', [2, 2], [0, 2, 0, 140], { mode: 'wrap' }),
  {
    op: 'Pad',
    label: 'Pad of opset 2',
    inputs: [{ shape: [2, 3] }],
    attributes: { pads: [1, 0, 0, 2], value: { float: 0.5 } },
    opset: 10,
  },
];

describe('resampling and padding: value, gradient and Hessian product', () => {
  for (const spec of [...specs, ...long, ...pads]) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('resampling and padding: derivatives in float32 and float64', () => {
  for (const spec of [...specs, ...pads]) it(spec.label ?? spec.op, () => checkPrecision(spec));
});
