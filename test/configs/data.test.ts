import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { analyse, analyseCells } from '../../extension/configs/analyse.ts';
import { expectFound } from './expect.ts';
import { table } from './tables.ts';

table(
  'YAML',
  [
    [
      'Lightning CLI',
      'seed_everything: 1\ntrainer:\n  max_epochs: 10\noptimizer:\n  class_path: torch.optim.AdamW\n  init_args:\n    lr: 1e-3\n    betas: [0.9, 0.95]\nlr_scheduler:\n  class_path: torch.optim.lr_scheduler.StepLR\n  init_args: {step_size: 1}\n',
      'pytorch adamw lr=0.001 beta1=0.9 beta2=0.95 weight_decay=0.01(default)',
    ],
    [
      'Lightning CLI, short name',
      'optimizer:\n  class_path: Adam\n  init_args:\n    lr: 0.01\n',
      'pytorch adam lr=0.01',
    ],
    [
      'Hydra',
      'model:\n  optimizer:\n    _target_: torch.optim.Adam\n    _partial_: true\n    lr: 0.001\n    weight_decay: 0.0\n  scheduler:\n    _target_: torch.optim.lr_scheduler.ReduceLROnPlateau\n',
      'pytorch adam lr=0.001 weight_decay=0',
    ],
    [
      'Hydra with interpolation',
      'lr: 0.02\noptimizer:\n  _target_: torch.optim.SGD\n  lr: \u0024{lr}\n  momentum: \u0024{model.m}\n',
      'pytorch sgd lr=0.02(resolved) momentum=?',
    ],
    [
      'torchtune',
      'optimizer:\n  _component_: bitsandbytes.optim.PagedAdamW\n  lr: 2e-5\n',
      'bitsandbytes adamw lr=0.00002',
    ],
    [
      'PaddlePaddle: a learning rate in place of a number',
      'Optimizer:\n  name: AdamW\n  beta1: 0.9\n  beta2: 0.99\n  weight_decay: 0.05\n  lr:\n    name: Cosine\n    learning_rate: 1e-3\n    warmup_epoch: 20\n',
      'generic adamw lr=0.001 beta1=0.9 beta2=0.99 weight_decay=0.05',
    ],
    [
      'PaddlePaddle: a regularizer, and rates by epoch',
      'Optimizer:\n  name: Momentum\n  momentum: 0.9\n  lr:\n    name: Piecewise\n    decay_epochs: [30, 60]\n    values: [0.1, 0.01, 0.001]\n  regularizer:\n    name: L2\n    coeff: 0.0001\n',
      'generic sgd lr=0.1 momentum=0.9 weight_decay=0.0001',
    ],
    [
      'PaddleSeg: the rate stands with the schedule',
      'optimizer:\n  type: Momentum\n  momentum: 0.9\n  weight_decay: 4.0e-5\nlr_scheduler:\n  type: PolynomialDecay\n  learning_rate: 0.01\n',
      'generic sgd lr=0.01 momentum=0.9 weight_decay=0.00004',
    ],
    [
      'PaddleDetection',
      'LearningRate:\n  base_lr: 0.01\n  schedulers:\n  - !PiecewiseDecay\n    gamma: 0.1\nOptimizerBuilder:\n  optimizer:\n    momentum: 0.9\n    type: Momentum\n  regularizer:\n    factor: 0.0001\n    type: L2\n',
      'generic sgd lr=0.01 momentum=0.9 weight_decay=0.0001',
    ],
    [
      'rarer keys of the name',
      'optimizer: {type_optim: Adam, kwargs: {lr: 1e-5, betas: [0.9, 0.97]}}\n---\noptimizer: {method: sgd, lr: 0.2}\n---\noptimizer: {method: grid, lr: 0.2}\n',
      'generic adam lr=0.00001 beta2=0.97',
      'generic sgd lr=0.2',
    ],
    [
      'Levanter: Adam with decoupled decay, unless it is told another type',
      'model: {type: gpt2}\ntrainer: {num_train_steps: 100, train_batch_size: 8}\noptimizer:\n  learning_rate: 6E-4\n  weight_decay: 0.2\n---\nmodel: {type: llama}\ntrainer: {num_train_steps: 100, mp: x}\noptimizer:\n  type: adam\n  learning_rate: 1e-3\n---\ntrainer: {train_batch_size: 8}\noptimizer: {learning_rate: 2}\n',
      'generic adamw lr=0.0006 weight_decay=0.2 beta1=absent',
      'generic adamw lr=0.001',
    ],
    [
      'fairseq’s groups',
      'optimizer:\n  _name: composite\n  groups:\n    default:\n      lr_float: 1e-3\n      optimizer: {_name: adam, adam_betas: [0.9, 0.95], weight_decay: 0.05}\n      lr_scheduler: {_name: cosine}\n',
      'generic adam lr=0.001 beta1=0.9 beta2=0.95 weight_decay=0.05',
    ],
    [
      'Ludwig: the rate stands around the optimizer',
      'trainer:\n  learning_rate: 0.0003\n  optimizer:\n    type: adam\n    betas: [0.9, 0.98]\n',
      'generic adam lr=0.0003 beta1=0.9 beta2=0.98',
    ],
    [
      'Ultralytics',
      'optimizer: AdamW\nlr0: 0.001\nlrf: 0.01\nmomentum: 0.937\nweight_decay: 0.0005\n',
      'generic adamw lr=0.001 beta1=0.937 weight_decay=0.0005',
    ],
    [
      'FAIRChem',
      'optim:\n  optimizer: AdamW\n  optimizer_params:\n    weight_decay: 0.001\n  lr_initial: 0.0002\n  scheduler: LambdaLR\n',
      'generic adamw lr=0.0002 weight_decay=0.001',
    ],
    [
      'Composer',
      'optimizer:\n  name: decoupled_adamw\n  lr: 6.0e-4\n  betas: [0.9, 0.95]\n',
      'generic adamw lr=0.0006 beta1=0.9 beta2=0.95',
    ],
    [
      'Composer: weight decay is a share of the weights',
      'optimizer:\n  name: decoupled_adamw\n  lr: 0.5\n  weight_decay: 0.25\n',
      'generic adamw lr=0.5 weight_decay=0.5(resolved)',
    ],
    [
      'Composer: with an unknown rate',
      'optimizer:\n  name: decoupled_adamw\n  lr: \u0024{x}\n  weight_decay: 0.25\n',
      'generic adamw lr=? weight_decay=?',
    ],
    [
      'OpenNMT is not the trainer of transformers',
      'optim: adam\nlearning_rate: 2\ndecay_method: noam\nadam_beta2: 0.998\n',
      'generic adam lr=? beta2=0.998',
    ],
    [
      'the factor of a Noam schedule is no learning rate: its peak is',
      'optim: adam\nlearning_rate: 2\ndecay_method: noam\nrnn_size: 400\nwarmup_steps: 10000\n---\nmodel:\n  d: 100\n  optim:\n    name: adamw\n    lr: 5\n    betas: [0.9, 0.98]\n    sched: {name: NoamAnnealing, d_model: "\u0024{model.d}", warmup_steps: 10000}\n---\noptim: adam\noptim_conf: {lr: 3.0}\nscheduler: noamlr\nscheduler_conf: {model_size: 100, warmup_steps: 900}\n---\nopt: !name:torch.optim.Adam\n  lr: 0.001\nlr_annealing: !new:speechbrain.nnet.schedulers.NoamScheduler {lr_initial: 0.001}\n',
      'generic adam lr=0.001(resolved)',
      'generic adamw lr=0.005(resolved) beta2=0.98',
      'generic adam lr=0.01(resolved)',
      'pytorch adam lr=0.001',
    ],
    ['OpenMMLab style', 'optimizer:\n  type: SGD\n  lr: 0.1\n  momentum: 0.9\n', 'generic sgd lr=0.1 momentum=0.9'],
    [
      'flat keys',
      'model: resnet18\noptimizer: adamw\nlr: 3e-4\nweight_decay: 0.05\nbatch_size: 64\n',
      'generic adamw lr=0.0003 weight_decay=0.05',
    ],
    [
      'timm arguments',
      'opt: rmsproptf\nlr: .016\nmomentum: 0.9\nalpha: 0.3\n',
      'generic rmsprop lr=0.016 momentum=0.9',
    ],
    [
      'name and parameters side by side',
      'training:\n  optimizer: Adam\n  optimizer_params:\n    lr: 0.001\n    eps: 1.0e-9\n  learning_rate: 5\n',
      'generic adam lr=0.001 eps=1e-9',
    ],
    [
      'Hugging Face',
      'model_name_or_path: x\nlearning_rate: 1.0e-4\nper_device_train_batch_size: 1\nadam_beta2: 0.95\n',
      'huggingface adamw lr=0.0001 beta1=0.9(default) beta2=0.95',
    ],
    [
      'axolotl',
      'optimizer: adamw_bnb_8bit\nlearning_rate: 0.0002\nadam_beta2: 0.95\n',
      'huggingface adamw lr=0.0002 beta2=0.95',
    ],
    [
      'Detectron2',
      '_BASE_: ../Base.yaml\nSOLVER:\n  BASE_LR: 0.02\n  STEPS: (60000, 80000)\n',
      'detectron2 sgd lr=0.02 momentum=?',
    ],
    [
      'Detectron2 fork',
      'SOLVER:\n  BASE_LR: 0.0001\n  OPTIMIZER: ADAMW\n',
      'detectron2 adamw lr=0.0001 momentum=0.9(default)',
    ],
    [
      'SlowFast',
      'TRAIN:\n  ENABLE: True\nSOLVER:\n  BASE_LR: 0.0016\n  MOMENTUM: 0.9\n  OPTIMIZING_METHOD: adamw\n  BETAS: [0.9, 0.95]\n',
      'generic adamw lr=0.0016 beta2=0.95',
    ],
    ['FastReID', 'SOLVER:\n  OPT: "Adam"\n  BASE_LR: 0.00035\n  IMS_PER_BATCH: 64\n', 'generic adam lr=0.00035'],
    [
      'Swin',
      'TRAIN:\n  BASE_LR: 5e-4\n  OPTIMIZER:\n    NAME: adamw\n    BETAS: [0.9, 0.95]\n',
      'generic adamw lr=0.0005 beta2=0.95',
    ],
    [
      'HyperPyYAML (SpeechBrain)',
      'lr: 0.002\nopt_class: !name:torch.optim.Adam\n  lr: !ref <lr>\n  betas: (0.9, 0.98)\n  weight_decay: !ref <lr> * 2\n',
      'pytorch adam lr=0.002(resolved) beta2=0.98 weight_decay=?',
    ],
    ['ESPnet', 'optim: adam\noptim_conf:\n  lr: 0.002\n  betas: [0.9, 0.98]\n', 'generic adam lr=0.002 beta2=0.98'],
    [
      'anchor and merge key',
      'base: &base\n  lr: 0.1\n  betas: [0.9, 0.95]\noptimizer:\n  _target_: torch.optim.Adam\n  <<: *base\n  eps: 1e-6\n',
      'pytorch adam lr=0.1(resolved) beta2=0.95(resolved) eps=0.000001',
    ],
    ['alias', 'x: &lr 0.25\noptimizer: {_target_: torch.optim.Adam, lr: *lr}\n', 'pytorch adam lr=0.25(resolved)'],
    [
      'list of merged maps: the first wins',
      'a: &a {lr: 1}\nb: &b {lr: 2, eps: 3}\nc:\n  optimizer: adam\n  <<: [*a, *b]\n',
      'generic adam lr=1(resolved) eps=3(resolved)',
    ],
    [
      'several documents',
      'optimizer: sgd\nlr: 1\n---\noptimizer: adam\nlr: 2\n',
      'generic sgd lr=1',
      'generic adam lr=2',
    ],
    [
      'value to be filled in',
      'optimizer: adam\nlr: ???\nbetas: [0.9, 0.99]\neps: 1e-8\n',
      'generic adam lr=? beta2=0.99',
    ],
    [
      'Axolotl',
      'micro_batch_size: 2\noptimizer: adamw_bnb_8bit\nlr_scheduler: cosine\nlearning_rate: 0.0002\n',
      'huggingface adamw lr=0.0002 beta1=0.9(default) beta2=0.999(default) eps=1e-8(default)',
    ],
    [
      'fairseq',
      'optimization:\n  max_update: 400\n  lr: [0.0005]\noptimizer:\n  _name: adam\n  adam_betas: (0.9, 0.98)\n  adam_eps: 1e-06\n  weight_decay: 0.01\n',
      'generic adam lr=0.0005 beta1=0.9 beta2=0.98 eps=0.000001 weight_decay=0.01',
    ],
    [
      'fairseq, groups',
      'optimization:\n  lr: [0.0]\noptimizer:\n  _name: composite\n  groups:\n    generator:\n      lr: [0.0004]\n      optimizer:\n        _name: adam\n        adam_betas: [0.5, 0.98]\n        adam_eps: 1e-06\n',
      'generic adam lr=0.0004 beta1=0.5',
    ],
    ['several learning rates', 'optimizer: adam\nlr: [0.1, 0.2]\neps: 1\nbeta1: 0.5', 'generic adam lr=? eps=1'],
    ['duplicate key: the last counts', 'optimizer: adam\nlr: 1\nlr: 2\n', 'generic adam lr=2'],
    ['tab and broken end', 'optimizer: adam\nlr: 1e-3\nx: [1, 2\n\ty: {', 'generic adam lr=0.001'],
  ],
  'yaml',
);

table(
  'YAML that configures no optimizer',
  [
    ['name without settings', 'optimizer: adam\nmodel: x\n'],
    ['settings without name', 'lr: 0.1\nbetas: [0.9, 0.999]\n'],
    ['currency', 'currency: sgd\nlr: left\nrate: 0.3\n'],
    ['sides', 'optimizer: adam\nlr: left to right\n'],
    ['a person', 'users:\n  - name: Adam\n    age: 3\n'],
    ['another optimizer', 'optimizer: minify\nlr: 0.1\n'],
    ['own class', 'optimizer:\n  _target_: my.optim.Adam\n  lr: 0.1\n'],
    ['learning rate of something else', 'learning_rate: 0.1\nn_estimators: 100\n'],
    ['an optimizer switched on by a flag', 'learning_rate: 1.0e-5\nper_device_train_batch_size: 1\nuse_muon: true\n'],
    ['solver of something else', 'SOLVER:\n  TYPE: cplex\n'],
    ['a solver that names no optimizer', 'SOLVER:\n  BASE_LR: 0.0005\nMODEL:\n  NAME: x\n'],
    ['a solver with an optimizer of its own', 'SOLVER:\n  BASE_LR: 0.0005\n  OPTIMIZER_NAME: Homemade\n'],
  ],
  'yaml',
);

table(
  'JSON',
  [
    [
      'DeepSpeed',
      '{\n  "train_batch_size": 8, // per step\n  "optimizer": {\n    "type": "Adam",\n    "params": { "lr": 0.001, "betas": [0.8, 0.999], "eps": 1e-8, "weight_decay": 3e-7 },\n  },\n}',
      'deepspeed adamw lr=0.001 beta1=0.8 weight_decay=3e-7',
    ],
    [
      'DeepSpeed, Adam mode',
      '{"optimizer": {"type": "Adam", "params": {"lr": "auto", "adam_w_mode": false}}}',
      'deepspeed adam lr=? beta2=0.999(default)',
    ],
    ['nested', '{"train": {"optimizer": {"name": "adamw", "args": {"lr": 1e-4}}}}', 'generic adamw lr=0.0001'],
    [
      'list of phases',
      '{"phases": [{"optimizer": "sgd", "lr": 1}, {"optimizer": "adam", "lr": 2}]}',
      'generic sgd lr=1',
      'generic adam lr=2',
    ],
    ['unfinished', '{"optimizer": "adam", "lr": 0.1, "x": [', 'generic adam lr=0.1'],
    ['package manifest', '{"name": "adam", "version": "1.0.0", "optimization": true}'],
  ],
  'jsonc',
);

table(
  'TOML',
  [
    [
      'table',
      '[optimizer]\ntype = "AdamW"\nlr = 3e-4\nbetas = [0.9, 0.95]\nsince = 1979-05-27\n',
      'generic adamw lr=0.0003 beta1=0.9 beta2=0.95',
    ],
    ['flat', '[train]\noptimizer = "lion"\nlearning_rate = 1e-4\n', 'generic lion lr=0.0001'],
    [
      'dotted and inline',
      'optimizer.name = "adam"\noptimizer.params = { lr = 0.01, eps = 1e-6 }\n',
      'generic adam lr=0.01 eps=0.000001',
    ],
    [
      'a broken line',
      '[optimizer]\ntype = "sgd"\nlr = 0.1\nmomentum =\n[train]\noptimizer = "adam"\nlr = 1.0\n',
      'generic sgd lr=0.1',
      'generic adam lr=1',
    ],
    ['pyproject', '[project]\nname = "adam"\n[tool.ruff]\nline-length = 100\n'],
  ],
  'toml',
);

test('ranges in YAML: name, key, value and what an alias stands for', () => {
  const text = 'rate: &r 0.1\noptimizer: adam\nlr: *r\n';
  const [config] = analyse({ path: 'f', language: 'yaml', text });
  const lr = config.hyperparameters.get('lr')!;
  const at = (range: { from: number; to: number } | undefined) => range && text.slice(range.from, range.to);
  assert.equal(at(config.range), 'adam');
  assert.equal(at(lr.keyRange), 'lr');
  assert.equal(at(lr.range), '*r');
  assert.equal(at(lr.sourceRange), '0.1');
});

test('an alias bomb ends', { timeout: 60_000 }, () => {
  const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
  const text = `l0: &l0 {optimizer: adam, lr: 1}\n${levels.join('\n')}\n`;
  analyse({ path: 'f', language: 'yaml', text });
});

test('an alias to its own parent ends', () => {
  expectFound('yaml', 'optimizer: &o\n  name: adam\n  lr: 0.1\n  self: *o\n', ['generic adam lr=0.1']);
});

describe('notebooks', () => {
  const notebook = (cells: readonly (readonly [string, string | readonly string[]])[], metadata = {}) =>
    JSON.stringify(
      {
        cells: cells.map(([type, source]) => ({ cell_type: type, source, metadata: {}, outputs: [] })),
        metadata,
        nbformat: 4,
      },
      null,
      1,
    );

  test('imports and constants are shared across cells; ranges are those of the file', () => {
    const text = notebook([
      ['markdown', ['# torch.optim.Adam(x)\n']],
      ['code', ['%matplotlib inline\n', '!pip install torch\n', 'import torch\n', 'name = "é\\t\\"q"; LR = 2e-3']],
      ['code', ['x = "\\"tab\\t"\n', 'opt = torch.optim.Adam(m.parameters(), lr=LR)']],
    ]);
    const [config] = expectFound('notebook', text, ['pytorch adam lr=0.002(resolved)']);
    const lr = config.hyperparameters.get('lr')!;
    assert.equal(text.slice(config.range.from, config.range.to), 'torch.optim.Adam');
    assert.equal(text.slice(lr.range!.from, lr.range!.to), 'LR');
    assert.equal(text.slice(lr.sourceRange!.from, lr.sourceRange!.to), '2e-3');
    assert.equal(config.cell, 1);
  });

  test('a source as one string with escapes before the call', () => {
    const text = notebook([['code', 'import torch\ns = "\\u00e9\\\\"; torch.optim.SGD(p, lr=1)']]);
    const [config] = expectFound('notebook', text, ['pytorch sgd lr=1']);
    assert.equal(text.slice(config.range.from, config.range.to), 'torch.optim.SGD');
  });

  test('cells of an open notebook: ranges within the cell', () => {
    const cells = ['import torch\nLR = 0.5', '%%bash\ntorch.optim.Adam(x)', 'print(1)\ntorch.optim.Adam(p, lr=LR)\n'];
    const { configs } = analyseCells(cells);
    assert.equal(configs.length, 1);
    const [{ range, cell, hyperparameters }] = configs;
    assert.equal(cell, 2);
    assert.equal(cells[2].slice(range.from, range.to), 'torch.optim.Adam');
    assert.equal(range.cell, 2);
    const source = hyperparameters.get('lr')!.sourceRange!;
    assert.equal(cells[source.cell!].slice(source.from, source.to), '0.5');
  });

  test('other languages and other JSON', () => {
    expectFound(
      'notebook',
      notebook([['code', 'import torch\ntorch.optim.Adam(p)']], { kernelspec: { language: 'julia' } }),
      [],
    );
    expectFound('notebook', '{"torch.optim": 1}', []);
    expectFound('notebook', '{"cells": [{"cell_type": "code", "source": 3}, null, 4], "x": "optim"}', []);
  });
});

test('a schedule that stands in the place of the learning rate, or under a name of its own, is named', () => {
  const texts: readonly (readonly [text: string, schedule: string])[] = [
    ['Optimizer:\n  name: Adam\n  lr: {name: Cosine, learning_rate: 1e-3}\n', 'Cosine'],
    ['optim: adam\nlearning_rate: 2\ndecay_method: noam\n', 'noam'],
    ['optimizer: adam\nlr: 0.1\nlr_decay_style: cosine\n', 'cosine'],
    [
      'trainer:\n  optimizer: {type: adam, lr: 1e-5}\n  learning_rate_scheduler: {type: slanted_triangular}\n',
      'slanted_triangular',
    ],
  ];
  for (const [text, schedule] of texts)
    assert.equal(analyse({ path: 'f.yaml', language: 'yaml', text })[0]?.schedule?.name, schedule, text);
});

test('a regularizer that is not L2, or has no number, is no weight decay', () => {
  for (const regularizer of ['false', '{type: L1, factor: 0.1}', '{type: L2}']) {
    const text = `optimizer:\n  type: Momentum\n  lr: 0.1\n  regularizer: ${regularizer}\n`;
    const [found] = analyse({ path: 'f.yaml', language: 'yaml', text });
    assert.equal(found?.hyperparameters.has('weight_decay'), false, regularizer);
  }
});

test('AllenNLP’s groups and SpeechBrain’s schedule are told', () => {
  const json =
    '{"optimizer": {"type": "adamw", "lr": 3e-4, "parameter_groups": [[["bias"], {"weight_decay": 0}], [["enc.*"], {"lr": 1e-5}]]}}';
  const [{ groups, hyperparameters }] = analyse({ path: 'a.json', language: 'json', text: json });
  assert.equal(hyperparameters.get('lr')?.value, 3e-4);
  const set = groups?.map((group) => [...group.hyperparameters].map(([name, { value }]) => `${name} ${value}`));
  assert.deepEqual(set, [['weight_decay 0'], ['lr 0.00001']]);
  const text =
    'opt_class: !name:torch.optim.Adam\n  lr: 0.001\nlr_annealing: !new:speechbrain.nnet.schedulers.NoamScheduler\n  lr_initial: 0.001\n';
  assert.equal(analyse({ path: 'a.yaml', language: 'yaml', text })[0].schedule?.name, 'NoamScheduler');
});
