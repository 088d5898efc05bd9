import type { Tensor } from '../onnx/tensor.ts';
import { isLarge } from './memory.ts';
import { normsOf, type Path } from './path.ts';
import type { Position, Runner } from './runner.ts';
import type { StepRecord } from './stepRecord.ts';

/**
 * Where stretches of a run lie: the k-th one goes from step first + k·period over `width` steps, and every `spacing`-th of its
 * points is averaged. `width` is a multiple of 2·spacing; an odd spacing keeps an oscillation of period two out of the mean.
 */
export interface StretchPlan {
  readonly first: number;
  readonly width: number;
  readonly period: number;
  readonly spacing: number;
}

/** Mean norms of the halves of a stretch differ by this factor at most, so that what its mean lacks is no trend. */
const mostChange = 2;

/** What is summed of a stretch that is being gone through: plain data. */
interface Sums {
  /** Step at which it begins. */
  readonly from: number;
  /** Points and records that are in it. */
  readonly points: number;
  readonly records: number;
  /** Undefined before the first point. */
  readonly theta: Float64Array | Float32Array | undefined;
  readonly loss: number;
  readonly norms: readonly number[];
  /** Of the model's norms, without weights. */
  readonly halves: readonly [number, number];
  readonly high: number;
  readonly low: number;
}

/** What stretches that are gone on with need: plain data. */
export type SavedStretches = Sums | undefined;

/**
 * Measures at means of the points of a run over stretches of many steps, in which an oscillation over some of them cancels:
 * Σ w_j θ⁽ⁿ⁺ʲ⁾ with w_j proportional to sin²(πj/W), 0 < j < W (Hann), against the mean of the norms with such weights. The weights
 * are symmetric, so that what changes linearly along a stretch is the same in both. It is shown every θ that a run stops at and
 * must be shown the points that are averaged and that at the end of a stretch; it holds one vector of sums.
 */
export class Stretches {
  private sums: SavedStretches;

  constructor(
    private readonly runner: Runner,
    private readonly plan: StretchPlan,
  ) {}

  get saved(): SavedStretches {
    return this.sums && { ...this.sums, theta: this.sums.theta?.slice() };
  }

  restore(saved: SavedStretches): void {
    this.sums = saved && { ...saved, theta: saved.theta?.slice() };
  }

  /** Steps that the run may take from `step` on without passing one that must be shown. */
  stride(step: number): number {
    const { first, width, period, spacing } = this.plan;
    if (step < first) return first + spacing - step;
    const place = (step - first) % period;
    return place < width ? spacing - (place % spacing) : period + spacing - place;
  }

  /** Takes notice of a record. */
  add(record: StepRecord): void {
    const { width } = this.plan;
    const place = this.placeOf(record.step);
    if (place < 1 || place >= width) return;
    const sums = this.sumsOf(record.step - place);
    if (place !== sums.records + 1) return;
    const { loss, gradientNorm1 } = record;
    const weight = this.weight(place) * (2 / width);
    const [before, after] = sums.halves;
    const side = Math.sign(2 * place - width);
    this.sums = {
      ...sums,
      records: place,
      loss: sums.loss + weight * loss,
      norms: normsOf(record).map((norm, t) => (sums.norms[t] ?? 0) + weight * norm),
      halves: [before + (side < 0 ? gradientNorm1 : 0), after + (side > 0 ? gradientNorm1 : 0)],
      high: Math.max(sums.high, loss),
      low: Math.min(sums.low, loss),
    };
  }

  /** Takes notice of θ; where it ends a stretch, measures at the mean. */
  async show(position: Position, path: Pick<Path, 'stretch'>): Promise<void> {
    const { width, spacing } = this.plan;
    await this.finish(position, path);
    const place = this.placeOf(position.step);
    if (place < 1 || place >= width || place % spacing !== 0) return;
    const sums = this.sumsOf(position.step - place);
    if (place !== (sums.points + 1) * spacing) return;
    const data = position.theta.data as Float64Array;
    const weight = this.weight(place) * ((2 * spacing) / width);
    const theta = sums.theta ?? this.zeros(data.length);
    for (let i = 0; i < theta.length; i++) theta[i] += weight * data[i];
    this.sums = { ...sums, theta, points: sums.points + 1 };
  }

  private async finish(position: Position, path: Pick<Path, 'stretch'>): Promise<void> {
    const { sums } = this;
    const { width, spacing } = this.plan;
    if (!sums?.theta || sums.from !== position.step - width) return;
    this.sums = undefined;
    if (sums.points !== width / spacing - 1 || sums.records !== width - 1) return;
    const mean = sums.theta;
    const data = (position.theta.data as Float64Array).map((_, i) => mean[i]) as never;
    const theta = { ...position.theta, data } as Tensor;
    // Loss and norms at θ are the same whatever the state.
    const [record] = (await this.runner.plainSteps({ ...position, theta }, 1)).records;
    const [before, after] = sums.halves;
    path.stretch({
      ...{ from: sums.from, to: position.step, loss: sums.loss, high: sums.high, low: sums.low },
      lossAtMean: record.loss,
      ratios: normsOf(record).map((norm, t) => norm / sums.norms[t]),
      steady: before <= mostChange * after && after <= mostChange * before,
    });
  }

  /** Steps since a stretch began; 0 where none has. */
  private placeOf(step: number): number {
    return step < this.plan.first ? 0 : (step - this.plan.first) % this.plan.period;
  }

  private weight(place: number): number {
    return Math.sin((Math.PI * place) / this.plan.width) ** 2;
  }

  /** The sums of the stretch that begins at a step. */
  private sumsOf(from: number): Sums {
    if (this.sums?.from === from) return this.sums;
    const extremes = { high: Number.NEGATIVE_INFINITY, low: Number.POSITIVE_INFINITY };
    return { ...{ from, points: 0, records: 0, theta: undefined, loss: 0, norms: [], halves: [0, 0] }, ...extremes };
  }

  private zeros(length: number): Float64Array | Float32Array {
    // Beside a large model a vector of twice the length would count.
    return isLarge(this.runner.problem) ? new Float32Array(length) : new Float64Array(length);
  }
}
