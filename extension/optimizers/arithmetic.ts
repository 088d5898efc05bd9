/**
 * Element-wise arithmetic over some kind of vector. The formulas of every optimizer are written once against this
 * interface and interpreted twice: on `number[]`-like arrays in float64 (tests, ODE integration, hovers) and as ONNX
 * nodes (the program that really runs). Scalars broadcast against vectors.
 */
export interface Arithmetic<V> {
  /** A constant scalar that broadcasts. */
  constant(value: number): V;
  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  div(a: V, b: V): V;
  max(a: V, b: V): V;
  neg(a: V): V;
  abs(a: V): V;
  sqrt(a: V): V;
  /** −1, 0 or 1. */
  sign(a: V): V;
  /** `a < b ? x : y`, element by element. */
  whereLess(a: V, b: V, x: V, y: V): V;
}
