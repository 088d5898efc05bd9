import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';
import { FolderWorkspace } from '../../extension/configs/workspace.ts';
import { expectFound } from './expect.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function project(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'workspace-'));
  folders.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

const TRAINING = `import argparse
from pathlib import Path
import torch
import yaml
from net import Net

def options():
    p = argparse.ArgumentParser()
    p.add_argument("--config", default="configs/small.yaml")
    p.add_argument("--lr", type=float, default=None)
    return p.parse_args()

def main():
    args = options()
    cfg = yaml.safe_load(Path(args.config).read_text())
    lr = args.lr if args.lr is not None else cfg["optim"]["lr"]
    model = Net()
    big = [p for p in model.parameters() if p.dim() >= 2]
    small = [p for p in model.parameters() if p.dim() < 2]
    opt = torch.optim.AdamW(
        [{"params": big, "weight_decay": cfg["optim"]["wd"]}, {"params": small, "weight_decay": 0.0}],
        lr=lr, betas=tuple(cfg["optim"]["betas"]), eps=1e-7)
    torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1, step / 10))
`;
const SMALL = 'optim:\n  lr: 2.0e-3\n  betas: [0.8, 0.97]\n  wd: 0.3\n';

/** What is found in one file of a project. */
function found(files: Readonly<Record<string, string>>, name: string, expected: readonly string[]) {
  const root = project(files);
  const around = { path: join(root, name), workspace: new FolderWorkspace(root) };
  const configs = analyse({ path: name, language: 'python', text: files[name] }, around);
  expectFound('python', '', expected, configs);
  return { root, configs };
}

describe("the settings are the project's", () => {
  test('YAML through argparse, with the place of every value, groups and the schedule', () => {
    const { root, configs } = found({ 'train.py': TRAINING, 'configs/small.yaml': SMALL }, 'train.py', [
      'pytorch adamw lr=0.002(resolved) beta1=0.8(resolved) beta2=0.97(resolved) weight_decay=0.3(resolved) eps=1e-7',
    ]);
    const [{ hyperparameters, groups, schedule }] = configs;
    const file = join(root, 'configs/small.yaml');
    for (const [name, text] of [
      ['lr', '2.0e-3'],
      ['beta2', '0.97'],
      ['weight_decay', '0.3'],
    ]) {
      const source = hyperparameters.get(name)?.sourceRange;
      assert.equal(source?.file, file);
      assert.equal(SMALL.slice(source.from, source.to), text);
    }
    assert.deepEqual(
      groups?.map(({ selection }) => selection),
      [
        { kind: 'dimensions', least: 2, most: Number.MAX_SAFE_INTEGER },
        { kind: 'dimensions', least: 0, most: 1 },
      ],
    );
    assert.equal(schedule?.name, 'LambdaLR');
  });

  test('without the files nothing becomes a default', () => {
    const [config] = analyse({ path: 'train.py', language: 'python', text: TRAINING });
    for (const name of ['lr', 'beta1', 'beta2', 'weight_decay'])
      assert.equal(config.hyperparameters.get(name)?.from, 'unknown', name);
  });

  const readers: readonly (readonly [name: string, file: string, data: string, code: string])[] = [
    ['json.load', 'c.json', '{"lr": 0.25}', 'import json\nwith open("c.json") as f:\n    cfg = json.load(f)\n'],
    ['json.loads', 'c.json', '{"lr": 0.25}', 'import json\ncfg = json.loads(open("c.json").read())\n'],
    [
      'tomllib',
      'c.toml',
      'lr = 0.25\n',
      'import tomllib\nwith open("c.toml", "rb") as f:\n    cfg = tomllib.load(f)\n',
    ],
    [
      'yaml.load',
      'a/c.yml',
      'lr: 0.25\n',
      'import os, yaml\nHERE = os.path.dirname(__file__)\ncfg = yaml.load(open(os.path.join(HERE, "a", "c.yml")), Loader=yaml.FullLoader)\n',
    ],
    [
      'a function',
      'c.yaml',
      'lr: 0.25\n',
      'import yaml\ndef load(path):\n    with open(path) as f:\n        return yaml.safe_load(f)\ncfg = load("c.yaml")\n',
    ],
  ];
  for (const [name, file, data, code] of readers)
    test(name, () => {
      const text = `import torch\n${code}torch.optim.Adam(p, lr=cfg["lr"])\n`;
      found({ 'train.py': text, [file]: data }, 'train.py', ['pytorch adam lr=0.25(resolved)']);
    });

  test('OmegaConf with an interpolation, attributes', () => {
    const text =
      'import torch\nfrom omegaconf import OmegaConf\ncfg = OmegaConf.load("c.yaml")\ntorch.optim.Adam(p, lr=cfg.opt.lr, eps=cfg.opt.eps)\n';
    found({ 'train.py': text, 'c.yaml': `base: 0.25\nopt:\n  lr: $\{base}\n  eps: $\{oc.env:EPS}\n` }, 'train.py', [
      'pytorch adam lr=0.25(resolved) eps=?',
    ]);
  });

  test('Hydra: config_path, config_name, groups of the defaults list', () => {
    const text =
      'import hydra, torch\n@hydra.main(version_base=None, config_path="conf", config_name="config")\ndef main(cfg):\n    torch.optim.AdamW(p, lr=cfg.optim.lr, weight_decay=cfg.optim.wd, eps=cfg.eps)\n';
    const files = {
      'train.py': text,
      'conf/config.yaml': 'defaults:\n  - optim: slow\n  - _self_\neps: 1e-6\noptim:\n  wd: 0.5\n',
      'conf/optim/slow.yaml': 'lr: 0.125\nwd: 0.1\n',
    };
    const { root, configs } = found(files, 'train.py', [
      'pytorch adamw lr=0.125(resolved) weight_decay=0.5(resolved) eps=0.000001(resolved)',
    ]);
    assert.equal(configs[0].hyperparameters.get('lr')?.sourceRange?.file, join(root, 'conf/optim/slow.yaml'));
  });

  test('dataclasses, constants and classes in other files, relative imports and packages', () => {
    const files = {
      'pkg/__init__.py': '',
      'pkg/settings.py':
        'from dataclasses import dataclass\nfrom .numbers_ import EPS\n@dataclass\nclass Settings:\n    lr: float = 3e-4\n    eps: float = EPS\n',
      'pkg/numbers_.py': 'EPS = 1e-5\nWD = 0.2\n',
      'pkg/optimizers.py':
        'import torch\nclass Mine(torch.optim.AdamW):\n    def __init__(self, params, lr, weight_decay=0.4):\n        super().__init__(params, lr=lr, weight_decay=weight_decay)\nKINDS = {"sgd": torch.optim.SGD}\n',
      'train.py':
        'import torch\nfrom pkg.settings import Settings\nfrom pkg import numbers_\nfrom pkg.optimizers import Mine, KINDS\ncfg = Settings(lr=5e-4)\nother = Settings()\ntorch.optim.AdamW(p, lr=cfg.lr, eps=cfg.eps, weight_decay=numbers_.WD)\nMine(p, lr=other.lr)\nKINDS["sgd"](p, lr=1)\n',
    };
    found(files, 'train.py', [
      'pytorch adamw lr=0.0005(resolved) eps=0.00001(resolved) weight_decay=0.2(resolved)',
      'pytorch adamw lr=0.0003(resolved) weight_decay=0.4(resolved)',
      'pytorch sgd lr=1',
    ]);
  });

  test('a dataclass that a file fills', () => {
    const text =
      'import torch, yaml\nfrom dataclasses import dataclass\n@dataclass\nclass C:\n    lr: float = 1\n    eps: float = 1e-6\ncfg = C(**yaml.safe_load(open("c.yaml")))\ntorch.optim.Adam(p, lr=cfg.lr, eps=cfg.eps)\n';
    found({ 'train.py': text, 'c.yaml': 'lr: 0.5\n' }, 'train.py', [
      'pytorch adam lr=0.5(resolved) eps=0.000001(resolved)',
    ]);
  });

  test('ml_collections behind a flag', () => {
    const files = {
      'main.py':
        'import torch\nfrom absl import flags\nfrom ml_collections import config_flags\nconfig_flags.DEFINE_config_file("config", "configs/base.py")\nFLAGS = flags.FLAGS\ntorch.optim.Adam(p, lr=FLAGS.config.lr)\n',
      'configs/base.py':
        'import ml_collections\ndef get_config():\n    c = ml_collections.ConfigDict()\n    c.lr = 0.5\n    return c\n',
    };
    found(files, 'main.py', ['pytorch adam lr=0.5(resolved)']);
  });

  test('modules that import each other in a circle end', () => {
    const files = {
      'a.py': 'import torch\nfrom b import LR\nX = LR\ntorch.optim.Adam(p, lr=LR)\n',
      'b.py': 'from a import X\nLR = X\n',
    };
    found(files, 'a.py', ['pytorch adam lr=?']);
  });

  test('nothing outside of the workspace is read: absolute paths, parents, links', () => {
    const outside = project({ 'secret.yaml': 'lr: 0.5\n' });
    const code = (path: string) =>
      `import torch, yaml\ncfg = yaml.safe_load(open("${path}"))\ntorch.optim.Adam(p, lr=cfg["lr"])\n`;
    for (const path of [join(outside, 'secret.yaml'), '../../secret.yaml', 'link.yaml', 'inner/../../x.yaml']) {
      const root = project({ 'train.py': code(path) });
      symlinkSync(join(outside, 'secret.yaml'), join(root, 'link.yaml'));
      const around = { path: join(root, 'train.py'), workspace: new FolderWorkspace(root) };
      expectFound(
        'python',
        '',
        ['pytorch adam lr=?'],
        analyse({ path: 'f', language: 'python', text: code(path) }, around),
      );
    }
  });
});
