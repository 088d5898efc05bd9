import { cosine, type Points, row } from './margins.ts';
import { Random } from './random.ts';

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
  private readonly random: Random;
  private exponent = 0;
  private queue: number[] = [];

  constructor(
    private readonly points: Points,
    private readonly algorithm: Algorithm,
    private readonly schedule: Schedule,
    seed: number,
  ) {
    this.w = new Float64Array(points.dimension);
    this.moment = new Float64Array(points.dimension);
    this.square = new Float64Array(points.dimension);
    this.gradient = new Float64Array(points.dimension);
    this.random = new Random(seed);
  }

  get stepSize(): number {
    return this.schedule.lr * (this.step + 2) ** -this.schedule.power;
  }

  /** Takes one step. */
  advance(): void {
    const { kind, batch, order } = this.algorithm;
    // The smallest margin moves slowly; where it costs, once per pass over the data is often enough to follow it.
    const small = this.points.count * this.points.dimension <= 1000;
    const period = order === 'full' || small ? 1 : Math.max(1, Math.floor(this.points.count / batch));
    if (this.step % period === 0) this.rescale();
    if (kind === 'proxy') this.proxyStep();
    else this.momentStep(kind);
    this.step++;
  }

  /** e^s·∇ℓ_i(w) of every point, as rows. */
  sampleGradients(): Float64Array[] {
    return Array.from({ length: this.points.count }, (_, i) => {
      const x = row(this.points, i);
      const slope = scaledSlope(this.margin(x), this.exponent);
      return x.map((value) => value * slope);
    });
  }

  private margin(x: Float64Array): number {
    let z = 0;
    for (let k = 0; k < x.length; k++) z += x[k] * this.w[k];
    return z;
  }

  private rescale(): void {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.points.count; i++) least = Math.min(least, this.margin(row(this.points, i)));
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
    if (this.queue.length === 0)
      this.queue = order === 'reshuffled' ? this.random.permutation(count) : Array.from({ length: count }, (_, i) => i);
    return this.queue.shift()!;
  }

  private momentStep(kind: 'adam' | 'signum'): void {
    const { w, moment, square, gradient, algorithm, points } = this;
    const { beta1, beta2 } = algorithm;
    const size = algorithm.order === 'full' ? points.count : algorithm.batch;
    gradient.fill(0);
    for (let j = 0; j < size; j++) {
      const x = row(points, algorithm.order === 'full' ? j : this.next());
      const slope = scaledSlope(this.margin(x), this.exponent) / size;
      for (let k = 0; k < x.length; k++) gradient[k] += slope * x[k];
    }
    const eta = this.stepSize;
    const unbias1 = 1 / (1 - beta1 ** (this.step + 1));
    const unbias2 = 1 / (1 - beta2 ** (this.step + 1));
    for (let k = 0; k < w.length; k++) {
      const g = gradient[k];
      moment[k] = beta1 * moment[k] + (1 - beta1) * g;
      if (kind === 'signum') w[k] -= eta * Math.sign(moment[k]);
      else {
        square[k] = beta2 * square[k] + (1 - beta2) * g * g;
        if (square[k] > 0) w[k] -= (eta * moment[k] * unbias1) / Math.sqrt(square[k] * unbias2);
      }
    }
  }

  /** w ← w − η·∇L/√Σ(∇L_i)²: Adam on single samples in the limit of β₂ → 1. */
  private proxyStep(): void {
    const { w, gradient, square, points } = this;
    gradient.fill(0);
    square.fill(0);
    for (let i = 0; i < points.count; i++) {
      const x = row(points, i);
      const slope = scaledSlope(this.margin(x), this.exponent);
      for (let k = 0; k < x.length; k++) {
        const g = slope * x[k];
        gradient[k] += g / points.count;
        square[k] += g * g;
      }
    }
    const eta = this.stepSize;
    for (let k = 0; k < w.length; k++) if (square[k] > 0) w[k] -= (eta * gradient[k]) / Math.sqrt(square[k]);
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
