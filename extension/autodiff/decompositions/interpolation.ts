import { nth, numbered, writable } from '../../onnx/checked.ts';
import type { OperatorTypes } from '../../onnx/operatorTypes.ts';
import { RefusedUse } from '../../onnx/refusal.ts';

type Resize = OperatorTypes['Resize']['attributes'];

/** How one axis is resampled; the names are those of the operator Resize. */
export interface AxisResampling {
  readonly size: number;
  readonly out: number;
  /** Output per input elements; not always out/size, as a given scale is rounded to whole elements. */
  readonly scale: number;
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: Resize['coordinate_transformation_mode'];
  readonly nearestMode: Resize['nearest_mode'];
  readonly cubicCoefficient: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  /** Start and end of the region of interest, as fractions of the axis. */
  readonly region: readonly [number, number];
  readonly extrapolation: number;
}

/** yᵢ = Σₖ weights[i·taps + k]·x[indices[i·taps + k]] + offset[i] along one axis. */
export interface Resampling {
  /** How many elements of the input an element of the output looks at, at most; those that it does not need weigh 0. */
  readonly taps: number;
  readonly indices: Int32Array;
  readonly weights: Float64Array;
  /** Not zero only where tf_crop_and_resize extrapolates. */
  readonly offset: Float64Array;
}

/** An axis that is resampled, and what becomes of it, may be so long. */
const longestAxis = 2 ** 19;
/** Weights of one axis, all together. */
const mostWeights = 2 ** 22;

/** Position in the input that an output position stands for. */
function coordinate(position: number, axis: AxisResampling): number {
  const { size, out, scale, region } = axis;
  switch (axis.coordinates) {
    case 'half_pixel':
      return (position + 0.5) / scale - 0.5;
    case 'half_pixel_symmetric': {
      // The centre of the input stays the centre of the output where the scale was rounded.
      const centre = size / 2;
      return centre * (1 - out / (scale * size)) + (position + 0.5) / scale - 0.5;
    }
    case 'pytorch_half_pixel':
      return out > 1 ? (position + 0.5) / scale - 0.5 : 0;
    case 'align_corners':
      return out > 1 ? (position * (size - 1)) / (out - 1) : 0;
    case 'asymmetric':
      return position / scale;
    case 'tf_half_pixel_for_nn':
      return (position + 0.5) / scale;
    case 'tf_crop_and_resize':
      return out > 1
        ? region[0] * (size - 1) + (position * (region[1] - region[0]) * (size - 1)) / (out - 1)
        : 0.5 * (region[0] + region[1]) * (size - 1);
  }
}

function nearest(at: number, mode: Resize['nearest_mode']): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(at - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(at + 0.5);
    case 'floor':
      return Math.floor(at);
    case 'ceil':
      return Math.ceil(at);
  }
}

const triangle = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/** Keys' cubic convolution kernel with coefficient a. */
function cubic(distance: number, a: number): number {
  const t = Math.abs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/** The elements of the input that make one element of the output, each once. Filled anew for every position. */
class Row {
  readonly indices: number[] = [];
  weights: number[] = [];

  constructor(private readonly axis: AxisResampling) {}

  /** Elements beyond the ends repeat the last one, or do not count at all. */
  fill(at: number): void {
    const { mode, antialias, excludeOutside, size } = this.axis;
    this.indices.length = 0;
    this.weights = [];
    // Only the cubic kernel sees how far outside a position is; the others take the border.
    const seesOutside = mode === 'cubic' || antialias;
    const place = seesOutside ? at : Math.min(Math.max(at, 0), size - 1);
    this.addElements(place, excludeOutside && seesOutside);
    if (!antialias && !(excludeOutside && seesOutside)) return;
    const total = this.weights.reduce((sum, weight) => sum + weight, 0);
    this.weights = this.weights.map((weight) => weight / total);
  }

  /** Weights around a position: the kernel, stretched when it downsamples with antialiasing. */
  private addElements(at: number, exclude: boolean): void {
    const { mode, nearestMode, antialias, scale, cubicCoefficient } = this.axis;
    if (mode === 'nearest') {
      this.add(nearest(at, nearestMode), 1, exclude);
      return;
    }
    const support = mode === 'linear' ? 1 : 2;
    const stretch = antialias ? Math.min(scale, 1) : 1;
    if (!(support / stretch < longestAxis)) throw new RefusedUse(`a scale of ${scale} is not supported`);
    const last = Math.floor(at + support / stretch);
    for (let index = Math.ceil(at - support / stretch); index <= last; index++) {
      const distance = (index - at) * stretch;
      this.add(index, mode === 'linear' ? triangle(distance) : cubic(distance, cubicCoefficient), exclude);
    }
  }

  /** Indices come in order, so that equal ones are neighbours. */
  private add(index: number, weight: number, exclude: boolean): void {
    const { size } = this.axis;
    if (weight === 0 || (exclude && (index < 0 || index >= size))) return;
    const place = Math.min(Math.max(index, 0), size - 1);
    if (this.indices.at(-1) === place) this.weights.push((this.weights.pop() ?? 0) + weight);
    else {
      this.indices.push(place);
      this.weights.push(weight);
    }
  }
}

/** The linear map that resamples one axis. */
export function resampling(axis: AxisResampling): Resampling {
  const { size, out } = axis;
  if (Number.isNaN(out)) throw new Error('the size or scale of a resampled axis is not a number');
  if (out < 0) throw new Error(`an axis of ${size} elements cannot be resampled to ${out}`);
  if (size === 0 && out > 0) throw new Error('an empty axis cannot be resampled');
  if (Math.max(size, out) > longestAxis)
    throw new RefusedUse(`an axis of ${Math.max(size, out)} elements is not resampled; at most ${longestAxis} are`);
  const offset = numbered(out, () => 0);
  const row = new Row(axis);
  const starts = new Int32Array(writable(out + 1));
  const found: { readonly indices: number[]; readonly weights: number[] } = { indices: [], weights: [] };
  let taps = 1;
  for (let position = 0; position < out; position++) {
    const at = coordinate(position, axis);
    if (!Number.isFinite(at)) throw new Error(`its scale ${axis.scale} leads nowhere`);
    if (axis.coordinates === 'tf_crop_and_resize' && (at < 0 || at > size - 1)) {
      offset[position] = axis.extrapolation;
    } else {
      row.fill(at);
      for (const index of row.indices) found.indices.push(index);
      for (const weight of row.weights) found.weights.push(weight);
      taps = Math.max(taps, row.indices.length);
    }
    starts[position + 1] = found.indices.length;
    if (taps * out > mostWeights) throw new RefusedUse('its filter looks at more elements than is supported');
  }
  const indices = new Int32Array(writable(out * taps));
  const weights = numbered(out * taps, () => 0);
  for (let position = 0; position < out; position++) {
    const [from, to] = [nth(starts, position), nth(starts, position + 1)];
    indices.set(found.indices.slice(from, to), position * taps);
    weights.set(found.weights.slice(from, to), position * taps);
  }
  return { taps, indices, weights, offset };
}
