import type { Initializer } from '../onnx/model.ts';
import { elementCount, numbersOf } from '../onnx/tensor.ts';

// Exporters other than PyTorch's newer one do not say which initializers are buffers: tables, masks and statistics that do
// not train. Some are known by their names or numbers.

const statistics = /^(running|moving)_(mean|var|variance)$/;
/** True for names of the running statistics of a normalisation. */
export const namesStatistics = (name: string): boolean => statistics.test(lastName(name));

/** Names, behind the last dot or slash, that only buffers have. */
const bufferNames: readonly (readonly [RegExp, string])[] = [
  [statistics, 'running statistics, by its name'],
  [/^(inv_freq|original_inv_freq|num_batches_tracked|causal_mask|attn_mask|anchor_grid)$/, 'buffer, by its name'],
];

/** Why an initializer is certainly a buffer: a name that no parameter has, or numbers that no training leaves. */
export function bufferRole(initializer: Initializer): string | undefined {
  const last = lastName(initializer.name);
  const named = bufferNames.find(([pattern]) => pattern.test(last));
  if (named) return named[1];
  const { shape, unsupported } = initializer;
  if (unsupported || shape.length < 2 || elementCount(shape) > mostElements) return undefined;
  if (isAttentionMask(numbersOf(initializer.read()))) return 'mask, by its numbers';
  const rows = matrixOf(initializer);
  if (!rows) return undefined;
  if (isMask(rows)) return 'mask, by its numbers';
  return isSinusoidal(rows) ? 'table of sines and cosines, by its numbers' : undefined;
}

/** Words of names that buffers often have and parameters seldom. */
const suspectNames =
  /(^|_)(mask|anchors?|grid|freqs?|pos_enc(oding)?|class_weights?|pos_weight|strides?)$|^(pixel_)?(mean|std)$/;

/** What makes an initializer look like a buffer without being certain. */
export function suspectedBuffer(initializer: Initializer): string | undefined {
  if (suspectNames.test(lastName(initializer.name))) return 'its name';
  if (initializer.unsupported || elementCount(initializer.shape) < 4 || elementCount(initializer.shape) > mostElements)
    return undefined;
  const values = numbersOf(initializer.read());
  if (isAffine(values, initializer.shape)) return 'its evenly spaced numbers';
  const positive = values.every((value) => value > 0);
  return positive && isAffine(values.map(Math.log), initializer.shape) ? 'its geometric progression' : undefined;
}

const lastName = (name: string): string => name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf('/')) + 1);
const mostElements = 2 ** 24;

/** A tensor that has two axes longer than 1. */
function matrixOf({ shape, unsupported, read }: Initializer): Matrix | undefined {
  const [rows, columns, ...others] = shape.filter((dim) => dim !== 1);
  if (others.length > 0 || unsupported || !(rows >= 4 && columns >= 2) || rows * columns > mostElements)
    return undefined;
  const values = numbersOf(read());
  return { rows, columns, at: (i, j) => values[i * columns + j] };
}

/** Zeros, and one number that keeps a softmax from looking: −∞, or at most −10. */
function isAttentionMask(values: Float32Array | Float64Array): boolean {
  const hidden = values.find((value) => value !== 0);
  return (
    hidden !== undefined &&
    hidden <= -10 &&
    values.includes(0) &&
    values.every((value) => value === 0 || value === hidden)
  );
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  at(row: number, column: number): number;
}

/** One number on and below the diagonal and another one above it, or the other way round. */
function isMask({ rows, columns, at }: Matrix): boolean {
  const [low, high] = [at(rows - 1, 0), at(0, columns - 1)];
  if (rows !== columns || Object.is(low, high) || low === high) return false;
  const diagonal = at(0, 0);
  if (diagonal !== low && diagonal !== high) return false;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) if (at(i, j) !== (i === j ? diagonal : j < i ? low : high)) return false;
  return true;
}

/**
 * Every column a sine or cosine of the row: x₀ is 0 or 1, x₁ not, and x₍ᵢ₊₁₎ = 2·cos ω·xᵢ − x₍ᵢ₋₁₎ with one ω for each
 * column.
 */
function isSinusoidal({ rows, columns, at }: Matrix): boolean {
  let moving = 0;
  for (let j = 0; j < columns; j++) {
    const [first, second] = [at(0, j), at(1, j)];
    if (first !== 0 && first !== 1) return false;
    const omega = first === 0 ? Math.asin(second) : Math.acos(second);
    if (!(Math.abs(second) <= 1)) return false;
    if (Math.abs(omega) > 1e-3) moving++;
    // The angle is known but for its quadrant, which the third row decides.
    const candidates = first === 0 ? [omega, Math.PI - omega] : [omega];
    const wave = (angle: number) => (first === 0 ? Math.sin(angle) : Math.cos(angle));
    const fits = candidates.some((angle) => {
      for (let i = 0; i < Math.min(rows, 16); i++) if (Math.abs(at(i, j) - wave(i * angle)) > 1e-3) return false;
      return true;
    });
    if (!fits) return false;
  }
  return moving >= 2 || (moving === 1 && columns === 2);
}

/** x = a + Σ bₖ·iₖ over the indices, with some b that is not 0. */
function isAffine(values: Float32Array | Float64Array, shape: readonly number[]): boolean {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const slopes = shape.map((dim, axis) => (dim > 1 ? values[strides[axis]] - values[0] : 0));
  const scale = Math.max(...slopes.map(Math.abs), Math.abs(values[0]));
  if (!Number.isFinite(scale) || slopes.every((slope) => Math.abs(slope) <= 1e-6 * scale)) return false;
  // Two points always lie on a line.
  if (!shape.some((dim, axis) => dim > 2 && Math.abs(slopes[axis]) > 1e-6 * scale)) return false;
  for (let at = 0; at < values.length; at++) {
    let expected = values[0];
    for (let axis = 0; axis < shape.length; axis++)
      expected += slopes[axis] * (Math.floor(at / strides[axis]) % shape[axis]);
    if (!(Math.abs(values[at] - expected) <= 1e-4 * Math.max(Math.abs(expected), scale))) return false;
  }
  return true;
}
