import type { Hyperparameters, MemorylessDirection, Optimizer, Twin } from './optimizer.ts';

/**
 * The first direction of the correction for n → ∞: the update on a gradient that has always been the same. Only for
 * optimizers whose correction there does not depend on the state.
 */
export function frozenDirection(optimizer: Optimizer, hyper: Hyperparameters): MemorylessDirection {
  return {
    coefficients: optimizer.correctionCoefficients(hyper, Infinity),
    direction: (a, c, inputs) => optimizer.hessianDirections(a, hyper, c, { ...inputs, state: {} })[0],
  };
}

const NO_TERM = 'where theory sees no effect of the memory on the gradient norm';

/** A twin with other settings, named by them. */
export function twinWith(hyper: Hyperparameters, changed: Partial<Hyperparameters>, label: string): Twin {
  return { hyper: { ...hyper, ...changed } as Hyperparameters, words: `with ${label}, ${NO_TERM}`, label };
}

/**
 * The factor of a second moment that begins as zero, which a run has gathered over n steps, for its twin: with it both have the
 * same estimate v/(1 − ρⁿ), though their ρ differ. 1 where there is no such bias correction.
 */
export function twinMomentScale(optimizer: Optimizer, own: Hyperparameters, twin: Hyperparameters, n: number): number {
  if (n === 0) return 1;
  const unbias = (hyper: Hyperparameters) => optimizer.updateCoefficients(hyper, n - 1).unbias2 ?? 1;
  return unbias(own) / unbias(twin);
}
