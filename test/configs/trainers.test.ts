import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';
import { FolderWorkspace } from '../../extension/configs/workspace.ts';
import { expectFound } from './expect.ts';
import { table } from './tables.ts';

const fastai = 'from fastai.vision.all import *\n';

table('fastai', [
  [
    'its Adam, with what the learner and the training say',
    `${fastai}learn = Learner(dls, net, opt_func=partial(Adam, sqr_mom=0.95, eps=1e-4), wd=0.2).to_fp16()\nlearn.fit_flat_cos(10, 2e-3)\n`,
    'fastai adamw lr=0.002 beta1=0.9(default) beta2=0.95 eps=0.0001 weight_decay=0.2',
  ],
  [
    'nothing is said of the optimizer: Adam with fastai’s own settings; a cycle moves its momentum',
    `${fastai}learn = vision_learner(dls, resnet34, metrics=error_rate)\nlearn.fit_one_cycle(4, lr_max=slice(3e-3))\n`,
    'fastai adamw lr=0.003 beta1=? beta2=0.99(default) eps=0.00001(default) weight_decay=0.01(default)',
  ],
  [
    'the learner’s rate, its default, and two that differ',
    `${fastai}a = Learner(dls, net, opt_func=SGD, lr=0.1)\na.fit(3)\nb = unet_learner(dls, resnet34)\nb.fit(1)\nc = Learner(dls, net, opt_func=Adam)\nc.fit(1, 1e-3)\nc.fit(1, 1e-4)\nd = Learner(dls, net, opt_func=Adam)\n`,
    'fastai sgd lr=0.1 momentum=0(default)',
    'fastai adamw lr=0.001(default)',
    'fastai adamw lr=?',
    'fastai adamw lr=?',
  ],
  [
    'PyTorch’s optimizers in it',
    `${fastai}a = Learner(dls, net, opt_func=partial(OptimWrapper, opt=torch.optim.AdamW, eps=1e-6), lr=0.1)\na.fit(3, 0.2)\n`,
    'pytorch adamw lr=0.2 eps=0.000001 beta1=?',
  ],
  [
    'the first version has other defaults',
    'from fastai.vision import *\nlearn = Learner(data, net, opt_func=partial(optim.SGD, momentum=0.8), wd=1e-4)\nlearn.fit_one_cycle(5, max_lr=0.3)\n',
    'pytorch sgd lr=0.3 momentum=? weight_decay=0.0001',
  ],
  ['another learner', 'from mylib import Learner, Adam\nlearn = Learner(dls, net, lr=0.1)\nlearn.fit(3, 0.1)\n'],
  ['an optimizer that a function makes', `${fastai}learn = Learner(dls, net, opt_func=make_optimizer(3), lr=0.1)\n`],
]);

const mxnet = 'import mxnet as mx\nfrom mxnet import gluon\n';

table('MXNet', [
  [
    'a trainer with a dictionary',
    `${mxnet}trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 1e-3, 'wd': 1e-4, 'beta2': 0.99})\n`,
    'mxnet adam lr=0.001 beta1=0.9(default) beta2=0.99 eps=1e-8(default) weight_decay=0.0001 eps_placement=uncorrected(default)',
  ],
  [
    'by name, through variables, and as an object',
    `${mxnet}name = 'nag'\nparams = {'learning_rate': 0.1, 'momentum': 0.8}\ntrainer = gluon.Trainer(net.collect_params(), optimizer=name, optimizer_params=params)\nother = mx.gluon.Trainer(net.collect_params(), mx.optimizer.SGD(learning_rate=0.2, momentum=0.7))\n`,
    'mxnet sgd lr=0.1 momentum=0.8 nesterov=true(default)',
    'mxnet sgd lr=0.2 momentum=0.7',
  ],
  [
    'a module',
    `${mxnet}module.fit(data, optimizer='sgd', optimizer_params=(('learning_rate', 0.05), ('momentum', 0.9)))\n`,
    'mxnet sgd lr=0.05 momentum=0.9',
  ],
  [
    'older names, and a schedule in the dictionary',
    `${mxnet}t = gluon.Trainer(net.collect_params(), 'rmsprop', {'learning_rate': 5e-5, 'gamma1': 0.99, 'lr_scheduler': mx.lr_scheduler.FactorScheduler(step=2)})\n`,
    'mxnet rmsprop lr=0.00005 alpha=0.99',
  ],
  ['versions differ in this default', `${mxnet}t = gluon.Trainer(net.collect_params(), 'sgd')\n`, 'mxnet sgd lr=?'],
  [
    'what has the same words',
    "from lightning import Trainer\nt = Trainer(params, 'adam', {'learning_rate': 1e-3})\nmodel.fit(x, optimizer='adam', optimizer_params={'learning_rate': 1})\n",
  ],
]);

table('Optimizers that step in the backward pass', [
  [
    'of TorchRec and of PyTorch',
    "import torch\nfrom torchrec.optim.apply_optimizer_in_backward import apply_optimizer_in_backward\nfrom torchrec.optim.rowwise_adagrad import RowWiseAdagrad\nfrom torch.distributed.optim import _apply_optimizer_in_backward\napply_optimizer_in_backward(torch.optim.SGD, model.sparse.parameters(), {'lr': 0.02})\napply_optimizer_in_backward(RowWiseAdagrad, [p], {'lr': 0.03})\n_apply_optimizer_in_backward(torch.optim.AdamW, params=model.parameters(), optimizer_kwargs={'lr': 2e-4})\n",
    'pytorch sgd lr=0.02 momentum=0(default)',
    'other RowWiseAdagrad lr=0.03',
    'pytorch adamw lr=0.0002 weight_decay=0.01(default)',
  ],
  [
    'somebody’s own function',
    "import torch\nfrom mine import apply_optimizer_in_backward\napply_optimizer_in_backward(torch.optim.SGD, p, {'lr': 0.02})\n",
  ],
]);

table('Files of ml_collections', [
  [
    'objects in objects, under two names',
    "import ml_collections\ndef get_default_configs():\n  config = ml_collections.ConfigDict()\n  config.optim = optim = ml_collections.ConfigDict()\n  optim.weight_decay = 0\n  optim.optimizer = 'Adam'\n  optim.lr = 2e-4\n  optim.beta1 = 0.8\n  return config\n",
    'generic adam lr=0.0002 beta1=0.8 weight_decay=0',
  ],
  [
    'keys beside each other; those of another part are none of its own',
    "from ml_collections import config_dict\ndef get_config():\n  config = config_dict.ConfigDict()\n  config.model = config_dict.ConfigDict()\n  config.model.beta2 = 5\n  config.learning_rate = 3e-4\n  config.optimizer = 'adamw'\n  config.weight_decay = 0.1\n  return config\n",
    'generic adamw lr=0.0003 weight_decay=0.1 beta2=absent',
  ],
  [
    'big_vision, whose weight decay no learning rate scales',
    "import ml_collections as mlc\ndef get_config():\n  config = mlc.ConfigDict()\n  config.optax_name = 'scale_by_adam'\n  config.optax = dict(mu_dtype='bfloat16', b2=0.95)\n  config.lr = 0.001\n  config.wd = 0.0001\n  config.schedule = dict(warmup_steps=10_000, decay_type='cosine')\n  return config\n",
    'optax adamw lr=0.001 beta1=0.9(default) beta2=0.95 weight_decay=0.1(resolved)',
  ],
  [
    'no optimizer',
    "import ml_collections\ndef get_config():\n  config = ml_collections.ConfigDict()\n  config.lr = 3e-4\n  config.name = 'adam'\n  return config\n",
  ],
]);

const overlay =
  "import time\nout_dir = 'out'\nwandb_run_name = 'x' + str(time.time())\nblock_size = 256\nwarmup_iters = 100\nlearning_rate = 2e-3\nbeta2 = 0.99\nlr_decay_iters = 5000\n";

table('nanoGPT’s files of assignments', [
  ['without the script', overlay, 'generic adamw lr=0.002 beta2=0.99 beta1=absent'],
  ['a program', `${overlay}def train(): pass\n`],
  ['some settings', 'learning_rate = 1e-3\nbatch_size = 32\nmax_iters = 4\nbias = 1\ndropout = 0.1\nbeta2 = 3\n'],
]);

describe('nanoGPT’s files beside its script', () => {
  const found = (files: Readonly<Record<string, string>>) => {
    const root = mkdtempSync(join(tmpdir(), 'overlay-'));
    try {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, name)), { recursive: true });
        writeFileSync(join(root, name), text);
      }
      const path = join(root, 'config/a.py');
      const text = files['config/a.py'];
      return analyse({ path, language: 'python', text }, { path, workspace: new FolderWorkspace(root) });
    } finally {
      rmSync(root, { recursive: true });
    }
  };
  const script =
    "learning_rate = 6e-4\nweight_decay = 0.2\nbeta1 = 0.9\nbeta2 = 0.95\nexec(open('configurator.py').read())\n";

  test('what the file does not say, the script does', () => {
    const configs = found({ 'config/a.py': overlay, 'train.py': script });
    expectFound(
      'python',
      overlay,
      ['generic adamw lr=0.002 beta1=0.9(resolved) beta2=0.99 weight_decay=0.2(resolved)'],
      configs,
    );
    assert.match(configs[0].hyperparameters.get('weight_decay')!.sourceRange!.file!, /train\.py$/);
  });

  test('another script', () => {
    assert.deepEqual(found({ 'config/a.py': overlay, 'train.py': 'from a import *\n' }), []);
  });
});

test('PaddleDetection’s schedules are named', () => {
  const text =
    'LearningRate:\n  base_lr: 0.01\n  schedulers:\n  - !PiecewiseDecay\n    gamma: 0.1\n  - name: LinearWarmup\n    steps: 1000\nOptimizerBuilder:\n  optimizer:\n    momentum: 0.9\n    type: Momentum\n';
  const [{ schedule }] = analyse({ path: 'a.yml', language: 'yaml', text });
  assert.equal(schedule?.name, 'PiecewiseDecay, LinearWarmup');
});

test('MXNet’s schedules are named', () => {
  const text = `${mxnet}t = gluon.Trainer(p, 'sgd', {'learning_rate': 0.1, 'lr_scheduler': mx.lr_scheduler.FactorScheduler(step=2)})\n`;
  const [{ schedule, others }] = analyse({ path: 'a.py', language: 'python', text });
  assert.equal(schedule?.name, 'FactorScheduler');
  assert.ok(!others.has('lr_scheduler'));
});

table('Classes beside optimizers', [
  [
    'those of Optax that hold numbers, and containers of optimizers',
    'import torch, optax\nd = optax.contrib.MuonDimensionNumbers(-2, 0)\nclass OptimizersContainer(torch.optim.Optimizer): pass\nOptimizersContainer(parts)\no = optax.contrib.prodigy(learning_rate=1.0)\n',
    'optax prodigy lr=1',
  ],
]);

table('Keras’ schedules in its older modules', [
  [
    'of optimizer_v2',
    'from keras.optimizer_v2 import learning_rate_schedule\nfrom keras.optimizer_v2.adam import Adam\nlr = learning_rate_schedule.ExponentialDecay(initial_learning_rate=1.0e-2, decay_steps=6000, decay_rate=0.9)\noptimizer = Adam(learning_rate=lr)\n',
    'keras adam lr=0.01(resolved)',
  ],
]);
