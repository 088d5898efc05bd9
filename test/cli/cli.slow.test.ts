import assert from 'node:assert/strict';
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writeNpzFile } from '../../extension/datasets/npz.ts';
import { Session } from '../../extension/engine/session.ts';
import { readModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { optimizers } from '../../extension/optimizers/registry.ts';
import { isAlive, readRun } from '../../extension/runStore/store.ts';
import { cli, sample } from '../support/paths.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cli-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const model = join(sample, 'digits.onnx');

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    cwd: scratch,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, stdout, stderr };
}

describe('bad usage ends with exit code 2 and says what to do', () => {
  const rows: [args: string[], message: string][] = [
    [['inspect'], '--model is missing.\nTry the bundled sample with --sample, or see optimizer-bias inspect --help.\n'],
    [
      ['inspect', '--modle', 'x'],
      'Unknown option --modle. Did you mean --model?\noptimizer-bias inspect --help shows the options.\n',
    ],
    [['inspect', '--sample', '--lr', 'fast'], '--lr needs a number, not "fast".\n'],
    [['inspect', '--sample', '--scale', '1/0'], '--scale needs a number, not "1/0".\n'],
    [['inspect', '--sample', '--scale', '1/2/3'], '--scale needs a number, not "1/2/3".\n'],
    [['inspect', '--sample', '--steps', '-3'], '--steps needs a whole number of at least 0, not "-3".\n'],
    [
      ['inspect', '--sample', '--optimizer', 'adma'],
      '--optimizer is "adma".\nChoose one of adam, adamw, nadam, rmsprop, adagrad, sgd, lion, signum, signsgd.\n',
    ],
    [
      ['inspect', '--sample', '--optimizer', 'lion', '--eps', '1'],
      '--eps is no hyper-parameter of Lion.\nIt has --lr, --beta1, --beta2, --weight-decay, --smoothing.\n',
    ],
    [
      ['inspect', '--sample', '--stage', 'late'],
      '--stage is "late".\nIt must be step, inf or a step index such as 100.\n',
    ],
    [['inspect', '--sample', '--every', '0'], '--every needs a whole number of at least 1, not "0".\n'],
    [['inspect', '--sample', '--micro-batch', '0'], '--micro-batch needs a whole number of at least 1, not "0".\n'],
    [
      ['inspect', '--sample', '--threads', '100000'],
      '--threads needs a whole number of at least 1 and of at most 1024, not "100000".\n',
    ],
    [['inspect', '--sample', '--std', '1,0'], '--std needs numbers above 0, not "1,0".\n'],
    [['inspect', '--sample', '--lr', '1', '--lr', '2'], '--lr is given twice.\n'],
    [
      ['inspect', '--sample', 'more'],
      'Unexpected argument "more".\noptimizer-bias inspect --help shows the options.\n',
    ],
    [['graph', model], '--write is missing.\noptimizer-bias graph --help shows the options.\n'],
  ];
  for (const [args, message] of rows) {
    it(args.join(' '), () => {
      const { status, stderr, stdout } = run(...args);
      assert.equal(stderr, message);
      assert.equal(status, 2);
      assert.equal(stdout, '');
    });
  }
});

describe('inspect', () => {
  it('writes a run, prints a table without colour when piped, and explains', () => {
    const out = join(scratch, 'a');
    const { status, stdout, stderr } = run(
      'inspect',
      '--sample',
      '--steps',
      '6',
      '--every',
      '3',
      '--out',
      out,
      '--arrays',
    );
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /\u001b/);
    assert.match(stdout, /In full-batch training with these settings, theory predicts/);
    assert.match(stdout, /0\.weight\s+2,048/);
    const { header, steps } = readRun(out);
    assert.equal(header.status, 'finished');
    assert.equal(header.model.parameters, 2410);
    assert.equal(header.loss, 'cross-entropy');
    assert.deepEqual(
      steps.map(({ step, kappa }) => [step, kappa !== undefined]),
      [
        [0, true],
        [1, false],
        [2, false],
        [3, true],
        [4, false],
        [5, false],
        [6, true],
      ],
    );
    for (const field of [
      'loss',
      'perturbedNorm',
      'gradientNorm1',
      'gradientNorm2',
      'correctionNorm',
      'kappa',
      'validShare',
    ] as const)
      assert.equal(typeof steps[3][field], 'number', field);
    assert.equal(typeof steps[3].selfCheck, 'number');
    assert.equal(steps[0].selfCheck, null);
    assert.ok(steps[6].loss! < steps[0].loss!);
  });

  it('prints one JSON object with --json', () => {
    const { status, stdout } = run('inspect', '--sample', '--steps', '1', '--json', '--out', join(scratch, 'json'));
    assert.equal(status, 0);
    const { run: header, steps } = JSON.parse(stdout);
    assert.equal(header.optimizer.name, 'adam');
    assert.equal(steps.length, 2);
  });

  it('gives the same numbers twice', () => {
    const [first, second] = ['one', 'two'].map((name) => {
      const out = join(scratch, name);
      assert.equal(run('inspect', '--sample', '--steps', '5', '--out', out).status, 0);
      return readFileSync(join(out, 'steps.jsonl'), 'utf8');
    });
    assert.equal(first, second);
  });

  it('keeps a readable run when it is interrupted', async () => {
    const { out, child } = await longRun('interrupted');
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(code, 130);
    const { header, steps, interrupted } = readRun(out);
    assert.equal(header.status, 'cancelled');
    assert.equal(interrupted, false);
    assert.ok(steps.length > 10);
    steps.forEach((line, i) => {
      assert.equal(line.step, i);
    });
  });

  it('has stopped where the whole group of processes is terminated', {
    skip: process.platform === 'win32',
  }, async () => {
    const { out, child, said } = await longRun('terminated', { detached: true });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid!, 'SIGTERM');
    assert.equal(await ended, 130);
    assert.equal(said(), '');
    assert.equal(readRun(out).header.status, 'cancelled');
  });

  it('leaves no engine behind where it is killed', { skip: process.platform === 'win32' }, async () => {
    const { out, child } = await longRun('orphan');
    const engine = readRun(out).header.process;
    child.kill('SIGKILL');
    await waitFor(() => !isAlive(engine));
    assert.equal(readRun(out).interrupted, true);
  });

  it('ends an engine that does not answer at the second interrupt', async () => {
    const { out, child, said } = await longRun('twice');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const engine = readRun(out).header.process;
    process.kill(engine, 'SIGSTOP');
    // Two interrupts of one kind may be delivered as one.
    child.kill('SIGINT');
    child.kill('SIGTERM');
    assert.equal(await ended, 130);
    assert.match(
      said(),
      /^Stopped: the engine was ended in the middle of its work\.\nWhat was measured until then is kept: .+twice\n/,
    );
    assert.throws(() => process.kill(engine, 0), { code: 'ESRCH' });
    assert.equal(readRun(out).header.status, 'cancelled');
  });

  it('reports the death of the engine and keeps what was measured', async () => {
    const { out, child, said } = await longRun('killed');
    process.kill(readRun(out).header.process, 'SIGKILL');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(code, 1);
    assert.match(said(), /The engine process was killed \(SIGKILL\)/);
    const { header, steps, interrupted } = readRun(out);
    assert.equal(header.status, 'running');
    assert.equal(interrupted, true);
    assert.ok(steps.length > 0);
  });

  it('stops at the first number that is not finite and says where', () => {
    const out = join(scratch, 'diverged');
    const { status, stderr } = run(
      'inspect',
      '--sample',
      '--optimizer',
      'sgd',
      '--lr',
      '1e38',
      '--steps',
      '40',
      '--out',
      out,
    );
    assert.equal(status, 1);
    assert.match(stderr, /^(The loss|The gradient of "[\w.]+"|Parameter "[\w.]+") is no longer finite.* at step \d+\./);
    const { header, steps } = readRun(out);
    assert.equal(header.status, 'failed');
    assert.ok(steps.length >= 1 && steps[0].loss !== null);
  });

  it('refuses a model in which nothing trains, with the list', () => {
    const { status, stderr } = run('inspect', '--sample', '--freeze', '*');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^The model has no trainable initializer\. It has:\n {2}"0\.weight" \[32, 64\]: frozen by --freeze\n/,
    );
  });

  it('refuses data that does not fit', async () => {
    const wrong = join(scratch, 'wrong.npz');
    await writeNpzFile(
      wrong,
      new Map<string, Tensor>([
        ['x', tensorOf('float32', [3, 63], new Float64Array(189))],
        ['y', tensorOf('int64', [3], [0, 1, 2])],
      ]),
    );
    const shape = run('inspect', '--model', model, '--data', wrong);
    assert.equal(shape.status, 1);
    assert.equal(
      shape.stderr,
      'The model\'s input "pixels" has shape [N, 64], but the data has [3, 63].\nCheck the order of the axes and the size of the samples.\n',
    );
    await writeNpzFile(
      wrong,
      new Map<string, Tensor>([
        ['x', tensorOf('float32', [3, 64], new Float64Array(192))],
        ['y', tensorOf('int64', [3], [0, 10, 2])],
      ]),
    );
    const label = run('inspect', '--model', model, '--data', wrong);
    assert.equal(label.status, 1);
    assert.match(label.stderr, /^Label 10 at row 1 \(counted from 0\) is outside 0 to 9/);
  });

  it('says what a device needs that cannot start', () => {
    const { status, stderr } = run('inspect', '--sample', '--device', 'cuda', '--steps', '1');
    if (status === 0) return;
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^The device cuda cannot be used here: .+\nIt needs Linux on x64, an NVIDIA driver, .+ Run again with --device cpu/,
    );
  });
});

describe('graph', () => {
  for (const kind of ['loss', 'gradient', 'normGradient', 'hvp']) {
    it(`writes ${kind} as a model of standard operators that the runtime takes`, async () => {
      const path = join(scratch, `${kind}.onnx`);
      const { status, stdout } = run('graph', model, '--write', kind, '-o', path, '--batch', '3');
      assert.equal(status, 0);
      assert.match(stdout, /^Wrote /);
      const written = await readModel(path);
      assert.ok(written.graph.nodes.every(({ domain }) => domain === ''));
      const session = await Session.create(readFileSync(path), 'cpu', 1);
      const tangents = written.graph.inputs.filter(({ name }) => name.startsWith('tangent/'));
      const results = await session.run(
        new Map<string, Tensor>([
          ['pixels', tensorOf('float32', [3, 64], new Float64Array(192).fill(0.5))],
          ['labels', tensorOf('int64', [3], [1, 2, 3])],
          ...tangents.map(({ name, dims }): [string, Tensor] => {
            const shape = dims as number[];
            return [name, tensorOf('float32', shape, new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(1))];
          }),
        ]),
      );
      assert.ok(Number.isFinite(results.get('loss')!.data[0]));
      if (kind !== 'loss') assert.deepEqual([...results.get(`${kind}/0.weight`)!.shape], [32, 64]);
      await session.release();
    });
  }

  it('writes products with the Jacobian of the output, for inputs too', async () => {
    const path = join(scratch, 'jvp.onnx');
    const options = ['-o', path, '--batch', '2', '--wrt', 'pix*', '--wrt', '2.bias'];
    assert.match(run('graph', model, '--write', 'jvp', ...options).stdout, /output "logits"/);
    const { graph } = await readModel(path);
    assert.deepEqual(
      graph.inputs.map(({ name }) => name),
      ['pixels', 'tangent/pixels', 'tangent/2.bias'],
    );
    assert.deepEqual(
      graph.outputs.map(({ name }) => name),
      ['logits', 'jvp/logits'],
    );
    const { status, stderr } = run('graph', model, '--write', 'vjp', '-o', path, '--wrt', 'weight');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /No floating-point input or trained parameter matches "weight"\.\nThere are "pixels", "0.weight"/,
    );
  });
});

describe('model', () => {
  it('shows parameters, operators and losses', () => {
    const { status, stdout } = run('model', model);
    assert.equal(status, 0);
    assert.match(stdout, /2,410 trainable scalars/);
    assert.match(stdout, /Gemm\s+2\s+yes/);
  });

  it('says what a file is that is no model', () => {
    const path = join(scratch, 'page.onnx');
    writeFileSync(path, '<!DOCTYPE html><html></html>');
    const { status, stderr } = run('model', path);
    assert.equal(status, 1);
    assert.match(stderr, /it is a web page/);
  });
});

describe('optimizers and help', () => {
  it('lists every optimizer with formula and source', () => {
    const { status, stdout } = run('optimizers', '--json');
    assert.equal(status, 0);
    const list = JSON.parse(stdout) as { name: string; formula: string; source: string }[];
    assert.deepEqual(
      list.map(({ name }) => name),
      ['adam', 'adamw', 'nadam', 'rmsprop', 'adagrad', 'sgd', 'lion', 'signum', 'signsgd'],
    );
    assert.ok(list.every(({ formula, source }) => formula.length > 10 && source.length > 10));
  });

  it('shows the hyper-parameters of the optimizer that is given with --help, in its words', () => {
    const lion = run('inspect', '--optimizer', 'lion', '--help').stdout;
    assert.match(lion, /--smoothing/);
    assert.doesNotMatch(lion, /--amsgrad|--eps/);
    const all = run('sweep', '--help').stdout;
    for (const option of ['--smoothing', '--amsgrad', '--nesterov', '--micro-batch', '--schedule-steps'])
      assert.ok(all.includes(option), option);
    for (const { option, description } of optimizers[0].hyperparameters)
      assert.match(
        all,
        new RegExp(`--${option}\\b.*\\s+${description.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\n`),
        option,
      );
  });

  it('shows the options of each command', () => {
    for (const command of ['inspect', 'model', 'graph', 'optimizers'])
      assert.match(run(command, '--help').stdout, /Usage: optimizer-bias/);
  });
});

/** An inspection that does not end by itself, when it has measured more than twenty steps; `said` is what it wrote as errors. */
async function longRun(name: string, options: SpawnOptions = {}) {
  const out = join(scratch, name);
  const child = spawn(process.execPath, [cli, 'inspect', '--sample', '--steps', '2000000', '--out', out], {
    cwd: scratch,
    ...options,
  });
  let errors = '';
  child.stderr!.on('data', (part) => {
    errors += part;
  });
  const steps = join(out, 'steps.jsonl');
  await waitFor(() => existsSync(steps) && readFileSync(steps, 'utf8').split('\n').length > 20);
  return { out, child, said: () => errors };
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('waited 30 s in vain');
}
