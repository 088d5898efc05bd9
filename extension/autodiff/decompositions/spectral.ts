import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth, numbered } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, tensorOf } from '../../onnx/tensor.ts';

// A discrete Fourier transform is linear: with real and imaginary parts side by side, it is one product with a constant matrix.

/** The matrix of a transform may have so many elements: that of 2,048 complex numbers, or of 4,096 real ones to half a spectrum. */
const largestMatrix = 2 ** 24;

interface Transform {
  /** Points of the transform; shorter axes count as padded with zeros, longer ones are cut. */
  readonly length: number;
  readonly inverse: boolean;
  /** Forwards, the half of the spectrum that real numbers have; backwards, the real numbers that a half stands for. */
  readonly onesided: boolean;
}

const half = (length: number): number => Math.floor(length / 2) + 1;

/**
 * The numbers m[(j, p), (k, r)] with y[k, r] = Σ x[j, p]·m[(j, p), (k, r)], where p and r are 0 for real parts and 1 for imaginary
 * ones: y_k = Σ_j x_j·exp(∓2πi·jk/N), backwards divided by N.
 */
function matrixOf({ length, inverse, onesided }: Transform, rows: number, parts: number): Float64Array {
  const real = inverse && onesided;
  const outs = onesided && !inverse ? half(length) : length;
  const results = real ? 1 : 2;
  if (rows * parts * outs * results > largestMatrix)
    throw new RefusedUse(`a Fourier transform of ${length} points is too long; compute it in the data set`);
  const turn = (step: number): number => (2 * Math.PI * step) / length;
  const cosines = numbered(length, (step) => Math.cos(turn(step)));
  const sines = numbered(length, (step) => Math.sin(turn(step)) * (inverse ? 1 : -1));
  const matrix = numbered(rows * parts * outs * results, () => 0);
  for (let j = 0; j < rows; j++) {
    // The half that is not there is the conjugate of the one that is.
    const twice = real && j > 0 && 2 * j !== length ? 2 : 1;
    const size = inverse ? twice / length : 1;
    for (let k = 0; k < outs; k++) {
      const step = (j * k) % length;
      const cos = size * nth(cosines, step);
      const sin = size * nth(sines, step);
      const at = (p: number) => ((j * parts + p) * outs + k) * results;
      matrix[at(0)] = cos;
      if (parts === 2) matrix[at(1)] = -sin;
      if (real) continue;
      matrix[at(0) + 1] = sin;
      if (parts === 2) matrix[at(1) + 1] = cos;
    }
  }
  return matrix;
}

/** The transform along one axis of numbers whose last axis holds real and imaginary parts. */
function transform(b: GraphBuilder, x: Value, axis: number, settings: Transform): Value {
  const last = x.shape.length - 1;
  const parts = nth(x.shape, last);
  const { length, inverse, onesided } = settings;
  if (parts !== 1 && parts !== 2) throw new Error(`the last axis of ${showShape(x.shape)} is neither real nor complex`);
  if (axis === last) throw new Error('its axis is that of the real and imaginary parts');
  if (length < 1) throw new Error(`a transform of ${length} points is none`);
  if (onesided && !inverse && parts === 2) throw new Error('half a spectrum is that of real numbers only');
  if (onesided && inverse && parts === 1) throw new Error('a one-sided spectrum is complex');
  const rows = Math.min(nth(x.shape, axis), onesided && inverse ? half(length) : length);
  const matrix = matrixOf(settings, rows, parts);
  const order = [...x.shape.keys()].filter((i) => i !== axis && i !== last);
  const cut = rows < nth(x.shape, axis) ? b.slice(x, { starts: [0], ends: [rows], axes: [axis] }) : x;
  const around = order.map((i) => nth(x.shape, i));
  const flat = b.reshape(b.transpose(cut, [...order, axis, last]), [elementCount(around), rows * parts]);
  const columns = matrix.length / (rows * parts);
  const product = b.matMul(flat, b.constant(tensorOf(x.type as FloatType, [rows * parts, columns], matrix)));
  const results = inverse && onesided ? 1 : 2;
  const back = [...order, axis, last];
  return b.transpose(
    b.reshape(product, [...around, columns / results, results]),
    back.map((_, i) => back.indexOf(i)),
  );
}

const dft: Definition<'DFT'> = (b, call) => {
  const [x] = call.in;
  const { inverse, onesided, axis: attribute } = call.attributes;
  const wanted = call.opset < 20 ? (attribute ?? 1) : call.in[2] ? call.constantInt(2) : -2;
  const axis = normaliseAxis(wanted, x.shape.length);
  const backToReal = inverse === 1 && onesided === 1;
  const size = nth(x.shape, axis);
  const length = call.in[1] ? call.constantInt(1) : backToReal ? 2 * (size - 1) : size;
  return transform(b, x, axis, { length, inverse: inverse === 1, onesided: onesided === 1 });
};

/** Frames of the signal, each multiplied by the window, and their transforms: [samples, frames, frequencies, 2]. */
const stft: Definition<'STFT'> = (b, call) => {
  const [given, , window] = call.in;
  const signal = given.shape.length === 2 ? b.reshape(given, [...given.shape, 1]) : given;
  if (signal.shape.length !== 3)
    throw new Error(`its signal has shape ${showShape(given.shape)}, where three axes are due`);
  const [samples, size, parts] = leading(signal.shape, 3);
  const step = call.constantInt(1);
  const length = call.in[3] ? call.constantInt(3) : (window?.shape[0] ?? size);
  if (step < 1) throw new Error(`its frames begin ${step} apart`);
  if (length < 1 || length > size) throw new Error(`a frame of ${length} does not fit a signal of ${size}`);
  if (window && String(window.shape) !== String([length]))
    throw new Error(`its window has shape ${showShape(window.shape)}, where [${length}] is due`);
  const frames = Math.floor((size - length) / step) + 1;
  const places = listed(frames * length, (i) => Math.floor(i / length) * step + (i % length));
  const framed = b.reshape(b.gather(signal, b.ints(places), 1), [samples, frames, length, parts]);
  const weighed = window ? b.mul(framed, b.reshape(window, [length, 1])) : framed;
  return transform(b, weighed, 2, { length, inverse: false, onesided: call.attributes.onesided === 1 });
};

/** Transforms to frequencies and back. */
export const spectral: Definitions<'DFT' | 'STFT'> = { DFT: dft, STFT: stft };
