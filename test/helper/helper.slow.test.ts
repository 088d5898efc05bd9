import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { readSteps } from '../../extension/runStore/steps.ts';
import type { Target } from '../../extension/shared/target.ts';
import { missing, python, torchVersion } from '../support/python.ts';

// The helper is tried with a real PyTorch where there is one.
const skip =
  missing(['torch', 'numpy', 'onnx', 'onnxscript']).length > 0 &&
  'PYTHON names no Python with torch, numpy, onnx and onnxscript';
const torch = skip ? ([0, 0] as const) : torchVersion();

const helper = resolve('media/helper');
const programs = resolve('test/helper/programs');
const cli = resolve('dist/cli.js');
const root = mkdtempSync(join(tmpdir(), 'helper-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** One Python that has imported what the scripts share, and forks for each of them: importing takes longer than most scripts. */
class Scripts {
  private readonly server = spawn(python, [join(programs, 'serve.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: programs },
  });
  private readonly answers = createInterface({ input: this.server.stdout })[Symbol.asyncIterator]();

  async run(name: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    const environment = { OPTIMIZER_BIAS_PROJECT: folder, OPTIMIZER_BIAS_EXPECTED: '1', ...more };
    this.server.stdin.write(`${JSON.stringify({ args, folder, environment })}\n`);
    const { value } = await this.answers.next();
    assert.ok(value !== undefined, 'the server of scripts has ended');
    const { status, output } = JSON.parse(value) as { status: number; output: string };
    return { folder, status, output };
  }

  end(): void {
    this.server.kill();
  }
}

function entryOf(folder: string): Target {
  return JSON.parse(readFileSync(join(folder, '.optimizer-bias.json'), 'utf8')).inspections[0];
}

/** Loss and one-norm of the gradient at the first step of a run on what was exported; `more` are further options. */
function inspect(folder: string, entry: Target, more: readonly string[] = []) {
  const options = [
    ...['--model', entry.model, '--data', entry.data!, '--loss', entry.loss!, '--optimizer', 'adam', '--steps', '1'],
    ...(entry.freeze ?? []).flatMap((glob) => ['--freeze', glob]),
    ...(entry.batchStatistics ? ['--batch-statistics'] : []),
    ...['--out', 'run', ...more],
  ];
  execFileSync(process.execPath, [cli, 'inspect', ...options], { cwd: folder, stdio: 'pipe' });
  const [first] = readSteps(join(folder, 'run'));
  return first!;
}

function compare(folder: string, entry: Target, tolerance: number, more?: readonly string[]): void {
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
  const found = inspect(folder, entry, more);
  assert.ok(Math.abs(found.loss! / expected.loss - 1) < tolerance, `loss ${found.loss}, in PyTorch ${expected.loss}`);
  const [norm, inPyTorch] = [found.gradientNorm1!, expected.gradientNorm1];
  assert.ok(Math.abs(norm / inPyTorch - 1) < tolerance, `norm ${norm}, in PyTorch ${inPyTorch}`);
}

interface Program {
  readonly name: string;
  readonly tolerance: number;
  readonly entry: Partial<Target>;
  readonly needs?: readonly string[];
  /** The first version of PyTorch whose exporters can write it. */
  readonly since?: readonly [major: number, minor: number];
}

/** Scripts as they are, with what the helper must see of them. */
const scripts: readonly Program[] = [
  {
    name: 'recurrent',
    tolerance: 1e-6,
    entry: { loss: 'cross-entropy', optimizer: 'nadam', batchSize: 6, order: 'cyclic' },
  },
  {
    name: 'tied',
    tolerance: 1e-5,
    entry: { loss: 'cross-entropy', optimizer: 'adamw', batchSize: 4, dropLast: true, clipNorm: 0.5 },
  },
  {
    name: 'normalised',
    tolerance: 1e-6,
    entry: { loss: 'output', optimizer: 'sgd', freeze: ['0.bias', '0.weight'], batchStatistics: true },
  },
  {
    name: 'hugging_face',
    tolerance: 1e-6,
    entry: { loss: 'cross-entropy', optimizer: 'adamw', batchSize: 4 },
    needs: ['transformers'],
  },
  {
    name: 'shifted',
    tolerance: 1e-6,
    entry: { loss: 'cross-entropy', optimizer: 'adam' },
  },
  {
    name: 'question_answering',
    tolerance: 1e-5,
    since: [2, 9],
    entry: { loss: 'output', optimizer: 'adamw', differs: ['dropout off'] },
    needs: ['transformers'],
  },
  {
    name: 'sequence_to_sequence',
    tolerance: 1e-5,
    entry: { loss: 'output', optimizer: 'adam' },
    needs: ['transformers'],
  },
  {
    name: 'smoothed',
    tolerance: 1e-5,
    entry: { loss: 'output', optimizer: 'adamw' },
    needs: ['transformers', 'accelerate'],
  },
  {
    name: 'trainer',
    tolerance: 1e-5,
    entry: { loss: 'cross-entropy', optimizer: 'adamw', batchSize: 4, differs: ['dropout off'] },
    needs: ['transformers', 'accelerate'],
  },
  {
    name: 'lightning_module',
    tolerance: 1e-5,
    entry: { loss: 'cross-entropy', optimizer: 'rmsprop', batchSize: 10 },
    needs: ['lightning'],
  },
  {
    name: 'accumulated',
    tolerance: 1e-6,
    entry: { loss: 'cross-entropy', optimizer: 'adam', batchSize: 5 },
  },
];

/** Factors of the learning rate in the first epochs of programs whose schedules step once an epoch: value, and steps that have it. */
const epochs: readonly {
  readonly name: string;
  readonly needs?: string;
  readonly runs: readonly [number, number][];
}[] = [
  { name: 'lightning_module', needs: 'lightning', runs: [[1, 3], [0.5, 3], [0.25, 3]] }, // biome-ignore format: one line
  { name: 'accumulated', runs: [[1, 8], [0.1, 8], [0.01, 8]] }, // biome-ignore format: one line
];

describe('the helper in Python', { skip }, () => {
  let interpreter: Scripts;
  const run = (name: string, args: readonly string[]) => interpreter.run(name, args);
  before(() => {
    interpreter = new Scripts();
  });
  after(() => interpreter.end());
  for (const { name, tolerance, entry, needs = [], since = [0, 0] } of scripts) {
    const lacks = missing(needs);
    const isOlder = torch[0] < since[0] || (torch[0] === since[0] && torch[1] < since[1]);
    const why = lacks.length > 0 ? `no ${lacks.join(', ')}` : isOlder && `needs PyTorch ${since.join('.')}`;
    it(`takes ${name}.py as it is`, { skip: why }, async () => {
      const script = join(programs, `${name}.py`);
      const { folder, status, output } = await run(name, [join(helper, 'optimizer_bias.py'), script]);
      assert.equal(status, 0, output);
      const found = entryOf(folder);
      assert.deepEqual({ ...found, ...entry }, found, output);
      compare(folder, found, tolerance);
    });
  }

  it('sees groups, warm-up and hyper-parameters as the training has them', () => {
    const found = entryOf(join(root, 'tied'));
    assert.deepEqual({ ...found.hyper, lr: 1e-3, beta1: 0.9, beta2: 0.95, weight_decay: 0.1 }, found.hyper);
    assert.ok(found.groups!.every(({ hyper }) => hyper.weight_decay === 0));
    assert.ok(found.groups!.some(({ glob }) => glob === '*.bias'));
    assert.deepEqual(found.schedule!.factors!.slice(0, 3), [0.1, 0.2, 0.3]);
  });

  for (const { name, needs, runs } of epochs) {
    it(`sees that the schedule of ${name}.py steps once an epoch`, {
      skip: needs && missing([needs]).length > 0 && `no ${needs}`,
    }, () => {
      const due = runs.flatMap(([factor, steps]) => new Array<number>(steps).fill(factor));
      const found = entryOf(join(root, name)).schedule!.factors!.slice(0, due.length);
      assert.deepEqual(found.map((factor) => Number(factor.toFixed(9))), due); // biome-ignore format: one line
    });
  }

  it('takes lines in a script: export before the loop, capture inside it', async () => {
    const { folder, status, output } = await run('lines', [join(programs, 'lines.py'), helper]);
    assert.equal(status, 0, output);
    const entry = entryOf(folder);
    assert.deepEqual(
      { ...entry, loss: 'mse', optimizer: 'adam', batchSize: 8, clipNorm: 1, order: 'cyclic' },
      entry,
      'what was exported',
    );
    const at = join('optimizer-bias', 'step-3');
    compare(folder, entry, 1e-8, ['--weights', join(at, 'weights.npz')]);
    assert.ok(existsSync(join(folder, at, 'state.npz')) && existsSync(join(folder, at, 'order.npy')));
  });

  it('takes a compiled Keras model, with its schedule, clipping and loss', {
    skip: missing(['keras']).length > 0 && 'no keras',
  }, async () => {
    const { folder, status, output } = await run('keras', [join(programs, 'keras_model.py'), helper]);
    assert.equal(status, 0, output);
    const found = entryOf(folder);
    const entry = { loss: 'cross-entropy', optimizer: 'adamw', framework: 'keras', batchSize: 8, clipNorm: 1 } as const;
    assert.deepEqual({ ...found, ...entry, differs: ['dropout off', '32 of 40 samples'] }, found, output);
    const { lr, ...hyper } = found.hyper!;
    assert.ok(Math.abs((lr as number) / 2e-3 - 1) < 1e-6, `${lr}`);
    assert.deepEqual({ ...hyper, beta1: 0.9, beta2: 0.99, weight_decay: 0.02, eps: 1e-7 }, hyper);
    assert.deepEqual(found.schedule!.factors!.slice(0, 3).map((factor) => Number(factor.toFixed(3))), [0, 0.25, 0.5]); // biome-ignore format: one line
    compare(folder, found, 1e-5);
  });

  const failures: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
    [
      'a package that is not there',
      'import numpy\nimport a_package_that_does_not_exist',
      /script\.py ended before its first step: ModuleNotFoundError: No module named 'a_package_that_does_not_exist' \(script\.py, line 2\)\. Choose the Python that your training uses, or install/,
    ],
    [
      'an import that its own module does not have',
      'import own\n',
      /ImportError: cannot import name 'nothing' from 'json'.*\(own\.py, line 2\)\. Correct the import/s,
    ],
    [
      'arguments that it needs',
      'import argparse\np = argparse.ArgumentParser()\np.add_argument("--data", required=True)\np.parse_args()',
      /script\.py ended with exit code 2 without a step of an optimizer\. Arguments that make it train belong into ARGUMENTS/,
    ],
    ['its own end', 'import sys\nsys.exit("no GPU")', /script\.py ended with "no GPU" without a step of an optimizer/],
    [
      'data that are not there',
      'open("data/train.csv")',
      /FileNotFoundError: .*data\/train\.csv.*\(script\.py, line 1\)\. Paths of the script start in .*Put the file there, or name another one in ARGUMENTS/s,
    ],
  ];
  for (const [name, text, reason] of failures)
    it(`says why a script ends before its first step, and what to do: ${name}`, async () => {
      const place = join(root, name);
      mkdirSync(place);
      writeFileSync(join(place, 'own.py'), '# of the project\nfrom json import nothing\n');
      writeFileSync(join(place, 'script.py'), text);
      const report = join(place, 'report.txt');
      const { folder, status, output } = await interpreter.run(
        name,
        [join(helper, 'optimizer_bias.py'), join(place, 'script.py')],
        {
          OPTIMIZER_BIAS_REPORT: report,
        },
      );
      assert.equal(status, 1);
      // The script's own words stay, and the editor is told the same as the terminal.
      assert.match(output, reason);
      assert.match(readFileSync(report, 'utf8'), reason);
      assert.ok(!existsSync(join(folder, '.optimizer-bias.json')));
    });

  it('needs no guard against being imported, and writes nothing through links', async () => {
    const place = join(root, 'links');
    const precious = join(place, 'precious');
    mkdirSync(join(place, 'optimizer-bias'), { recursive: true });
    writeFileSync(precious, 'of somebody else');
    for (const file of ['model.onnx', 'data.npz']) symlinkSync(precious, join(place, 'optimizer-bias', file));
    symlinkSync(precious, join(place, '.optimizer-bias.partial'));
    const training = `import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(4):
    loss = torch.nn.functional.mse_loss(model(torch.ones(3, 2)), torch.ones(3, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
`;
    writeFileSync(join(place, 'script.py'), training);
    const args = [join(helper, 'optimizer_bias.py'), '--samples', '9', join(place, 'script.py')];
    const { status, output } = await interpreter.run('links', args);
    assert.equal(status, 0, output);
    assert.equal(readFileSync(precious, 'utf8'), 'of somebody else');
    assert.equal(entryOf(place).optimizer, 'sgd');

    rmSync(join(place, 'optimizer-bias'), { recursive: true });
    mkdirSync(join(place, 'elsewhere'));
    symlinkSync(join(place, 'elsewhere'), join(place, 'optimizer-bias'));
    const refused = await interpreter.run('links', args);
    assert.equal(refused.status, 1);
    assert.match(refused.output, /optimizer-bias is a link to .*elsewhere, and nothing is written through links/);
    assert.deepEqual(readdirSync(join(place, 'elsewhere')), []);
  });
});
