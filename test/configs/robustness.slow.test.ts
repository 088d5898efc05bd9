import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { diagnose } from '../../extension/advice/diagnostics.ts';
import { codeLensText, hoverMarkdown } from '../../extension/advice/hover.ts';
import { Analyser, analyse } from '../../extension/configs/analyse.ts';
import type { Language, OptimizerConfig } from '../../extension/configs/config.ts';
import { mask } from '../../extension/configs/python/mask.ts';
import type { SourceRange } from '../../extension/configs/source.ts';

const SNIPPETS: readonly (readonly [Language, string])[] = [
  [
    'python',
    `import argparse, torch, optax
from torch.optim import (Adam as A, SGD)
LR = 1e-3
cfg = {'lr': LR, 'betas': (0.9, 0.95), **other}
class C:
    lr: float = 1
    def f(self, lr=LR, *args, **kw):
        global LR
        self.lr = lr
        return A(p, lr=self.lr, **cfg)
def g(x: C, lr=1): return [SGD(p, lr=lr) for lr in x]
args = argparse.ArgumentParser().parse_args()
optax.adamw(args.lr, b1=0.9, eps_root=1e-8)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=LR))
torch.optim.NAdam(p, -1, (0.999, 0.5), **{'eps': 0})
`,
  ],
  [
    'yaml',
    'a: &a {lr: 1e-3, betas: [0.9, 0.95]}\noptimizer:\n  class_path: torch.optim.AdamW\n  init_args:\n    <<: *a\n---\noptimizer: adam\nlr: \u0024{x.y}\n',
  ],
  [
    'jsonc',
    '{"optimizer": {"type": "AdamW", "params": {"lr": 0.001, "betas": [0.9, 0.95]}}, /* c */ "x": [1, {"optim": "sgd", "lr": 1}]}',
  ],
  ['toml', '[optimizer]\ntype = "adam"\nlr = 1e-3\nbetas = [0.9, 0.99]\n[a."b c"]\noptim = "sgd"\nlr = 1\n'],
  [
    'notebook',
    JSON.stringify({
      cells: [{ cell_type: 'code', source: ['import torch\n', 's = "\\u00e9"\n', 'torch.optim.Adam(p, lr=1e-3)'] }],
      metadata: {},
    }),
  ],
];

function* rangesOf(config: OptimizerConfig): Generator<SourceRange> {
  yield config.range;
  yield config.callRange;
  for (const { range, keyRange, sourceRange } of config.hyperparameters.values()) {
    for (const given of [range, keyRange, sourceRange]) if (given) yield given;
  }
}

/** Everything a feature does with a text, and that all offsets lie in it. */
function check(language: Language, text: string): void {
  for (const config of analyse({ path: 'f', language, text })) {
    for (const { from, to } of rangesOf(config)) {
      assert.ok(0 <= from && from <= to && to <= text.length, `${from}..${to} of ${text.length}`);
    }
    for (const value of config.hyperparameters.values()) {
      if (value.from === 'unknown') assert.equal(value.value, null);
    }
    for (const { range } of diagnose(config, text)) assert.ok(range.to <= text.length);
    assert.ok(hoverMarkdown(config).length < 10_000);
    assert.ok(codeLensText(config).length < 300);
  }
}

/** A text cut, spliced and sprinkled with characters that mean something to a parser. */
const mutation = (text: string) =>
  fc
    .array(
      fc.record({
        at: fc.nat(text.length),
        drop: fc.nat(12),
        insert: fc.oneof(
          fc.constant(''),
          fc.constantFrom(
            '(',
            ')',
            '[',
            '{',
            '"',
            "'",
            '"""',
            '\n',
            '\t',
            ':',
            '*',
            '&a ',
            '*a',
            '<<: ',
            '=',
            ',',
            '\\',
            '\u0000',
            '\ufeff',
            'é😀',
            '- ',
            '#',
          ),
          fc.string({ maxLength: 6 }),
        ),
      }),
      { maxLength: 6 },
    )
    .map((edits) =>
      edits.reduce((now, { at, drop, insert }) => now.slice(0, at) + insert + now.slice(at + drop), text),
    );

describe('broken text', () => {
  for (const [language, text] of SNIPPETS) {
    test(`${language}: every truncation`, () => {
      for (let end = 0; end <= text.length; end++) check(language, text.slice(0, end));
    });
    test(`${language}: random edits`, () => {
      fc.assert(
        fc.property(mutation(text), (mutated) => check(language, mutated)),
        { numRuns: 400 },
      );
    });
  }

  test('any text as any language', () => {
    const anything = fc.tuple(
      fc.constantFrom<Language>('python', 'yaml', 'json', 'jsonc', 'toml', 'notebook'),
      fc.string({ maxLength: 200, unit: 'binary' }),
    );
    fc.assert(
      fc.property(anything, ([language, text]) => check(language, `optim adam ${text}`)),
      { numRuns: 500 },
    );
  });

  test('any structure of the words that configurations use', () => {
    const word = fc.constantFrom(
      ...[
        'optimizer',
        'optim',
        'opt',
        'type',
        'name',
        'params',
        'args',
        'lr',
        'learning_rate',
        'betas',
        'adam_beta1',
        'adam_beta2',
      ],
      ...[
        'per_device_train_batch_size',
        'SOLVER',
        'BASE_LR',
        'OPTIMIZER',
        '_BASE_',
        'class_path',
        'init_args',
        '_target_',
        'eps',
        '<<',
      ],
    );
    const leaf = fc.oneof(
      fc.constantFrom(
        'adam',
        'AdamW',
        'sgd',
        'lion',
        'torch.optim.Adam',
        'Adam',
        'adamw_torch',
        'auto',
        '1e-3',
        '\u0024{optimizer.lr}',
      ),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
    );
    const { node } = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(word, tie('node'), { maxKeys: 5 }),
      ),
    }));
    const root = fc.dictionary(word, node, { minKeys: 1, maxKeys: 6 });
    fc.assert(
      fc.property(root, (value) => {
        const json = JSON.stringify(value);
        for (const language of ['json', 'yaml'] as const) check(language, json);
        check(
          'python',
          `import torch, keras\nfrom detectron2 import x\noptimizer = ${json}\ntorch.optim.Adam(p, **optimizer)`,
        );
      }),
      { numRuns: 500 },
    );
  });

  test('deep nesting', () => {
    const deep = (open: string) => `import torch\nlearning_rate = ${open.repeat(20_000)}`;
    for (const open of ['(', '[', '{', '-', 'f(', 'lambda: ', 'a.', 'not '])
      check('python', `${deep(open)}\ntorch.optim.Adam(p, lr=learning_rate)`);
    for (const language of ['yaml', 'json', 'toml', 'notebook'] as const) {
      for (const open of ['[', '{"a":', '- ', '? ', '"a": ['])
        check(language, `optim = adam lr ${open.repeat(20_000)}`);
      check(language, `"optimizer": ${'['.repeat(400)}${']'.repeat(400)}`);
    }
  });

  test('names that double with every assignment take bounded time', () => {
    const lines = Array.from({ length: 60 }, (_, i) => `v${i + 1} = v${i} + v${i}`);
    check('python', `import torch\nv0 = 1\n${lines.join('\n')}\ntorch.optim.Adam(p, lr=v60)\n`);
    const calls = Array.from({ length: 40 }, (_, i) => `def f${i}(a):\n    f${i + 1}(a)\n    f${i + 1}(a)\n`);
    check('python', `import torch\n${calls.join('')}def f40(a):\n    torch.optim.Adam(p, lr=a)\nf0(1)\n`);
  });

  test('prototype names are plain names', () => {
    check(
      'python',
      "import torch\ncfg = {'__proto__': 1, 'constructor': 2}\ntorch.optim.Adam(p, lr=cfg['constructor'], **cfg, toString=3, hasOwnProperty=1)\n",
    );
    check('yaml', 'optimizer: constructor\nlr: 1\n__proto__: {optimizer: adam, lr: 2}\nhasOwnProperty: 3\n');
  });
});

describe('long files', () => {
  const filler = (i: number) => `class Block${i}(nn.Module):
    """Text with a quote ' and
def not_a_function(:
"""
    # comment at an odd column
    def __init__(self, width=64):
        self.layer = nn.Linear(width, [1,
    2][0], f"{width}")

    def forward(self, x):
        return self.layer(x) if x else '''
zero'''

`;
  const head = 'import torch\nclass Config:\n    lr = 0.25\n';
  const tail = 'def train(model, lr=1e-3):\n    return torch.optim.Adam(model, lr=lr, eps=Config.lr)\n';
  const call = 'def main():\n    train(net, 0.5)\n';
  const middle = Array.from({ length: 300 }, (_, i) => filler(i)).join('');

  test('masking keeps offsets and findings', () => {
    const text = `${head}${middle}${call}${middle}${tail}`;
    assert.equal(mask(text).length, text.length);
    assert.ok(mask(text).split('self.layer').length < 10, 'irrelevant bodies are blanked');
    const [config] = analyse({ path: 'f', language: 'python', text });
    assert.equal(text.slice(config.range.from, config.range.to), 'torch.optim.Adam');
    assert.equal(config.hyperparameters.get('lr')?.value, 0.5);
    assert.equal(config.hyperparameters.get('eps')?.value, 0.25);
  });

  test('10,000 lines, whatever names they use', (t) => {
    const method = (i: number) => `class Trainer${i}:
    def __init__(self, model, lr=1e-3):
        self.lr = lr
    def step(self, batch, lr):
        loss = self.model(batch) * lr
        return loss.item()
    def decay(self, lr, factor=0.1):
        return max(lr * factor, 1e-6)
`;
    const texts = {
      'lr in every method': Array.from({ length: 1250 }, (_, i) => method(i)).join(''),
      statements: Array.from({ length: 10_000 }, (_, i) => `x${i} = f(${i}, key='value') + y[${i}] * 2\n`).join(''),
    };
    for (const [name, lines] of Object.entries(texts)) {
      const text = `${head}${lines}${call}${tail}`;
      let least = Number.POSITIVE_INFINITY;
      // The time of other processes does not count.
      for (let i = 0; i < 4; i++) {
        const start = process.cpuUsage();
        const [config] = analyse({ path: 'f', language: 'python', text });
        const { user, system } = process.cpuUsage(start);
        least = Math.min(least, (user + system) / 1000);
        assert.equal(config.hyperparameters.get('lr')?.value, 0.5);
        assert.equal(config.hyperparameters.get('eps')?.value, 0.25);
      }
      t.diagnostic(`${name}: ${least.toFixed(0)} ms`);
    }
  });

  test('statements on which no optimizer depends are left out', () => {
    const noise = Array.from({ length: 2000 }, (_, i) => `unrelated_${i} = compute(${i})\n`).join('');
    const text = `import torch\nbase = 4\nscale = base / 8\n${noise}settings = {}\nsettings['rate'] = 1\nsettings['rate'] = 2\nrate = scale\ntorch.optim.Adam(p, lr=rate, eps=settings.get('rate', 2))\n`;
    assert.equal(mask(text).length, text.length);
    assert.ok(!mask(text).includes('unrelated'));
    const [config] = analyse({ path: 'f', language: 'python', text });
    assert.equal(config.hyperparameters.get('lr')?.value, 0.5);
    assert.equal(config.hyperparameters.get('eps')?.value, 2);
  });

  test('masking any text keeps its length', () => {
    const long = 'def f(x):\n    return x\n'.repeat(2000);
    fc.assert(
      fc.property(mutation(long.slice(0, 400)), (start) => {
        const text = start + long;
        assert.equal(mask(text).length, text.length);
      }),
      { numRuns: 50 },
    );
  });

  // Another seed in every run, and one in which the text is broken where the value is looked for.
  for (const seed of [undefined, -862963649])
    test(`edits give what a fresh analysis gives${seed === undefined ? '' : `, seed ${seed}`}`, () => {
      const analyser = new Analyser();
      let text = `${head}${middle}${call}${tail}`;
      fc.assert(
        fc.property(
          fc.nat(),
          fc.nat(30),
          fc.constantFrom('x', '\n', '    ', 'lr', '(', ')', '"""', 'global lr', 'torch.optim.SGD(p, lr=1)\n'),
          (at, drop, insert) => {
            const from = at % text.length;
            text = text.slice(0, from) + insert + text.slice(from + drop);
            const fresh = analyse({ path: 'f', language: 'python', text });
            assert.deepEqual(analyser.analyse('uri', { language: 'python', text }).configs, fresh);
          },
        ),
        { numRuns: 30, endOnFailure: true, ...(seed !== undefined && { seed }) },
      );
    });

  test('more than 5 MB is left alone', () => {
    const text = `import torch\ntorch.optim.Adam(p)\n${'# filler\n'.repeat(700_000)}`;
    assert.deepEqual(analyse({ path: 'f', language: 'python', text }), []);
  });
});
