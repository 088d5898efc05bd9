import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';
import type { Language } from '../../extension/configs/config.ts';
import { languageNamed } from '../../extension/configs/languages.ts';
import { LineMap } from '../../extension/configs/source.ts';
import { expectFound } from './expect.ts';
import { table } from './tables.ts';

table(
  'Gin',
  [
    [
      'a class of PyTorch; what is not bound may stand at the call',
      'import gin.torch.external_configurables\ntrain.optimizer_class = @torch.optim.Adam\ntorch.optim.Adam.lr = 2e-3\ntorch.optim.Adam.betas = (0.5,\n   0.98)  # two lines\n',
      'pytorch adam lr=0.002 beta1=0.5 beta2=0.98 weight_decay=?',
    ],
    [
      'macros, in both ways to write them',
      'BASE = 4e-4\nLR = %BASE\nB2/macro.value = 0.95\nAdamW.lr = %LR\nAdamW.betas = (0.9, %B2)\nAdamW.eps = %NOWHERE\n',
      'generic adamw lr=0.0004(resolved) beta1=0.9 beta2=0.95(resolved) eps=?',
    ],
    [
      'scopes have what is bound without one, and the later binding counts',
      'Adam.eps = 1e-5\nactor/Adam.lr = 1e-3\nactor/Adam.lr = 3e-3\ncritic/Adam.lr = 2e-3\ncritic/Adam.eps = 1e-6\n',
      'generic adam lr=0.003 eps=0.00001',
      'generic adam lr=0.002 eps=0.000001',
    ],
    [
      'a block',
      'torch.optim.SGD:\n  lr = 0.2\n  momentum = 0.8\n\nother.x = 1\n',
      'pytorch sgd lr=0.2 momentum=0.8 nesterov=?',
    ],
    [
      'the optimizers of TensorFlow 1',
      'Agent.optimizer = @tf.train.AdamOptimizer()\ntf.train.AdamOptimizer.learning_rate = 0.00025\ntf.train.AdamOptimizer.beta1 = 0.5\n',
      'keras adam lr=0.00025 beta1=0.5 beta2=?',
    ],
    [
      'a maker that an agent tells the name',
      "DQNAgent.optimizer = 'adam'\ncreate_optimizer.learning_rate = 6.25e-5\ncreate_optimizer.eps = 1.5e-4\n",
      'generic adam lr=0.0000625 eps=0.00015 beta1=absent',
    ],
    [
      'two agents may tell two names',
      "A.optimizer = 'adam'\nB.optimizer = 'sgd'\ncreate_optimizer.learning_rate = 6.25e-5\n",
    ],
    [
      'the name beside the rate',
      "Trainer.optimizer = 'sgd'\nTrainer.learning_rate = 0.1\nTrainer.momentum = 0.9\n",
      'generic sgd lr=0.1 momentum=0.9',
    ],
    ['a schedule', 'Adam.learning_rate = @schedules.warmup_cosine()\nAdam.b1 = 0.8\n', 'generic adam lr=? beta1=0.8'],
    [
      'what only looks like it',
      'AdamWrapper.lr = 1e-3\nload_adam.lr = 2\nschedule.lr = 1e-2\nmodel.optimizer = "adam"\nTrainer.learning_rate = 1\nAdam.name = "x"\n',
    ],
    ['half a file', 'Adam.lr = \nAdam.betas = (0.9,\n', 'generic adam lr=absent beta1=?'],
  ],
  'gin',
);

table(
  'Protocol buffers as text',
  [
    [
      'momentum with a cosine',
      'model { ssd { num_classes: 90 } }\ntrain_config {\n  optimizer {\n    momentum_optimizer: {\n      learning_rate: {\n        cosine_decay_learning_rate {\n          learning_rate_base: .08\n          total_steps: 50000\n          warmup_learning_rate: .026666\n        }\n      }\n      momentum_optimizer_value: 0.8\n    }\n    use_moving_average: false\n  }\n}\n',
      'keras sgd lr=0.08 momentum=0.8',
    ],
    [
      'steps that rise first; defaults of the message',
      'train_config: { optimizer { adam_optimizer: { learning_rate: { manual_step_learning_rate { initial_learning_rate: .0002 schedule { step: 10 learning_rate: .004 } schedule { step: 90 learning_rate: .0001 } } } } } }',
      'keras adam lr=0.004 beta1=0.9(default) beta2=0.999(default) eps=1e-8(default)',
    ],
    [
      'RMSProp, with what it has where nothing is said',
      'train_config { optimizer { rms_prop_optimizer { learning_rate { constant_learning_rate { } } decay: 0.95 } } }',
      'keras rmsprop lr=0.002(default) alpha=0.95 momentum=0.9(default) eps=1(default)',
    ],
    [
      'no learning rate at all',
      'train_config { optimizer { adam_optimizer { epsilon: 1e-6 } } }',
      'keras adam lr=? eps=0.000001',
    ],
    [
      'fields that TensorFlow does not have: a project with defaults of its own',
      'train_config: { optimizer: { adam_optimizer: { learning_rate: { one_cycle: { lr_max: 3e-3, moms: [0.95, 0.85] } } weight_decay: 0.01 } fixed_weight_decay: true } }',
      'generic adamw lr=0.003 weight_decay=0.01 beta1=absent',
    ],
    [
      'Caffe',
      'net: "train.prototxt"\nbase_lr: 0.001\nlr_policy: "step"\ntype: "Adam"\nmomentum: 0.8\nmomentum2: 0.99\ndelta: 1e-6\n',
      'generic adam lr=0.001 beta1=0.8 beta2=0.99 eps=0.000001',
    ],
    [
      'Caffe without a type',
      "net: 'train.prototxt'\nbase_lr: 0.01\nmomentum: 0.9\nlr_policy: 'fixed'\n",
      'generic sgd lr=0.01 momentum=0.9',
    ],
    [
      'layers, other messages, XML and nothing',
      'layer { name: "adam" type: "Python" param { lr_mult: 1 base_lr: 3 } } optimizer { name: "adam" } optimizer_config { learning_rate: 1 }',
    ],
    ['XML', '<configuration><optimizer name="adam" lr="0.1"/></configuration>'],
    [
      'half a message',
      'train_config { optimizer { adam_optimizer { learning_rate { constant_learning_rate {',
      'keras adam lr=0.002(default)',
    ],
  ],
  'textproto',
);

table(
  'Sections and options',
  [
    [
      'an optimizer beside its settings',
      '[DEFAULT]\nrate = 0.003\n[data]\npath = x\n[train]\noptimizer = Adam ; comment\nlr = %(rate)s\nbetas = (0.9, 0.98)\nweight_decay: 1e-4\nscheduler = cosine\n',
      'generic adam lr=0.003(resolved) beta1=0.9 beta2=0.98 weight_decay=0.0001',
    ],
    [
      'a section of its own, indented, with a value of another',
      '[training]\n  lr = 0.02\n[optimizer]\n  type = "sgd"\n  lr = \u0024{training:lr}\n  momentum = 0.8\n',
      'generic sgd lr=0.02(resolved) momentum=0.8',
    ],
    [
      'a class',
      '[optimizer]\nclass = torch.optim.AdamW\nlr = 5e-4\n',
      'pytorch adamw lr=0.0005 weight_decay=0.01(default)',
    ],
    [
      'spaCy',
      '[training]\nseed = 0\n[training.optimizer]\n@optimizers = "Adam.v1"\nbeta1 = 0.8\nL2_is_weight_decay = true\nL2 = 0.01\n[training.optimizer.learn_rate]\n@schedules = "warmup_linear.v1"\nwarmup_steps = 250\ninitial_rate = 0.00005\n',
      'thinc adamw lr=0.00005 beta1=0.8 beta2=0.999(default) weight_decay=0.01 eps_placement=uncorrected(default)',
    ],
    [
      'spaCy with a penalty in place of the decay',
      '[training.optimizer]\n@optimizers = "Adam.v1"\nL2_is_weight_decay = false\nL2 = 0.02\n',
      'thinc adam lr=0.001(default) weight_decay=0.02',
    ],
    [
      'a value over several lines, and interpolation that leads nowhere',
      '[optimizer]\nname = adam\nlr =\n    0.1\n    0.2\nbeta1 = %(x)s\nbeta2 = 0.9\nweight_decay = 0\n',
      'generic adam lr=? beta1=? beta2=0.9',
    ],
    [
      'what is no training',
      '[tox]\nenvlist = py38\n[testenv]\ndeps = optimizer\n[flake8]\noptimizer = adam\n[metadata]\nname = adam-mini\nlr = x\n[net]\nlearning_rate=0.001\nmomentum=0.9\n[net]\nlearning_rate=2\n',
    ],
  ],
  'ini',
);

table(
  'Jsonnet',
  [
    [
      'locals, arithmetic, and objects that are put together',
      "local lr = 1e-3;\nlocal base = { trainer: { optimizer: { type: 'adamw', lr: lr * 2, betas: [0.9, 0.98] } } };\nbase + { trainer+: { optimizer+: { weight_decay: 0.1 } } }",
      'generic adamw lr=0.002(resolved) beta1=0.9 beta2=0.98 weight_decay=0.1',
    ],
    [
      'an object that replaces another, as nothing says otherwise',
      "local a = { optimizer: { type: 'adam', lr: 1, eps: 1e-6 } };\na { optimizer: { type: 'sgd', lr: 0.5 } }",
      'generic sgd lr=0.5 eps=absent',
    ],
    [
      'what functions, conditions and the environment give is not known',
      '{ // AllenNLP\n  local f(x) = x,\n  "trainer": { "optimizer": { "type": "adam", "lr": std.extVar("LR"), eps: f(1e-6), weight_decay: if true then 1 else 2, betas: [0.8, 0.9] } },\n  model: import "a.libsonnet", xs: [i for i in std.range(1, 3)],\n}',
      'generic adam lr=? eps=? weight_decay=? beta1=0.8 beta2=0.9',
    ],
    [
      'behind what is imported; before it, it may be replaced',
      '(import "base.libsonnet") + { optimizer: { type: "adam", lr: 0.01 } }',
      'generic adam lr=0.01',
    ],
    ['before what is imported', '{ optimizer: { type: "adam", lr: 0.01 } } + import "over.libsonnet"'],
    ['no settings', '{ optimizer: "adam", rules: [{ alert: "lr", expr: ||| optimizer: adam |||, lr: "x" }] }'],
    ['half a file', "local lr = ; { optimizer: { type: 'adam', lr: lr, eps: 1e-", 'generic adam lr=?'],
  ],
  'jsonnet',
);

describe('Places in these files', () => {
  for (const [language, text, name, lr] of [
    ['gin', 'a.b = 1\nactor/torch.optim.Adam.lr = 1e-3\n', '2:torch.optim.Adam', '2:1e-3'],
    [
      'textproto',
      'optimizer {\n  adam_optimizer: {\n    learning_rate: { constant_learning_rate {\n      learning_rate: 2e-3\n} } } }',
      '2:adam_optimizer',
      '4:2e-3',
    ],
    ['ini', '[train]\nlr = 3e-3\noptimizer = adam\n', '3:adam', '2:3e-3'],
    ['jsonnet', "{\n optimizer: {\n  type: 'adam',\n  lr: 4e-3 } }", "3:'adam'", '4:4e-3'],
  ] as const)
    test(language, () => {
      const [config, ...more] = analyse({ path: 'f', language, text });
      const lines = new LineMap(text);
      const place = ({ from, to }: { from: number; to: number }) =>
        `${lines.position(from).line + 1}:${text.slice(from, to)}`;
      assert.equal(more.length, 0);
      assert.equal(place(config.range), name);
      assert.equal(place(config.hyperparameters.get('lr')!.range!), lr);
    });

  test('a macro leads to where it is written', () => {
    const text = 'LR = 0.25\nSGD.lr = %LR\n';
    const [config] = expectFound('gin', text, ['generic sgd lr=0.25(resolved)']);
    const { range, sourceRange } = config.hyperparameters.get('lr')!;
    assert.deepEqual(
      [range, sourceRange].map((each) => text.slice(each!.from, each!.to)),
      ['%LR', '0.25'],
    );
  });
});

test('Names of files tell the language', () => {
  const named: [string, Language][] = [
    ['a/train.gin', 'gin'],
    ['pipeline.config', 'textproto'],
    ['solver.prototxt', 'textproto'],
    ['config.cfg', 'ini'],
    ['train.ini', 'ini'],
    ['bert.jsonnet', 'jsonnet'],
    ['base.libsonnet', 'jsonnet'],
  ];
  for (const [path, language] of named) assert.equal(languageNamed(path), language, path);
});

test('Files of a quarter of a megabyte that only repeat themselves come to an end', () => {
  const many = (line: string) => line.repeat(Math.floor(250_000 / line.length));
  const texts: [Language, string][] = [
    ['gin', `optim ${many('Adam.lr = [(')}`],
    ['gin', many('Adam.lr = %A\nA = %A\n')],
    ['textproto', `optimizer ${many('optimizer {')}`],
    ['textproto', `optimizer { ${many('[a')}`],
    ['ini', `optimizer = ${many(' ')}x`],
    ['ini', many('[optimizer]\nlr = %(lr)s\n')],
    ['jsonnet', `local optimizer = 1; ${many('{a:1}')}`],
    ['jsonnet', `{ local optim = 1, ${many('local a = 1, x: { local b = a }, ')} }`],
    ['jsonnet', `optim ${many('local a = ')}`],
    ['jsonnet', `optim ${many('- ')}`],
    ['jsonnet', `optim ${many('(')}`],
  ];
  for (const [language, text] of texts) assert.ok(analyse({ path: 'f', language, text }).length < 10_000);
});
