import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parameterLines } from '../../extension/configs/parameterLines.ts';
import { modelTexts } from './modelTexts.ts';

/** The line of each tensor, from 1, beside its source text without indentation. */
function linesOf(text: string, tensors: readonly string[]): Record<string, string> {
  const map = parameterLines(text, tensors);
  return Object.fromEntries(
    [...map].map(([name, { from }]) => [
      name,
      text
        .slice(text.lastIndexOf('\n', from - 1) + 1)
        .split('\n')[0]
        .trim(),
    ]),
  );
}

const nested = `import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3)
        self.bn1: nn.Module = nn.BatchNorm2d(width)
        if width > 3:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width, width, 1),
                nn.BatchNorm2d(width),
            )

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3).to("cpu")
        self.layer1 = nn.Sequential(Block(8), Block(8))
        self.blocks = nn.ModuleList([Block(16) for _ in range(4)])
        self.heads = nn.ModuleDict({"a": nn.Linear(8, 2), "b": Block(2)})
        self.backbone = torchvision.models.resnet18()
        self.scale = nn.Parameter(torch.ones(3))
        self.attention = nn.MultiheadAttention(8, 2)
        self.register_parameter("shift", nn.Parameter(torch.zeros(3)))
        self.add_module("extra", nn.Linear(2, 2))
        self.named = nn.Sequential(OrderedDict([("first", nn.Linear(1, 1)), ("second", nn.Linear(1, 1))]))
        layers = []
        for i in range(3):
            layers.append(nn.Linear(4, 4))
        self.tail = nn.Sequential(*layers)
        self.fc = nn.Linear(8, 10)
`;

test('attributes, nested modules, indices, keys, parameters, modules from elsewhere', () => {
  assert.deepEqual(
    linesOf(nested, [
      'stem.weight',
      'layer1.0.conv1.weight',
      'layer1.1.bn1.bias',
      'layer1.1.shortcut.0.weight',
      'blocks.3.conv1.bias',
      'heads.a.weight',
      'heads.b.conv1.weight',
      'backbone.layer1.0.conv1.weight',
      'scale',
      'attention.in_proj_weight',
      'attention.out_proj.weight',
      'shift',
      'extra.weight',
      'named.second.bias',
      'tail.4.weight',
      'fc.weight',
      'unknown.weight',
      'onnx::MatMul_12',
    ]),
    {
      'stem.weight': 'self.stem = nn.Conv2d(3, 8, 3).to("cpu")',
      'layer1.0.conv1.weight': 'self.conv1 = nn.Conv2d(width, width, 3)',
      'layer1.1.bn1.bias': 'self.bn1: nn.Module = nn.BatchNorm2d(width)',
      'layer1.1.shortcut.0.weight': 'nn.Conv2d(width, width, 1),',
      'blocks.3.conv1.bias': 'self.conv1 = nn.Conv2d(width, width, 3)',
      'heads.a.weight': 'self.heads = nn.ModuleDict({"a": nn.Linear(8, 2), "b": Block(2)})',
      'heads.b.conv1.weight': 'self.conv1 = nn.Conv2d(width, width, 3)',
      'backbone.layer1.0.conv1.weight': 'self.backbone = torchvision.models.resnet18()',
      scale: 'self.scale = nn.Parameter(torch.ones(3))',
      'attention.in_proj_weight': 'self.attention = nn.MultiheadAttention(8, 2)',
      'attention.out_proj.weight': 'self.attention = nn.MultiheadAttention(8, 2)',
      shift: 'self.register_parameter("shift", nn.Parameter(torch.zeros(3)))',
      'extra.weight': 'self.add_module("extra", nn.Linear(2, 2))',
      'named.second.bias':
        'self.named = nn.Sequential(OrderedDict([("first", nn.Linear(1, 1)), ("second", nn.Linear(1, 1))]))',
      'tail.4.weight': 'layers.append(nn.Linear(4, 4))',
      'fc.weight': 'self.fc = nn.Linear(8, 10)',
    },
  );
});

test('a model in a variable, and names behind wrappers', () => {
  const text = `model = nn.Sequential(
    nn.Linear(64, 32),
    nn.Tanh(),  # no parameters
    nn.Linear(32, 10),
)
`;
  const expected = { '0.weight': 'nn.Linear(64, 32),', '2.bias': 'nn.Linear(32, 10),' };
  assert.deepEqual(linesOf(text, ['0.weight', '2.bias']), expected);
  assert.deepEqual(linesOf(text, ['_orig_mod.module.0.weight']), { '_orig_mod.module.0.weight': 'nn.Linear(64, 32),' });
  assert.deepEqual(linesOf(text, ['5.weight', 'weight', '']), {});
});

test('a model that a function returns or keeps', () => {
  for (const text of [
    'def make():\n    return nn.Sequential(\n        nn.Linear(64, 32),\n        nn.Tanh(),\n    )\n',
    'def main():\n    net = nn.Sequential(\n        nn.Linear(64, 32),\n        nn.Tanh(),\n    ).to(device)\n    train(net)\n',
  ]) {
    assert.deepEqual(linesOf(text, ['0.weight']), { '0.weight': 'nn.Linear(64, 32),' });
  }
});

test('of several classes the one that explains most is the model', () => {
  const text = `class A(nn.Module):
    def __init__(self):
        self.fc1 = nn.Linear(1, 1)

class B(A):
    def __init__(self):
        super().__init__()
        self.fc2 = nn.Linear(1, 1)
        self.fc1 = nn.Linear(2, 2)
`;
  assert.deepEqual(linesOf(text, ['fc1.weight', 'fc2.weight']), {
    'fc1.weight': 'self.fc1 = nn.Linear(2, 2)',
    'fc2.weight': 'self.fc2 = nn.Linear(1, 1)',
  });
});

test('Keras layers by name and by the order in which they are made', () => {
  const text = `from tensorflow import keras
from tensorflow.keras import layers
model = keras.Sequential([
    layers.Conv2D(8, 3),
    layers.Dense(32),
    layers.Dense(16, name="middle"),
    layers.Dense(10),
])
`;
  assert.deepEqual(
    linesOf(text, [
      'sequential/conv2d/Conv2D/ReadVariableOp:0',
      'sequential/dense/MatMul/ReadVariableOp:0',
      'middle/kernel:0',
      'StatefulPartitionedCall/sequential/dense_1/BiasAdd/ReadVariableOp:0',
    ]),
    {
      'sequential/conv2d/Conv2D/ReadVariableOp:0': 'layers.Conv2D(8, 3),',
      'sequential/dense/MatMul/ReadVariableOp:0': 'layers.Dense(32),',
      'middle/kernel:0': 'layers.Dense(16, name="middle"),',
      'StatefulPartitionedCall/sequential/dense_1/BiasAdd/ReadVariableOp:0': 'layers.Dense(10),',
    },
  );
});

test('Keras 3 numbers the scopes of layers once more when it exports', () => {
  const text =
    'import keras\nfrom keras import layers as L\nm = keras.Sequential([\n  L.Dense(8),\n  L.Dense(4),\n])\n';
  const [first, second] = [
    'sequential_1/dense_1/Cast/ReadVariableOp:0',
    'sequential_1/dense_1_2/BiasAdd/ReadVariableOp:0',
  ];
  assert.deepEqual(linesOf(text, [first, second]), { [first]: 'L.Dense(8),', [second]: 'L.Dense(4),' });
});

describe('what people write', () => {
  for (const [title, text, lines] of modelTexts)
    test(title, () => assert.deepEqual(linesOf(text, Object.keys(lines)), lines));
});

test('tensors whose names exporters number hide neither a wrapper nor the model', () => {
  const text = 'class Net(nn.Module):\n  def __init__(self):\n    self.fc = nn.Linear(1, 2)\n';
  const found = parameterLines(text, ['inner.fc.weight', 'val_3'], ['val_4', 'onnx::Mul_5']);
  assert.deepEqual([...found.keys()], ['inner.fc.weight']);
  assert.equal(parameterLines(text, ['val_3', 'W0__1']).size, 0);
});

test('tensors that are not trained help to count', () => {
  const text =
    'class Net(nn.Module):\n  def __init__(self):\n    layers = [nn.Embedding(9, 1)]\n    for i in range(n):\n      layers.append(nn.Linear(1, 1))\n    self.net = nn.Sequential(*layers)\n';
  const line = (others: string[]) => {
    const range = parameterLines(text, ['net.1.weight'], others).get('net.1.weight');
    return range && text.slice(range.from, range.to);
  };
  assert.equal(line(['net.0.weight']), 'layers.append(nn.Linear(1, 1))');
  assert.equal(line([]), 'nn.Embedding(9, 1)');
});

test('texts that are made to take long do not', () => {
  const inside = (lines: string) => `class A(nn.Sequential):\n  def __init__(self):\n${lines}`;
  const many = (count: number, name: (i: number) => string) => Array.from({ length: count }, (_, i) => name(i));
  const texts: readonly (readonly [text: string, names: string[]])[] = [
    ['class A(B, B): pass\nclass B(A, A):\n  def __init__(self):\n    self.x = A()\n', ['x.'.repeat(30)]],
    [
      inside('    super().__init__(*[A() for _ in r], A(), *[A() for _ in q])\n'),
      many(200, (i) => `${i % 3}.${i % 5}.0.1.2.3.w`),
    ],
    [inside('    if x: self.a = A()\n'.repeat(30)), [`${'a.'.repeat(30)}w`, `${'a.'.repeat(20)}v`]],
    [inside(`    setattr(self, f"${'{a}'.repeat(40)}z", A())\n`), [`${'a'.repeat(60)}.w`]],
    [`l = [nn.Linear(1, 1)]\n${'l = l + l\nl += l\nl.extend([*l, *l])\n'.repeat(30)}m = nn.Sequential(*l)\n`, ['0.w']],
    [`d = {}\n${'d.update(d)\nd = {**d, **d, f"{x}": A()}\n'.repeat(30)}m = nn.ModuleDict(d)\n`, ['a.w']],
    [many(20_000, (i) => `v${i} = nn.Linear(1, 2)\n`).join(''), many(1000, (i) => `layers.${i}.w`)],
    [`m = ${'nn.Sequential('.repeat(3000)}x${')'.repeat(3000)}\n`, [`${'0.'.repeat(35)}w`]],
  ];
  for (const [text, names] of texts) assert.ok(parameterLines(text, names).size <= names.length);
});

test('Keras layers that loops and functions make', () => {
  const text = `import keras
from keras import layers

def block(x, width):
    x = layers.Conv2D(width, 3)(x)
    return layers.BatchNormalization()(x)

def make(blocks):
    x = inputs = keras.Input((32, 32, 3))
    x = block(x, 8)
    x = block(x, 16)
    for _ in range(blocks):
        x = layers.Dense(32)(x)
    return keras.Model(inputs, layers.Dense(10)(x))
`;
  const name = (layer: string) => `functional_1/${layer}/Cast/ReadVariableOp:0`;
  const lines = {
    conv2d_1: 'x = layers.Conv2D(width, 3)(x)',
    conv2d_1_2: 'x = layers.Conv2D(width, 3)(x)',
    batch_normalization_1: 'return layers.BatchNormalization()(x)',
    dense_1: 'x = layers.Dense(32)(x)',
    dense_1_2: 'x = layers.Dense(32)(x)',
    dense_2_1: 'return keras.Model(inputs, layers.Dense(10)(x))',
  };
  const expected = Object.fromEntries(Object.entries(lines).map(([layer, line]) => [name(layer), line]));
  assert.deepEqual(linesOf(text, Object.keys(expected)), expected);
});

test('a class that contains itself, and names like prototypes, do no harm', () => {
  const text =
    'class Tree(nn.Module):\n    def __init__(self):\n        self.left = Tree()\n        self.w = nn.Linear(1, 1)\n';
  assert.deepEqual(linesOf(text, ['left.left.left.w.weight']), {
    'left.left.left.w.weight': 'self.w = nn.Linear(1, 1)',
  });
  assert.equal(parameterLines(text, [`${'left.'.repeat(10_000)}w`, '__proto__.constructor']).size, 0);
});

test('any text and any names are taken', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), fc.nat(nested.length), (noise, names, cut) => {
      for (const text of [noise, nested.slice(0, cut) + noise + nested.slice(cut)]) {
        for (const { from, to } of parameterLines(text, [...names, 'fc.weight']).values())
          assert.ok(0 <= from && from <= to && to <= text.length);
      }
    }),
    { numRuns: 200 },
  );
});
