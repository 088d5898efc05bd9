import type { Hyperparameters, Optimizer, StepSizes } from '../../extension/optimizers/optimizer.ts';
import { type Problem, type State, step, zeroState } from './support.ts';

/**
 * G and C of the modified equation θ' = −G − h·C at step n for any smooth optimizer with fading memory, from its update
 * alone (theory B1): the optimizer is replayed on the frozen gradient, which gives G_k, and then on the gradients and
 * parameters it would have seen on the way here, θ shifted back by Σ_{k≤l<n} (h_l/h_n) G_l + ½G_n.
 */
export function replay(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  problem: Problem,
  n: number,
  theta: Float64Array,
  stepSizes: StepSizes = () => hyper.lr,
): { G: Float64Array; C: Float64Array } {
  const g = problem.gradient(theta);
  const directions = feed(optimizer, hyper, n, () => ({ theta, gradient: g }), stepSizes);
  const G = directions[n];
  const shifts: Float64Array[] = [];
  shifts[n] = G.map((x) => x / 2);
  for (let k = n - 1; k >= 0; k--) {
    const relative = stepSizes(k) / stepSizes(n);
    shifts[k] = shifts[k + 1].map((x, j) => x + relative * directions[k][j]);
  }
  const gradients = shifts.map((shift) => problem.hessianProduct(theta, shift));
  const largest = Math.max(...gradients[0].map((x, j) => Math.abs(x) / Math.abs(g[j])), 1);
  const at = (e: number) =>
    feed(
      optimizer,
      hyper,
      n,
      (k) => ({ theta: theta.map((x, j) => x + e * shifts[k][j]), gradient: g.map((x, j) => x + e * gradients[k][j]) }),
      stepSizes,
    )[n];
  const central = (e: number) => {
    const [plus, minus] = [at(e), at(-e)];
    return plus.map((x, j) => (x - minus[j]) / (2 * e));
  };
  // Richardson: the e² terms of the two central differences cancel.
  const e = 3e-4 / largest;
  const [coarse, fine] = [central(e), central(e / 2)];
  return { G, C: fine.map((x, j) => (4 * x - coarse[j]) / 3) };
}

/** The directions of steps 0 … n, each taken at what `inputs` gives. */
function feed(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  n: number,
  inputs: (k: number) => { theta: Float64Array; gradient: Float64Array },
  stepSizes: StepSizes,
): Float64Array[] {
  let state: State = zeroState(optimizer, hyper, inputs(0).theta.length);
  const directions: Float64Array[] = [];
  for (let k = 0; k <= n; k++) {
    const { theta, gradient } = inputs(k);
    const result = step(optimizer, hyper, k, theta, gradient, state, stepSizes);
    state = result.state;
    directions.push(result.direction);
  }
  return directions;
}
