import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { after, describe, test } from 'node:test';
import { languageNamed } from '../../extension/configs/languages.ts';
import { AnalysisPool } from '../../extension/configs/pool.ts';

const script = resolve('dist/analysisWorker.js');
const pools: AnalysisPool[] = [];
const pool = (size: number, limits?: { milliseconds: number; mebibytes: number }) => {
  const made = new AnalysisPool(size, limits, script);
  pools.push(made);
  return made;
};
after(() => {
  for (const each of pools) each.dispose();
});
const python = (text: string) => ({ kind: 'text', uri: 'a', language: 'python', text }) as const;
const GOOD = python('import torch\ntorch.optim.Adam(p, lr=0.5)\n');

describe('threads of the analysis', () => {
  test('results cross the thread as they are', async () => {
    const { configs, incomplete } = await pool(1).run(GOOD);
    assert.equal(configs[0].hyperparameters.get('lr')?.value, 0.5);
    assert.equal(incomplete, undefined);
  });

  test('what takes too long is ended, and what comes after it is answered', async () => {
    const slow = pool(1, { milliseconds: 1, mebibytes: 512 });
    const text = `import torch\n${'def f(a, b):\n    return torch.optim.Adam(a, lr=b)\n'.repeat(20_000)}`;
    const { configs, incomplete } = await slow.run(python(text));
    assert.deepEqual([configs.length, incomplete], [0, 'time']);
    const next = pool(1);
    const [, after] = await Promise.all([next.run(python(text.slice(0, 100_000))), next.run(GOOD)]);
    assert.equal(after.configs.length, 1);
  });

  test('what takes too much memory is ended, and the thread begins anew', async () => {
    const small = pool(1, { milliseconds: 60_000, mebibytes: 12 });
    const text = `import torch\n${Array.from({ length: 40_000 }, (_, i) => `x${i} = torch.optim.Adam(p${i}, lr=${i}e-9)\n`).join('')}`;
    const { incomplete } = await small.run(python(text));
    assert.equal(incomplete, 'memory');
    assert.equal((await small.run(GOOD)).configs.length, 1);
  });

  test('texts that are nested without end are said to be read in part', async () => {
    const { configs, incomplete } = await pool(1).run(python(`${GOOD.text}x = ${'not '.repeat(200_000)}y\n`));
    assert.deepEqual([configs.length, incomplete], [1, 'nested']);
  });

  test('a pool that ends answers what waits', async () => {
    const ending = pool(1);
    const all = Promise.all([ending.run(GOOD), ending.run(python('import torch\n'))]);
    ending.dispose();
    for (const { incomplete } of await all) assert.equal(incomplete, 'failed');
  });

  test('classes of other files are followed to their lines, and values to their files', async () => {
    const root = mkdtempSync(join(tmpdir(), 'pool-'));
    mkdirSync(join(root, 'parts'));
    const blocks =
      'from torch import nn\nclass Block(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(2, 2)\n';
    const model =
      'from torch import nn\nfrom parts.blocks import Block\nclass Net(nn.Module):\n    def __init__(self):\n        self.stem = nn.Linear(2, 2)\n        self.layers = nn.ModuleList([Block() for _ in range(2)])\n';
    writeFileSync(join(root, 'parts/blocks.py'), blocks);
    writeFileSync(join(root, 'model.py'), model);
    const train = 'import torch\nfrom model import Net\nnet = Net()\n';
    try {
      const place = (name: string) => ({ path: join(root, name), root, open: [] });
      const tensors = ['stem.weight', 'layers.0.fc.weight', 'layers.1.fc.bias'];
      const from = async (name: string, text: string) =>
        (await pool(1).run({ kind: 'lines', text, tensors, others: [], place: place(name) })).lines;
      const inModel = await from('model.py', model);
      assert.deepEqual(
        [...inModel].map(([name, { from: at, to, file }]) => [
          name,
          (file ? blocks : model).slice(at, to).split(' = ').at(-1),
          file,
        ]),
        [
          ['stem.weight', 'nn.Linear(2, 2)', undefined],
          ['layers.0.fc.weight', 'nn.Linear(2, 2)', join(root, 'parts/blocks.py')],
          ['layers.1.fc.bias', 'nn.Linear(2, 2)', join(root, 'parts/blocks.py')],
        ],
      );
      const inTrain = await from('train.py', train);
      assert.deepEqual(
        [...inTrain.values()].map(({ file }) => file),
        [join(root, 'model.py'), join(root, 'parts/blocks.py'), join(root, 'parts/blocks.py')],
      );
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

/** Texts that keep an analysis busy. */
const HEAVY: readonly string[] = [
  `import torch\nx = ${'not '.repeat(200_000)}y\n`,
  `import torch\nx = ${'('.repeat(200_000)}\n`,
  `import torch.nn as nn\nclass M(nn.Module):\n  def __init__(self):\n    self.l = ${'nn.Sequential('.repeat(24)}nn.Linear(1,1)${')'.repeat(25)}\n`,
  `import torch\n${'def f(a, b):\n    return torch.optim.Adam(a, lr=b)\n'.repeat(10_000)}`,
];

test('nothing blocks the thread that asks for more than 50 ms', { timeout: 120_000 }, async () => {
  const one = pool(1);
  await one.run(GOOD);
  const fixtures = readdirSync('test/fixtures', { recursive: true })
    .map(String)
    .filter((name) => languageNamed(name) !== undefined)
    .slice(0, 200)
    .map((name) => ({ language: languageNamed(name)!, text: readFileSync(join('test/fixtures', name), 'utf8') }));
  const tasks = [
    ...fixtures.map((each, i) => ({ kind: 'text', uri: String(i), ...each }) as const),
    ...HEAVY.map((text) => ({ ...python(text), most: 500 })),
    ...HEAVY.map((text) => ({ kind: 'lines', text, tensors: ['l.0.weight'], others: [] }) as const),
  ];
  // The time in which this thread works between two looks at it: the call itself, and all that taking the answer costs.
  // Where the machine was busy with other things meanwhile, the quietest of some attempts counts.
  const blocked = async (task: (typeof tasks)[number]): Promise<number> => {
    const before = performance.eventLoopUtilization();
    const start = performance.now();
    const answered = one.run(task);
    const call = performance.now() - start;
    await answered;
    return Math.max(call, performance.eventLoopUtilization(before).active);
  };
  for (const task of tasks) {
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 5 && least >= 50; attempt++) least = Math.min(least, await blocked(task));
    assert.ok(least < 50, `${task.text.slice(0, 40)}: ${least.toFixed(1)} ms`);
  }
});
