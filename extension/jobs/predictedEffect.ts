import type { StepRecord } from '../engine/runner.ts';

/**
 * The effect that the theory predicts, accumulated along a run: the correction changes a norm at equal loss at the rate `net`
 * (theory C6), so that its logarithm gains ∫ net/‖∇E‖₁ dt, with time h per step; between lines by the trapezoidal rule.
 */
export class PredictedEffect {
  private last: { readonly step: number; readonly rates: readonly number[] } | undefined;
  private sums: number[] | undefined;

  /**
   * @param stepSize h of a step
   * @param share the part of the correction that the reference does not have
   */
  constructor(
    private readonly stepSize: (step: number) => number,
    private readonly share = 1,
  ) {}

  /** Of the model first, then of each tensor; null before the first record with a correction and where it is unknown. */
  get values(): readonly (number | null)[] | undefined {
    return this.sums?.map((sum) => (Number.isFinite(sum) ? Math.expm1(this.share * sum) : null));
  }

  /** Takes notice of a record; only those with a correction count. */
  add(record: StepRecord): void {
    if (!record.measures) return;
    const rate = (net: number | null | undefined, norm: number) => (net ?? Number.NaN) / norm;
    const rates = [
      rate(record.measures.net, record.gradientNorm1),
      ...record.tensors.map((tensor) => rate(tensor.measures?.net, tensor.gradientNorm1)),
    ].map((each) => each * this.stepSize(record.step));
    const { last } = this;
    this.sums ??= rates.map(() => 0);
    if (last) this.sums = this.sums.map((sum, t) => sum + ((record.step - last.step) * (last.rates[t] + rates[t])) / 2);
    this.last = { step: record.step, rates };
  }
}
