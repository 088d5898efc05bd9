import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parseCommand } from '../../extension/cli/options.ts';
import { sweepCommand, sweepRequestOf } from '../../extension/cli/sweep.ts';
import { Session } from '../../extension/engine/session.ts';
import { hillOf, normAtLoss } from '../../extension/jobs/hills.ts';
import { inspect } from '../../extension/jobs/inspect.ts';
import { readExperiment } from '../../extension/jobs/store.ts';
import { sweep } from '../../extension/jobs/sweep.ts';
import { readSweep } from '../../extension/jobs/sweepFolder.ts';
import { sweepPlan as plan } from '../../extension/jobs/sweepPoints.ts';
import { judge } from '../../extension/jobs/sweepResult.ts';
import { readRun } from '../../extension/runStore/store.ts';
import type { SweepPoint, SweepRequest } from '../../extension/shared/experiments.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { onCommandLine } from '../../extension/shared/words.ts';

const sample = ['--model', 'media/sample/digits.onnx', '--data', 'media/sample/digits.npz', '--limit', '100'];
const requestFor = (...argv: string[]): SweepRequest =>
  sweepRequestOf(parseCommand(sweepCommand, [...sample, '--threads', '1', ...argv]));

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const quiet = (isCancelled = () => false) => ({
  started: () => {},
  progress: () => {},
  get cancelled() {
    return isCancelled();
  },
});

test('points are all combinations, or the k-th values together, for every seed', () => {
  const grid = plan(requestFor('--sweep', 'beta2=0.9,0.99', '--sweep', 'lr=1e-3,1e-4,1e-5', '--seeds', '0,3'));
  assert.equal(grid.length, 12);
  assert.equal(grid[3].point.label, 'beta2=0.9 lr=0.0001 seed=3');
  assert.equal(grid[3].request.hyper.lr, 1e-4);
  assert.equal(new Set(grid.map(({ point }) => point.folder)).size, 12);
  const pairs = plan(requestFor('--sweep', 'beta2=0.9,0.99', '--sweep', 'lr=1e-3,1e-4', '--together'));
  assert.deepEqual(
    pairs.map(({ point }) => point.label),
    ['beta2=0.9 lr=0.001', 'beta2=0.99 lr=0.0001'],
  );
});

for (const [argv, message] of [
  [[], /Nothing is swept/],
  [['--sweep', 'momentum=0.9,0.8'], /names no hyper-parameter of Adam/],
  [['--sweep', 'beta2'], /names no hyper-parameter of Adam/],
  [['--sweep', 'beta2=0.9,x'], /has the value "x"/],
  [['--sweep', 'beta2=0.9,0.9'], /has a value twice/],
  [['--sweep', 'beta2=0.9', '--sweep', 'beta2=0.8'], /beta2 is given twice/],
  [['--sweep', 'beta2=0.9', '--beta2', '0.8'], /beta2 is both swept and set/],
  [['--sweep', 'beta2=0.9', '--seeds', '1,1'], /seeds is 1,1/],
  [['--sweep', 'beta2=0.9', '--sweep', 'lr=1,2', '--together'], /different lengths: "beta2" 1, "lr" 2/],
] as const) {
  test(`refused: ${argv.join(' ')}`, () => {
    assert.throws(() => plan(requestFor(...argv)), message);
  });
}

test('points of the same structure share their programs', () =>
  inFolder(async (folder) => {
    const create = Session.create;
    let sessions = 0;
    Session.create = (...given) => {
      sessions++;
      return create.call(Session, ...given);
    };
    try {
      const request = requestFor('--sweep', 'beta2=0.9,0.99,0.999', '--sweep', 'eps-placement=inside,outside');
      await sweep({ ...request, base: { ...request.base, steps: 4, every: 2 }, out: folder }, 'cpu', quiet());
    } finally {
      Session.create = create;
    }
    // Without correction, with it, and with the vectors that the self-check asks for, for each of the two placements of ε.
    assert.equal(sessions, 6);
  }));

test('each point is the run that inspecting gives, although they share a program; a test set is evaluated', () =>
  inFolder(async (folder) => {
    const out = join(folder, 'sweep');
    const common = ['--steps', '12', '--every', '4', '--lr', '0.002', '--dtype', 'float64'];
    const request = requestFor(
      ...[
        '--sweep',
        'beta2=0.9,0.999',
        '--sweep',
        'eps-placement=inside,outside',
        '--test-data',
        'media/sample/digits.npz',
      ],
      ...['--test-every', '6', '--out', out, ...common],
    );
    const outcome = await sweep(request, 'cpu', quiet());
    assert.equal(outcome.status, 'finished');
    const { points } = readSweep(out);
    assert.equal(points.length, 4);
    for (const [i, { request: own, point }] of plan(request).entries()) {
      const alone = join(folder, `alone-${i}`);
      await inspect({ ...own, reference: 'twin', edgeEvery: 0, out: alone }, 'cpu', { ...quiet(), record: () => {} });
      // Points of a sweep are held against their twins, but not against the edge of stability.
      const steps = readRun(alone).steps.map(({ zeta: _, ...line }) => line);
      assert.deepEqual(readRun(join(out, point.folder)).steps, steps, point.label);
      assert.equal(points[i].status, 'finished');
      assert.ok(points[i].kappa !== null && points[i].validShare! >= 0);
      const tests = readFileSync(join(out, point.folder, 'test.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.deepEqual(
        tests.map(({ step }) => step),
        [0, 6, 12],
      );
      // The test set contains the training set and is of the same kind: the losses are close.
      assert.ok(Math.abs(tests[2].loss - points[i].finalLoss!) < 0.2);
      assert.equal(points[i].finalAccuracy, tests[2].accuracy);
      assert.ok(tests[2].accuracy > tests[0].accuracy);
    }
    const { result } = readExperiment(out);
    assert.equal(result!.tables[0].rows.length, 4);
    const ids = result!.charts.map(({ id }) => id);
    for (const id of ['norm-by-beta2', 'accuracy-by-beta2', 'loss', 'norms', 'test-accuracy'])
      assert.ok(ids.includes(id) && existsSync(join(out, `${id}.svg`)), id);
  }));

test('seeds draw other weights of the same scale, seed 0 is the model itself', () =>
  inFolder(async (folder) => {
    const request = requestFor('--sweep', 'lr=1e-3', '--seeds', '0,1,2', '--steps', '1', '--out', folder);
    await sweep(request, 'cpu', quiet());
    const runs = readSweep(folder).points.map(({ folder: at }) => readRun(join(folder, at)).steps[0]);
    assert.equal(new Set(runs.map(({ loss }) => loss)).size, 3);
    const model = await (async () => {
      const at = join(folder, 'own');
      await inspect({ ...request.base, steps: 1, out: at }, 'cpu', { ...quiet(), record: () => {} });
      return readRun(at).steps[0];
    })();
    assert.equal(runs[0].loss, model.loss);
    for (const { loss } of runs) assert.ok(Math.abs(loss! - Math.log(10)) < 0.5);
  }));

test('a point that diverges is a result, and the others go on', () =>
  inFolder(async (folder) => {
    const request = requestFor('--sweep', 'lr=1e38,1e-3', '--steps', '3', '--out', folder);
    assert.equal((await sweep(request, 'cpu', quiet())).status, 'finished');
    const { points } = readSweep(folder);
    assert.deepEqual(
      points.map(({ status }) => status),
      ['failed', 'finished'],
    );
    assert.match(points[0].message!, /no longer finite/);
    assert.match(readExperiment(folder).result!.sentence, /Too few points finished|1 of 2 points diverged/);
  }));

test('a cancelled sweep continues without repeating what is finished', () =>
  inFolder(async (folder) => {
    const request = requestFor('--sweep', 'beta2=0.9,0.95,0.99', '--steps', '5', '--out', folder);
    let calls = 0;
    const first = await sweep(request, 'cpu', {
      ...quiet(),
      progress: ({ phase, step }) => {
        if (phase === 'running' && step >= 1) calls++;
      },
      get cancelled() {
        return calls > 0;
      },
    });
    assert.equal(first.status, 'cancelled');
    const before = readSweep(folder).points.map(({ status }) => status);
    assert.equal(before[0], 'finished');
    assert.notEqual(before[2], 'finished');
    const path = join(folder, readSweep(folder).points[0].folder, 'steps.jsonl');
    const { mtimeMs } = statSync(path);
    assert.equal((await sweep(request, 'cpu', quiet())).status, 'finished');
    assert.equal(statSync(path).mtimeMs, mtimeMs);
    assert.ok(readSweep(folder).points.every(({ status, kappa }) => status === 'finished' && kappa !== undefined));
    // Other settings in the same folder are refused, as are changed data.
    await assert.rejects(
      sweep({ ...request, seeds: [0, 1] }, 'cpu', quiet()),
      /holds another sweep: its settings differ/,
    );
    const other = { ...request, base: { ...request.base, limit: 90 } };
    await assert.rejects(sweep(other, 'cpu', quiet()), /holds another sweep/);
  }));

test('a sweep that is cancelled at once has no result but says so', () =>
  inFolder(async (folder) => {
    const request = requestFor('--sweep', 'beta2=0.9,0.99', '--steps', '3', '--out', folder);
    assert.equal(
      (
        await sweep(
          request,
          'cpu',
          quiet(() => true),
        )
      ).status,
      'cancelled',
    );
    const { result } = readExperiment(folder);
    assert.equal(result!.agreement, 'undecided');
    assert.match(onCommandLine(result!.notes[0]), /2 of 2 points have not finished/);
  }));

test('a killed sweep is resumed: finished points stay, the interrupted one is run again', () =>
  inFolder(async (folder) => {
    const request = requestFor(
      '--sweep',
      'beta2=0.9,0.95,0.99,0.999',
      '--steps',
      '400',
      '--every',
      '400',
      '--out',
      folder,
    );
    const child: ChildProcess = fork(resolve('dist/engineProcess.js'), [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    await new Promise<void>((done) => {
      child.on('message', (message) => {
        const event = message as { type: string; progress?: { phase: string; step: number } };
        // In the middle of the second point.
        if (event.type === 'progress' && event.progress!.phase === 'running' && event.progress!.step > 1.05)
          child.kill('SIGKILL');
      });
      child.on('exit', () => done());
      child.send({ type: 'sweep', request });
    });
    const paths = readSweep(folder).points.map((point) => join(folder, point.folder));
    assert.equal(readRun(paths[0]).header.status, 'finished');
    assert.ok(readRun(paths[1]).interrupted);
    assert.ok(!existsSync(paths[3]));
    const { mtimeMs } = statSync(join(paths[0], 'steps.jsonl'));
    assert.equal((await sweep(request, 'cpu', quiet())).status, 'finished');
    assert.equal(statSync(join(paths[0], 'steps.jsonl')).mtimeMs, mtimeMs);
    for (const path of paths) {
      const run = readRun(path);
      assert.equal(run.header.status, 'finished');
      assert.equal(run.steps.at(-1)!.step, 400);
    }
    assert.equal(readdirSync(join(folder, 'points')).length, 4);
    assert.ok(existsSync(join(folder, 'experiment.json')));
  }));

test('a folder with a damaged sweep.json is named', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'sweep.json'), '{');
    await assert.rejects(
      sweep(requestFor('--sweep', 'lr=1,2', '--out', folder), 'cpu', quiet()),
      /holds no readable sweep/,
    );
  }));

test('the hill of a norm and the norm at equal loss', () => {
  assert.equal(hillOf([9, 5, 3, 4, 7, 6, 2])?.peak ?? null, 7);
  assert.equal(hillOf([9, 5, 3, 3.01, 2, 1])?.peak ?? null, null);
  assert.equal(hillOf([9, null, 3, 4])?.peak ?? null, 4);
  // The rise that leads away from the initial weights is no hill.
  assert.equal(hillOf([1, 5, 9, 6, 3, 4, 7, 6, 2])?.peak, 7);
  assert.equal(hillOf([1, 5, 9, 6, 3, 1]), null);
  assert.equal(hillOf([]), null);
  const line = (step: number, loss: number | null) => ({ step, loss }) as StepLine;
  const steps = [line(0, 2), line(1, 1.5), line(2, 1), line(3, 0.5)];
  assert.equal(normAtLoss(steps, [8, 6, 4, 2], 1.25), 5);
  assert.equal(normAtLoss(steps, [8, 6, 4, 2], 2), 8);
  assert.equal(normAtLoss(steps, [8, 6, 4, 2], 0.1), null);
});

test('the verdict of a sweep follows from its points', () => {
  const verdict = (points: SweepPoint[], optimizer = 'adam') => judge(['beta2'], optimizer, points);
  const point = (beta2: number, peakNorm: number | null, normAtEqualLoss: number, rest = {}): SweepPoint => ({
    ...{
      index: 0,
      label: '',
      values: { beta2 },
      seed: 0,
      folder: '',
      status: 'finished',
      validShare: 0.9,
      selfCheck: 0.3,
    },
    ...{ peakNorm, normAtEqualLoss },
    ...rest,
  });
  /** The same of three seeds that differ a little. */
  const thrice = (points: readonly SweepPoint[]) =>
    [1, 1.02, 0.97].flatMap((factor, seed) =>
      points.map((each) => ({
        ...each,
        seed,
        normAtEqualLoss: factor * each.normAtEqualLoss! * (each.values.beta2 === 0.9 ? 1 : factor),
      })),
    );
  assert.equal(verdict(thrice([point(0.9, 3, 1), point(0.99, 4, 2)])).agreement, 'agrees');
  assert.equal(verdict(thrice([point(0.9, null, 1), point(0.99, 3, 2)])).agreement, 'agrees');
  // The peaks say the opposite.
  assert.equal(verdict(thrice([point(0.9, 4, 1), point(0.99, 3, 2)])).agreement, 'undecided');
  assert.equal(verdict(thrice([point(0.9, 3, 2), point(0.99, 4, 1)])).agreement, 'disagrees');
  const far = { selfCheck: 30 };
  assert.equal(verdict(thrice([point(0.9, 3, 2, far), point(0.99, 4, 1, far)])).agreement, 'undecided');
  // One seed decides nothing, nor do some whose interval holds zero.
  const single = verdict([point(0.9, 3, 1.36), point(0.99, 4, 1.39)]);
  assert.equal(single.agreement, 'undecided');
  assert.match(single.sentence, /one initialisation says nothing of how much it varies/);
  const small = verdict(
    [1.361, 1.39, 1.6].flatMap((norm, seed) => [point(0.9, 3, 1.36, { seed }), point(0.99, 4, norm, { seed })]),
  );
  assert.equal(small.agreement, 'undecided');
  assert.match(
    small.sentence,
    /95 % interval over 3 seeds [−-][\d.]+ % to \+[\d.]+ %.*the interval holds zero for beta2/,
  );
  assert.equal(verdict([point(0.9, 1, 1)]).agreement, 'undecided');
  assert.match(verdict([point(0.9, 3, 1), point(0.99, 4, 2)]).sentence, /At equal loss .* rises from 1 to 2 as beta2/);
  const other = { seed: 1 };
  const seeds = [point(0.9, 3, 3), point(0.99, 5, 5), point(0.9, 3, 3, other), point(0.99, 5, 2.9, other)];
  assert.equal(verdict(seeds).agreement, 'undecided');
  assert.match(verdict(seeds).sentence, /not the same for all seeds/);
  const bumpy = [point(0.9, 3, 3), point(0.95, 6, 6), point(0.99, 5, 5)];
  assert.match(verdict(bumpy).sentence, /rises, not steadily, from 3 to 5/);
  assert.equal(verdict([point(0.9, 3, 1), point(0.99, 4, 2)], 'sgd').agreement, 'undecided');
});
