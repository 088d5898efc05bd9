import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeLensText } from '../../extension/advice/hover.ts';
import { renderText } from '../../extension/advice/report.ts';
import { scanText } from '../../extension/advice/scan.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import { table } from './tables.ts';

const scanned = (text: string): string => renderText(scanText({ path: 'a.py', language: 'python', text }), 1);

table('a keyword is never dropped for a default', [
  [
    'names of other versions and libraries',
    'from keras.optimizers import Nadam\nimport torch\nNadam(lr=3e-4)\ntorch.optim.SGD(p, learning_rate=0.3)\ntorch.optim.AdamW(p, wd=0.2)',
    'keras nadam lr=0.0003',
    'pytorch sgd lr=0.3',
    'pytorch adamw weight_decay=0.2',
  ],
  ['tf.optimizers', 'import tensorflow as tf\ntf.optimizers.Adam(2e-4, 0.5)', 'keras adam lr=0.0002 beta1=0.5'],
]);

test('further arguments, unknown values and schedules are shown', () => {
  const keras = scanned('import keras\nkeras.optimizers.Adam(lr=1e-4, decay=1e-6, clipnorm=1.0)');
  assert.match(keras, /lr 1e-4 · decay 1e-6 · clipnorm 1\n/);
  assert.match(keras, /note: decay lowers the learning rate/);
  const unknown = scanned('import torch\ntorch.optim.AdamW(p, lr=a, betas=(0.9, b), eps=e, weight_decay=w)');
  assert.match(unknown, /lr \? · beta1 0\.9 · beta2 \? · eps \? · weight_decay \?\n/);
  const adan = scanned('from pytorch_optimizer import Adan\nAdan(m.parameters(), lr=1e-3, betas=(0.98, 0.92, 0.99))');
  assert.match(adan, /Adan \(other\) · lr 0\.001 · betas \(0\.98, 0\.92, 0\.99\)\n {4}Adan: no prediction/);
  assert.match(scanned('from transformers import TrainingArguments\nTrainingArguments("o")'), /schedule linear/);
});

test('equal memories are neutral, whatever the learning rate', () => {
  const [config] = analyse({
    path: 'a',
    language: 'python',
    text: 'import torch\ntorch.optim.Adam(p, lr=h, betas=(0.5, 0.5))',
  });
  assert.match(codeLensText(config), /^Theory: no effect/);
});

table('aliases and factories', [
  [
    'either of two classes',
    'import torch\ndef make(big, net):\n    Kind = torch.optim.RMSprop if big else torch.optim.SGD\n    return Kind(net.parameters(), lr=0.2)',
    'pytorch rmsprop lr=0.2',
    'pytorch sgd lr=0.2',
  ],
  [
    'branches that choose a class',
    'from torch import optim\nif fast:\n    C = optim.NAdam\nelse:\n    C = optim.Adam\nC(p, lr=0.5)',
    'pytorch nadam lr=0.5',
    'pytorch adam lr=0.5',
  ],
  [
    'dictionaries of classes',
    'from torch import optim\nALL = {"a": optim.Adam, "r": optim.RMSprop}\ndef f(key, p): return ALL[key](p, lr=0.5)\nALL["r"](p, lr=0.25)',
    'pytorch adam lr=0.5',
    'pytorch rmsprop lr=0.5',
    'pytorch rmsprop lr=0.25',
  ],
  [
    'a class that is handed on with its arguments',
    'import torch\nTrainer(net, optimizer_class=torch.optim.AdamW, optimizer_kwargs=dict(lr=2e-4, weight_decay=0.3))\npolicy = dict(optimizer_class=torch.optim.RMSprop, optimizer_kwargs={"alpha": 0.9})\nNet(optimizer=torch.optim.Adam, optimizer__eps=1e-6, lr=0.02)',
    'pytorch adamw lr=0.0002 weight_decay=0.3 beta2=?',
    'pytorch rmsprop alpha=0.9 lr=?',
    'pytorch adam lr=0.02 eps=0.000001',
  ],
  [
    'sharded by a wrapper',
    'import torch\nfrom torch.distributed.optim import ZeroRedundancyOptimizer as Zero\nZero(p, optimizer_class=torch.optim.Adam, lr=0.01)\ntorch.distributed.optim.ZeroRedundancyOptimizer(p, optimizer_class=torch.optim.AdamW, lr=0.02)',
    'pytorch adam lr=0.01',
    'pytorch adamw lr=0.02 weight_decay=0.01(default)',
  ],
  [
    'subclasses',
    'import torch\nclass Mine(torch.optim.AdamW):\n    def __init__(self, params, lr=1e-2, decay=0.3, **rest):\n        super().__init__(params, lr=lr, weight_decay=decay, **rest)\nclass Plain(torch.optim.SGD): pass\nMine(p, lr=0.5, eps=1e-5)\nPlain(p, 0.25, momentum=0.5)\nMine(p)',
    'pytorch adamw lr=0.5 eps=0.00001 weight_decay=0.3(resolved)',
    'pytorch sgd lr=0.25 momentum=0.5',
    'pytorch adamw lr=0.01(resolved) eps=1e-8(default)',
  ],
  [
    'subclasses with an own step are others',
    'import torch\nclass Odd(torch.optim.Adam):\n    def step(self): pass\nOdd(p, lr=0.5)',
    'other Odd lr=0.5',
  ],
  [
    'names in texts',
    'import torch, hydra\nfrom torch import optim as o\neval("torch.optim.Adam")(p, lr=0.5)\neval("o.SGD")(p, lr=0.25)\nhydra.utils.get_class("torch.optim.NAdam")(p, lr=0.125)\nvars(torch.optim)["RMSprop"](p, lr=1)\ntorch.optim.__dict__["Adagrad"](p, lr=2)',
    'pytorch adam lr=0.5',
    'pytorch sgd lr=0.25',
    'pytorch nadam lr=0.125',
    'pytorch rmsprop lr=1',
    'pytorch adagrad lr=2',
  ],
  [
    "Keras' dictionaries",
    'import keras\nkeras.optimizers.get({"class_name": "RMSprop", "config": {"learning_rate": 0.03, "rho": 0.8}})\nm.compile(optimizer={"class_name": "adam", "config": {"learning_rate": 0.5}})\nkeras.optimizers.deserialize({"class_name": "SGD", "config": {}})',
    'keras rmsprop lr=0.03 alpha=0.8',
    'keras adam lr=0.5 beta2=0.999(default)',
    'keras sgd lr=0.01(default)',
  ],
  [
    "libraries' functions that take a name",
    'from pytorch_optimizer import load_optimizer, create_optimizer\nload_optimizer("soap")(m.parameters(), lr=3e-3)\ncreate_optimizer(m, "adamw", lr=0.5, weight_decay=0.25)',
    'other soap lr=0.003',
    'pytorch adamw lr=0.5 weight_decay=0.25',
  ],
]);

table('optimizers for which nothing is predicted', [
  [
    'known libraries',
    'import schedulefree\nfrom prodigyopt import Prodigy\nfrom muon import Muon\nimport optax\nschedulefree.SGDScheduleFree(m.parameters(), lr=2)\nProdigy(m.parameters())\nMuon(ws, lr=0.02, momentum=0.9)\noptax.contrib.sophia(1e-3)\noptax.yogi(0.1)',
    'other schedulefree lr=2',
    'other prodigy',
    'other muon lr=0.02 momentum=0.9',
    'optax sophia lr=0.001',
    'optax yogi lr=0.1',
  ],
  [
    'copied into the project',
    'from utils.soap import SOAP\nfrom models.apollo import Apollo\nSOAP(net.parameters(), lr=3e-3)\nApollo(config)',
    'other soap lr=0.003',
  ],
  [
    'their schedulers and losses are none',
    'from pytorch_optimizer import CosineScheduler, FocalLoss\nimport keras\nCosineScheduler(opt, 1)\nFocalLoss()\nkeras.optimizers.LossScaleOptimizer(x)\nkeras.optimizers.schedules.ExponentialDecay(0.1, 1, 1)',
  ],
  [
    'the part of Muon that is Adam',
    'from muon import SingleDeviceMuonWithAuxAdam\nimport optax\nSingleDeviceMuonWithAuxAdam([dict(params=a, use_muon=True, lr=0.02), dict(params=b, use_muon=False, lr=3e-4, betas=(0.8, 0.95))])\noptax.contrib.muon(0.02, adam_b2=0.95)\nMuon(lr=0.02, muon_params=a, adamw_params=b, adamw_lr=1e-3, adamw_betas=(0.9, 0.9))',
    'other muon lr=?',
    'other adamw lr=0.0003 beta1=0.8 beta2=0.95 eps=1e-10(default)',
    'optax muon lr=0.02',
    'optax adamw lr=0.02 beta1=0.9(default) beta2=0.95',
  ],
]);

table('schedules', [
  [
    'the peak of a literal one is the learning rate',
    'import optax, keras\noptax.adam(optax.warmup_cosine_decay_schedule(0.0, 3e-3, 10, 100))\noptax.sgd(optax.linear_schedule(init_value=0.1, end_value=0.5, transition_steps=9))\ns = optax.join_schedules([optax.linear_schedule(0.0, 0.2, 5), optax.constant_schedule(0.2)], [5])\noptax.adamw(s)\nkeras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.1]))\nkeras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9, warmup_target=0.7))',
    'optax adam lr=0.003',
    'optax sgd lr=0.5',
    'optax adamw lr=0.2(resolved)',
    'keras sgd lr=0.5',
    'keras sgd lr=0.7',
  ],
  [
    "PyTorch's schedulers",
    'import torch\nfrom torch.optim.lr_scheduler import OneCycleLR, StepLR\na = torch.optim.SGD(p, lr=0.1)\ns = OneCycleLR(a, max_lr=0.8, total_steps=9)\nclass T:\n    def f(self):\n        self.opt = torch.optim.Adam(p, lr=0.01)\n        self.sched = StepLR(self.opt, 10)',
    'pytorch sgd lr=0.8',
    'pytorch adam lr=0.01',
  ],
]);

test('schedules are named', () => {
  const text =
    'import torch, transformers\na = torch.optim.SGD(p, lr=0.1)\nb = torch.optim.lr_scheduler.CosineAnnealingLR(a, 9)\nc = torch.optim.Adam(q)\ntransformers.get_linear_schedule_with_warmup(c, 1, 9)\nd = torch.optim.Adam(r)';
  const names = analyse({ path: 'a', language: 'python', text }).map(({ schedule }) => schedule?.name);
  assert.deepEqual(names, ['CosineAnnealingLR', 'get_linear_schedule_with_warmup', undefined]);
});

table('chains of transformations are one optimizer', [
  [
    'AdamW, L2, a schedule times a factor, and SGD',
    'import optax\noptax.chain(optax.clip(1.0), optax.scale_by_adam(b2=0.95), optax.add_decayed_weights(0.2), optax.scale_by_learning_rate(5e-4))\noptax.chain(optax.add_decayed_weights(0.1), optax.scale_by_adam(), optax.scale(-1e-3))\ncore = optax.scale_by_adam(b1=0.8)\noptax.chain(core, optax.scale_by_schedule(optax.cosine_decay_schedule(1.0, 9)), optax.scale(-2e-3))\noptax.chain(optax.trace(decay=0.9), optax.scale_by_learning_rate(0.1))',
    'optax adamw lr=0.0005 beta2=0.95 weight_decay=0.2',
    'optax adam lr=0.001 weight_decay=0.1 eps_placement=outside(default)',
    'optax adam lr=0.002 beta1=0.8',
    'optax sgd lr=0.1 momentum=0.9',
  ],
]);
