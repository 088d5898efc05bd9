import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';
import type { Language } from '../../extension/configs/config.ts';
import { expectFound } from './expect.ts';
import { table } from './tables.ts';

const only = (language: Language, text: string) => {
  const [config, ...more] = analyse({ path: 'a', language, text });
  assert.deepEqual(more, []);
  return config;
};

table('timm reads its settings from the arguments of a script', [
  [
    'create_optimizer(args, model) and create_optimizer_v2(**optimizer_kwargs(args))',
    `import argparse
from timm.optim import create_optimizer, create_optimizer_v2, optimizer_kwargs
from timm.scheduler import create_scheduler
parser = argparse.ArgumentParser()
parser.add_argument("--opt", default="adamw")
parser.add_argument("--opt-eps", default=None, type=float)
parser.add_argument("--opt-betas", default=[0.9, 0.98], type=float, nargs="+")
parser.add_argument("--weight-decay", type=float, default=0.05)
parser.add_argument("--sched", default="cosine")
parser.add_argument("--lr", type=float, default=None)
args = parser.parse_args()
one = create_optimizer(args, model)
schedule, _ = create_scheduler(args, one)
two = create_optimizer_v2(model, **optimizer_kwargs(cfg=args))`,
    'timm adamw lr=? weight_decay=0.05(resolved) beta2=0.98(resolved) eps=1e-8(default)',
    'timm adamw lr=? weight_decay=0.05(resolved) beta2=0.98(resolved) eps=1e-8(default)',
  ],
]);

test('the schedule that timm is told in the arguments', () => {
  const text = `from types import SimpleNamespace
from timm.optim import create_optimizer
from timm.scheduler import create_scheduler
args = SimpleNamespace(opt="sgd", lr=0.1, sched="step")
o = create_optimizer(args, model)
s, _ = create_scheduler(args, o)`;
  assert.equal(only('python', text).schedule?.name, 'step');
});

table('classes and wrappers of the text itself', [
  [
    'arguments of a trainer with fields of their own',
    `from dataclasses import dataclass, field
from transformers import TrainingArguments
@dataclass
class Own(TrainingArguments):
    learning_rate: float = field(default=1e-6)
    adam_beta2: float = 0.95
Own(output_dir="x")
Own(output_dir="x", learning_rate=3e-4)`,
    'huggingface adamw lr=0.000001(resolved) beta2=0.95(resolved) weight_decay=0(default)',
    'huggingface adamw lr=0.0003 beta2=0.95(resolved)',
  ],
  [
    'a wrapper that makes the call later',
    `import torch
class LazyCall:
    def __init__(self, target):
        self.target = target
L = LazyCall
L(torch.optim.SGD)(params=L(groups)(norm=0.0), lr=0.02, weight_decay=1e-4)`,
    'pytorch sgd lr=0.02 weight_decay=0.0001',
  ],
]);

table('settings that come from the command line', [
  [
    'arguments of a trainer, of which a class of the text sets some',
    `from dataclasses import dataclass, field
import transformers
@dataclass
class Own(transformers.TrainingArguments):
    optim: str = field(default="adamw_torch")
    adam_beta2: float = 0.95
a = transformers.HfArgumentParser((Model, Own))
b = transformers.HfArgumentParser((Model, transformers.TrainingArguments))`,
    'huggingface adamw lr=? beta2=0.95(resolved) eps=?',
    'huggingface adamw lr=? beta2=? eps=?',
  ],
  [
    'a copy of timm’s factory in a module of the project',
    `import argparse
from optim_factory import create_optimizer
parser = argparse.ArgumentParser()
parser.add_argument("--opt", default="adamw")
parser.add_argument("--lr", default=4e-3, type=float)
args = parser.parse_args()
create_optimizer(args, model, skip_list=None)
create_optimizer(model, 3)`,
    'timm adamw lr=0.004(resolved) weight_decay=?',
  ],
]);

table('weight decay beside a whole optimizer in a chain', [
  [
    'before it',
    'import optax\noptax.chain(optax.clip(1.0), optax.add_decayed_weights(1e-4), optax.sgd(0.1, momentum=0.9))',
    'optax sgd lr=0.1 weight_decay=0.0001',
  ],
  [
    'after it',
    'import optax\noptax.chain(optax.sgd(0.1), optax.add_decayed_weights(1e-4))',
    'optax sgd lr=0.1 weight_decay=absent',
  ],
]);

test('weight decay that a chain adds to the finished step is told', () => {
  const { notes } = only('python', 'import optax\noptax.chain(optax.sgd(0.1), optax.add_decayed_weights(1e-4))');
  assert.match(notes?.[0].text ?? '', /after the step/);
});

table(
  'configuration files with keys of their own',
  [
    [
      'MaxText',
      'opt_type: "adamw"\nlearning_rate: 3.e-5\nadam_b1: 0.9\nadam_b2: 0.97\nadam_eps: 1.e-7\nadam_eps_root: 0.\nadam_weight_decay: 0.1',
      'generic adamw lr=0.00003 beta1=0.9 beta2=0.97 eps=1e-7 weight_decay=0.1',
    ],
    [
      'a file of a group that is one optimizer',
      '_name_: adamw\nlr: 0.002\nweight_decay: 0.0\nbetas: [0.9, 0.98]',
      'generic adamw lr=0.002 beta2=0.98 weight_decay=0',
    ],
    [
      'GPT-NeoX: the weight decay beside the section of DeepSpeed',
      'optimizer: {type: Adam, params: {lr: 0.0006, betas: [0.9, 0.95]}}\nweight_decay: 0.1',
      'deepspeed adamw lr=0.0006 weight_decay=0.1',
    ],
    [
      'DeepSpeed: the weight decay of the section counts',
      'optimizer: {type: Adam, params: {lr: 0.0006, weight_decay: 0.02}}\nweight_decay: 0.1',
      'deepspeed adamw weight_decay=0.02',
    ],
    [
      'Fairseq: betas as a text, the learning rate in another section',
      'optimization:\n  lr: [0.0001]\noptimizer:\n  _name: adam\n  adam_betas: (0.9,0.98)\n  adam_eps: 1e-08',
      'generic adam lr=0.0001 beta2=0.98 eps=1e-8',
    ],
  ],
  'yaml',
);

test('schedules of configuration files', () => {
  const named = (text: string) => only('yaml', text).schedule?.name;
  const axolotl = 'optimizer: adamw_torch_fused\nlearning_rate: 2e-5\n';
  assert.equal(named(`${axolotl}lr_scheduler: cosine`), 'cosine');
  assert.equal(named(axolotl), undefined);
  const solver = 'SOLVER:\n  BASE_LR: 0.01\n  STEPS: (60000, 80000)\n';
  assert.equal(named(solver), 'WarmupMultiStepLR');
  assert.equal(named(`${solver}  LR_SCHEDULER_NAME: WarmupCosineLR`), 'WarmupCosineLR');
});

test('schedules that stand beside the section of the optimizer', () => {
  const named = (text: string) => only('yaml', text).schedule?.name;
  const torchtune = 'optimizer:\n  _component_: torch.optim.AdamW\n  lr: 3e-4\n';
  assert.equal(
    named(`${torchtune}lr_scheduler:\n  _component_: torchtune.training.get_cosine_schedule_with_warmup`),
    'get_cosine_schedule_with_warmup',
  );
  const own = 'optimizer:\n  name: adamw\n  learning_rate: 3e-4\n';
  assert.equal(named(`${own}scheduler:\n  name: cosine_with_warmup`), 'cosine_with_warmup');
  assert.equal(named(`${own}  scheduler: {name: linear}\nscheduler:\n  name: cosine_with_warmup`), 'linear');
});

test('nothing is found where only a weight decay stands beside a name', () => {
  expectFound('yaml', 'opt_type: adamw\nwidth: 3', []);
});
