import { completeHyperparameters } from '../optimizers/hyperparameters.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import type { CorrectionTerms, Hyperparameters } from '../optimizers/optimizer.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { InspectorError } from '../shared/errors.ts';
import { mention, words } from '../shared/words.ts';
import type { SmoothLoss } from './smallProblems.ts';

/** Refuses a smaller decay rate that is not the smaller one. */
export function refuseOrder({ low, high }: { readonly low: number; readonly high: number }): void {
  if (low >= high)
    throw new InspectorError(
      `The smaller decay rate ${low} is not below the larger, ${high}.`,
      words`Exchange ${mention('low')} and ${mention('high')}.`,
    );
}

const adam = optimizerNamed('adam');

/** Adam in float64, as the small experiments run it. */
export interface AdamSettings {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly epsInside: boolean;
}

export const hyperOf = ({ lr, beta1, beta2, eps, epsInside }: AdamSettings): Hyperparameters =>
  completeHyperparameters(adam, 'pytorch', {
    lr,
    beta1,
    beta2,
    eps,
    eps_placement: epsInside ? 'inside' : 'outside',
  });

/** θ⁽ⁿ⁾ and the direction F_n that the step from it takes: θ⁽ⁿ⁺¹⁾ = θ⁽ⁿ⁾ − h·F_n. */
export interface AdamStep {
  readonly n: number;
  readonly theta: Float64Array;
  readonly gradient: Float64Array;
  readonly direction: Float64Array;
}

/** The steps of Adam from `start` on, without end. */
export function* adamSteps(
  loss: Pick<SmoothLoss, 'gradient'>,
  start: Float64Array,
  settings: AdamSettings,
): Generator<AdamStep> {
  const hyper = hyperOf(settings);
  let theta = start;
  let state = Object.fromEntries(
    adam.stateNames(hyper).map((name) => [name, new Float64Array(start.length)]),
  ) as Readonly<Record<string, Float64Array>>;
  for (let n = 0; ; n++) {
    const gradient = loss.gradient(theta);
    const c = numericCoefficients(adam.updateCoefficients(hyper, n));
    const { direction, state: next } = adam.update(numeric, hyper, c, { theta, gradient, state });
    yield { n, theta, gradient, direction };
    theta = theta.map((x, j) => x - settings.lr * direction[j]);
    state = next;
  }
}

/** The terms of the correction at θ for step n. */
export function adamTerms(
  loss: SmoothLoss,
  theta: Float64Array,
  settings: AdamSettings,
  n: number,
): CorrectionTerms<Float64Array> {
  const hyper = hyperOf(settings);
  const c = numericCoefficients(adam.correctionCoefficients(hyper, n));
  const inputs = { theta, gradient: loss.gradient(theta), state: {} };
  const products = adam
    .hessianDirections(numeric, hyper, c, inputs)
    .map((direction) => loss.hessianProduct(theta, direction));
  return adam.correction(numeric, hyper, c, inputs, products);
}
