import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Diagnostic, diagnose } from '../../extension/advice/diagnostics.ts';
import { RULES, rulesPage } from '../../extension/advice/rules.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import type { Language } from '../../extension/configs/config.ts';
import { ignoreEdit } from '../../extension/configs/ignore.ts';

function found(call: string, language: Language = 'python'): { text: string; diagnostics: Diagnostic[] } {
  const text = language === 'python' ? `import torch, keras, optax\n${call}\n` : call;
  return { text, diagnostics: analyse({ path: 'f', language, text }).flatMap((config) => diagnose(config, text)) };
}

/** `code severity "text at its range"`. */
function lines(call: string, language?: Language): string[] {
  const { text, diagnostics } = found(call, language);
  return diagnostics.map(({ code, severity, range }) => `${code} ${severity} ${text.slice(range.from, range.to)}`);
}

const SMALL = 'lr=1e-5';
const CASES: readonly (readonly [call: string, ...expected: string[]])[] = [
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95))`],
  [`torch.optim.Adam(p, ${SMALL})`],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.999))`],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.9999))`, 'memories-far-apart information 0.9999'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.5, 0.999))`],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.95, 0.999))`],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.0, 0.999))`],
  ['torch.optim.Adam(p)'],
  ['torch.optim.Adam(p, lr=1e-3)'],
  ['keras.optimizers.Adam(2e-4, 0.5)'],
  ['torch.optim.Adam(p, lr=0.5, betas=(0.9, 0.95))'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 1.0))`, 'beta-out-of-range error 1.0'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(-0.1, 0.5))`, 'beta-out-of-range error -0.1'],
  ['torch.optim.Adam(p, lr=-1e-3, betas=(0.9, 0.95))', 'learning-rate-not-positive error -1e-3'],
  ['torch.optim.Adam(p, lr=0, betas=(0.9, 0.95))', 'learning-rate-not-positive error 0'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95), eps=-1e-8)`, 'eps-negative error -1e-8'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95), eps=0)`, 'eps-zero information 0'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95), eps=0.1)`, 'eps-regime information 0.1'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95), weight_decay=-1)`, 'weight-decay-negative error -1'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95), weight_decay=0.1)`, 'l2-in-adaptive-optimizer hint 0.1'],
  [`torch.optim.AdamW(p, ${SMALL}, betas=(0.9, 0.95), weight_decay=0.1)`],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.999, 0.9))`, 'memories-reversed information 0.999'],
  [`torch.optim.Adam(p, ${SMALL}, betas=(0.9, 0.95), amsgrad=True)`, 'amsgrad-state-dependent hint True'],
  [`torch.optim.RMSprop(p, ${SMALL}, centered=True)`, 'centered-rmsprop hint True'],
  [`torch.optim.RMSprop(p, ${SMALL}, momentum=0.9)`, 'rmsprop-momentum hint 0.9'],
  ['torch.optim.SGD(p, lr=0.1, momentum=1.5)', 'momentum-out-of-range error 1.5'],
  ['torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4)'],
  ['optax.lion(1e-3)', 'lion-learning-rate hint 1e-3'],
  ['optax.adam(1e-5, b2=0.95, eps=1e-8, eps_root=1e-8)', 'eps-placement hint 1e-8'],
  ['keras.optimizers.RMSprop(1e-5)'],
  ['keras.optimizers.RMSprop(1e-5, epsilon=1e-8)', 'eps-placement hint 1e-8'],
  ['keras.optimizers.Adam(1e-5, beta_2=0.95, epsilon=1e-8)', 'eps-placement hint 1e-8'],
  ['torch.optim.Adam(p, lr=unknown, betas=pair, eps=e, weight_decay=w)'],
  ['torch.optim.Adam(p, **kw)'],
];

describe('diagnostics', () => {
  for (const [call, ...expected] of CASES) test(call, () => assert.deepEqual(lines(call), expected));

  test('every rule can occur', () => {
    const seen = new Set(CASES.flatMap(([, ...expected]) => expected.map((line) => line.split(' ')[0])));
    assert.deepEqual([...seen].sort(), Object.keys(RULES).sort());
  });

  test('claims of the theory name the full batch, and advice names small batches', () => {
    for (const [call] of CASES) {
      for (const { code, message } of found(call).diagnostics) {
        if (/theory predicts|regime/.test(message)) assert.match(message, /full-batch/, code);
      }
    }
    for (const code of ['memories-far-apart', 'rmsprop-momentum'] as const)
      assert.match(RULES[code].documentation, /[Ss]mall batches can reverse/);
  });

  test('the documentation page has a heading for each code', () => {
    for (const code of Object.keys(RULES)) assert.ok(rulesPage().includes(`\n## ${code}\n`));
  });
});

describe('fixes', () => {
  const apply = (call: string, code: string) => {
    const { text, diagnostics } = found(call);
    const fix = diagnostics.find((diagnostic) => diagnostic.code === code)?.fixes?.[0];
    return fix && (text.slice(0, fix.range.from) + fix.newText + text.slice(fix.range.to)).split('\n')[1];
  };

  test('AdamW, where the module is written', () => {
    assert.equal(
      apply('torch.optim.Adam(p, weight_decay=1)', 'l2-in-adaptive-optimizer'),
      'torch.optim.AdamW(p, weight_decay=1)',
    );
    assert.equal(apply('from torch.optim import Adam\nAdam(p, weight_decay=1)', 'l2-in-adaptive-optimizer'), undefined);
  });

  test('another value in place, wherever it is written', () => {
    assert.equal(
      apply('torch.optim.Adam(p, betas=(0.9, 0.9999))', 'memories-far-apart'),
      'torch.optim.Adam(p, betas=(0.9, 0.95))',
    );
    assert.equal(apply('torch.optim.Adam(p, eps=-1)', 'eps-negative'), 'torch.optim.Adam(p, eps=1e-8)');
    const { text, diagnostics } = found('b = 0.9999\ntorch.optim.Adam(p, betas=(0.9, b))');
    const [fix] = diagnostics[0].fixes ?? [];
    assert.equal(text.slice(fix.range.from, fix.range.to), '0.9999');
    assert.equal(fix.replaces, 0.9999);
    // A value that is computed, or a default, stands nowhere.
    assert.equal(
      apply('torch.optim.Adam(p, betas=(0.99, 1 - 1e-5))', 'memories-far-apart')?.includes('1 - 1e-5'),
      false,
    );
  });

  test('swapped betas', () => {
    assert.equal(
      apply('torch.optim.Adam(p, betas=(0.999, 0.9))', 'memories-reversed'),
      'torch.optim.Adam(p, betas=(0.9, 0.999))',
    );
    assert.equal(apply('optax.adam(1e-5, b1=0.999, b2=0.9)', 'memories-reversed'), undefined);
  });
});

describe('ignore comments', () => {
  const bad = 'torch.optim.SGD(p, lr=-1)';
  const cases: readonly [name: string, language: Language, text: string, count: number][] = [
    ['everything', 'python', `${bad}  # optimizer-bias: ignore`, 0],
    [
      'this code',
      'python',
      `${bad}  # noqa # optimizer-bias: ignore[beta-out-of-range, learning-rate-not-positive]`,
      0,
    ],
    ['another code', 'python', `${bad}  # optimizer-bias: ignore[beta-out-of-range]`, 1],
    ['first line of the call', 'python', 'torch.optim.SGD(  # optimizer-bias: ignore\n    p, lr=-1)', 0],
    ['line of the value', 'python', 'torch.optim.SGD(p,\n    lr=-1,  # optimizer-bias: ignore\n)', 0],
    ['another line', 'python', `# optimizer-bias: ignore\n${bad}`, 1],
    ['YAML', 'yaml', 'optimizer: sgd\nlr: -1 # optimizer-bias: ignore\n', 0],
    ['TOML', 'toml', 'optimizer = "sgd"\nlr = -1.0 # optimizer-bias: ignore[learning-rate-not-positive]\n', 0],
    ['JSON with comments', 'jsonc', '{"optimizer": "sgd",\n "lr": -1 // optimizer-bias: ignore\n}', 0],
  ];
  for (const [name, language, text, count] of cases) {
    test(name, () => assert.equal(found(text, language).diagnostics.length, count));
  }

  test('the edit that adds one silences the diagnostic', () => {
    for (const [language, text] of [
      ['python', `import torch\n${bad}\n`],
      ['yaml', 'optimizer: sgd\nlr: -1\n'],
      ['jsonc', '{"optimizer": "sgd",\n "lr": -1\n}'],
      ['python', `import torch\n${bad}  # optimizer-bias: ignore[eps-zero]`],
    ] as const) {
      const [config] = analyse({ path: 'f', language, text });
      const [diagnostic] = diagnose(config, text);
      const edit = ignoreEdit(text, language, diagnostic.range, diagnostic.code)!;
      const edited = text.slice(0, edit.range.from) + edit.newText + text.slice(edit.range.to);
      const [again] = analyse({ path: 'f', language, text: edited });
      assert.deepEqual(diagnose(again, edited), [], edited);
    }
    assert.equal(ignoreEdit('{}', 'json', { from: 0, to: 1 }, 'eps-zero'), undefined);
  });
});
