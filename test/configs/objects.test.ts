import { table } from './tables.ts';

const ADAM = 'import torch\n';

table('objects that hold settings', [
  [
    'parsers of dataclasses',
    `${ADAM}from dataclasses import dataclass, field\nfrom transformers import HfArgumentParser\n@dataclass\nclass M:\n    width: int = 3\n@dataclass\nclass T:\n    rate: float = field(default=3e-5)\n    b2: float = 0.97\nparser = HfArgumentParser((M, T))\nm, t = parser.parse_args_into_dataclasses()\ntorch.optim.Adam(p, lr=t.rate, betas=(0.9, t.b2))`,
    'pytorch adam lr=0.00003(resolved) beta2=0.97(resolved)',
  ],
  [
    'dataclasses and classes inside each other',
    `${ADAM}from dataclasses import dataclass, field\n@dataclass\nclass Inner:\n    lr: float = 2e-4\n@dataclass\nclass Base:\n    wd: float = 0.3\n@dataclass\nclass Outer(Base):\n    a: Inner = field(default_factory=Inner)\n    b: Inner = field(default_factory=lambda: Inner(lr=5e-4))\n    c: Inner\nclass Flat:\n    class opt:\n        eps = 1e-6\ndef go(cfg: Outer):\n    torch.optim.AdamW(p, lr=cfg.a.lr, weight_decay=cfg.wd)\n    torch.optim.Adam(p, lr=cfg.b.lr, eps=Flat.opt.eps)\n    torch.optim.Adam(p, lr=cfg.c.lr)`,
    'pytorch adamw lr=0.0002(resolved) weight_decay=0.3(resolved)',
    'pytorch adam lr=0.0005(resolved) eps=0.000001(resolved)',
    'pytorch adam lr=0.0002(resolved)',
  ],
  [
    'click and typer',
    `${ADAM}import click, typer\n@click.command()\n@click.option("-l", "--learning-rate", default=4e-4)\n@click.option("--b", "b2", type=float, default=0.9)\n@click.option("--eps", type=float)\ndef a(learning_rate, b2, eps):\n    torch.optim.Adam(p, lr=learning_rate, betas=(0.9, b2), eps=eps)\ndef b(lr: float = typer.Option(3e-4, "--lr"), wd: float = typer.Option(default=0.2)):\n    torch.optim.AdamW(p, lr=lr, weight_decay=wd)`,
    'pytorch adam lr=0.0004(resolved) beta2=0.9(resolved) eps=?',
    'pytorch adamw lr=0.0003(resolved) weight_decay=0.2(resolved)',
  ],
  [
    'OmegaConf',
    `${ADAM}from omegaconf import OmegaConf\nbase = OmegaConf.create({"o": {"lr": 1e-4, "b": [0.9, 0.95]}, "wd": 0.1})\ncfg = OmegaConf.merge(base, OmegaConf.create({"o": {"lr": 2e-4}}), OmegaConf.from_cli())\ntorch.optim.AdamW(p, lr=cfg.o.lr, betas=tuple(cfg.o.b), weight_decay=cfg["wd"])`,
    'pytorch adamw lr=0.0002(resolved) beta2=0.95(resolved) weight_decay=0.1(resolved)',
  ],
  [
    'ml_collections, filled key by key',
    `${ADAM}import ml_collections\ndef get_config():\n    config = ml_collections.ConfigDict()\n    config.lr = 7e-4\n    config.optim = ml_collections.ConfigDict()\n    config.optim.eps = 1e-6\n    config.twice = 1\n    config.twice = 2\n    return config\nconfig = get_config()\ntorch.optim.Adam(p, lr=config.lr, eps=config.optim.eps, weight_decay=config.twice)`,
    'pytorch adam lr=0.0007(resolved) eps=0.000001(resolved) weight_decay=2(resolved)',
  ],
  [
    'Weights & Biases',
    `${ADAM}import wandb\nrun = wandb.init(project="x", config={"lr": 4e-4, "wd": 0.1})\nwandb.config.eps = 1e-6\nc = wandb.config\ntorch.optim.AdamW(p, lr=wandb.config.lr, weight_decay=wandb.config["wd"], eps=c.eps)\ntorch.optim.AdamW(p, lr=run.config["lr"])`,
    'pytorch adamw lr=0.0004(resolved) weight_decay=0.1(resolved) eps=0.000001(resolved)',
    'pytorch adamw lr=0.0004(resolved)',
  ],
  [
    'absl flags',
    `${ADAM}from absl import flags\nflags.DEFINE_float("lr", 6e-4, "rate")\nEPS = flags.DEFINE_float("eps", 1e-6, "eps")\nFLAGS = flags.FLAGS\ntorch.optim.Adam(p, lr=FLAGS.lr, eps=EPS.value)`,
    'pytorch adam lr=0.0006(resolved) eps=0.000001(resolved)',
  ],
  [
    'a value that is None unless it is given',
    `${ADAM}import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument("--lr", type=float, default=None)\nparser.add_argument("--wd", type=float)\nparser.add_argument("--eps", type=float)\nargs = parser.parse_args()\nif args.wd is None:\n    args.wd = 0.3\ncfg = {"lr": 5e-4}\ntorch.optim.AdamW(p, lr=args.lr if args.lr is not None else cfg["lr"], weight_decay=args.wd, eps=args.eps or 1e-6)\ntorch.optim.Adam(p, lr=args.lr)`,
    'pytorch adamw lr=0.0005(resolved) weight_decay=0.3(resolved) eps=0.000001',
    'pytorch adam lr=?',
  ],
  [
    'arguments that a loop replaces',
    `${ADAM}import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument("--lr", default=1e-3)\nparser.add_argument("--wd", default=0.5)\nargs = parser.parse_args()\nfor k, v in {"lr": 2e-3}.items():\n    setattr(args, k, v)\ntorch.optim.AdamW(p, lr=args.lr, weight_decay=args.wd)`,
    'pytorch adamw lr=0.002(resolved) weight_decay=0.5(resolved)',
  ],
  [
    'functions with arguments',
    `${ADAM}def betas(last):\n    return (0.9, last)\ntorch.optim.Adam(p, betas=betas(0.97))`,
    'pytorch adam beta1=0.9(resolved) beta2=0.97(resolved)',
  ],
]);
