import { type Hyperparameters, isAbsent, type MemorylessDirection, type Optimizer } from '../optimizers/optimizer.ts';

/**
 * The memoryless flow θ' = −G(θ) of an optimizer as an optimizer: Euler's method with `lr` as its step. It has no state, and
 * the same programs as any other.
 */
export function flowOf(optimizer: Optimizer): Optimizer {
  return {
    ...optimizer,
    name: `${optimizer.name} flow`,
    structure: (hyper) => `flow ${optimizer.structure(hyper)}`,
    stateNames: () => [],
    updateCoefficients: (hyper) => ({ ...memoryless(optimizer, hyper).coefficients, stepSize: hyper.lr }),
    update: (a, hyper, c, inputs) => ({
      direction: memoryless(optimizer, hyper).direction(a, c, inputs),
      state: {},
    }),
  };
}

function memoryless(optimizer: Optimizer, hyper: Hyperparameters): MemorylessDirection {
  const found = optimizer.memorylessDirection(hyper);
  if (isAbsent(found)) throw new Error(`${optimizer.name} has no flow: ${found.reason}`);
  return found;
}
