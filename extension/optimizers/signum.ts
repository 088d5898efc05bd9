import { number, specs } from './hyperparameters.ts';
import { lionFamily } from './lionFamily.ts';

/** Signum (Bernstein et al. 2018): the sign of an exponential moving average; Lion with b₁ = b₂. */
export const signum = lionFamily({
  name: 'signum',
  title: 'Signum',
  decaySpecs: [{ ...specs.momentum, description: 'decay β of the momentum' }],
  decays: (hyper) => ({ b1: number(hyper, 'momentum'), b2: number(hyper, 'momentum') }),
  defaults: { paper: { lr: 1e-4, momentum: 0.9, weight_decay: 0, smoothing: 0 } },
  theory: {
    formula: "θ' = −λθ − (1/D)[g + h·½c_β·s/(g² + s)·H(u + λθ)] − (h/2)·λ·G with sign smoothed by s, D = √(g² + s)",
    penalises: 'The memory part is that of Adam with β = ρ: no anti-regularization.',
    source: 'Derived and verified for this project with a smoothed sign.',
  },
});
