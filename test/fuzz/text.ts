import { diagnose } from '../../extension/advice/diagnostics.ts';
import { codeLensText, hoverMarkdown } from '../../extension/advice/hover.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import type { Language } from '../../extension/configs/config.ts';
import { parameterLines } from '../../extension/configs/parameterLines.ts';
import { mutateText, obeyed, type Target } from './target.ts';

const languages: readonly Language[] = [
  'python', 'yaml', 'jsonc', 'toml', 'notebook', 'gin', 'textproto', 'ini', 'jsonnet',
]; // biome-ignore format: a list
const texts: Readonly<Record<string, string>> = {
  python: `import torch, optax
from torch.optim import (Adam as A, SGD)
LR = 1e-3
cfg = {'lr': LR, 'betas': (0.9, 0.95), **other}
class Net(nn.Module):
    def __init__(self, width=8, *rest, **kw):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, width), nn.ReLU(), *[Block(i) for i in range(3)])
        for i in range(2): setattr(self, f'head{i}', nn.Linear(width, 2))
        self.blocks = nn.ModuleList([nn.Conv2d(3, 8, 3) if i else nn.BatchNorm2d(8) for i in range(4)])
    def fit(self, lr=LR): return A(self.parameters(), lr=lr, **cfg)
optax.adamw(args.lr, b1=0.9, eps_root=1e-8)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=LR))
torch.optim.NAdam(p, -1, (0.999, 0.5), **{'eps': 0})
`,
  yaml: 'a: &a {lr: 1e-3, betas: [0.9, 0.95]}\noptimizer:\n  class_path: torch.optim.AdamW\n  init_args:\n    <<: *a\n---\noptimizer: adam\nlr: ~\n',
  jsonc:
    '{"optimizer": {"type": "AdamW", "params": {"lr": 0.001, "betas": [0.9, 0.95]}}, /* c */ "x": [1, {"optim": "sgd", "lr": 1}]}',
  toml: '[optimizer]\ntype = "adam"\nlr = 1e-3\nbetas = [0.9, 0.99]\n[a."b c"]\noptim = "sgd"\nlr = 1\n',
  gin: "import a\nLR = 1e-3\nx/torch.optim.Adam.lr = %LR\nAdam.betas = (0.9,\n 0.99)\nA.optimizer = 'adam'\ncreate_optimizer.lr = -1\nSGD:\n  lr = @f()\n",
  textproto:
    'train_config: { optimizer { adam_optimizer: { learning_rate: { manual_step_learning_rate { initial_learning_rate: .1 schedule { step: 1 learning_rate: 2 } } } epsilon: 1e-8 } } x: [1, {a: "b"}] }\nbase_lr: 1 max_iter: 3 type: "Adam" momentum2: .9',
  ini: '[DEFAULT]\na = 1\n[train.optimizer]\n@optimizers = "Adam.v1"\nL2 = %(a)s\n[t]\n optimizer = adam # c\n lr = \u0024{DEFAULT:a}\n betas = (0.9, 0.98)\n  more\n',
  jsonnet:
    "local lr = 1e-3, f(x) = x; { local b = [0.9, 0.98], t: { optimizer: { type: 'adamw', lr: -lr * 2, betas: b } } } + { t+: { optimizer+: { eps: if true then 1 else f(2) } } } { xs: [i for i in std.range(1, 3)], y: ||| a ||| }",
  notebook: JSON.stringify({
    cells: [{ cell_type: 'code', source: ['import torch\n', 'torch.optim.Adam(p, lr=1e-3)'] }],
    metadata: {},
  }),
};
/** More of what training scripts and configurations do, each in its language. */
const others: readonly (readonly [Language, string])[] = [
  [
    'python',
    `import argparse, torch, transformers
from dataclasses import dataclass
parser = argparse.ArgumentParser()
parser.add_argument('--lr', type=float, default=3e-4)
parser.add_argument('--betas', nargs=2, type=float, default=(0.9, 0.98))
parser.add_argument('--no-decay', action='store_true')
args = parser.parse_args()
decay = [p for n, p in model.named_parameters() if p.dim() >= 2 and 'bias' not in n]
rest = [p for n, p in model.named_parameters() if p.dim() < 2]
groups = [{'params': decay, 'weight_decay': 0.1, 'lr': args.lr * 0.1}, {'params': rest, 'weight_decay': 0.0}]
optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=tuple(args.betas), fused=True)
scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [
    torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10),
    torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)], milestones=[10])
for batch in DataLoader(data, batch_size=32, shuffle=True):
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step(); scheduler.step()
`,
  ],
  [
    'python',
    `import optax, keras, transformers, functools
schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)
mask = lambda params: jax.tree_util.tree_map(lambda x: x.ndim > 1, params)
tx = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.95), optax.add_decayed_weights(0.1, mask), optax.scale_by_learning_rate(schedule))
tx2 = optax.multi_transform({'a': optax.adam(1e-3), 'b': optax.sgd(0.1, momentum=0.9)}, labels)
model = keras.Sequential([keras.layers.Dense(8, activation='relu'), keras.layers.Dense(2)])
model.compile(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)), loss='mse')
args = transformers.TrainingArguments(output_dir='o', learning_rate=5e-5, adam_beta2=0.95, optim='adamw_torch')
make = functools.partial(torch.optim.Adam, lr=1e-3)
def build(name, params, **kw):
    table = {'adam': torch.optim.Adam, 'sgd': torch.optim.SGD}
    return table[name](params, **kw)
opt = build('adam', net.parameters(), lr=1e-4, betas=(0.9, 0.99))
class Lit(L.LightningModule):
    def configure_optimizers(self):
        opt = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        return {'optimizer': opt, 'lr_scheduler': torch.optim.lr_scheduler.StepLR(opt, 3)}
`,
  ],
  [
    'python',
    `from fastai.vision.all import *
import ml_collections, mxnet as mx
from torch.distributed.optim import _apply_optimizer_in_backward
learn = Learner(dls, net, opt_func=partial(Adam, mom=0.9, eps=1e-4), wd=0.1).to_fp16()
learn.fit_one_cycle(5, lr_max=slice(1e-5, 1e-3)); learn.fine_tune(3)
trainer = mx.gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 1e-3, **more})
_apply_optimizer_in_backward(torch.optim.SGD, p, {'lr': 0.1})
def get_config():
    config = ml_collections.ConfigDict()
    config.optim = optim = ml_collections.ConfigDict()
    optim.optimizer = 'Adam'
    optim.lr = config.lr = 1e-3
    config.optax_name, config.wd = 'scale_by_adam', 1e-4
    return config
`,
  ],
  [
    'yaml',
    `defaults:\n  - optimizer: adam\n  - _self_\noptimizer:\n  _target_: torch.optim.AdamW\n  lr: \${model.lr}\n  betas: [0.9, 0.95]\nmodel: {lr: 1e-3}\nSOLVER:\n  BASE_LR: 0.02\n  OPTIMIZER: ADAMW\noptim_conf:\n  lr: 0.002\noptim: adam\n`,
  ],
  [
    'yaml',
    'lr: 0.001\nopt_class: !name:torch.optim.Adam\n  lr: !ref <lr>\n  betas: !tuple (0.9, 0.98)\ntrainer:\n  optimizer: {type: Adam, params: {lr: 1e-3, torch_adam: true}}\n',
  ],
  [
    'jsonc',
    '{"module": "keras.optimizers", "class_name": "Adam", "config": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999}, "fp16": {}, "zero_optimization": {"stage": 2}}',
  ],
];
const words = [
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '"""',
  ':',
  ',',
  '\n',
  '\n    ',
  '\t',
  '#',
  '\\',
  '*',
  '**',
  '&a ',
  '*a',
  '<<: ',
  '- ',
  'not ',
  'lambda: ',
  'if x: ',
  'for i in range(3): ',
  'nn.Sequential(',
  'self.',
  'torch.optim.Adam(',
  'lr=',
  '1e400',
  'x if y else ',
  '😀',
  '\0',
]; // prettier-ignore
const tensors = ['body.0.weight', 'body.0.bias', 'head0.weight', 'blocks.1.weight', 'fc.bias', 'val_3'];

/** The first byte of an input chooses the language. */
export const text: Target = {
  seeds: [...languages.map((language) => [language, texts[language]] as const), ...others].map(([language, content]) =>
    new TextEncoder().encode(languages.indexOf(language) + content),
  ),
  make: (random, seed) => {
    const whole = new TextDecoder().decode(seed);
    return new TextEncoder().encode(whole.slice(0, 1) + mutateText(random, whole.slice(1), words));
  },
  run: (bytes) => {
    const whole = new TextDecoder().decode(bytes);
    const language = languages[Number(whole[0]) % languages.length] ?? 'python';
    const content = whole.slice(1);
    for (const config of analyse({ path: 'f', language, text: content })) {
      for (const { message } of diagnose(config, content))
        if (obeyed.test(message)) throw new Error(`a terminal obeys ${JSON.stringify(message)}`);
      codeLensText(config);
      const shown = String(hoverMarkdown(config));
      if (/\bNaN\b|undefined/.test(shown)) throw new Error(`the hover shows ${shown}`);
    }
    if (language === 'python') parameterLines(content, tensors);
  },
};
