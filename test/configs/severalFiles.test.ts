import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';
import type { OptimizerConfig } from '../../extension/configs/config.ts';
import { FolderWorkspace } from '../../extension/configs/workspace.ts';
import { expectFound } from './expect.ts';

/** What is found in the first of some files, with the others beside it. */
function found(files: Readonly<Record<string, string>>, expected: readonly string[]): OptimizerConfig[] {
  const root = mkdtempSync(join(tmpdir(), 'several-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    const [[name, text]] = Object.entries(files);
    const path = join(root, name);
    const configs = analyse({ path, language: 'python', text }, { path, workspace: new FolderWorkspace(root) });
    return expectFound('python', text, expected, configs);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const model = `import torch
class GPT(torch.nn.Module):
    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        groups = [{'params': self.a, 'weight_decay': weight_decay}, {'params': self.b, 'weight_decay': 0.0}]
        extra = dict(fused=True) if device_type == 'cuda' else dict()
        return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, **extra)
`;

describe('optimizers that another file makes', () => {
  test('a method of the only imported class that has it; the values are this file’s', () => {
    const [config] = found(
      {
        'train.py':
          "from model import GPT\nlr = 6e-4\nif a:\n  model = GPT(1)\nelse:\n  model = GPT.from_pretrained(x)\nopt = model.configure_optimizers(0.2, lr, (0.8, 0.95), 'cuda')\n",
        'model.py': model,
      },
      [
        'pytorch adamw lr=0.0006(resolved) beta1=0.8(resolved) beta2=0.95(resolved) weight_decay=0.2(resolved) eps=1e-8(default)',
      ],
    );
    assert.equal(config.range.file, undefined);
    const { sourceRange } = config.hyperparameters.get('lr')!;
    assert.deepEqual({ ...sourceRange }, { from: 27, to: 31 });
  });

  test('a function, whose own default counts where nothing is given', () => {
    const [config] = found(
      {
        'train.py': 'from lib.optim import build_optimizer\nopt = build_optimizer(net, lr=0.3)\n',
        'lib/optim.py':
          'import torch\ndef build_optimizer(model, lr, momentum=0.8):\n  return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)\n',
      },
      ['pytorch sgd lr=0.3(resolved) momentum=0.8(resolved)'],
    );
    assert.match(config.hyperparameters.get('momentum')!.sourceRange!.file!, /optim\.py$/);
  });

  test('what says nothing here is left to the other file', () => {
    found({ 'train.py': 'from model import GPT\nGPT(1).configure_optimizers(a, b, c, d)\n', 'model.py': model }, []);
  });

  test('two imported classes with such a method', () => {
    found(
      {
        'train.py':
          "from model import GPT\nfrom other import BERT\nopt = net.configure_optimizers(0.2, 1e-3, (0.8, 0.95), 'cuda')\n",
        'model.py': model,
        'other.py': model.replace('GPT', 'BERT'),
      },
      [],
    );
  });
});

const base =
  "optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05, betas=(0.9, 0.99)))\nparam_scheduler = [dict(type='LinearLR'), dict(type='CosineAnnealingLR')]\n";

describe('OpenMMLab’s files that are based on others', () => {
  test('what a file says counts, the rest comes from the other', () => {
    const [config] = found(
      {
        'a/b.py': "_base_ = ['../base/s.py']\noptim_wrapper = dict(optimizer=dict(lr=4e-3), clip_grad=None)\n",
        'base/s.py': base,
      },
      ['mmengine adamw lr=0.004 beta1=0.9(resolved) beta2=0.99(resolved) weight_decay=0.05(resolved)'],
    );
    assert.equal(config.schedule?.name, 'LinearLR, CosineAnnealingLR');
    assert.equal(config.range.file, undefined);
    assert.match(config.hyperparameters.get('weight_decay')!.sourceRange!.file!, /s\.py$/);
  });

  test('`_delete_` forgets the other', () => {
    found(
      {
        'a/b.py': "_base_ = '../base/s.py'\noptim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.1))\n",
        'base/s.py': base,
      },
      ['mmengine sgd lr=0.1 weight_decay=0(default)'],
    );
    found(
      {
        'a/b.py': "_base_ = '../base/s.py'\noptim_wrapper = dict(optimizer=dict(_delete_=True, lr=0.1))\n",
        'base/s.py': base,
      },
      [],
    );
  });
});

test('an imported configuration that is changed under another name', () => {
  found(
    {
      'configs/mine.py':
        "from configs.base import get_default_configs\ndef get_config():\n  config = get_default_configs()\n  optim = config.optim\n  optim.optimizer = 'Adam'\n  optim.lr = 1e-3\n  return config\n",
      'configs/base.py':
        'import ml_collections\ndef get_default_configs():\n  config = ml_collections.ConfigDict()\n  config.optim = optim = ml_collections.ConfigDict()\n  optim.lr = 2e-4\n  optim.weight_decay = 0\n  return config\n',
    },
    ['generic adam lr=0.001'],
  );
});

test('modules that import a name from each other in a circle end', () => {
  found(
    {
      'a.py': 'from b import name\nimport torch\ntorch.optim.Adam(p, lr=name)\n',
      'b.py': 'from c import name\n',
      'c.py': 'from b import name\n',
    },
    ['pytorch adam lr=?'],
  );
  found({ 't.py': 'from t.run import run\nimport torch\ntorch.optim.Adam(p, lr=run.lr)\n' }, ['pytorch adam lr=?']);
  found({ 'a.py': 'from p import utils\nutils.optimizer(lr=1)\n', 'p/__init__.py': 'from p import utils\n' }, []);
});
