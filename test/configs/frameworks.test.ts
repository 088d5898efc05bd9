import { describe, test } from 'node:test';
import { expectFound } from './expect.ts';

type Case = readonly [name: string, text: string, ...expected: string[]];

function table(title: string, cases: readonly Case[]): void {
  describe(title, () => {
    for (const [name, text, ...expected] of cases) test(name, () => void expectFound('python', text, expected));
  });
}

table('other frameworks', [
  [
    'Keras',
    'import tensorflow as tf\nfrom tensorflow import keras\ntf.keras.optimizers.Adam(learning_rate=1e-4, beta_2=0.95)\nkeras.optimizers.legacy.RMSprop(0.002, rho=0.8)\nkeras.optimizers.experimental.SGD()',
    'keras adam lr=0.0001 beta2=0.95 eps=1e-7(default) eps_placement=uncorrected(default)',
    'keras rmsprop lr=0.002 alpha=0.8 eps_placement=inside(default)',
    'keras sgd lr=0.01(default)',
  ],
  [
    'Keras 3 names',
    'from keras.optimizers import Nadam\nfrom tensorflow.keras.optimizers import AdamW\nNadam()\nAdamW(1e-3, 0.01)',
    'keras nadam lr=0.001(default) eps_placement=outside(default)',
    'keras adamw lr=0.001 weight_decay=0.01',
  ],
  [
    'Keras by name',
    "from tensorflow import keras\nmodel = keras.Sequential()\nmodel.compile(optimizer='adam', loss='mse')\nmodel.compile('rmsprop', 'mse')\nkeras.optimizers.get('SGD')",
    'keras adam lr=0.001(default)',
    'keras rmsprop lr=0.001(default)',
    'keras sgd lr=0.01(default)',
  ],
  [
    'Keras schedule',
    'import keras\nkeras.optimizers.Adam(learning_rate=keras.optimizers.schedules.ExponentialDecay(0.1, 1, 1))',
    'keras adam lr=?',
  ],
  [
    'TF1',
    'import tensorflow as tf\ntf.compat.v1.train.AdamOptimizer(1e-4)\ntf.train.MomentumOptimizer(0.1, 0.9)',
    'keras adam lr=0.0001 eps=1e-8(default)',
    'keras sgd lr=0.1 momentum=0.9',
  ],
  [
    'Optax',
    'import optax\ntx = optax.chain(optax.clip(1.0), optax.adamw(1e-3, b2=0.95, eps=0, eps_root=1e-8))\noptax.adam(schedule)\noptax.scale_by_adam(b1=0.8)\noptax.lion(1e-4)\noptax.rmsprop(0.1)\noptax.adam(1, nesterov=True)',
    'optax adamw lr=0.001 beta2=0.95 eps_root=1e-8 eps_placement=inside weight_decay=0.0001(default)',
    'optax adam lr=? eps_placement=outside(default)',
    'optax adam lr=absent beta1=0.8',
    'optax lion lr=0.0001 beta2=0.99(default)',
    'optax rmsprop alpha=0.9(default) eps_placement=inside(default)',
    'optax nadam lr=1',
  ],
  ['inject_hyperparams', 'import optax\noptax.inject_hyperparams(optax.adam)(learning_rate=0.1)', 'optax adam lr=0.1'],
  [
    'TrainingArguments',
    "from transformers import TrainingArguments, Seq2SeqTrainingArguments as S\nTrainingArguments('out', learning_rate=2e-5, weight_decay=0.01)\nS(output_dir='o', optim='adafactor')\nTrainingArguments('out', adam_beta2=0.98, optim='paged_adamw_8bit')\nTrainingArguments('out', optim=choice)",
    'huggingface adamw lr=0.00002 beta2=0.999(default) weight_decay=0.01',
    'huggingface adafactor lr=0.00005(default)',
    'huggingface adamw beta2=0.98',
  ],
  [
    'bitsandbytes',
    'import bitsandbytes as bnb\nfrom bitsandbytes.optim import PagedAdamW32bit\nbnb.optim.Adam8bit(p, lr=1e-3, betas=(0.9, 0.995))\nPagedAdamW32bit(p)\nbnb.optim.Lion8bit(p)',
    'bitsandbytes adam lr=0.001 beta2=0.995',
    'bitsandbytes adamw weight_decay=0.01(default)',
    'bitsandbytes lion lr=0.0001(default)',
  ],
  [
    'apex and DeepSpeed',
    'from apex.optimizers import FusedAdam, FusedSGD\nfrom deepspeed.ops.adam import DeepSpeedCPUAdam\nFusedAdam(p, lr=1, adam_w_mode=False)\nFusedSGD(p, 0.1)\nDeepSpeedCPUAdam(p, lr=2)',
    'apex adam lr=1',
    'apex sgd lr=0.1',
    'deepspeed adamw lr=2',
  ],
  [
    'torchopt, heavyball, lion-pytorch, MLX',
    'import torchopt, heavyball\nfrom lion_pytorch import Lion\nimport mlx.optimizers as mo\ntorchopt.adam(lr=0.1)\ntorchopt.MetaAdam(net, lr=0.2)\nheavyball.ForeachAdamW(p)\nLion(p, lr=1e-4)\nmo.AdamW(learning_rate=1e-3)',
    'torchopt adam lr=0.1 eps_placement=outside(default)',
    'torchopt adam lr=0.2',
    'heavyball adamw lr=0.0025(default) beta2=0.99(default)',
    'lion-pytorch lion lr=0.0001',
    'mlx adamw lr=0.001 bias_correction=false(default)',
  ],
  [
    'timm',
    "from timm.optim import create_optimizer_v2\ncreate_optimizer_v2(model, opt='adamw', lr=5e-4, weight_decay=0.05)\ncreate_optimizer_v2(model, opt=args.opt)",
    'timm adamw lr=0.0005 beta2=0.999(default) weight_decay=0.05 momentum=absent',
  ],
  [
    'OpenMMLab',
    "lr = 0.0001\noptim_wrapper = dict(\n    type='OptimWrapper',\n    optimizer=dict(type='AdamW', lr=lr, betas=(0.9, 0.999), weight_decay=0.05),\n    clip_grad=dict(max_norm=0.1))",
    'mmengine adamw lr=0.0001(resolved) beta2=0.999 weight_decay=0.05',
  ],
  [
    'OpenMMLab 2',
    "optimizer = dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001)\noptimizer_config = dict(grad_clip=None)",
    'mmengine sgd lr=0.02 momentum=0.9',
  ],
  [
    'DeepSpeed dictionary',
    "ds_config = {'train_batch_size': 8, 'optimizer': {'type': 'Adam', 'params': {'lr': 1e-3, 'betas': [0.8, 0.999]}}}",
    'deepspeed adamw lr=0.001 beta1=0.8',
  ],
  [
    'Detectron2',
    'from detectron2.config import get_cfg\ncfg = get_cfg()\ncfg.SOLVER.BASE_LR = 0.00025\ncfg.SOLVER.MAX_ITER = 300',
    'detectron2 sgd lr=0.00025 momentum=0.9(default)',
  ],
]);
