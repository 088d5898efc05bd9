import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  argumentMarkdown,
  codeLensText,
  escapeMarkdown,
  hoverMarkdown,
  verdict,
} from '../../extension/advice/hover.ts';
import { compareBeta2, halfStrengthStep, strengthCurve, summarize } from '../../extension/advice/summary.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import type { OptimizerConfig } from '../../extension/configs/config.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';

function config(call: string, text = `import torch, keras, optax\n${call}\n`): OptimizerConfig {
  const [found] = analyse({ path: 'f', language: 'python', text });
  assert.ok(found, call);
  return found;
}

function close(actual: number | null, expected: number, tolerance = 1e-9): void {
  assert.ok(
    actual !== null && Math.abs(actual - expected) <= tolerance * Math.abs(expected),
    `${actual} is not ${expected}`,
  );
}

describe('strength in the limit of small ε', () => {
  // theory F13: |κ| = 990 for (0.9, 0.999), 10 for (0.9, 0.95); theory C1: 90 for (0.9, 0.99), 80 for (0.95, 0.99).
  const cases: readonly [call: string, hKappa: number][] = [
    ['torch.optim.Adam(p)', -0.99],
    ['torch.optim.Adam(p, lr=1e-4)', -0.099],
    ['torch.optim.AdamW(p, betas=(0.9, 0.95))', -0.01],
    ['torch.optim.Adam(p, lr=1, betas=(0.9, 0.99))', -90],
    ['torch.optim.Adam(p, lr=1, betas=(0.95, 0.99))', -80],
    ['torch.optim.Adam(p, lr=1, betas=(0.99, 0.9))', 90],
    // theory B2: c_N = c_β − 2β, so κ is lower by β.
    ['torch.optim.NAdam(p, lr=1)', -990.9],
    // theory B2: −α/(1−α), and with momentum an effective step of h/(1−μ).
    ['torch.optim.RMSprop(p, lr=1)', -99],
    ['torch.optim.RMSprop(p, lr=1, momentum=0.9)', -990],
    ['optax.lion(1e-4)', 0],
    // ½Σg²/√S with weight h/2.
    ['torch.optim.Adagrad(p)', 0.005],
    // Without a memory of its own that names one: c_β = 1 + 2·½β·β/(1−β).
    ['torch.optim.NAdam(p, lr=1, momentum_decay=0)', 4.05 - 999],
  ];
  for (const [call, hKappa] of cases) test(call, () => close(summarize(config(call)).hKappa, hKappa));

  const without: readonly [call: string, effect: string][] = [
    ['torch.optim.Adam(p, amsgrad=True)', 'none'],
    ['torch.optim.RMSprop(p, centered=True)', 'none'],
    ['torch.optim.Adagrad(p, lr_decay=0.1)', 'none'],
    ['torch.optim.RAdam(p)', 'none'],
    ['optax.amsgrad(1e-4)', 'none'],
    ['torch.optim.Adam(p, **kw)', 'one-norm'],
    ['torch.optim.Adam(p, betas=(0.9, 1.0))', 'one-norm'],
  ];
  for (const [call, effect] of without) {
    test(`${call} has no number`, () => {
      const summary = summarize(config(call));
      assert.equal(summary.effect, effect);
      assert.equal(summary.hKappa, null);
    });
  }

  test('κ without a known learning rate', () => {
    const summary = summarize(config('torch.optim.Adam(p, lr=rate)'));
    close(summary.kappa, -990);
    assert.equal(summary.hKappa, null);
  });
});

describe('agrees with the optimizers themselves at n → ∞', () => {
  const names = ['adam', 'adamw', 'nadam', 'rmsprop'] as const;
  const calls = { adam: 'Adam', adamw: 'AdamW', nadam: 'NAdam', rmsprop: 'RMSprop' };
  for (const name of names) {
    test(name, () => {
      const found = config(`torch.optim.${calls[name]}(p)`);
      const optimizer = optimizerNamed(name);
      const hyper = optimizer.defaults('pytorch')!;
      // NAdam's momentum schedule is summed step by step there: late steps stand for the limit.
      const n = name === 'nadam' ? 200_000 : Infinity;
      const tolerance = name === 'nadam' ? 1e-3 : 1e-9;
      close(summarize(found).switchGradient, optimizer.signChange(hyper, n)!, tolerance);
      for (const key of ['lr', 'beta1', 'beta2', 'alpha', 'eps', 'weight_decay', 'momentum']) {
        if (key in hyper) assert.equal(found.hyperparameters.get(key)?.value, hyper[key], `default of ${key}`);
      }
    });
  }
});

test('defaults of the frameworks are those of the optimizers', () => {
  const calls: readonly [framework: 'pytorch' | 'keras' | 'optax', name: string, call: string][] = [
    ['pytorch', 'sgd', 'torch.optim.SGD(p)'],
    ['pytorch', 'adagrad', 'torch.optim.Adagrad(p)'],
    ['keras', 'adam', 'keras.optimizers.Adam()'],
    ['keras', 'adamw', 'keras.optimizers.AdamW()'],
    ['keras', 'nadam', 'keras.optimizers.Nadam()'],
    ['keras', 'rmsprop', 'keras.optimizers.RMSprop()'],
    ['keras', 'sgd', 'keras.optimizers.SGD()'],
    ['keras', 'lion', 'keras.optimizers.Lion()'],
    ['optax', 'adam', 'optax.adam(1)'],
    ['optax', 'adamw', 'optax.adamw(1)'],
    ['optax', 'lion', 'optax.lion(1)'],
    ['optax', 'rmsprop', 'optax.rmsprop(1)'],
  ];
  for (const [framework, name, call] of calls) {
    const found = config(call);
    const defaults = optimizerNamed(name).defaults(framework);
    if (!defaults) continue;
    for (const [key, value] of Object.entries(defaults)) {
      const entry = found.hyperparameters.get(key);
      // Keras writes None for no weight decay, Optax for no momentum.
      if (entry?.from === 'default') assert.equal(entry.value ?? 0, value, `${call}: ${key}`);
    }
  }
});

test('the switch |g|*, outside and inside the root (theory A3: 0.0096 ε and 0.098 √ε)', () => {
  close(summarize(config('torch.optim.Adam(p)')).switchGradient, (1e-8 * 19) / 1980);
  close(summarize(config('optax.adam(1e-3, eps=0, eps_root=1e-8)')).switchGradient, Math.sqrt((1e-8 * 19) / 1980));
  close(summarize(config('optax.rmsprop(1e-3, decay=0.99)')).switchGradient, Math.sqrt((1e-8 * 1) / 198));
  assert.equal(summarize(config('torch.optim.Adam(p, betas=(0.9, 0.5))')).switchGradient, null);
});

test('the curve starts at 0 and tends to the limit', () => {
  const curve = strengthCurve(config('torch.optim.Adam(p)'))!;
  assert.equal(curve[0].hKappa, 0);
  assert.ok(curve.every((point, i) => i === 0 || point.hKappa < curve[i - 1].hKappa));
  assert.ok(curve.at(-1)!.hKappa < -0.9 && curve.at(-1)!.hKappa > -0.99);
  assert.equal(strengthCurve(config('torch.optim.SGD(p)')), null);
  const half = halfStrengthStep(config('torch.optim.Adam(p)'))!;
  // a_0.9(n) − a_0.999(n) passes −495 there, by direct summation.
  const age = (b: number, n: number) => {
    let sum = 0;
    for (let m = 0; m <= n; m++) sum += (1 - b) * b ** m * m;
    return sum / (1 - b ** (n + 1));
  };
  const strength = (n: number) => age(0.999, n) - age(0.9, n);
  assert.ok(strength(half) >= 495 && strength(half - 1) < 495, `step ${half}`);
});

test('other values of β₂', () => {
  const rows = compareBeta2(config('torch.optim.Adam(p, betas=(0.9, 0.98))'))!;
  assert.deepEqual(
    rows.map(({ beta2, isCurrent }) => [beta2, isCurrent]),
    [
      [0.9, false],
      [0.95, false],
      [0.98, true],
      [0.99, false],
      [0.999, false],
    ],
  );
  close(rows[3].hKappa, -0.09);
  assert.equal(compareBeta2(config('torch.optim.RMSprop(p)')), null);
});

test('SGD: weights of the squared norm (theory A4, B2)', () => {
  const h = 0.1;
  close(summarize(config('torch.optim.SGD(p, lr=0.1)')).hKappa, h / 4);
  close(summarize(config('torch.optim.SGD(p, lr=0.1, momentum=0.9)')).hKappa, (h * 1.9) / (4 * 0.01));
  close(summarize(config('torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.9)')).hKappa, (h * 1.9) / (4 * 0.1));
  close(
    summarize(config('torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)')).hKappa,
    (h * (1 - 0.9 + 2 * 0.81)) / (4 * 0.01),
  );
  assert.equal(summarize(config('torch.optim.SGD(p, lr=x)')).hKappa, null);
});

describe('texts', () => {
  test('hover on the default Adam', () => {
    const text = hoverMarkdown(config('torch.optim.Adam(model.parameters(), lr=1e-3)'));
    assert.match(
      text,
      /^\*\*Adam\*\* — lr 0\.001 · betas \(0\.9, 0\.999\) \*default\* · eps 1e-8 \*default\*, outside the root\n/,
    );
    assert.match(
      text,
      /\*\*Larger gradient norm favoured\.\*\* In full-batch training with small steps, theory predicts that β₂ 0\.999 holds the one-norm of the loss gradient larger \(anti-regularizing 0\.99 in the long run\)\./,
    );
    assert.match(
      text,
      /\| β₂ \| 0\.9 \| 0\.95 \| 0\.99 \| \*\*0\.999\*\* \|\n\|---\|---\|---\|---\|---\|\n\| strength \| neutral \| anti-regularizing 0\.01 \| anti-regularizing 0\.09 \| \*\*anti-regularizing 0\.99\*\* \|/,
    );
    assert.match(text, /depends on batch size and stage, and large steps oscillate: a run measures it\./);
    assert.match(
      text,
      /\|g\| under 9\.6e−11 are regularized instead\. Later in training, .* spikes .* Oscillation and small batches can reverse this\./,
    );
    assert.doesNotMatch(hoverMarkdown(config('torch.optim.Adam(p, betas=(0.9, 0.95))')), /spikes/);
  });

  test('settings stand there as they were written, under the names that they were given', () => {
    const keras = hoverMarkdown(config('keras.optimizers.Adam(learning_rate=1.2345e-4, beta_2=0.9999)'));
    assert.match(
      keras,
      /^\*\*Adam\*\* — learning\\?_rate 1\.2345e-4 · beta\\?_1 0\.9 \*default\* · beta\\?_2 0\.9999 · /,
    );
    const pair = hoverMarkdown(config('torch.optim.Adam(p, lr=1e-4, betas=(unknown, 0.9999))'));
    assert.match(pair, / · β₁ \*unknown\* · β₂ 0\.9999 · /);
  });

  test('verdict, warning and picture come first, links and runs last', () => {
    const extras = { picture: '![curve](data:x)', footer: 'links' };
    const text = hoverMarkdown(config('torch.optim.Adam(p, lr=1e-3)'), extras);
    const order = ['gradient norm favoured', 'a run measures it', '![curve]', '| β₂ |', '|g| under', 'links'];
    assert.deepEqual(
      order.map((part) => text.indexOf(part)).toSorted((a, b) => a - b),
      order.map((part) => text.indexOf(part)),
    );
    assert.ok(order.every((part) => text.includes(part)) && !text.includes('Half of it'));
  });

  test('no curve over the steps without bias correction', () => {
    const [mlx] = analyse({ path: 'f', language: 'python', text: 'import mlx.optimizers as o\no.Adam(1e-4)' });
    assert.equal(halfStrengthStep(mlx), null);
    assert.equal(strengthCurve(mlx), null);
    assert.ok(Math.abs(summarize(mlx).hKappa! + 0.099) < 1e-9);
  });

  test('verdicts open with the full batch', () => {
    for (const call of [
      'torch.optim.Adam(p)',
      'torch.optim.Adam(p, lr=x)',
      'torch.optim.SGD(p)',
      'optax.lion(1)',
      'torch.optim.Adam(p, betas=(0.5, 0.5))',
    ]) {
      assert.match(verdict(config(call)), /[Ii]n full-batch training/, call);
    }
  });

  test('no verdict where the configuration does not decide, with the reason', () => {
    assert.match(verdict(config('torch.optim.Adam(p, amsgrad=True)')), /^No prediction .* AMSGrad/);
    assert.match(verdict(config('torch.optim.Adam(p, **kw)')), /^No prediction .* both betas/);
  });

  test('CodeLens', () => {
    const cases: readonly [string, string][] = [
      ['torch.optim.Adam(p)', 'Theory: β₂ 0.999 favours a larger gradient norm'],
      ['torch.optim.Adam(p, lr=x)', 'Theory: β₂ 0.999 favours a larger gradient norm'],
      ['torch.optim.Adam(p, betas=(0.99, 0.9))', 'Theory: β₁ 0.99 favours a smaller gradient norm'],
      ['torch.optim.Adam(p, betas=(0.9, 0.9))', 'Theory: no effect of the memory on the gradient norm'],
      ['torch.optim.RMSprop(p)', 'Theory: alpha 0.99 favours a larger gradient norm'],
      ['torch.optim.SGD(p, momentum=0.9)', 'Theory: momentum 0.9 favours a smaller gradient norm'],
      ['torch.optim.SGD(p)', 'Theory: a finite step favours a smaller gradient norm'],
      ['torch.optim.Adagrad(p)', 'Theory: a finite step favours a smaller gradient norm'],
      ['optax.lion(1)', 'Theory: no effect of the memory on the gradient norm'],
      ['torch.optim.Adam(p, amsgrad=True)', 'Adam: no prediction without a run'],
    ];
    for (const [call, text] of cases) assert.equal(codeLensText(config(call)), text, call);
  });

  test('one argument', () => {
    assert.match(
      argumentMarkdown(config('torch.optim.Adam(p, betas=(0.9, 0.95))'), 'beta2')!,
      /^\*\*betas\*\* 0\.95 — .*\*\*0\.95\*\*/s,
    );
    assert.equal(argumentMarkdown(config('torch.optim.Adam(p)'), 'maximize'), undefined);
  });

  test('nothing from the file becomes markup', () => {
    const escaped = escapeMarkdown('[x](command:evil) <img src=x> **b** `c`\n# h');
    assert.ok(!/(?<!\\)[[\]()*`#]|<|\n/.test(escaped), escaped);
    assert.equal(escapeMarkdown('a\u202eb'), 'a b');
  });
});
