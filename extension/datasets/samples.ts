import { allocate, elementCount, type FloatType, isFloat, numbersOf, type Tensor } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import { type ArrayPlace, arrayText } from './arrayPlace.ts';
import type { Dataset } from './dataset.ts';

const shapeText = (tensor: Pick<Tensor, 'shape'>): string => `[${tensor.shape.join(', ')}]`;

/** The first `count` rows as a view on the same data. */
function firstRows(tensor: Tensor, count: number): Tensor {
  const shape = [count, ...tensor.shape.slice(1)];
  return { ...tensor, shape, data: tensor.data.subarray(0, elementCount(shape)) };
}

/**
 * Refuses arrays without rows, and x that has no axis as long as y. (Models say which axis counts samples; usually the
 * first one.)
 */
export function checkLength(
  x: Pick<Tensor, 'shape'>,
  y?: Pick<Tensor, 'shape'>,
  places?: ReadonlyMap<string, ArrayPlace>,
): void {
  const text = (name: string) => arrayText(name, places?.get(name));
  for (const [name, tensor] of [
    ['x', x],
    ['y', y],
  ] as const) {
    if (!tensor) continue;
    if (tensor.shape.length === 0)
      throw new InspectorError(`${text(name)} is a single number; one row for each sample is needed.`);
    if (elementCount(tensor.shape) === 0) {
      throw new InspectorError(
        `${text(name)} of shape ${shapeText(tensor)} holds no samples.`,
        'Give at least one sample.',
      );
    }
  }
  if (y && !x.shape.includes(y.shape[0]) && !y.shape.includes(x.shape[0])) {
    throw new InspectorError(
      `${text('x')} of shape ${shapeText(x)} has ${x.shape[0]} rows, but ${text('y')} of shape ${shapeText(y)} has ${y.shape[0]}.`,
      'Every sample needs one label.',
    );
  }
}

/**
 * The dataset with its first `count` rows, or unchanged where it has no more. Besides x and y, every array with as many
 * rows as x (as y, or as all others have, where there is no x) is cut; arrays of another length are kept whole.
 */
export function limitSamples(dataset: Dataset, count: number): Dataset {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new InspectorError(`${count} samples were asked for.`, 'Ask for a whole number of samples, at least 1.');
  }
  const lengths = new Set([...dataset.arrays.values()].map((tensor) => tensor.shape[0]));
  const common = lengths.size === 1 ? [...lengths][0] : undefined;
  const rows = (dataset.arrays.get('x') ?? dataset.arrays.get('y'))?.shape[0] ?? common;
  if (rows === undefined || rows <= count) return dataset;
  const y = dataset.arrays.get('y');
  if (y && y.shape[0] !== rows)
    throw new InspectorError(
      `The first ${count} samples were asked for, but "x" of shape ${shapeText(dataset.arrays.get('x')!)} has them on another axis than the first one.`,
      'Save fewer samples, or save them along the first axis.',
    );
  const cut = (tensor: Tensor) => (tensor.shape[0] === rows ? firstRows(tensor, count) : tensor);
  return { ...dataset, arrays: new Map([...dataset.arrays].map(([name, tensor]) => [name, cut(tensor)])) };
}

/** How raw values become inputs; `mean` and `std` in units of the scaled values, one number or one for each channel or feature. */
export interface Normalisation {
  scale?: number;
  mean?: number | readonly number[];
  std?: number | readonly number[];
}

/**
 * (x·scale − mean) / std, computed in float64 and rounded once to `type`.
 * Lists of mean and std have one value for each index of axis 1 (channels of [N, C, …], features of [N, F]), or one value.
 */
export function normalise<T extends FloatType>(
  x: Tensor,
  { scale = 1, mean = 0, std = 1 }: Normalisation,
  type: T,
): Tensor<T> {
  const channels = x.shape[1] ?? 1;
  const inner = x.shape.slice(2).reduce((product, dim) => product * dim, 1);
  const perChannel = (name: string, value: number | readonly number[]): readonly number[] => {
    const values = typeof value === 'number' ? [value] : value;
    if (!values.every(Number.isFinite) || (name === 'std' && values.some((entry) => entry <= 0))) {
      throw new InspectorError(
        `${name} is [${values.slice(0, 8).join(', ')}].`,
        `Give finite numbers${name === 'std' ? ' above 0' : ''}.`,
      );
    }
    if (values.length === channels) return values;
    if (values.length === 1) return new Array<number>(channels).fill(values[0]);
    throw new InspectorError(
      `${name} has ${values.length} values, but "x" of shape ${shapeText(x)} has ${channels} along axis 1.`,
      'Give one value, or one for each channel or feature.',
    );
  };
  const [factor] = perChannel('scale', [scale]);
  const means = perChannel('mean', mean);
  const stds = perChannel('std', std);
  const source = numbersOf(x);
  const data = allocate(type, source.length);
  for (let at = 0; at < source.length; ) {
    for (let channel = 0; channel < channels; channel++) {
      const [shift, divisor] = [means[channel], stds[channel]];
      for (let i = 0; i < inner; i++, at++) data[at] = (source[at] * factor - shift) / divisor;
    }
  }
  return { type, shape: x.shape, data };
}

/** "row 3, column 7", "row 3, index [0, 5, 2]": the place of a flat index, counted from 0. */
function place(tensor: Tensor, flat: number): string {
  const { shape } = tensor;
  if (shape.length === 0) return 'its only element';
  const index: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  const [row, ...inner] = index;
  if (inner.length === 0) return `row ${row}`;
  return inner.length === 1 ? `row ${row}, column ${inner[0]}` : `row ${row}, index [${inner.join(', ')}]`;
}

/** Refuses NaN and infinities, with the place of the first and the count of all. */
export function checkFinite(
  name: string,
  tensor: Tensor,
  kind: 'array' | 'initializer' = 'array',
  remedy = 'Remove or replace these samples.',
): void {
  if (!isFloat(tensor.type)) return;
  const values = numbersOf(tensor);
  let first = -1;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    if (count++ === 0) first = i;
  }
  if (count === 0) return;
  const more = count > 1 ? ` and ${count - 1} more such value${count > 2 ? 's' : ''}` : '';
  throw new InspectorError(`holds ${values[first]} at ${place(tensor, first)} (counted from 0)${more}.`, remedy, {
    where: { tensor: { kind, name } },
  });
}

/**
 * Class labels as int64. Whole numbers of any type are accepted; the others, and those outside 0 … classCount − 1 that
 * are not `ignoreIndex`, are refused with their place, value and the valid range.
 */
export function checkLabels(
  labels: Tensor,
  classCount: number,
  { ignoreIndex = -100 }: { ignoreIndex?: number } = {},
): Tensor<'int64'> {
  const values = numbersOf(labels);
  const data = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const inRange = value >= 0 && value < classCount;
    if (!Number.isInteger(value)) {
      throw new InspectorError(
        `Label ${value} at ${place(labels, i)} (counted from 0) is no whole number.`,
        `Classes are numbered 0 to ${classCount - 1}; for values to be regressed choose a regression loss.`,
      );
    }
    if (!inRange && value !== ignoreIndex) {
      throw new InspectorError(
        `Label ${value} at ${place(labels, i)} (counted from 0) is outside 0 to ${classCount - 1}, the classes of the model.`,
        value === classCount
          ? 'Classes are numbered from 0; subtract 1 if yours begin at 1.'
          : 'Correct the labels, or choose a model with as many classes.',
      );
    }
    data[i] = BigInt(value);
  }
  return { type: 'int64', shape: labels.shape, data };
}
