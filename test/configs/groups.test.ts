import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectionText } from '../../extension/advice/report.ts';
import { analyse } from '../../extension/configs/analyse.ts';

/** The groups of the only optimizer of a text, as `selection: settings`. */
function groups(text: string): string[] {
  const [config] = analyse({ path: 'a.py', language: 'python', text: `import torch\n${text}` });
  return (config.groups ?? []).map(({ selection, hyperparameters }) => {
    const settings = [...hyperparameters].map(([name, { value }]) => `${name}=${value}`).join(' ');
    return `${selection ? selectionText(selection) : '?'}: ${settings}`;
  });
}

test('groups by name', () => {
  const text = `no_decay = ["bias", "LayerNorm.weight"]
groups = [
    {"params": [p for n, p in model.named_parameters() if not any(nd in n for nd in no_decay)], "weight_decay": 0.1},
    {"params": [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay) and p.requires_grad], "weight_decay": 0.0},
]
torch.optim.AdamW(groups, lr=1e-3)`;
  assert.deepEqual(groups(text), [
    'all but *bias*, *LayerNorm.weight*: weight_decay=0.1',
    '*bias*, *LayerNorm.weight*: weight_decay=0',
  ]);
  const [config] = analyse({ path: 'a.py', language: 'python', text: `import torch\n${text}` });
  assert.equal(config.hyperparameters.get('weight_decay')?.value, 0.1);
});

test('groups by module, by the end of a name, and by dimensions', () => {
  assert.deepEqual(
    groups(
      'torch.optim.SGD([dict(params=net.encoder.parameters(), lr=1e-4), {"params": self.net.head.parameters()}, {"params": filter(lambda p: p.requires_grad, net.neck.parameters()), "momentum": 0.5}], lr=0.1)',
    ),
    ['encoder.*: lr=0.0001', 'head.*: ', 'neck.*: momentum=0.5'],
  );
  assert.deepEqual(
    groups(
      'torch.optim.AdamW([{"params": [p for n, p in m.named_parameters() if n.endswith(".bias")], "weight_decay": 0}, {"params": [p for p in m.parameters() if p.ndim > 1], "weight_decay": 0.1}, {"params": [p for n, p in m.named_parameters() if "norm" in n or n.startswith("pos")]}])',
    ),
    ['*.bias: weight_decay=0', '2 or more dimensions: weight_decay=0.1', '*norm*, pos*: '],
  );
});

test('what the text does not tell has no selection', () => {
  assert.deepEqual(
    groups(
      'torch.optim.AdamW([{"params": a, "weight_decay": 0}, {"params": [p for p in m.parameters() if odd(p)], "lr": 1}])',
    ),
    ['?: weight_decay=0', '?: lr=1'],
  );
});
