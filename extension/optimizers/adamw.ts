import { adamFamily } from './adamFamily.ts';

const common = {
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  eps_placement: 'outside',
  weight_decay: 0.01,
  bias_correction: true,
  amsgrad: false,
};

/** Adam with decoupled weight decay (Loshchilov & Hutter): θ ← θ − h·λ·θ − h·m̂/(√v̂ + ε). */
export const adamw = adamFamily({
  name: 'adamw',
  title: 'AdamW',
  decoupled: true,
  defaults: {
    pytorch: common,
    keras: { ...common, eps: 1e-7, eps_placement: 'uncorrected', weight_decay: 0.004 },
    optax: { ...common, weight_decay: 1e-4 },
    paper: undefined,
  },
  theory: {
    formula: "θ'ⱼ = −λθⱼ − (gⱼ + h·κⱼ·(H(u + λθ))ⱼ)/Dⱼ − (h/2)·λ·(uⱼ + λθⱼ), u = g/D, κⱼ as for Adam",
    penalises:
      'As Adam; in addition the weight decay enters the memory term. For small ε and ρ > β the quantity ‖∇E‖₁ + λ⟨θ, ∇E⟩ is anti-penalized.',
    source:
      'Derived and verified for this project from the general memory expansion of Cattaneo & Shigida (How Memory in Optimization Algorithms Implicitly Modifies the Loss); with λ = 0 it is equation (2) of On the Implicit Bias of Adam.',
  },
});
