import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { numeric, numericCoefficients } from '../../extension/optimizers/numeric.ts';
import { type Hyperparameters, isAbsent, type Optimizer } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { frameworks } from '../../extension/shared/request.ts';
import { assertVectorClose, step, zeroState } from './support.ts';

type Given = Readonly<Record<string, number | boolean | string>>;

const theta = Float64Array.of(0.4, -1.2, 2, 0.1);
const gradient = Float64Array.of(0.3, -2e-3, 1e-7, -5);

/** Settings of every optimizer: its defaults in each framework, and what changes its form. */
const variants: Readonly<Record<string, readonly Given[]>> = {
  adam: [
    { eps_placement: 'inside' },
    { eps_placement: 'uncorrected' },
    { bias_correction: false },
    { amsgrad: true },
    { weight_decay: 0.2 },
  ],
  adamw: [{ eps_placement: 'inside', weight_decay: 0.3 }, { bias_correction: false }, { amsgrad: true }],
  nadam: [{ weight_decay: 0.2 }, { weight_decay: 0.2, decoupled_weight_decay: true }, { momentum_decay: 0 }],
  rmsprop: [{ momentum: 0.8 }, { eps_placement: 'inside', momentum: 0.5 }, { weight_decay: 0.1 }],
  sgd: [
    { momentum: 0.9 },
    { momentum: 0.9, nesterov: true },
    { momentum: 0.9, dampening: 0.5 },
    { momentum: 0.5, weight_decay: 0.2 },
  ],
  lion: [{ weight_decay: 0.2 }, { smoothing: 1e-4 }],
  signum: [{ smoothing: 1e-4 }],
  signsgd: [{ smoothing: 1e-4 }],
};

function* settings(): Generator<{ optimizer: Optimizer; hyper: Hyperparameters; what: string }> {
  for (const optimizer of optimizers)
    for (const framework of frameworks) {
      if (!optimizer.defaults(framework)) continue;
      for (const given of [{}, ...(variants[optimizer.name] ?? [])])
        yield {
          optimizer,
          hyper: completeHyperparameters(optimizer, framework, given),
          what: `${optimizer.name}, ${framework}, ${JSON.stringify(given)}`,
        };
    }
}

function directionOf(optimizer: Optimizer, hyper: Hyperparameters): Float64Array {
  const found = optimizer.memorylessDirection(hyper);
  assert.ok(!isAbsent(found), optimizer.name);
  return found.direction(numeric, numericCoefficients(found.coefficients), { theta, gradient });
}

test('the memoryless direction is what the optimizer does after many steps on one gradient', () => {
  for (const { optimizer, hyper, what } of settings()) {
    if (isAbsent(optimizer.memorylessDirection(hyper))) continue;
    // Short memories, so that 700 steps are many; NAdam's schedule lasts 100/ψ steps.
    const memories = optimizer.hyperparameters
      .filter(({ name, range }) => range?.max === 1 && range.maxExclusive && hyper[name] !== 0)
      .map(({ name }) => [name, 0.9]);
    const short = { ...hyper, ...Object.fromEntries(memories), ...(hyper.momentum_decay ? { momentum_decay: 1 } : {}) };
    let state = zeroState(optimizer, short, theta.length);
    let direction: Float64Array = theta;
    for (let n = 0; n < 700; n++) ({ direction, state } = step(optimizer, short, n, theta, gradient, state));
    assertVectorClose(directionOf(optimizer, short), direction, 1e-7, what);
  }
});

test('without a limit the reason is said', () => {
  const absent = (name: string, given: Given = {}) => {
    const optimizer = optimizerNamed(name);
    const found = optimizer.memorylessDirection(completeHyperparameters(optimizer, 'pytorch', given));
    return isAbsent(found) ? found.reason : undefined;
  };
  assert.match(absent('adagrad') ?? '', /forgets nothing/);
  assert.match(absent('rmsprop', { centered: true }) ?? '', /centered/);
  assert.equal(absent('rmsprop'), undefined);
});

/** κ where |g| ≫ ε and every Hessian product is that of one and the same linear map, at step n. */
function kappa(optimizer: Optimizer, hyper: Hyperparameters, n: number): number {
  const c = numericCoefficients(optimizer.correctionCoefficients(hyper, n));
  const inputs = { theta: Float64Array.of(0), gradient: Float64Array.of(1), state: {} };
  const products = optimizer.hessianDirections(numeric, hyper, c, inputs);
  return optimizer.correction(numeric, hyper, c, inputs, products).kappa[0];
}

test('in the twin the term of the memory is zero where ε is small; all else is as it was', () => {
  let twins = 0;
  for (const { optimizer, hyper, what } of settings()) {
    const twin = optimizer.twin(hyper);
    if (isAbsent(twin)) continue;
    twins++;
    const changed = Object.keys(hyper).filter((name) => twin.hyper[name] !== hyper[name]);
    // What κ depends on; a linear optimizer has another speed without its memory.
    const squared = optimizer.norm(hyper).kind === 'squared-norm';
    const { numerator = '', denominator = '', further = [] } = optimizer.memory;
    const allowed = [...(squared ? ['lr'] : []), numerator, denominator, ...further];
    assert.deepEqual(
      changed.filter((name) => !allowed.includes(name)),
      [],
      what,
    );
    assert.deepEqual(completeHyperparameters(optimizer, 'pytorch', twin.hyper), twin.hyper, what);
    assert.match(twin.words, new RegExp(`^with ${twin.label.replace(/[.()]/g, '.')}, `));
    const tiny = { ...twin.hyper, ...('eps' in hyper && { eps: 1e-20 }), weight_decay: 0 };
    // Descent along the gradient itself keeps what a finite step does without memory, (h/4)‖∇E‖².
    const expected = squared ? 0.25 : 0;
    assert.ok(
      Math.abs(kappa(optimizer, tiny, Infinity) - expected) < 1e-9,
      `${what}: ${kappa(optimizer, tiny, Infinity)}`,
    );
    if (hyper.bias_correction === true && !hyper.amsgrad) assert.ok(Math.abs(kappa(optimizer, tiny, 7)) < 1e-9, what);
    // The flow is the same up to its speed, and equally fast per step.
    const speed = (each: Hyperparameters) => directionOf(optimizer, each).map((x) => x * each.lr);
    assertVectorClose(speed(twin.hyper), speed(hyper), 1e-12, what);
  }
  assert.ok(twins > 15);
});

test('twins of known settings, and where there is none the reason', () => {
  const twinOf = (name: string, given: Given = {}) => {
    const optimizer = optimizerNamed(name);
    const twin = optimizer.twin(completeHyperparameters(optimizer, 'pytorch', given));
    return isAbsent(twin) ? twin.reason : twin.label;
  };
  assert.equal(twinOf('adam'), 'β₂ = β₁');
  assert.equal(twinOf('adamw', { amsgrad: true }), 'β₂ = β₁ and no AMSGrad');
  assert.match(twinOf('adam', { beta1: 0.95, beta2: 0.95 }), /own twin/);
  // ρ/(1−ρ) = β²/(1−β) = 8.1.
  assert.equal(twinOf('nadam'), 'β₂ = 0.89');
  // μ = β/2 throughout, ρ/(1−ρ) = ½β·β/(1−β) = 4.05.
  assert.equal(twinOf('nadam', { momentum_decay: 0 }), 'β₂ = 0.802');
  assert.equal(twinOf('sgd', { lr: 0.01, momentum: 0.9 }), 'no momentum at lr 0.1');
  assert.equal(twinOf('sgd', { lr: 0.01, momentum: 0.9, nesterov: true }), 'no momentum at lr 0.1');
  assert.equal(twinOf('sgd', { lr: 0.01, momentum: 0.9, dampening: 0.9 }), 'no momentum at lr 0.01');
  for (const name of ['sgd', 'rmsprop', 'lion', 'signum', 'signsgd', 'adagrad'])
    assert.ok(twinOf(name).length > 20, name);
});
