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
