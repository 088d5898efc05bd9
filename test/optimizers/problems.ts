import type { Problem } from './support.ts';
import vectors from './theory-vectors.json';

/** E = mean_k ½(y_k − x_k θ₁θ₂)², the bilinear model of the recorded values. */
export function bilinear(points: readonly (readonly [x: number, y: number])[]): Problem {
  const mean = (f: (x: number, y: number) => number) =>
    points.reduce((sum, [x, y]) => sum + f(x, y), 0) / points.length;
  return {
    gradient([a, b]) {
      const slope = mean((x, y) => -x * (y - x * a * b));
      return Float64Array.of(slope * b, slope * a);
    },
    hessianProduct([a, b], [u, v]) {
      const slope = mean((x, y) => -x * (y - x * a * b));
      const curvature = mean((x) => x * x);
      const along = curvature * (b * u + a * v);
      return Float64Array.of(along * b + slope * v, along * a + slope * u);
    },
  };
}

/** The mini-batches (x, y) of the recorded values. */
export const bilinearPoints = [
  [2, 1.5],
  [1, 0.5],
  [1.5, 2],
] as const;

/** The quadratic model with the recorded gradient and Hessian at θ = (1.2, 0.9). */
export const recorded = {
  theta: Float64Array.from(vectors.bilinear.theta),
  gradient: Float64Array.from(vectors.bilinear.g),
  hessian: vectors.bilinear.H,
};
