import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInExtensionHost } from './rig/inHost.ts';
import { launchBrowser } from './rig/workbench.ts';

const cell = (source: string) => ({ cell_type: 'code', metadata: {}, outputs: [], execution_count: null, source });
const notebook = (cells: readonly string[]) =>
  JSON.stringify({ cells: cells.map(cell), metadata: {}, nbformat: 4, nbformat_minor: 5 });
const optimizer = 'torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.95))\n';

/** Texts that once kept an analysis busy, and large ones. */
const texts: Readonly<Record<string, string>> = {
  'texts/not.py': `import torch\n${optimizer}x = ${'not '.repeat(200_000)}True\n`,
  'texts/sequential.py': `import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        self.body = ${'nn.Sequential('.repeat(24)}nn.Linear(1, 1)${')'.repeat(24)}\n${optimizer}`,
  'texts/generated.py': `import torch\n${Array.from({ length: 20_000 }, (_, i) => `v${i} = torch.optim.Adam([p${i}], lr=${i + 1}e-6)\n`).join('')}`,
  'texts/long.py': `import torch\n${optimizer}${'x = 1  # batch_size\n'.repeat(250_000)}`,
  'texts/line.py': `import torch; ${'f('.repeat(5000)}${optimizer}`,
  'texts/deep.yaml': `optimizer:\n${Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i + 1)}lr:\n`).join('')}`,
  'texts/wide.yaml': Array.from({ length: 40_000 }, (_, i) => `o${i}: {optimizer: adam, lr: 1e-3}\n`).join(''),
  'texts/deep.json': `{"optimizer": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  'texts/deep.jsonnet': `{ trainer: { optimizer: ${'{ type: "adam", a: '.repeat(20_000)}1${'}'.repeat(20_000)} } }\n`,
  'texts/wide.gin': Array.from({ length: 40_000 }, (_, i) => `s${i}/Adam.learning_rate = 1e-${(i % 9) + 1}\n`).join(''),
  'texts/deep.pbtxt': `train_config { optimizer { ${'adam_optimizer { '.repeat(50_000)}${'}'.repeat(50_000)} } }\n`,
  'texts/wide.ini': Array.from(
    { length: 40_000 },
    (_, i) => `[optimizer.${i}]\n@optimizers = Adam.v1\nlr = 0.001\n`,
  ).join(''),
  'texts/many.ipynb': notebook(Array.from({ length: 2000 }, (_, i) => `import torch\na${i} = ${optimizer}`)),
  'texts/one.ipynb': notebook([`import torch\n${optimizer.repeat(20_000)}`]),
};

const steps = () => {
  const measures = { gradientNorm1: 1, gradientNorm2: 1, perturbedNorm: 1, kappa: 1, hKappa: 0.1, validShare: 1 };
  const tensors = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`t${i}`, measures]));
  return Array.from({ length: 4000 }, (_, step) => `${JSON.stringify({ step, loss: 1, ...measures, tensors })}\n`).join(
    '',
  );
};

/** Files in the place of a run's, as large as they may be. */
const runs: Readonly<Record<string, string>> = {
  'runs/long/steps.jsonl': steps(),
  'runs/noise/run.json': `{"format": 1, "a": "${'x'.repeat(3e6)}"}`,
  'runs/noise/steps.jsonl': `${'{"step":1'.repeat(300_000)}\n`,
  'runs/sweep/sweep.json': `{"format": 1, "points": [${'{"folder": "a"},'.repeat(300_000)}{}]}`,
  'runs/result/experiment.json': `{"format": 1, "tables": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  '.optimizer-bias.json': `{"targets": [${'{"model": "m.onnx"},'.repeat(30_000)}{}]}`,
};

test('a workspace of traps does not keep the extension host waiting', { timeout: 600_000 }, async (t) => {
  const browser = await launchBrowser();
  try {
    const header = JSON.stringify({ ...JSON.parse(readFileSync(join('test', 'e2e', 'traps', 'run.json'), 'utf8')) });
    const files = { ...texts, ...runs, 'runs/long/run.json': header };
    const outcomes = await runInExtensionHost(browser, 'test/e2e/traps/index.ts', files, {});
    for (const { name, error, notes } of outcomes)
      await t.test(name, (inner) => {
        for (const note of notes ?? []) inner.diagnostic(note);
        if (error !== undefined) assert.fail(error);
      });
    assert.ok(outcomes.length > 0, 'no test was run');
  } finally {
    await browser.close();
  }
});
