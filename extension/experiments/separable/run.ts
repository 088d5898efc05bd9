import { Random } from '../../jobs/random.ts';
import { cosine, type Points, row } from './margins.ts';

/** How the next mini-batch is chosen. */
export type Order = 'full' | 'cyclic' | 'reshuffled' | 'replacement';

export interface Algorithm {
  readonly label: string;
  readonly kind: 'adam' | 'signum' | 'proxy';
  readonly order: Order;
  readonly batch: number;
  /** First and second decay rate; Signum has the first only. */
  readonly beta1: number;
  readonly beta2: number;
}

/** η_t = lr·(t + 2)^(−power). */
export interface Schedule {
  readonly lr: number;
  readonly power: number;
  readonly steps: number;
}

/** ℓ'(z)·e^s of the logistic loss log(1 + e^(−z)), without underflow for z near s ≫ 0. */
const scaledSlope = (z: number, s: number): number =>
  z >= 0 ? -Math.exp(s - z) / (1 + Math.exp(-z)) : -Math.exp(s) / (1 + Math.exp(z));

/**
 * Linear classification with the logistic loss (1/N)Σ log(1 + e^(−x_i·w)) from w = 0, with ε = 0 and bias correction.
 * Gradients shrink like e^(−margin), so they are kept multiplied by e^s with s near the smallest margin; when s changes,
 * the moments change with it. All updates are free of scale.
 */
export class LinearRun {
  readonly w: Float64Array;
  step = 0;
  private readonly moment: Float64Array;
  private readonly square: Float64Array;
  private readonly gradient: Float64Array;
  /** Slopes of the points of this step. */
  private readonly slopes: Float64Array;
  private readonly random: Random;
  private readonly largestNorm1: number;
  private exponent = 0;
  /** Steps until the scale is looked at again. */
  private untilRescale = 0;
  /** β₁ⁿ⁺¹ and β₂ⁿ⁺¹. */
  private power1 = 1;
  private power2 = 1;
  private order: number[] = [];
  private place = 0;

  constructor(
    private readonly points: Points,
    private readonly algorithm: Algorithm,
    private readonly schedule: Schedule,
    seed: number,
  ) {
    const { count, dimension, x } = points;
    this.w = new Float64Array(dimension);
    this.moment = new Float64Array(dimension);
    this.square = new Float64Array(dimension);
    this.gradient = new Float64Array(dimension);
    this.slopes = new Float64Array(count);
    this.random = new Random(seed);
    let largest = 0;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let k = 0; k < dimension; k++) sum += Math.abs(x[i * dimension + k]);
      largest = Math.max(largest, sum);
    }
    this.largestNorm1 = largest;
  }

  get stepSize(): number {
    const { lr, power } = this.schedule;
    return power === 0.5 ? lr / Math.sqrt(this.step + 2) : lr * (this.step + 2) ** -power;
  }

  /** Takes one step. */
  advance(): void {
    const { kind } = this.algorithm;
    const eta = this.stepSize;
    if (this.untilRescale-- <= 0) this.rescale(eta);
    if (kind === 'proxy') this.proxyStep(eta);
    else this.momentStep(kind, eta);
    this.step++;
  }

  /** e^s·∇ℓ_i(w) of every point, as rows. */
  sampleGradients(): Float64Array[] {
    this.rescale(this.stepSize);
    return Array.from({ length: this.points.count }, (_, i) => {
      const slope = scaledSlope(this.margin(i), this.exponent);
      return row(this.points, i).map((value) => value * slope);
    });
  }

  /** x_i·w */
  private margin(i: number): number {
    const { w } = this;
    const { x, dimension } = this.points;
    const from = i * dimension;
    let z = 0;
    for (let k = 0; k < dimension; k++) z += x[from + k] * w[k];
    return z;
  }

  private rescale(eta: number): void {
    // No coordinate moves by much more than η in a step: margins stay within e^±20 of the scale until the next look.
    this.untilRescale = Math.min(64, Math.floor(20 / (eta * this.largestNorm1)));
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.points.count; i++) least = Math.min(least, this.margin(i));
    const [moment, square] = [this.moment, this.square].map((values) =>
      values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-100),
    );
    // Where the margin jumps, gradients of before may be far larger than all others: they set the scale until forgotten.
    const change = Math.min(
      Math.max(0, least) - this.exponent,
      Math.log(1e100) - Math.log(moment),
      (Math.log(1e200) - Math.log(square)) / 2,
    );
    if (!Number.isFinite(change) || change === 0) return;
    this.exponent += change;
    const [factor, squared] = [Math.exp(change), Math.exp(2 * change)];
    for (let k = 0; k < this.w.length; k++) {
      this.moment[k] *= factor;
      this.square[k] *= squared;
    }
  }

  private next(): number {
    const { count } = this.points;
    const { order } = this.algorithm;
    if (order === 'replacement') return this.random.below(count);
    if (order === 'cyclic') {
      const next = this.place;
      this.place = next + 1 === count ? 0 : next + 1;
      return next;
    }
    if (this.place === this.order.length) [this.order, this.place] = [this.random.permutation(count), 0];
    return this.order[this.place++];
  }

  private momentStep(kind: 'adam' | 'signum', eta: number): void {
    const { w, moment, square, gradient, algorithm } = this;
    const { count, dimension, x } = this.points;
    const { beta1, beta2, order } = algorithm;
    const size = order === 'full' ? count : algorithm.batch;
    gradient.fill(0);
    for (let j = 0; j < size; j++) {
      const i = order === 'full' ? j : this.next();
      const slope = scaledSlope(this.margin(i), this.exponent) / size;
      const from = i * dimension;
      for (let k = 0; k < dimension; k++) gradient[k] += slope * x[from + k];
    }
    if (kind === 'signum') {
      for (let k = 0; k < dimension; k++) {
        moment[k] = beta1 * moment[k] + (1 - beta1) * gradient[k];
        w[k] -= eta * Math.sign(moment[k]);
      }
      return;
    }
    this.power1 *= beta1;
    this.power2 *= beta2;
    const factor = (eta / (1 - this.power1)) * Math.sqrt(1 - this.power2);
    for (let k = 0; k < dimension; k++) {
      const g = gradient[k];
      moment[k] = beta1 * moment[k] + (1 - beta1) * g;
      square[k] = beta2 * square[k] + (1 - beta2) * g * g;
      if (square[k] > 0) w[k] -= (factor * moment[k]) / Math.sqrt(square[k]);
    }
  }

  /** w ← w − η·∇L/√Σ(∇L_i)²: Adam on single samples in the limit of β₂ → 1. */
  private proxyStep(eta: number): void {
    const { w, gradient, square, slopes } = this;
    const { count, dimension, x } = this.points;
    gradient.fill(0);
    square.fill(0);
    for (let i = 0; i < count; i++) slopes[i] = scaledSlope(this.margin(i), this.exponent);
    for (let i = 0; i < count; i++) {
      const from = i * dimension;
      for (let k = 0; k < dimension; k++) {
        const g = slopes[i] * x[from + k];
        gradient[k] += g / count;
        square[k] += g * g;
      }
    }
    for (let k = 0; k < dimension; k++) if (square[k] > 0) w[k] -= (eta * gradient[k]) / Math.sqrt(square[k]);
  }
}

/**
 * How far one epoch of incremental Adam (batch size 1, cyclic) departs from its epoch-wise approximation (Baek, Song,
 * Yun, Proposition 2.5), relative to the epoch's own step, at the epochs asked for.
 */
export function epochwiseErrors(
  points: Points,
  { beta1, beta2 }: Pick<Algorithm, 'beta1' | 'beta2'>,
  schedule: Omit<Schedule, 'steps'>,
  epochs: readonly number[],
): { epoch: number; error: number; cosine: number }[] {
  const n = points.count;
  const algorithm: Algorithm = { label: '', kind: 'adam', order: 'cyclic', batch: 1, beta1, beta2 };
  const run = new LinearRun(points, algorithm, { ...schedule, steps: 0 }, 0);
  const factor = ((1 - beta1) / (1 - beta1 ** n)) * Math.sqrt((1 - beta2 ** n) / (1 - beta2));
  return [...epochs]
    .sort((a, b) => a - b)
    .map((epoch) => {
      while (run.step < epoch * n) run.advance();
      const eta = run.stepSize;
      const before = Float64Array.from(run.w);
      const gradients = run.sampleGradients();
      const predicted = new Float64Array(points.dimension);
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < predicted.length; k++) {
          let [first, second] = [0, 0];
          for (let j = 0; j < n; j++) {
            const age = (i - j + n) % n;
            first += beta1 ** age * gradients[j][k];
            second += beta2 ** age * gradients[j][k] ** 2;
          }
          if (second > 0) predicted[k] -= (eta * factor * first) / Math.sqrt(second);
        }
      }
      for (let i = 0; i < n; i++) run.advance();
      const actual = run.w.map((value, k) => value - before[k]);
      const miss = actual.map((value, k) => value - predicted[k]);
      return { epoch, error: Math.hypot(...miss) / Math.hypot(...actual), cosine: cosine(actual, predicted) };
    });
}
