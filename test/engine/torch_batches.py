"""Writes torch-batches.json: losses and parameters of torch.optim on given orders of mini-batches, in float64. `python3 torch_batches.py`"""
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
generator = np.random.default_rng(7)
N, STEPS = 23, 40
x = torch.tensor(generator.normal(size=(N, 5)).round(3))
y = torch.tensor(generator.integers(0, 3, N))
unlabelled = y.clone()
unlabelled[[1, 4, 8, 9, 15, 20]] = -100
target = torch.tensor(generator.normal(size=(N, 3)).round(3))


def network(norm):
    torch.manual_seed(3)
    middle = [nn.BatchNorm1d(4)] if norm else []
    model = nn.Sequential(nn.Linear(5, 4), *middle, nn.Tanh(), nn.Linear(4, 3))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_((torch.randn_like(p) * 0.5).mul(1000).round().div(1000))
    return model


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023; Signum is beta1 = beta2, signSGD beta1 = 0."""

    def __init__(self, params, lr, betas, weight_decay=0):
        super().__init__(params, {'lr': lr, 'betas': betas, 'weight_decay': weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group['betas']
            for p in group['params']:
                m = self.state[p].setdefault('m', torch.zeros_like(p))
                p.mul_(1 - group['lr'] * group['weight_decay']).sub_(group['lr'] * torch.sign(b1 * m + (1 - b1) * p.grad))
                m.mul_(b2).add_(p.grad, alpha=1 - b2)


def epochs(size, kind, drop_last=False):
    """STEPS batches as the DataLoader has them."""
    rows = []
    while len(rows) < STEPS:
        order = {'reshuffled': lambda: generator.permutation(N), 'replacement': lambda: generator.integers(0, N, N),
                 'cyclic': lambda: np.arange(N)}[kind]()
        rows += [order[i:i + size].tolist() for i in range(0, N, size) if not drop_last or i + size <= N]
    return rows[:STEPS]


o = torch.optim
optimizers = [
    ('sgd', lambda p, **k: o.SGD(p, **k), {'lr': 0.05}),
    ('sgd', lambda p, **k: o.SGD(p, **k), {'lr': 0.05, 'momentum': 0.9, 'nesterov': True, 'weight_decay': 0.01}),
    ('sgd', lambda p, **k: o.SGD(p, **k), {'lr': 0.05, 'momentum': 0.8, 'dampening': 0.5}),
    ('adam', lambda p, **k: o.Adam(p, **k), {'lr': 0.01}),
    ('adam', lambda p, **k: o.Adam(p, **k), {'lr': 0.01, 'betas': (0.8, 0.95), 'amsgrad': True, 'weight_decay': 0.02}),
    ('adamw', lambda p, **k: o.AdamW(p, **k), {'lr': 0.01, 'weight_decay': 0.1}),
    ('nadam', lambda p, **k: o.NAdam(p, **k), {'lr': 0.01, 'weight_decay': 0.1, 'decoupled_weight_decay': True}),
    ('rmsprop', lambda p, **k: o.RMSprop(p, **k), {'lr': 0.01, 'alpha': 0.9, 'momentum': 0.5}),
    ('rmsprop', lambda p, **k: o.RMSprop(p, **k), {'lr': 0.01, 'centered': True, 'eps': 1e-3}),
    ('adagrad', lambda p, **k: o.Adagrad(p, **k), {'lr': 0.1, 'lr_decay': 0.01}),
    ('lion', Lion, {'lr': 0.003, 'betas': (0.9, 0.99), 'weight_decay': 0.1}),
    ('signum', Lion, {'lr': 0.003, 'betas': (0.9, 0.9)}),
    ('signsgd', Lion, {'lr': 0.003, 'betas': (0, 0)}),
]
schedules = {
    'cosine': lambda opt: o.lr_scheduler.CosineAnnealingLR(opt, STEPS),
    'step': lambda opt: o.lr_scheduler.StepLR(opt, 12, 0.3),
}
PLAIN = {'size': 8, 'order': 'reshuffled', 'labels': 'classes'}
cases = [{**PLAIN, 'optimizer': i} for i in range(len(optimizers))] + [
    {**PLAIN, 'optimizer': 3, 'order': 'replacement'},
    {**PLAIN, 'optimizer': 3, 'order': 'cyclic', 'size': 1},
    {**PLAIN, 'optimizer': 5, 'drop_last': True},
    {**PLAIN, 'optimizer': 3, 'labels': 'values'},
    {**PLAIN, 'optimizer': 3, 'labels': 'some'},
    {**PLAIN, 'optimizer': 5, 'norm': True},
    {**PLAIN, 'optimizer': 5, 'schedule': 'cosine'},
    {**PLAIN, 'optimizer': 1, 'schedule': 'step', 'clip': 0.3},
    {**PLAIN, 'optimizer': 4, 'clip': 0.5},
    {**PLAIN, 'optimizer': 5, 'groups': [{'glob': '*.bias', 'hyper': {'weight_decay': 0}}]},
    {**PLAIN, 'optimizer': 3, 'clip': 0.5, 'schedule': 'cosine',
     'groups': [{'glob': '*.bias', 'hyper': {'lr': 0.05}},
                {'glob': '3.*', 'hyper': {'lr': 0.001, 'beta1': 0.7, 'eps': 1e-3, 'weight_decay': 0.1}}]},
    {**PLAIN, 'optimizer': 1, 'groups': [{'glob': '0.*', 'hyper': {'lr': 0, 'momentum': 0.5}}]},
    {**PLAIN, 'optimizer': 6, 'groups': [{'glob': '*weight', 'hyper': {'lr': 0.003, 'weight_decay': 0.3}}]},
]


def matches(glob, name):
    head, _, tail = glob.partition('*')
    return name.startswith(head) and name.endswith(tail)


def option(name, value, hyper):
    """Hyper-parameters of a group in torch's words."""
    if name in ('beta1', 'beta2'):
        betas = list(hyper.get('betas', (0.9, 0.999)))
        betas[0 if name == 'beta1' else 1] = value
        return {'betas': tuple(betas)}
    return {name: value}


def run(case):
    name, make, hyper = optimizers[case['optimizer']]
    model = network(case.get('norm', False))
    names = {'0.weight': '0.weight', '0.bias': '0.bias', '2.weight': '3.weight', '2.bias': '3.bias'}
    named = [(names.get(n, n) if not case.get('norm') else n, p) for n, p in model.named_parameters()]
    groups = case.get('groups', [])
    of = {n: max([k + 1 for k, g in enumerate(groups) if matches(g['glob'], n)], default=0) for n, _ in named}
    params = [{'params': [p for n, p in named if of[n] == k],
               **{a: b for n, v in (groups[k - 1]['hyper'] if k else {}).items() for a, b in option(n, v, hyper).items()}}
              for k in range(len(groups) + 1)]
    optimizer = make([g for g in params if g['params']], **hyper)
    schedule = schedules[case['schedule']](optimizer) if 'schedule' in case else None
    rows = epochs(case['size'], case['order'], case.get('drop_last', False))
    labels = {'classes': y, 'some': unlabelled, 'values': target}[case['labels']]
    loss_of = nn.functional.mse_loss if case['labels'] == 'values' else nn.functional.cross_entropy
    start = {n: p.detach().flatten().tolist() for n, p in named}
    losses = []
    for row in rows:
        loss = loss_of(model(x[row]), labels[row])
        optimizer.zero_grad()
        loss.backward()
        if 'clip' in case:
            nn.utils.clip_grad_norm_(model.parameters(), case['clip'])
        optimizer.step()
        if schedule:
            schedule.step()
        losses.append(loss.item())
    flat = {k: v for k, v in hyper.items() if k != 'betas'}
    decays = {'signum': lambda b: {'momentum': b[0]}, 'signsgd': lambda b: {}}.get(name, lambda b: {'beta1': b[0], 'beta2': b[1]})
    if 'betas' in hyper:
        flat.update(decays(hyper['betas']))
    return {**{k: v for k, v in case.items() if k != 'optimizer'}, 'optimizer': name, 'hyper': flat, 'start': start, 'rows': rows,
            'losses': losses, 'end': {n: p.detach().flatten().tolist() for n, p in named}}


out = {'torch': torch.__version__.split('+')[0], 'x': x.flatten().tolist(), 'classes': y.tolist(), 'some': unlabelled.tolist(),
       'values': target.flatten().tolist(), 'runs': [run(case) for case in cases]}
Path(__file__).with_name('torch-batches.json').write_text(json.dumps(out) + '\n')
