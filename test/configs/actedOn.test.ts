import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';

/** Optimizer, schedule, learning rate, weight decay, number of groups and notes of each configuration. */
function found(text: string): string[] {
  return analyse({
    path: 'a.py',
    language: 'python',
    text: `import torch\nfrom torch.optim.lr_scheduler import LambdaLR, StepLR\n${text}`,
  }).map(({ optimizer, schedule, hyperparameters, groups, notes }) => {
    const shown = (name: string) => hyperparameters.get(name)?.value ?? '?';
    const parts = [optimizer, schedule?.name ?? '-', `lr ${shown('lr')}`, `wd ${shown('weight_decay')}`];
    return [
      ...parts,
      ...(groups ? [`${groups.length} groups`] : []),
      ...(notes ?? []).map(({ text: note }) => note),
    ].join(', ');
  });
}

describe('which optimizers a schedule acts on', () => {
  test('all that a loop or comprehension goes through', () => {
    const text = `a = torch.optim.Adam(p, lr=1)
b = torch.optim.SGD(q, lr=2)
both = [a, b]
schedules = [LambdaLR(each, f) for each in both]`;
    assert.deepEqual(found(text), ['adam, LambdaLR, lr 1, wd 0', 'sgd, LambdaLR, lr 2, wd 0']);
    assert.deepEqual(found(text.replace(/schedules = .*/, 'for each in (a, b):\n    StepLR(each, 3)')), [
      'adam, StepLR, lr 1, wd 0',
      'sgd, StepLR, lr 2, wd 0',
    ]);
  });

  test('all branches that lead there', () => {
    assert.deepEqual(
      found(`if args.sgd:
    o = torch.optim.SGD(p, lr=2)
else:
    o = torch.optim.Adam(p, lr=1)
s = StepLR(o, 3)`),
      ['sgd, StepLR, lr 2, wd 0', 'adam, StepLR, lr 1, wd 0'],
    );
  });

  test('the nearest before where a loop makes several', () => {
    assert.deepEqual(
      found(`for fold in folds:
    o = torch.optim.SGD(p, lr=2)
    s = StepLR(o, 3)
    m, o = prepare(m, o)`),
      ['sgd, StepLR, lr 2, wd 0'],
    );
  });

  test('the name that get_scheduler is given, and functions of the text', () => {
    const text = `from transformers import get_scheduler
def get_cosine_schedule(optimizer, steps):
    return LambdaLR(optimizer, lambda i: 1)
o = torch.optim.AdamW(p, lr=1)
s = get_scheduler("cosine", optimizer=o)
r = torch.optim.SGD(p, lr=1)
u = get_cosine_schedule(r, 10)`;
    assert.deepEqual(found(text), ['adamw, cosine, lr 1, wd 0.01', 'sgd, LambdaLR, lr 1, wd 0']);
  });

  test('groups whose learning rate the text sets itself', () => {
    assert.deepEqual(
      found(`o = torch.optim.Adam(p, lr=1)
r = torch.optim.SGD(q, lr=1)
u = torch.optim.SGD(q, lr=3)
def adjust(optimizer, epoch):
    for group in optimizer.param_groups:
        group["lr"] = 0.1 ** epoch
for epoch in range(9):
    adjust(o, epoch)
    r.param_groups[0]["lr"] = epoch
    u.param_groups[0]["momentum"] = epoch`),
      ['adam, hand-written, lr 1, wd 0', 'sgd, hand-written, lr 1, wd 0', 'sgd, -, lr 3, wd 0'],
    );
  });
});

test('what the training sets itself is no default, whatever the constructor takes', () => {
  assert.deepEqual(
    found(`o = torch.optim.AdamW(p)
r = torch.optim.AdamW(q, lr=1, weight_decay=0.3)
def train(optimizer, it):
    for i, group in enumerate(optimizer.param_groups):
        group["lr"] = lrs[it]
        if i == 0:
            group["weight_decay"] = decays[it]
train(o, 3)
train(optimizer=r, it=4)`),
    ['adamw, hand-written, lr ?, wd ?', 'adamw, hand-written, lr 1, wd 0.3'],
  );
});

describe('groups that are not written in one list', () => {
  const note = (maker: string) => `The parameter groups are made by ${maker}: what they set is not all known here.`;

  test('a function may set the weight decay', () => {
    assert.deepEqual(found('torch.optim.AdamW(add_weight_decay(model, 0.05), lr=1)'), [
      `adamw, -, lr 1, wd ?, ${note('add_weight_decay()')}`,
    ]);
    assert.deepEqual(found('g = lrd.make(model, weight_decay=0.05, base_lr=2)\ntorch.optim.AdamW(g)'), [
      `adamw, -, lr ?, wd ?, ${note('lrd.make()')}`,
    ]);
    assert.deepEqual(found('torch.optim.AdamW(get_groups(model), lr=1, weight_decay=0.3)'), [
      `adamw, -, lr 1, wd 0.3, ${note('get_groups()')}`,
    ]);
  });

  test('what only gives parameters sets nothing', () => {
    for (const given of [
      'model.parameters()',
      'list(a.parameters()) + list(b.parameters())',
      'itertools.chain(a, b)',
      'filter(f, net.parameters())',
      'model.init(key)',
      'net.trainable_params()',
    ])
      assert.deepEqual(found(`torch.optim.AdamW(${given}, lr=1)`), ['adamw, -, lr 1, wd 0.01'], given);
  });

  test('loops and comprehensions: the value that all have', () => {
    assert.deepEqual(
      found(`groups = []
for name, p in model.named_parameters():
    groups += [{"params": [p], "lr": 0.1, "weight_decay": wd}]
torch.optim.SGD(groups, lr=0.5)`),
      [`sgd, -, lr 0.1, wd ?, ${note('a loop')}`],
    );
    assert.deepEqual(
      found(
        'groups = []\ngroups.append({"params": a, "lr": 0.2})\ngroups.append({"params": b, "lr": 0.2})\ntorch.optim.SGD(groups)',
      ),
      [`sgd, -, lr 0.2, wd 0, ${note('a loop')}`],
    );
    assert.deepEqual(
      found(
        'torch.optim.AdamW([{"params": [p], "weight_decay": 0.0 if p.ndim < 2 else 0.1} for p in model.parameters()], lr=1)',
      ),
      [`adamw, -, lr 1, wd ?, ${note('a comprehension')}`],
    );
  });

  test('lists of the branches of a condition', () => {
    assert.deepEqual(
      found(`one = {"params": a, "lr": 0.1}
if both:
    lists = [one, {"params": b, "lr": 0.2, "weight_decay": 0.3}]
else:
    lists = [one]
torch.optim.AdamW(lists)`),
      ['adamw, -, lr ?, wd 0.01, 2 groups'],
    );
  });

  test('groups that are added later', () => {
    assert.deepEqual(
      found(`o = torch.optim.SGD(a, lr=1)
o.add_param_group({"params": b, "weight_decay": 1e-5})
o.add_param_group({"params": c, "weight_decay": 0.0})
r = torch.optim.AdamW(a, lr=1)
r.add_param_group({"params": b, "lr": 2})`),
      ['sgd, -, lr 1, wd 0.00001, 3 groups', 'adamw, -, lr 1, wd 0.01, 2 groups'],
    );
  });
});
