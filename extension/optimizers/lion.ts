import { number, specs } from './hyperparameters.ts';
import { lionFamily } from './lionFamily.ts';

const common = { beta1: 0.9, beta2: 0.99, weight_decay: 0, smoothing: 0 };

/** Lion (Chen et al. 2023). */
export const lion = lionFamily({
  name: 'lion',
  title: 'Lion',
  decaySpecs: [
    { ...specs.beta1, description: 'weight b₁ of the momentum in the update' },
    { ...specs.beta2, description: 'decay b₂ of the momentum' },
  ],
  decays: (hyper) => ({ b1: number(hyper, 'beta1'), b2: number(hyper, 'beta2') }),
  defaults: {
    keras: { lr: 1e-3, ...common },
    optax: { lr: 1e-4, ...common, weight_decay: 1e-3 },
    paper: { lr: 1e-4, ...common },
  },
  learningRateAdvice: {
    from: 1e-3,
    text: 'For Lion a learning rate 3 to 10 times smaller than for AdamW is recommended',
  },
  theory: {
    formula:
      "θ' = −λθ − (1/D)[g + h·(b₁/(1−b₂) + ½)·s/(g² + s)·H(u + λθ)] − (h/2)·λ·G with sign smoothed by s, D = √(g² + s)",
    penalises:
      'No memory anti-regularization: κ ≥ 0, and 0 where |g| is not small; with the true sign only at sign flips.',
    source:
      'Derived and verified for this project with a smoothed sign, from the general memory expansion of Cattaneo & Shigida.',
  },
});
