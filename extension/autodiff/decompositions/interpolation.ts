import { RefusedUse } from '../../onnx/refusal.ts';
/** How one axis is resampled; the names are those of the operator Resize. */
export interface AxisResampling {
  readonly size: number;
  readonly out: number;
  /** Output per input elements; not always out/size, as a given scale is rounded to whole elements. */
  readonly scale: number;
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: string;
  readonly nearestMode: string;
  readonly cubicCoefficient: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  /** Start and end of the region of interest, as fractions of the axis. */
  readonly region: readonly [number, number];
  readonly extrapolation: number;
}

/** y = matrix·x + offset along one axis; `offset` is not zero only where tf_crop_and_resize extrapolates. */
export interface Resampling {
  /** out × size, row by row. */
  readonly matrix: Float64Array;
  readonly offset: Float64Array;
}

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
    default:
      throw new RefusedUse(`coordinate_transformation_mode "${axis.coordinates}" is not supported`);
  }
}

function nearest(at: number, mode: string): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(at - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(at + 0.5);
    case 'floor':
      return Math.floor(at);
    case 'ceil':
      return Math.ceil(at);
    default:
      throw new RefusedUse(`nearest_mode "${mode}" is not supported`);
  }
}

const triangle = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/** Keys' cubic convolution kernel with coefficient a. */
function cubic(distance: number, a: number): number {
  const t = Math.abs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/** Weights of the input elements around a position: the kernel, stretched when it downsamples with antialiasing. */
function filter(at: number, axis: AxisResampling): [index: number, weight: number][] {
  if (axis.mode === 'nearest') return [[nearest(at, axis.nearestMode), 1]];
  const support = axis.mode === 'linear' ? 1 : 2;
  const kernel = axis.mode === 'linear' ? triangle : (t: number) => cubic(t, axis.cubicCoefficient);
  const stretch = axis.antialias ? Math.min(axis.scale, 1) : 1;
  const first = Math.ceil(at - support / stretch);
  const last = Math.floor(at + support / stretch);
  return Array.from({ length: last - first + 1 }, (_, i): [number, number] => {
    const index = first + i;
    return [index, kernel((index - at) * stretch)];
  });
}

/** The linear map that resamples one axis. Elements beyond the ends repeat the last one, or do not count at all. */
export function resampling(axis: AxisResampling): Resampling {
  const { size, out } = axis;
  const matrix = new Float64Array(out * size);
  const offset = new Float64Array(out);
  for (let position = 0; position < out; position++) {
    const at = coordinate(position, axis);
    if (axis.coordinates === 'tf_crop_and_resize' && (at < 0 || at > size - 1)) {
      offset[position] = axis.extrapolation;
      continue;
    }
    const inside = Math.min(Math.max(at, 0), size - 1);
    // Only the cubic kernel sees how far outside a position is; the others take the border.
    const weights = filter(axis.mode === 'cubic' || axis.antialias ? at : inside, axis);
    const exclude = axis.excludeOutside && (axis.mode === 'cubic' || axis.antialias);
    const counted = exclude ? weights.filter(([index]) => index >= 0 && index < size) : weights;
    const total = exclude || axis.antialias ? counted.reduce((sum, [, weight]) => sum + weight, 0) : 1;
    for (const [index, weight] of counted)
      matrix[position * size + Math.min(Math.max(index, 0), size - 1)] += weight / total;
  }
  return { matrix, offset };
}
