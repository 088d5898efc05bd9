import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectFound } from './expect.ts';
import { table } from './tables.ts';

table('PyTorch', [
  [
    'qualified',
    'import torch\nopt = torch.optim.Adam(m.parameters(), lr=1e-3)\n',
    'pytorch adam lr=0.001 beta1=0.9(default) beta2=0.999(default) eps=1e-8(default) weight_decay=0(default) eps_placement=outside(default)',
  ],
  [
    'import torch.optim as optim',
    'import torch.optim as optim\noptim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)',
    'pytorch sgd lr=0.1 momentum=0.9 nesterov=true dampening=0(default)',
  ],
  [
    'from torch import optim',
    'from torch import nn, optim\noptim.AdamW(p)',
    'pytorch adamw lr=0.001(default) weight_decay=0.01(default)',
  ],
  [
    'import torch.optim binds torch',
    'import torch.optim\ntorch.optim.NAdam(p)',
    'pytorch nadam lr=0.002(default) momentum_decay=0.004(default)',
  ],
  [
    'from … import … as',
    'from torch.optim import Adam as A, SGD\nA(p, 3e-4)\nSGD(p, 1)',
    'pytorch adam lr=0.0003',
    'pytorch sgd lr=1',
  ],
  [
    'parenthesised import',
    'from torch.optim import (\n    Adam,\n    RMSprop,  # for RL\n)\nRMSprop(p, alpha=0.95, centered=True)',
    'pytorch rmsprop alpha=0.95 centered=true lr=0.01(default)',
  ],
  [
    'submodule',
    'from torch.optim.adamw import AdamW\nAdamW(p, betas=[0.9, 0.95])',
    'pytorch adamw beta1=0.9 beta2=0.95',
  ],
  ['star import', 'from torch.optim import *\nAdamax(p)', 'pytorch adamax lr=0.002(default)'],
  [
    'positional arguments',
    'import torch\ntorch.optim.Adam(p, 1e-4, (0.8, 0.99), 1e-6, 0.1)',
    'pytorch adam lr=0.0001 beta1=0.8 beta2=0.99 eps=0.000001 weight_decay=0.1',
  ],
  [
    'the others',
    'from torch.optim import *\nRAdam(p)\nAdadelta(p)\nAdagrad(p)\nSparseAdam(p)\nASGD(p)\nRprop(p)',
    'pytorch radam lr=0.001(default)',
    'pytorch adadelta lr=1(default) rho=0.9(default)',
    'pytorch adagrad eps=1e-10(default)',
    'pytorch sparse_adam beta2=0.999(default)',
    'pytorch asgd lr=0.01(default)',
    'pytorch rprop lr=0.01(default)',
  ],
  [
    'decoupled flag',
    'import torch\ntorch.optim.Adam(p, decoupled_weight_decay=True)',
    'pytorch adamw weight_decay=0(default)',
  ],
  [
    'partial',
    'from functools import partial\nimport torch\nmake = partial(torch.optim.Adam, lr=1e-2)\nmake(p)',
    'pytorch adam lr=0.01',
  ],
  [
    'class in a variable',
    'import torch\noptimizer_cls = torch.optim.Adam\nopt = optimizer_cls(params, lr=2e-3)',
    'pytorch adam lr=0.002',
  ],
  [
    'class in a dictionary',
    "import torch\nOPTS = {'adam': torch.optim.Adam}\nOPTS['adam'](p, lr=1)",
    'pytorch adam lr=1',
  ],
  [
    'alternatives by try',
    'try:\n    from apex.optimizers import FusedAdam as Adam\nexcept ImportError:\n    from torch.optim import Adam\nAdam(p, lr=1)',
    'apex adamw lr=1',
  ],
  [
    'implementations of one optimizer',
    'import torch\nimport bitsandbytes as bnb\nif small:\n    kind = bnb.optim.AdamW8bit\nelse:\n    kind = torch.optim.AdamW\nkind(p, lr=1)',
    'pytorch adamw lr=1',
  ],
  [
    'implementations of one optimizer in an expression',
    'import torch\nimport bitsandbytes as bnb\nkind = bnb.optim.AdamW8bit if small else torch.optim.AdamW\nkind(p, lr=1)',
    'pytorch adamw lr=1',
  ],
  [
    'a class chosen again',
    'import torch\nkind = torch.optim.SGD\nkind = torch.optim.Adam\nkind(p, lr=1)',
    'pytorch adam lr=1',
  ],
  [
    'lazy call',
    'import torch\nfrom detectron2.config import LazyCall as L\noptimizer = L(torch.optim.SGD)(params=L(groups)(norm=0.0), lr=0.02)',
    'pytorch sgd lr=0.02',
  ],
  [
    'builds',
    'import torch\nfrom hydra_zen import builds\nConfig = builds(torch.optim.Adam, lr=0.02, zen_partial=True)',
    'pytorch adam lr=0.02',
  ],
  [
    'in a class',
    'import torch\nclass Net(nn.Module):\n    def configure_optimizers(self):\n        return torch.optim.Adam(self.parameters(), lr=0.02)',
    'pytorch adam lr=0.02',
  ],
  [
    'import inside a function',
    'def f():\n    from torch.optim import Adam\n    return Adam(p, lr=1)',
    'pytorch adam lr=1',
  ],
]);

table('not an optimizer of a framework', [
  ['no import', 'opt = Adam(p, lr=1e-3)'],
  ['own class of that name', 'class Adam(Base):\n    pass\nAdam(p, lr=1e-3)'],
  ['own module', 'from .optim import Adam\nfrom mylib.optim import AdamW\nAdam(p)\nAdamW(p)'],
  ['own function', 'import torch\ndef Adam(x, lr): return x\nAdam(p, lr=1)'],
  ['shadowed by a parameter', 'from torch.optim import Adam\ndef f(Adam):\n    return Adam(p, lr=1)'],
  ['shadowed by a loop', 'from torch.optim import Adam\nfor Adam in things:\n    Adam(p)'],
  ['reassigned', 'from torch.optim import Adam\nAdam = wrap(Adam)\nAdam(p)'],
  ['getattr with a name from outside', 'import torch\ngetattr(torch.optim, name)(p, lr=1)'],
  ['in a string and a comment', '"""\nimport torch\ntorch.optim.Adam(p)\n"""\n# torch.optim.Adam(p)'],
  ['only a reference', 'import torch\nx = torch.optim.Adam\nisinstance(o, torch.optim.Adam)'],
  ['re.compile', "import re, keras\nre.compile('adam')"],
  ['compile without keras', "model.compile(optimizer='adam')"],
  ['other string to compile', "import keras\nmodel.compile(optimizer='mine')"],
  [
    'only the name of an optimizer: its description',
    "optimizer = {'type': 'Adam'}\nmeta = {'optimizer': {'name': 'Adam', 'version': 1}}",
  ],
  ['a dictionary without a type', "import torch\noptimizer = dict(lr=0.1)\ndata = dict(type='Adam', lr=1)"],
  [
    'a class attribute of that name',
    'import torch\nclass C:\n    from torch.optim import Adam\n    def f(self):\n        return Adam(p)',
  ],
]);

table('values', [
  [
    'arithmetic',
    'import torch\ntorch.optim.Adam(p, lr=10**-3, eps=3*1e-4, weight_decay=-(-1/4) + 2**-2, betas=(1-1e-1, 0.95))',
    'pytorch adam lr=0.001 eps=0.00030000000000000003 weight_decay=0.5 beta1=0.9 beta2=0.95',
  ],
  [
    'number forms',
    'from torch.optim import SGD\nSGD(p, 1_0.5e-1)\nSGD(p, .5)\nSGD(p, 0x10)\nSGD(p, 1e-3j)',
    'pytorch sgd lr=1.05',
    'pytorch sgd lr=0.5',
    'pytorch sgd lr=16',
    'pytorch sgd lr=?',
  ],
  [
    'float() and math',
    "import math, torch\ntorch.optim.Adam(p, lr=float('1e-3'), eps=math.sqrt(16), weight_decay=max(0.1, 0.2))",
    'pytorch adam lr=0.001 eps=4 weight_decay=0.2',
  ],
  [
    'module constants',
    'import torch\nLR = 3e-4\nBETAS = (0.9, 0.95)\ndef f():\n    torch.optim.AdamW(p, lr=LR * 2, betas=BETAS)',
    'pytorch adamw lr=0.0006(resolved) beta1=0.9(resolved) beta2=0.95(resolved)',
  ],
  [
    'tuple without parentheses',
    'import torch\nbetas = 0.9, 0.99\nb1, b2 = 0.8, 0.88\ntorch.optim.Adam(p, betas=betas)\ntorch.optim.Adam(p, betas=(b1, b2))',
    'pytorch adam beta1=0.9(resolved) beta2=0.99(resolved)',
    'pytorch adam beta1=0.8(resolved) beta2=0.88(resolved)',
  ],
  ['reassigned', 'import torch\nlr = 1\nlr = 2\ntorch.optim.Adam(p, lr=lr)\nlr = 3', 'pytorch adam lr=2(resolved)'],
  [
    'reassigned in a branch',
    'import torch\nlr = 1\nif c:\n    lr = 2\ntorch.optim.Adam(p, lr=lr)',
    'pytorch adam lr=?',
  ],
  [
    'the same in both branches',
    'import torch\nif c:\n    lr = 2\nelse:\n    lr = 2.0\ntorch.optim.Adam(p, lr=lr)',
    'pytorch adam lr=2(resolved)',
  ],
  [
    'reassigned later in a loop',
    'import torch\nlr = 1\nwhile c:\n    torch.optim.Adam(p, lr=lr)\n    lr = lr / 2',
    'pytorch adam lr=?',
  ],
  [
    'changed only with an option that is off',
    "import argparse, torch\ndef parse(given=None):\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--learning_rate', type=float, default=5e-6)\n    parser.add_argument('--scale_lr', action='store_true', default=False)\n    if given is not None:\n        args = parser.parse_args(given)\n    else:\n        args = parser.parse_args()\n    return args\ndef main(args):\n    if args.scale_lr:\n        args.learning_rate = args.learning_rate * 8\n    if args.use_8bit:\n        import bitsandbytes as bnb\n        kind = bnb.optim.AdamW8bit\n    else:\n        kind = torch.optim.AdamW\n    kind(p, lr=args.learning_rate)\nmain(parse())",
    'pytorch adamw lr=0.000005(resolved)',
  ],
  ['made from itself', 'import torch\nlr = 1\nlr = 2 * lr\ntorch.optim.Adam(p, lr=lr)', 'pytorch adam lr=2(resolved)'],
  [
    'numbers that end with a point',
    'import torch\ntorch.optim.SGD(p, lr=30., momentum=1.e-3, weight_decay=0.)',
    'pytorch sgd lr=30 momentum=0.001 weight_decay=0',
  ],
  [
    'parameter groups with one learning rate',
    "import torch\ngroups = [dict(params=a, lr=3e-4), {'params': b, 'lr': 3e-4, 'weight_decay': 0}]\ntorch.optim.AdamW(groups, betas=(0.8, 0.95))",
    'pytorch adamw lr=0.0003(resolved) beta1=0.8 weight_decay=0.01(default)',
  ],
  [
    'parameter groups that differ',
    'import torch\ntorch.optim.AdamW([dict(params=a, lr=3e-4, weight_decay=0.1), dict(params=b, lr=1e-4, weight_decay=0.)], lr=1)',
    'pytorch adamw lr=? weight_decay=0.1',
  ],
  [
    'a learning rate for one parameter group',
    "import torch\ntorch.optim.SGD([{'params': a}, {'params': b, 'lr': 1e-4}], lr=0.1)",
    'pytorch sgd lr=0.1',
  ],
  ['augmented', 'import torch\nlr = 1\nlr *= 2\ntorch.optim.Adam(p, lr=lr)', 'pytorch adam lr=?'],
  [
    'reassigned through global',
    'import torch\nlr = 1\ndef f():\n    global lr\n    lr = 2\ntorch.optim.Adam(p, lr=lr)',
    'pytorch adam lr=?',
  ],
  [
    'a local of the same name is another',
    'import torch\nlr = 1\ndef f():\n    lr = 2\ntorch.optim.Adam(p, lr=lr)',
    'pytorch adam lr=1(resolved)',
  ],
  ['assigned only later', 'import torch\ntorch.optim.Adam(p, lr=lr)\nlr = 1', 'pytorch adam lr=?'],
  [
    'loop variable',
    'import torch\nfor lr in (1, 2):\n    torch.optim.Adam(p, lr=lr)\n[torch.optim.SGD(p, lr=x) for x in y]',
    'pytorch adam lr=?',
    'pytorch sgd lr=?',
  ],
  ['cycle', 'import torch\na = b\nb = a\ntorch.optim.Adam(p, lr=a)', 'pytorch adam lr=?'],
  [
    'parameter default',
    'import torch\ndef f(p, lr=1e-3, *, wd: float = 0.1):\n    torch.optim.AdamW(p, lr=lr, weight_decay=wd)',
    'pytorch adamw lr=0.001(resolved) weight_decay=0.1(resolved)',
  ],
  [
    'parameter decided by the only call',
    'import torch\ndef f(p, lr=1e-3):\n    torch.optim.Adam(p, lr=lr)\nf(p, 0.5)',
    'pytorch adam lr=0.5(resolved)',
  ],
  [
    'calls that differ',
    'import torch\ndef f(p, lr=1e-3):\n    torch.optim.Adam(p, lr=lr)\nf(p, 0.5)\nf(p, lr=0.25)',
    'pytorch adam lr=?',
  ],
  [
    'methods of that name on other objects',
    'import torch\nclass T:\n    def train(self, lr=1e-3):\n        torch.optim.Adam(p, lr=lr)\nmodel.train()\nT().train()',
    'pytorch adam lr=0.001(resolved)',
  ],
  [
    'a method called on an object of its class',
    'import torch\nclass T:\n    def train(self, lr=1e-3):\n        torch.optim.Adam(p, lr=lr)\nt = T()\nt.train(0.5)\ntorch.train(7)',
    'pytorch adam lr=0.5(resolved)',
  ],
  [
    'a method called on something undecidable',
    'import torch\nclass T:\n    def train(self, lr=1e-3):\n        torch.optim.Adam(p, lr=lr)\nmodel.train(False)',
    'pytorch adam lr=?',
  ],
  [
    'call with unknown',
    'import torch\ndef f(p, lr=1e-3):\n    torch.optim.Adam(p, lr=lr)\nf(p, **kw)',
    'pytorch adam lr=?',
  ],
  [
    'dictionary unpacked',
    "import torch\ncfg = {'lr': 0.1, 'betas': (0.5, 0.6)}\ntorch.optim.Adam(p, **cfg)\ntorch.optim.Adam(p, **{'lr': 0.2}, eps=1e-6)\ntorch.optim.Adam(p, **dict(lr=0.3))",
    'pytorch adam lr=0.1(resolved) beta1=0.5(resolved) eps=1e-8(default)',
    'pytorch adam lr=0.2 eps=0.000001',
    'pytorch adam lr=0.3',
  ],
  [
    'unknown dictionary unpacked',
    'import torch\ntorch.optim.Adam(p, lr=1, **kw)',
    'pytorch adam lr=1 beta1=? weight_decay=?',
  ],
  [
    'dictionary items',
    "import torch\ncfg = dict(lr=0.1, sub={'b': 0.8})\ntorch.optim.SGD(p, lr=cfg['lr'], momentum=cfg['sub']['b'], weight_decay=cfg.get('wd', 0.2))",
    'pytorch sgd lr=0.1(resolved) momentum=0.8(resolved) weight_decay=0.2(resolved)',
  ],
  [
    'dictionary changed later',
    "import torch\ncfg = {'lr': 1, 'eps': 2}\ncfg['lr'] = 3\ntorch.optim.Adam(p, lr=cfg['lr'], eps=cfg['eps'])",
    'pytorch adam lr=3(resolved) eps=2(resolved)',
  ],
  [
    'dictionary changed later, behind its use, under a condition or in a loop',
    "import torch\ncfg = {'lr': 1}\ntorch.optim.Adam(p, lr=cfg['lr'])\ncfg['lr'] = 3\nif a: cfg['lr'] = 4\ntorch.optim.Adam(p, lr=cfg['lr'], eps=cfg['eps'])\ndef f():\n  for i in x:\n    d = {'lr': 1}\n    d['lr'] = i\n    torch.optim.SGD(p, lr=d['lr'])\n",
    'pytorch adam lr=1(resolved)',
    'pytorch adam lr=? eps=?',
    'pytorch sgd lr=?',
  ],
  [
    'dictionary updated',
    "import torch\ncfg = {'lr': 1}\ncfg.update(other)\ntorch.optim.Adam(p, lr=cfg['lr'])",
    'pytorch adam lr=?',
  ],
  [
    'conditional',
    'import torch\ntorch.optim.Adam(p, lr=1 if fast else 2, eps=None or 1e-6, weight_decay=3 if fast else 3.0, betas=(0.9 if True else 1, 0.99))',
    'pytorch adam lr=? eps=0.000001 weight_decay=3 beta1=0.9 beta2=0.99',
  ],
  ['scheduled', 'import torch\ntorch.optim.Adam(p, lr=schedule(0))', 'pytorch adam lr=?'],
  ['half-typed argument', 'import torch\ntorch.optim.Adam(p, lr=, eps=1e-6)', 'pytorch adam lr=? eps=0.000001'],
  ['unclosed call', 'import torch\ntorch.optim.Adam(p, lr=1e-3, bet', 'pytorch adam lr=0.001'],
  ['betas of the wrong length', 'import torch\ntorch.optim.Adam(p, betas=(0.9,))', 'pytorch adam beta1=? beta2=?'],
]);

test('ranges: keyword, value, source, constructor and call', () => {
  const text = 'from torch.optim import Adam as A\nRATE = 1e-3\nopt = A(p, lr=RATE, betas=(0.9, 0.95))\n';
  const [config] = expectFound('python', text, ['pytorch adam lr=0.001(resolved)']);
  const at = (range: { from: number; to: number } | undefined) => range && text.slice(range.from, range.to);
  const lr = config.hyperparameters.get('lr');
  const beta2 = config.hyperparameters.get('beta2');
  assert.equal(config.constructorName, 'A');
  assert.equal(at(config.range), 'A');
  assert.equal(at(config.callRange), 'A(p, lr=RATE, betas=(0.9, 0.95))');
  assert.equal(at(lr?.range), 'RATE');
  assert.equal(at(lr?.keyRange), 'lr');
  assert.equal(at(lr?.sourceRange), '1e-3');
  assert.equal(at(beta2?.range), '0.95');
  assert.equal(at(beta2?.keyRange), 'betas');
  assert.equal(beta2?.argument, 'betas');
  assert.equal(config.hyperparameters.get('eps')?.range, undefined);
});

test('weight decay: L2 or decoupled, by framework', () => {
  const text =
    'import torch, keras\ntorch.optim.Adam(p)\ntorch.optim.AdamW(p)\nkeras.optimizers.Adam(weight_decay=1)\ntorch.optim.NAdam(p, decoupled_weight_decay=True)';
  const forms = expectFound('python', text, ['pytorch adam', 'pytorch adamw', 'keras adam', 'pytorch nadam']).map(
    (c) => c.weightDecayForm,
  );
  assert.deepEqual(forms, ['l2', 'decoupled', 'decoupled', 'decoupled']);
});
