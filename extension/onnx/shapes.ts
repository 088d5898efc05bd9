import { shorten } from '../shared/format.ts';
import type { Value } from './graph.ts';
import { RefusedUse } from './refusal.ts';
import type { Shape } from './tensor.ts';
import type { WindowAxis } from './window.ts';

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** Shape after numpy broadcasting; throws where two dimensions differ and neither is 1. */
export function broadcastShapes(...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) throw new Error(`shapes ${shapes.map(showShape).join(' and ')} do not broadcast`);
      result = dim;
    }
    return result;
  });
}

export const showShape = (shape: readonly (number | string | undefined)[]): string =>
  `[${shape
    .slice(0, 12)
    .map((dim) => (typeof dim === 'string' ? shorten(dim) : dim === undefined || Number.isNaN(dim) ? '?' : dim))
    .join(', ')}${shape.length > 12 ? ', …' : ''}]`;

/** At least so many sizes. */
interface Leading {
  readonly 1: readonly [number, ...number[]];
  readonly 2: readonly [number, number, ...number[]];
  readonly 3: readonly [number, number, number, ...number[]];
  readonly 4: readonly [number, number, number, number, ...number[]];
}

/** A shape that has at least `count` axes; throws where it has fewer. */
export function leading<N extends keyof Leading>(shape: Shape, count: N): Leading[N] {
  if (shape.length < count) throw new Error(`${showShape(shape)} has ${shape.length} axes where ${count} belong`);
  return shape as unknown as Leading[N];
}

/** An axis in [0, rank) from one that may count from the end. */
export function normaliseAxis(axis: number, rank: number): number {
  const result = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(result) || result < 0 || result >= rank)
    throw new Error(`axis ${axis} is out of range for rank ${rank}`);
  return result;
}

/** Different axes, each in [0, rank). */
export function normaliseAxes(axes: readonly number[], rank: number): number[] {
  const result = axes.map((axis) => normaliseAxis(axis, rank));
  if (new Set(result).size < result.length) throw new Error(`${showShape(axes)} names an axis twice`);
  return result;
}

/** The integers of a constant input; the operators' shape arguments must be constants. */
export function constantInts(value: Value | undefined, what: string): number[] {
  if (!value?.constant) throw new RefusedUse(`${what} depends on data`);
  return Array.from(value.constant.data as ArrayLike<number | bigint>, Number);
}

/** Spatial output size of a convolution or pooling window along one axis. */
export function windowOutput({ size, kernel, stride, dilation, begin, end }: WindowAxis, ceil = false): number {
  const span = size + begin + end - dilation * (kernel - 1) - 1;
  // A window that is longer than the data is one where its end may lie outside.
  if (span <= (ceil ? -stride : -1) || stride <= 0)
    throw new Error(`a window of ${kernel} (dilation ${dilation}) does not fit ${size} with pads ${begin}, ${end}`);
  const count = (ceil ? Math.ceil(span / stride) : Math.floor(span / stride)) + 1;
  // The last window must start inside the input or the left pad, as in PyTorch and ONNX.
  return ceil && (count - 1) * stride >= size + begin ? count - 1 : count;
}

/** First index, last index (exclusive) and step of a slice along one axis, clamped as the operator defines. */
export function sliceRange(dim: number, start: number, end: number, step: number): { first: number; count: number } {
  const clamp = (value: number, low: number, high: number) =>
    Math.min(Math.max(value < 0 ? value + dim : value, low), high);
  const first = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, dim - 1);
  const last = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
}
