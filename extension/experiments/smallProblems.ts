import { Random } from '../jobs/random.ts';

/** A smooth loss in float64: E(θ), ∇E(θ) and H(θ)·v, each vector of shape [p]. */
export interface SmoothLoss {
  value(theta: Float64Array): number;
  gradient(theta: Float64Array): Float64Array;
  hessianProduct(theta: Float64Array, v: Float64Array): Float64Array;
}

/** A loss that is the mean of the losses of mini-batches, and where to start. */
export interface SmallProblem {
  readonly start: Float64Array;
  readonly batches: readonly SmoothLoss[];
}

/** The mean of several losses. */
export function meanLoss(parts: readonly SmoothLoss[]): SmoothLoss {
  const average = (vectors: readonly Float64Array[]) =>
    vectors[0].map((_, j) => vectors.reduce((sum, vector) => sum + vector[j], 0) / vectors.length);
  return {
    value: (theta) => parts.reduce((sum, part) => sum + part.value(theta), 0) / parts.length,
    gradient: (theta) => average(parts.map((part) => part.gradient(theta))),
    hessianProduct: (theta, v) => average(parts.map((part) => part.hessianProduct(theta, v))),
  };
}

/** E = ½(y − x θ₁θ₂)²: the bilinear model on one point. */
export function bilinearLoss(x: number, y: number): SmoothLoss {
  const miss = ([a, b]: Float64Array) => y - x * a * b;
  return {
    value: (theta) => 0.5 * miss(theta) ** 2,
    gradient: (theta) => {
      const slope = -x * miss(theta);
      return Float64Array.of(slope * theta[1], slope * theta[0]);
    },
    hessianProduct: (theta, [u, v]) => {
      const [a, b] = theta;
      const slope = -x * miss(theta);
      const along = x * x * (b * u + a * v);
      return Float64Array.of(along * b + slope * v, along * a + slope * u);
    },
  };
}

/** The bilinear model on three points, each a mini-batch. */
export function bilinearProblem(): SmallProblem {
  return {
    start: Float64Array.of(1.2, 0.9),
    batches: [bilinearLoss(2, 1.5), bilinearLoss(1, 0.5), bilinearLoss(1.5, 2)],
  };
}

/** A point (x₁, x₂) with its label ±1. */
type Labelled = readonly [x1: number, x2: number, label: number];

/**
 * E = mean log(1 + exp(−y f)), f = θ₄ tanh(θ₁x₁ + θ₂x₂ + θ₃) + θ₅: a network of one tanh unit, five parameters.
 * With φ(f) the loss of a point, H·d = mean[φ''(∇f·d)∇f + φ'·∇²f·d].
 */
export function tanhUnitLoss(points: readonly Labelled[]): SmoothLoss {
  const mean = (f: (point: Labelled) => readonly number[]) => {
    const sum = new Float64Array(5);
    for (const point of points) {
      const values = f(point);
      for (let j = 0; j < 5; j++) sum[j] += values[j] / points.length;
    }
    return sum;
  };
  return {
    value: (theta) =>
      points.reduce((sum, [x1, x2, label]) => {
        const f = theta[3] * Math.tanh(theta[0] * x1 + theta[1] * x2 + theta[2]) + theta[4];
        return sum + Math.log1p(Math.exp(-Math.abs(label * f))) + Math.max(0, -label * f);
      }, 0) / points.length,
    gradient: (theta) =>
      mean((point) => {
        const { ofF, first } = tanhTerms(theta, point);
        return ofF.map((x) => first * x);
      }),
    hessianProduct: (theta, d) =>
      mean((point) => {
        const { x1, x2, activation, slope, first, second, ofF, output } = tanhTerms(theta, point);
        const along = x1 * d[0] + x2 * d[1] + d[2];
        const inner = slope * (d[3] - 2 * output * activation * along);
        const curved = [inner * x1, inner * x2, inner, slope * along, 0];
        const change = ofF.reduce((sum, x, j) => sum + x * d[j], 0);
        return ofF.map((x, j) => second * change * x + first * curved[j]);
      }),
  };
}

function tanhTerms(theta: Float64Array, [x1, x2, label]: Labelled) {
  const activation = Math.tanh(theta[0] * x1 + theta[1] * x2 + theta[2]);
  const output = theta[3];
  const slope = 1 - activation ** 2;
  const miss = 1 / (1 + Math.exp(label * (output * activation + theta[4])));
  return {
    x1,
    x2,
    activation,
    output,
    slope,
    ofF: [output * slope * x1, output * slope * x2, output * slope, activation, 1],
    first: -label * miss,
    second: miss * (1 - miss),
  };
}

/** The tanh unit on `batches` mini-batches of four random points, labelled by a noisy line. */
export function tanhProblem(seed: number, batches = 3): SmallProblem {
  const random = new Random(seed);
  const point = (): Labelled => {
    const [x1, x2] = [random.normal(), random.normal()];
    return [x1, x2, x1 - 0.5 * x2 + 0.7 * random.normal() > 0 ? 1 : -1];
  };
  const parts = Array.from({ length: batches }, () => tanhUnitLoss(Array.from({ length: 4 }, point)));
  return { start: Float64Array.from([0.5, -0.4, 0.2, 0.7, -0.1], (x) => x + 0.3 * random.normal()), batches: parts };
}

/** θ(t + h) for θ' = velocity(θ) by one step of the classical Runge–Kutta method. */
export async function rungeKutta(
  theta: Float64Array,
  h: number,
  velocity: (theta: Float64Array) => Float64Array | Promise<Float64Array>,
): Promise<Float64Array> {
  const along = (k: Float64Array, c: number) => theta.map((x, j) => x + c * k[j]);
  const k1 = await velocity(theta);
  const k2 = await velocity(along(k1, h / 2));
  const k3 = await velocity(along(k2, h / 2));
  const k4 = await velocity(along(k3, h));
  return theta.map((x, j) => x + (h / 6) * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]));
}

/** ‖a − b‖∞. */
export function distance(a: Float64Array, b: Float64Array): number {
  let largest = 0;
  for (let j = 0; j < a.length; j++) largest = Math.max(largest, Math.abs(a[j] - b[j]));
  return largest;
}
