import type { Problem } from './support.ts';

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

/** A point (x₁, x₂) with its label ±1. */
export type Labelled = readonly [x1: number, x2: number, label: number];

/**
 * E = mean log(1 + exp(−y f)), f = θ₄ tanh(θ₁x₁ + θ₂x₂ + θ₃) + θ₅: a network of one tanh unit, five parameters.
 * With φ(f) the loss of a point, H·d = mean[φ''(∇f·d)∇f + φ'·∇²f·d].
 */
export function tanhNetwork(points: readonly Labelled[]): Problem {
  return {
    gradient: (theta) => meanOf(points, (point) => pointTerms(theta, point).gradient),
    hessianProduct: (theta, d) =>
      meanOf(points, (point) => {
        const { inputs, activation, slope, first, second, ofF, output } = pointTerms(theta, point);
        const along = inputs[0] * d[0] + inputs[1] * d[1] + inputs[2] * d[2];
        const inner = slope * (d[3] - 2 * output * activation * along);
        const curved = [inner * inputs[0], inner * inputs[1], inner * inputs[2], slope * along, 0];
        const change = ofF.reduce((sum, x, j) => sum + x * d[j], 0);
        return ofF.map((x, j) => second * change * x + first * curved[j]);
      }),
  };
}

function pointTerms(theta: Float64Array, [x1, x2, label]: Labelled) {
  const activation = Math.tanh(theta[0] * x1 + theta[1] * x2 + theta[2]);
  const output = theta[3];
  const slope = 1 - activation ** 2;
  const ofF = [output * slope * x1, output * slope * x2, output * slope, activation, 1];
  const miss = 1 / (1 + Math.exp(label * (output * activation + theta[4])));
  const first = -label * miss;
  return {
    inputs: [x1, x2, 1],
    activation,
    output,
    slope,
    ofF,
    first,
    second: miss * (1 - miss),
    gradient: ofF.map((x) => first * x),
  };
}

function meanOf(points: readonly Labelled[], f: (point: Labelled) => readonly number[]): Float64Array {
  const mean = new Float64Array(5);
  for (const point of points)
    f(point).forEach((x, j) => {
      mean[j] += x / points.length;
    });
  return mean;
}
