import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Analyser, analyse } from '../../extension/configs/analyse.ts';
import { parameterLines } from '../../extension/configs/parameterLines.ts';
import { boundNesting } from '../../extension/configs/python/nesting.ts';

const CALL = 'torch.optim.Adam(p, lr=0.5)\n';
const many = 200_000;

/** Statements that a parser makes a tree of, as deep as they are long. */
const DEEP: Readonly<Record<string, string>> = {
  not: `x = ${'not '.repeat(many)}y`,
  brackets: `x = ${'['.repeat(many)}${']'.repeat(many)}`,
  parentheses: `x = ${'('.repeat(many)}1${')'.repeat(many)}`,
  'open parentheses': `x = ${'('.repeat(many)}`,
  braces: `x = ${'{1:'.repeat(many)}`,
  lambdas: `x = ${'lambda: '.repeat(many)}1`,
  attributes: `x = a${'.b'.repeat(many)}`,
  calls: `x = f${'()'.repeat(many)}`,
  items: `x = a${'[0]'.repeat(many)}`,
  sum: `x = 1${' + 1'.repeat(many)}`,
  power: `x = 2${' ** 2'.repeat(many)}`,
  conditions: `x = ${'1 if a else '.repeat(many)}2`,
  minus: `x = ${'-'.repeat(many)}1`,
  await: `x = ${'await '.repeat(many)}y`,
  comparisons: `x = a${' < b'.repeat(many)}`,
  'f-string': `x = f"{${'('.repeat(many)}"`,
  'across lines': `x = (${'not\n'.repeat(many)}y)`,
};

for (const [name, statement] of Object.entries(DEEP)) {
  test(`nested too deeply: ${name}`, () => {
    const text = `import torch\nif a:\n    ${statement}\n`;
    const whole =
      name.startsWith('open') || name === 'braces' || name === 'f-string'
        ? `import torch\n${CALL}${statement}\n`
        : `${text}${CALL}`;
    const { configs, isPartial } = new Analyser().analyse('a', { language: 'python', text: whole });
    assert.equal(isPartial, true);
    assert.equal(configs[0]?.hyperparameters.get('lr')?.value, 0.5);
    parameterLines(whole, ['a.weight']);
  });
}

test('blocks nested too deeply', () => {
  const text = Array.from({ length: 1500 }, (_, i) => `${' '.repeat(i)}if a:\n`).join('');
  const { configs, isPartial } = new Analyser().analyse('a', {
    language: 'python',
    text: `import torch\n${CALL}${text}`,
  });
  assert.equal(isPartial, true);
  assert.equal(configs.length, 1);
});

test('what people write is left as it is', () => {
  for (const text of [
    `x = [\n${'  (1.5, -2e-3, not a, f(b).c),\n'.repeat(5000)}]\n`,
    `x = {${'"a": [1, {"b": (c.d + e) * -f}],'.repeat(3000)}}\n`,
    `"""${'not '.repeat(5000)}"""\n# ${'('.repeat(5000)}\ns = '${'('.repeat(5000)}'\n`,
    `def f():\n${'    if a and b or not c:\n        return d\n'.repeat(3000)}`,
  ])
    assert.deepEqual(boundNesting(text), { text, isPartial: false });
});

test('the length and the lines stay', () => {
  const text = `a = 1\n${DEEP['across lines']}\nb = 2\n`;
  const bounded = boundNesting(text);
  assert.equal(bounded.text.length, text.length);
  assert.equal(bounded.text.split('\n').length, text.split('\n').length);
  assert.ok(bounded.text.startsWith('a = 1\n') && bounded.text.endsWith('\nb = 2\n'));
});

test('YAML, JSON and TOML nested too deeply are left alone', () => {
  const deep = '['.repeat(many);
  for (const language of ['yaml', 'json', 'jsonc', 'toml'] as const)
    for (const text of [
      `optimizer: ${deep}`,
      `a = ${deep}`,
      `{"optim": ${deep}`,
      `x: '"'\noptim: ${deep}`,
      `optim: ${'{a: '.repeat(many / 8)}`,
    ])
      assert.deepEqual(analyse({ path: 'f', language, text }), []);
});

test('modules inside each other cost what they must', () => {
  const depth = 30;
  const text = `class M(nn.Module):\n  def __init__(self):\n    self.l = ${'nn.Sequential('.repeat(depth)}nn.Linear(1, 1)${')'.repeat(depth)}\n`;
  const name = `l${'.0'.repeat(30)}.weight`;
  assert.ok(parameterLines(text, [name]).has(name));
});

test('notebooks of 10,000 cells', { timeout: 120_000 }, () => {
  const sources = [
    'import torch\no = torch.optim.Adam(m.parameters(), lr=1e-4)\n',
    'for i in range(3):\n  lr = lr * 0.1\n  opt = Adam(m.parameters(), lr=lr)\ncfg.lr = 1e-3\ndef f(lr): return Adam(p, lr=lr)\nf(1e-3)\n',
  ];
  for (const source of sources) {
    const cell = { cell_type: 'code', metadata: {}, outputs: [], execution_count: null, source };
    const text = JSON.stringify({ nbformat: 4, metadata: {}, cells: Array(10_000).fill(cell) });
    const found = analyse({ path: 'n.ipynb', language: 'notebook', text });
    assert.equal(found.length, source.startsWith('import') ? 10_000 : 0);
  }
});

test('magics: cells are Python unless they are known not to be', () => {
  const python = [
    '%%time',
    '%%memit',
    '%%wandb',
    '%%backend torch',
    '%%writefile train.py',
    '%%script python3',
    '%%pypy',
    '%%mine -x 1',
  ];
  const other = ['%%bash', '%%html', '%%cython', '%%writefile c.yaml', '%%script bash', '%%R', '%%javascript', '%%sql'];
  const lines = ['%time torch.optim.Adam(p, lr=0.5)', 'x = 1\n%timeit -n 3 torch.optim.Adam(p, lr=0.5)'];
  const cells = [...python, ...other].map((magic) => `${magic}\nimport torch\ntorch.optim.Adam(p, lr=0.5)\n`);
  const source = ['import torch', ...cells, ...lines].map((text) => ({ cell_type: 'code', source: text }));
  const found = analyse({ path: 'n.ipynb', language: 'notebook', text: JSON.stringify({ cells: source }) });
  assert.deepEqual(
    found.map(({ cell }) => cell),
    [...python.map((_, i) => i + 1), python.length + other.length + 1, python.length + other.length + 2],
  );
});
