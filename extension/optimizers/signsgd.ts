import { lionFamily } from './lionFamily.ts';

/** signSGD (Bernstein et al. 2018): θ ← θ − h·sign(g). */
export const signsgd = lionFamily({
  name: 'signsgd',
  title: 'signSGD',
  decaySpecs: [],
  decays: () => ({ b1: 0, b2: 0 }),
  defaults: { paper: { lr: 1e-4, weight_decay: 0, smoothing: 0 } },
  theory: {
    formula: "θ' = −(1/D)[g + (h/2)·s/(g² + s)·Hu] with sign smoothed by s, D = √(g² + s)",
    penalises: 'No memory. With the true sign the correction is 0 except at sign flips.',
    source: 'Derived and verified for this project with a smoothed sign.',
  },
});
