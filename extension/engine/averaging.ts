import type { Tensor } from '../onnx/tensor.ts';
import { normsOf, type Path } from './path.ts';
import type { Position, Runner } from './runner.ts';

/** Averaged points of a run, about. */
const points = 40;

/** Steps between averaged points in a run of `steps` steps: a multiple of `every`, so that lines with a correction have them. */
export const averagingPeriod = (steps: number, every: number): number =>
  every * Math.max(1, Math.ceil(Math.max(3, steps / points) / every));

/**
 * Measures at averaged points (θ⁽ⁿ⁻¹⁾ + 2θ⁽ⁿ⁾ + θ⁽ⁿ⁺¹⁾)/4, where an oscillation from step to step cancels. It is shown every
 * θ that a run stops at, and must be shown those at n − 1, n and n + 1.
 */
export class Averaging {
  private recent: Position[] = [];

  /** @param first step that the run begins at; there is no point at it */
  constructor(
    private readonly runner: Runner,
    private readonly first: number,
    private readonly period: number,
  ) {}

  /** Steps that the run may take from `step` on without passing one that must be shown. */
  stride(step: number): number {
    const phase = (step - this.first) % this.period;
    if (step === this.first) return Math.max(1, this.period - 1);
    return phase === 0 || phase === this.period - 1 ? 1 : this.period - 1 - phase;
  }

  /** Takes notice of θ; where it completes a point, measures there. `norms` gives those at step n. */
  async show(position: Position, path: Path, at: (step: number) => Measured | undefined): Promise<void> {
    const { step } = position;
    if (this.recent.at(-1)?.step === step) return;
    this.recent = [...this.recent.filter((each) => each.step >= step - 2), position];
    const [before, middle, after] = this.recent;
    if (this.recent.length < 3 || (middle.step - this.first) % this.period !== 0 || before.step !== step - 2) return;
    const known = at(middle.step);
    if (!known) return;
    const theta = averaged(before.theta, middle.theta, after.theta);
    const [record] = (await this.runner.plainSteps({ ...middle, theta }, 1)).records;
    const ratios = normsOf(record).map((norm, i) => norm / known.norms[i]);
    path.averages.push({ step: middle.step, loss: known.loss, ratios });
  }
}

/** Loss and one-norms at a step. */
export interface Measured {
  readonly loss: number;
  readonly norms: readonly number[];
}

function averaged(before: Tensor, middle: Tensor, after: Tensor): Tensor {
  const [a, b, c] = [before, middle, after].map(({ data }) => data as Float64Array);
  return { ...middle, data: b.map((value, i) => (a[i] + 2 * value + c[i]) / 4) as never } as Tensor;
}
