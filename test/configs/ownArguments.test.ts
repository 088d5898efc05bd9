import { table } from './tables.ts';

/** Flat files hold the arguments of many things; which are the optimizer's, the tables of the libraries and the theory say. */
table(
  'the arguments of an optimizer whose library is not known',
  [
    [
      'an argument of another optimizer',
      'optimizer:\n  type: adam\n  lr: 0.001\n  momentum: 0.7\n  nesterov: true\n  alpha: 0.5\n',
      'generic adam lr=0.001 momentum=absent nesterov=absent alpha=absent',
    ],
    [
      'a flag that all libraries of the optimizer need not have',
      'optimizer:\n  type: adam\n  lr: 0.001\n  amsgrad: true\n  bias_correction: false\n',
      'generic adam amsgrad=true bias_correction=false',
    ],
    [
      'Keras calls alpha rho',
      'optimizer:\n  type: rmsprop\n  lr: 0.001\n  rho: 0.9\n  betas: [0.9, 0.99]\n',
      'generic rmsprop alpha=0.9 rho=absent beta1=absent',
    ],
    [
      'PyTorch’s ASGD has an exponent that it calls alpha',
      'optimizer:\n  type: asgd\n  lr: 0.001\n  alpha: 0.7\n  betas: [0.9, 0.99]\n',
      'generic asgd power=0.7 alpha=absent beta1=absent',
    ],
    [
      'signum has a momentum',
      'optimizer:\n  type: signum\n  lr: 0.001\n  momentum: 0.8\n',
      'generic signum momentum=0.8',
    ],
    ['LARS has one, too', 'optimizer:\n  type: lars\n  lr: 0.1\n  momentum: 0.7\n', 'generic lars momentum=0.7'],
    [
      'what no library has is read as trainers hand it over',
      'optimizer:\n  type: prodigy\n  lr: 1.0\n  betas: [0.9, 0.99]\n  alpha: 0.5\n  momentum: 0.3\n',
      'generic prodigy lr=1 beta2=0.99 alpha=absent momentum=absent',
    ],
    [
      'a flag makes another optimizer',
      'optimizer:\n  type: adam\n  lr: 0.001\n  decoupled_weight_decay: true\n',
      'generic adamw lr=0.001',
    ],
  ],
  'yaml',
);

table('arguments that a name stands for', [
  [
    'timm makes PyTorch’s',
    'from timm.optim import create_optimizer_v2\ncreate_optimizer_v2(m, opt="adagrad")\ncreate_optimizer_v2(m, "sgd")\ncreate_optimizer_v2(m, "lion")\n',
    'timm adagrad lr=0.01(default) eps=1e-10(default)',
    'timm sgd lr=0.001(default) momentum=0.9(default) eps=absent',
    'timm lion lr=?',
  ],
  ['Optax’s signum', 'import optax\noptax.signum(1e-3, beta=0.8)\n', 'optax signum lr=0.001 momentum=0.8'],
]);
