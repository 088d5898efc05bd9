import type { Tensor } from '../onnx/tensor.ts';
import { normsOf, type Path } from './path.ts';
import type { Position, Runner } from './runner.ts';

/** A point of a run, without what the optimizer keeps. */
export type Passed = Pick<Position, 'step' | 'theta'>;

/**
 * Measures at averaged points (θ⁽ⁿ⁻¹⁾ + 2θ⁽ⁿ⁾ + θ⁽ⁿ⁺¹⁾)/4, where an oscillation from step to step cancels, for every n that is a
 * multiple of `period`. It is shown every θ that a run stops at, and must be shown those at n − 1, n and n + 1.
 */
export class Averaging {
  private recent: Passed[] = [];

  constructor(
    private readonly runner: Runner,
    private readonly period: number,
  ) {}

  /** What it has been shown and still needs. */
  get saved(): readonly Passed[] {
    return this.recent;
  }

  restore(saved: readonly Passed[]): void {
    this.recent = [...saved];
  }

  /** Steps that the run may take from `step` on without passing one that must be shown. */
  stride(step: number): number {
    const phase = step % this.period;
    return phase === 0 || phase === this.period - 1 ? 1 : this.period - 1 - phase;
  }

  /** Takes notice of θ; where it completes a point, measures there. `at` gives loss and norms at step n. */
  async show(
    position: Position,
    path: Pick<Path, 'average'>,
    at: (step: number) => Measured | undefined,
  ): Promise<void> {
    const { step } = position;
    if (this.recent.at(-1)?.step === step) return;
    this.recent = [...this.recent.filter((each) => each.step >= step - 2), { step, theta: position.theta }];
    const [before, middle, after] = this.recent;
    if (this.recent.length < 3 || middle.step % this.period !== 0 || before.step !== step - 2) return;
    const known = at(middle.step);
    if (!known) return;
    const theta = averaged(before.theta, middle.theta, after.theta);
    // Loss and norms at θ are the same whatever the state.
    const [record] = (await this.runner.plainSteps({ step: middle.step, theta, state: position.state }, 1)).records;
    const ratios = normsOf(record).map((norm, i) => norm / known.norms[i]);
    path.average({ step: middle.step, loss: known.loss, ratios });
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
