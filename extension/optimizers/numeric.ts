import type { Arithmetic } from './arithmetic.ts';
import type { Coefficients } from './optimizer.ts';

function map(a: Float64Array, f: (x: number) => number): Float64Array {
  return a.map(f);
}

function zip(a: Float64Array, b: Float64Array, f: (x: number, y: number) => number): Float64Array {
  if (a.length === b.length) return a.map((x, i) => f(x, b[i]));
  if (b.length === 1) return a.map((x) => f(x, b[0]));
  if (a.length === 1) return b.map((y) => f(a[0], y));
  throw new Error(`Vectors of length ${a.length} and ${b.length} do not broadcast.`);
}

/** Float64 arithmetic on vectors; a vector of length 1 is a scalar and broadcasts. */
export const numeric: Arithmetic<Float64Array> = {
  constant: (value) => Float64Array.of(value),
  add: (a, b) => zip(a, b, (x, y) => x + y),
  sub: (a, b) => zip(a, b, (x, y) => x - y),
  mul: (a, b) => zip(a, b, (x, y) => x * y),
  div: (a, b) => zip(a, b, (x, y) => x / y),
  max: (a, b) => zip(a, b, Math.max),
  neg: (a) => map(a, (x) => -x),
  abs: (a) => map(a, Math.abs),
  sqrt: (a) => map(a, Math.sqrt),
  sign: (a) => map(a, Math.sign),
  whereLess(a, b, x, y) {
    const length = Math.max(a.length, b.length, x.length, y.length);
    const at = (v: Float64Array, i: number) => {
      if (v.length !== 1 && v.length !== length) throw new Error(`Length ${v.length} does not broadcast to ${length}.`);
      return v[v.length === 1 ? 0 : i];
    };
    return Float64Array.from({ length }, (_, i) => (at(a, i) < at(b, i) ? at(x, i) : at(y, i)));
  },
};

/** The coefficients as scalars of `numeric`. */
export function numericCoefficients(coefficients: Coefficients): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(coefficients).map(([name, value]) => [name, Float64Array.of(value)]));
}
