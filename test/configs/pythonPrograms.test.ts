import { test } from 'node:test';
import { expectFound } from './expect.ts';
import { table } from './tables.ts';

const ARGPARSE = `import argparse
import torch
import torch.optim as optim

def main():
    parser = argparse.ArgumentParser(description='PyTorch example')
    parser.add_argument('--lr', '--learning-rate', type=float, default=1.0, metavar='LR')
    parser.add_argument('--wd', dest='decay', default='1e-4', type=float)
    parser.add_argument('--gamma', type=float)
    parser.add_argument('--nesterov', action='store_true')
    args = parser.parse_args()
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr, weight_decay=args.decay, rho=args.gamma)
    worker(0, args)

def worker(gpu, args):
    optim.SGD(model.parameters(), args.lr, nesterov=args.nesterov)
`;

table('command lines and classes', [
  [
    'argparse',
    ARGPARSE,
    'pytorch adadelta lr=1(resolved) weight_decay=0.0001(resolved) rho=?',
    'pytorch sgd lr=1(resolved) nesterov=false(resolved)',
  ],
  [
    'argparse, changed afterwards',
    `${ARGPARSE}    args.lr = args.lr * 256\n`,
    'pytorch adadelta lr=? weight_decay=0.0001(resolved)',
    'pytorch sgd lr=?',
  ],
  [
    'parser in a function',
    "import torch, argparse\ndef get_args():\n    p = argparse.ArgumentParser()\n    p.add_argument('--blr', default=1e-3)\n    return p.parse_args()\ndef main(args):\n    torch.optim.AdamW(g, lr=args.blr, betas=(0.9, 0.95))\nif __name__ == '__main__':\n    args = get_args()\n    main(args)",
    'pytorch adamw lr=0.001(resolved) beta2=0.95',
  ],
  [
    'parse_known_args',
    "import torch, argparse\np = argparse.ArgumentParser()\np.add_argument('-l', '--lr', default=2)\nargs, rest = p.parse_known_args()\ntorch.optim.Adam(g, lr=args.lr)",
    'pytorch adam lr=2(resolved)',
  ],
  [
    'two options of one name',
    "import torch, argparse\np = argparse.ArgumentParser()\nq = argparse.ArgumentParser()\np.add_argument('--lr', default=2)\nq.add_argument('--lr', default=3)\nargs = p.parse_args()\ntorch.optim.Adam(g, lr=args.lr)",
    'pytorch adam lr=?',
  ],
  [
    'absl',
    "import optax\nfrom absl import flags\nFLAGS = flags.FLAGS\nflags.DEFINE_float('learning_rate', 1e-2, 'lr')\noptax.adam(FLAGS.learning_rate)",
    'optax adam lr=0.01(resolved)',
  ],
  [
    'flags of TensorFlow 1',
    "import tensorflow.compat.v1 as tf\nflags = tf.app.flags\nflags.DEFINE_float('learning_rate', 2e-4, 'lr')\nflags.DEFINE_float('beta1', 0.5, 'b')\nFLAGS = flags.FLAGS\ntf.train.AdamOptimizer(FLAGS.learning_rate, beta1=FLAGS.beta1)",
    'keras adam lr=0.0002(resolved) beta1=0.5(resolved)',
  ],
  [
    'PaddlePaddle',
    'import paddle\npaddle.optimizer.AdamW(learning_rate=1e-3, beta2=0.95, parameters=p)\nlr = paddle.optimizer.lr.CosineAnnealingDecay(learning_rate=0.1, T_max=9)\npaddle.optimizer.Momentum(lr, parameters=p)\npaddle.optimizer.RMSProp(0.1)',
    'paddle adamw lr=0.001 beta1=0.9(default) beta2=0.95 weight_decay=0.01(default)',
    'paddle sgd lr=0.1(resolved) momentum=0.9(default)',
    'paddle rmsprop lr=0.1 alpha=0.95(default) eps=0.000001(default)',
  ],
  [
    'MindSpore',
    'from mindspore import nn\nnn.Momentum(p, 0.01, 0.9)\nnn.AdamWeightDecay(p, beta2=0.98)',
    'mindspore sgd lr=0.01 momentum=0.9',
    'mindspore adamw lr=0.001(default) beta2=0.98 weight_decay=0(default) bias_correction=false(default)',
  ],
  [
    'tinygrad',
    'from tinygrad import nn\nnn.optim.AdamW(p, lr=0.002, b2=0.95)\nnn.optim.SGD(p, momentum=0.85)',
    'tinygrad adamw lr=0.002 beta1=0.9(default) beta2=0.95',
    'tinygrad sgd lr=0.001(default) momentum=0.85',
  ],
  [
    'skorch hands over what it is given, and nothing else',
    'import torch\nfrom skorch import NeuralNetClassifier\nNeuralNetClassifier(M, lr=0.1, optimizer=torch.optim.Adam, optimizer__weight_decay=1e-4)',
    'pytorch adam lr=0.1 beta1=0.9(default) weight_decay=0.0001',
  ],
  [
    'dataclass',
    'import torch\nfrom dataclasses import dataclass, field\n@dataclass\nclass Config:\n    lr: float = 6e-4\n    betas: tuple = field(default_factory=lambda: (0.9, 0.95))\n    wd: float = field(default=0.1)\ncfg = Config(lr=1e-3)\ntorch.optim.AdamW(p, lr=cfg.lr, betas=cfg.betas, weight_decay=cfg.wd)\ndef f(c: Config):\n    torch.optim.SGD(p, lr=c.lr)',
    'pytorch adamw lr=0.001(resolved) beta2=0.95(resolved) weight_decay=0.1(resolved)',
    'pytorch sgd lr=0.0006(resolved)',
  ],
  [
    'tyro',
    'import torch, tyro\nfrom dataclasses import dataclass\n@dataclass\nclass Args:\n    learning_rate: float = 2.5e-4\nargs = tyro.cli(Args)\ntorch.optim.Adam(p, lr=args.learning_rate, eps=1e-5)',
    'pytorch adam lr=0.00025(resolved) eps=0.00001',
  ],
  [
    'class attribute',
    'import torch\nclass C:\n    LR = 5\ntorch.optim.Adam(p, lr=C.LR)',
    'pytorch adam lr=5(resolved)',
  ],
  [
    'attribute of self',
    'import torch\nclass Net:\n    def __init__(self, lr=1e-3):\n        self.lr = lr\n    def configure_optimizers(self):\n        return torch.optim.Adam(self.parameters(), lr=self.lr)',
    'pytorch adam lr=0.001(resolved)',
  ],
  [
    'attribute of self, set twice',
    'import torch\nclass Net:\n    def __init__(self):\n        self.lr = 1\n    def set(self, lr):\n        self.lr = 2\n    def opt(self):\n        torch.optim.Adam(p, lr=self.lr)',
    'pytorch adam lr=?',
  ],
  [
    'Lightning hparams',
    'import torch\nclass Net(L.LightningModule):\n    def __init__(self, lr: float = 0.02, b2: float = 0.999):\n        self.save_hyperparameters()\n    def configure_optimizers(self):\n        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr, betas=(0.5, self.hparams.b2))',
    'pytorch adam lr=0.02(resolved) beta1=0.5 beta2=0.999(resolved)',
  ],
  [
    'SimpleNamespace',
    'import torch\nfrom types import SimpleNamespace\ncfg = SimpleNamespace(lr=4)\ntorch.optim.Adam(p, lr=cfg.lr)',
    'pytorch adam lr=4(resolved)',
  ],
]);

test('nanoGPT: an inner function with its own dictionary of arguments', () => {
  const text = `import inspect
import torch
learning_rate = 6e-4 # max learning rate
beta1 = 0.9
beta2 = 0.95
class GPT(nn.Module):
    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        use_fused = device_type == 'cuda'
        extra_args = dict(fused=True) if use_fused else dict()
        optimizer = torch.optim.AdamW(optim_groups, lr=learning_rate, betas=betas, **extra_args)
        return optimizer
model = GPT(conf)
optimizer = model.configure_optimizers(1e-1, learning_rate, (beta1, beta2), 'cuda')
`;
  expectFound('python', text, [
    'pytorch adamw lr=0.0006(resolved) beta1=0.9(resolved) beta2=0.95(resolved) weight_decay=0.01(default) eps=1e-8(default)',
  ]);
});
