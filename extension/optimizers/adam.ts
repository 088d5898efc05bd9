import { adamFamily } from './adamFamily.ts';

const common = {
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  eps_placement: 'outside',
  weight_decay: 0,
  bias_correction: true,
  amsgrad: false,
};

/** Adam (Kingma & Ba) with L2 weight decay, in the forms of P1 Def. 1.1 and D.1, torch.optim.Adam and Keras; AMSGrad. */
export const adam = adamFamily({
  name: 'adam',
  title: 'Adam',
  aliases: { amsgrad: { amsgrad: true }, sparse_adam: {} },
  decoupled: false,
  defaults: {
    pytorch: common,
    keras: { ...common, eps: 1e-7, eps_placement: 'uncorrected' },
    optax: common,
    paper: { ...common, lr: 1e-4, beta2: 0.95, eps: 1e-7, eps_placement: 'inside' },
  },
  theory: {
    formula: "θ'ⱼ = −(gⱼ + h·κⱼ·qⱼ)/√(gⱼ² + ε), q = ∇‖∇E‖₁,ε, κⱼ = ½[c_β − c_ρ·gⱼ²/(gⱼ² + ε)], c_b = (1+b)/(1−b)",
    penalises:
      'With ρ > β and small ε the one-norm of the gradient is anti-penalized, with β > ρ it is penalized; with √ε ≫ |g| its squared two-norm is penalized.',
    source:
      'Cattaneo, Klusowski, Shigida: On the Implicit Bias of Adam (ICML 2024), equations (2)–(7); finite n and ε outside the root derived and verified for this project.',
  },
});
