import { diagnose } from '../../extension/advice/diagnostics.ts';
import { codeLensText, hoverMarkdown } from '../../extension/advice/hover.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import type { Language } from '../../extension/configs/config.ts';
import { parameterLines } from '../../extension/configs/parameterLines.ts';
import { mutateText, type Target } from './target.ts';

const languages: readonly Language[] = ['python', 'yaml', 'jsonc', 'toml', 'notebook'];
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
  notebook: JSON.stringify({
    cells: [{ cell_type: 'code', source: ['import torch\n', 'torch.optim.Adam(p, lr=1e-3)'] }],
    metadata: {},
  }),
};
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
  seeds: languages.map((language, i) => new TextEncoder().encode(String(i) + texts[language])),
  make: (random, seed) => {
    const whole = new TextDecoder().decode(seed);
    return new TextEncoder().encode(whole.slice(0, 1) + mutateText(random, whole.slice(1), words));
  },
  run: (bytes) => {
    const whole = new TextDecoder().decode(bytes);
    const language = languages[Number(whole[0]) % languages.length] ?? 'python';
    const content = whole.slice(1);
    for (const config of analyse({ path: 'f', language, text: content })) {
      diagnose(config, content);
      codeLensText(config);
      const shown = String(hoverMarkdown(config));
      if (/\bNaN\b|undefined/.test(shown)) throw new Error(`the hover shows ${shown}`);
    }
    if (language === 'python') parameterLines(content, tensors);
  },
};
