import { zip } from './checked.ts';
import type { WindowAttributes } from './nodeTypes.ts';
import { showShape } from './shapes.ts';

/** A sliding window along one spatial axis. */
export interface WindowAxis {
  /** Elements of the data. */
  readonly size: number;
  /** Taps of the window. */
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before and after the data. */
  readonly begin: number;
  readonly end: number;
}

/** The pads before and after each spatial axis. */
export function padsOf({ pads }: WindowAttributes): { begins: readonly number[]; ends: readonly number[] } {
  const rank = pads.length / 2;
  return { begins: pads.slice(0, rank), ends: pads.slice(rank) };
}

/** The window of a node along each spatial axis, for data of these spatial sizes. Throws an Error where there is nothing to see. */
export function windowAxes(
  attributes: WindowAttributes,
  kernel: readonly number[],
  sizes: readonly number[],
): WindowAxis[] {
  const { begins, ends } = padsOf(attributes);
  if ([...sizes, ...kernel].some((size) => size < 1))
    throw new Error(`a window ${showShape(kernel)} does not fit data ${showShape(sizes)}, one of which is empty`);
  const { strides, dilations } = attributes;
  if ([...strides, ...dilations].some((step) => step < 1))
    throw new Error(`strides ${showShape(strides)} and dilations ${showShape(dilations)} must be above 0`);
  return zip(sizes, kernel, strides, dilations, begins, ends).map(([size, taps, stride, dilation, begin, end]) => ({
    size,
    kernel: taps,
    stride,
    dilation,
    begin,
    end,
  }));
}
