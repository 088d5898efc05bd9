import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js';
import { experiments } from '../../extension/experiments/registry.ts';
import { cli, sample } from '../support/paths.ts';

const sampleData = resolve(sample, 'digits.npz');
const scratch = mkdtempSync(join(tmpdir(), 'schemas-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const isDate = (value: string) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, formats: { 'date-time': isDate } });
const compiled = (name: string): ValidateFunction =>
  ajv.compile(JSON.parse(readFileSync(join('media', 'schemas', `${name}.schema.json`), 'utf8')));
const isRun = compiled('run');
const isStep = compiled('steps');

/** The first complaints about a value. */
function complaints(validate: ValidateFunction, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? []).slice(0, 5).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

const json = (...path: readonly string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));

/** Runs a command in the scratch folder. */
const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: scratch });

/** Runs the sample and reads what it has written. */
function written(name: string, args: readonly string[], code = 0) {
  const out = join(scratch, name.replaceAll(/\W/g, '-'));
  const { status, stderr } = run('inspect', '--sample', '--steps', '5', ...args, '--out', out);
  assert.equal(status, code, stderr);
  return read(out);
}

function read(out: string) {
  const lines = readFileSync(join(out, 'steps.jsonl'), 'utf8').trim().split('\n');
  return { run: json(out, 'run.json'), steps: lines.map((line) => JSON.parse(line)) };
}

/** What starts, and is stopped by a signal once the file is there and `ready` says so. */
async function stopped(signal: NodeJS.Signals, ready: () => boolean, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [cli, ...args], { cwd: scratch, stdio: 'ignore', detached: true });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for (const deadline = Date.now() + 60_000; !ready(); ) {
    assert.ok(child.exitCode === null && Date.now() < deadline, `${args[0]} ended, or did not begin`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // Killed with everything that it has started: nothing is left to close the run.
  process.kill(signal === 'SIGKILL' ? -child.pid! : child.pid!, signal);
  await ended;
}

describe('what inspect writes is what the schemas of media/schemas say', () => {
  const variants: [name: string, args: string[]][] = [
    ['adam', []],
    ['mini-batches', ['--batch-size', '512', '--seed', '3', '--every', '1']],
    ['groups', ['--group', '*.bias|*norm*: weight_decay=0, lr=1e-4', '--optimizer', 'adamw']],
    ['held against the flow', ['--reference', 'flow', '--edge-every', '2']],
    ['held against nothing', ['--reference', 'none', '--schedule', 'cosine', '--warmup', '2', '--clip-norm', '1']],
    ['amsgrad', ['--amsgrad']],
    ['lion in float64', ['--optimizer', 'lion', '--dtype', 'float64', '--freeze', '0.bias']],
    ['momentum', ['--optimizer', 'sgd', '--lr', '0.1', '--momentum', '0.9']],
  ];
  for (const [name, args] of variants)
    it(name, () => {
      const { run, steps } = written(name, args);
      assert.deepEqual(complaints(isRun, run), []);
      assert.equal(steps.length, 6);
      for (const step of steps) assert.deepEqual(complaints(isStep, step), [], `step ${step.step}`);
    });

  it('a run that failed', () => {
    const { run, steps } = written('failed', ['--optimizer', 'sgd', '--lr', '1e38'], 1);
    assert.equal(run.status, 'failed');
    assert.ok(run.message);
    assert.deepEqual(complaints(isRun, run), []);
    for (const step of steps) assert.deepEqual(complaints(isStep, step), [], `step ${step.step}`);
  });

  it('a run that goes on from a state', () => {
    const state = join(scratch, 'state.npz');
    written('saved', ['--save-state', state]);
    const { run, steps } = written('resumed', ['--state', state]);
    assert.equal(steps.at(-1).step, 10);
    assert.deepEqual(complaints(isRun, run), []);
    for (const step of steps) assert.deepEqual(complaints(isStep, step), [], `step ${step.step}`);
  });

  for (const [status, signal] of [
    ['cancelled', 'SIGINT'],
    ['interrupted', 'SIGKILL'],
  ] as const) {
    it(`a run that was ${status}`, { skip: process.platform === 'win32' }, async () => {
      const out = join(scratch, 'runs', status);
      const lines = () => (existsSync(join(out, 'steps.jsonl')) ? readFileSync(join(out, 'steps.jsonl'), 'utf8') : '');
      const begun = () => lines().split('\n').length > 2;
      await stopped(signal, begun, ['inspect', '--sample', '--steps', '1000000', '--out', out]);
      const left = read(out);
      assert.equal(left.run.status, status === 'cancelled' ? status : 'running');
      assert.deepEqual(complaints(isRun, left.run), []);
      // The next start sees that nobody works on it any more.
      assert.equal(run('inspect', '--sample', '--steps', '1', '--out', join(scratch, 'runs', 'next')).status, 0);
      const marked = read(out);
      assert.equal(marked.run.status, status);
      assert.deepEqual(complaints(isRun, marked.run), []);
      for (const step of marked.steps) assert.deepEqual(complaints(isStep, step), [], `step ${step.step}`);
    });
  }

  it('and what is not in them, missing or of another kind is refused', () => {
    const { run, steps } = written('changed', []);
    const [, step] = steps;
    const [tensor] = Object.keys(step.tensors);
    for (const changed of [
      { ...run, other: 1 },
      { ...run, model: { ...run.model, sha256: 'none' } },
      { ...run, started: 'yesterday' },
      { ...run, tensors: undefined },
      { ...run, notes: [[{ setting: 1 }]] },
      { ...run, effect: { ...run.effect, tensors: { a: {} } } },
    ])
      assert.ok(!isRun(JSON.parse(JSON.stringify(changed))));
    for (const changed of [
      { ...step, other: 1 },
      { ...step, loss: 'NaN' },
      { ...step, negativeShare: 1.5 },
      { ...step, step: undefined },
      { ...step, tensors: { [tensor!]: { ...step.tensors[tensor!], other: 1 } } },
    ])
      assert.ok(!isStep(JSON.parse(JSON.stringify(changed))));
  });
});

describe('what comparisons, sweeps and experiments write is what their schemas say', () => {
  const isCompare = compiled('compare');
  const isSweep = compiled('sweep');
  const isExperiment = compiled('experiment');
  const fits = (validate: ValidateFunction, ...path: readonly string[]) => {
    const value = json(...path);
    assert.deepEqual(complaints(validate, value), [], path.at(-1));
    return value;
  };
  const refused = (validate: ValidateFunction, changes: readonly object[]) => {
    for (const changed of changes)
      assert.ok(!validate(JSON.parse(JSON.stringify(changed))), JSON.stringify(changed).slice(0, 200));
  };

  it('a comparison on mini-batches, with a test set; and what is damaged is refused', () => {
    const out = join(scratch, 'compare');
    const test = ['--test-data', sampleData, '--test-every', '2'];
    const options = [
      '--sample',
      '--steps',
      '6',
      '--batch-size',
      '512',
      '--seeds',
      '1,2',
      '--try',
      'beta2=0.9,0.99',
      ...test,
    ];
    const { status, stderr } = run('compare', ...options, '--out', out);
    assert.equal(status, 0, stderr);
    const compare = fits(isCompare, out, 'compare.json');
    const { request } = compare;
    refused(isCompare, [
      { ...compare, other: 1 },
      { ...compare, digests: undefined },
      { ...compare, request: { ...request, settings: [] } },
      { ...compare, request: { ...request, seeds: ['1'] } },
      { ...compare, request: { ...request, base: { ...request.base, steps: -1 } } },
    ]);
    const experiment = fits(isExperiment, out, 'experiment.json');
    assert.ok(experiment.result.differences);
    const { result } = experiment;
    refused(isExperiment, [
      { ...experiment, status: 'done' },
      { ...experiment, result: { ...result, numbers: { a: 'NaN' } } },
      { ...experiment, result: { ...result, tables: [{ title: 'a', columns: [1], rows: [] }] } },
      { ...experiment, result: { ...result, differences: { ...result.differences, pairs: 'runs' } } },
      { ...experiment, result: { ...result, agreement: undefined } },
      { ...experiment, parameters: { a: {} } },
    ]);
  });

  it('a comparison of unpaired initial weights that was stopped, and then continued', {
    skip: process.platform === 'win32',
  }, async () => {
    const out = join(scratch, 'stopped');
    const begun = () => existsSync(join(out, 'experiment.json'));
    const options = ['--sample', '--steps', '20', '--seeds', '0,3,5,7', '--unpaired', '--try', 'beta1=0.95+beta2=0.95'];
    await stopped('SIGINT', begun, ['compare', ...options, '--out', out]);
    assert.notEqual(fits(isExperiment, out, 'experiment.json').status, 'finished');
    const { status, stderr } = run('compare', '--resume', out);
    assert.equal(status, 0, stderr);
    fits(isCompare, out, 'compare.json');
    assert.equal(fits(isExperiment, out, 'experiment.json').status, 'finished');
  });

  it('a sweep with a point that diverges; and what is damaged is refused', () => {
    const out = join(scratch, 'sweep');
    const options = [
      '--sample',
      '--optimizer',
      'sgd',
      '--steps',
      '4',
      '--sweep',
      'lr=0.1,1e38',
      '--test-data',
      sampleData,
    ];
    const { status, stderr } = run('sweep', ...options, '--out', out);
    assert.equal(status, 0, stderr);
    const sweep = fits(isSweep, out, 'sweep.json');
    assert.deepEqual(
      sweep.points.map((point: { status: string }) => point.status),
      ['finished', 'failed'],
    );
    fits(isExperiment, out, 'experiment.json');
    for (const { folder } of sweep.points) fits(isRun, out, folder, 'run.json');
    const [point] = sweep.points;
    refused(isSweep, [
      { ...sweep, format: 2 },
      { ...sweep, points: [{ ...point, index: undefined }] },
      { ...sweep, points: [{ ...point, bestAccuracy: 90 }] },
      { ...sweep, points: [{ ...point, other: 1 }] },
      { ...sweep, request: { ...sweep.request, axes: [{ name: 'lr', values: [] }] } },
      { ...sweep, digests: { ...sweep.digests, model: 'x' } },
    ]);
  });

  const small: Readonly<Record<string, readonly string[]>> = {
    'one-dimensional': ['--steps', '500'],
    'table-1': ['--problems', '1'],
    bilinear: ['--steps', '500', '--beta1', '0.5', '--beta2', '0.9', '--lr', '0.001'],
    closeness: ['--steps', '4', '--limit', '100', '--width', '4', '--lr', '0.0001'],
    'norm-and-accuracy': ['--steps', '6', '--limit', '60', '--beta1', '0.5', '--beta2', '0.9', '--seeds', '0'],
    'mini-batch': ['--halvings', '2', '--horizon', '0.1'],
    separable: ['--steps', '200'],
  };
  it('every experiment is tried', () =>
    assert.deepEqual(Object.keys(small).sort(), experiments.map(({ name }) => name).sort()));
  for (const [name, options] of Object.entries(small))
    it(`the experiment ${name}`, () => {
      const out = join(scratch, 'experiments', name);
      const { status, stderr } = run('experiment', name, ...options, '--out', out);
      assert.equal(status, 0, stderr);
      const { result } = fits(isExperiment, out, 'experiment.json');
      assert.ok(result.charts.length > 0);
    });

  it('the times of all of them', () => {
    const isTimes = compiled('times');
    for (const folder of ['compare', 'sweep', 'experiments/bilinear']) {
      const times = fits(isTimes, scratch, folder, 'times.json');
      refused(isTimes, [
        { ...times, started: 'now' },
        { ...times, process: -1 },
        { ...times, other: 1 },
      ]);
    }
  });

  it('plans of all of them; and what is damaged is refused', () => {
    const isPlan = compiled('plan');
    const sample = ['--sample', '--steps', '3'];
    for (const [kind, ...options] of [
      ['sweep', ...sample, '--sweep', 'beta2=0.9,0.99', '--test-data', sampleData],
      ['compare', ...sample, '--batch-size', '512', '--try', 'beta2=0.9', '--seeds', '1,2', '--copy-inputs'],
      ['experiment', 'bilinear', '--steps', '50'],
    ] as const) {
      const folder = join(scratch, `plan-${kind}`);
      const { status, stderr } = run(kind, ...options, '--plan', folder);
      assert.equal(status, 0, stderr);
      const plan = fits(isPlan, folder, 'plan.json');
      assert.equal(plan.kind, kind);
      refused(isPlan, [
        { ...plan, kind: 'run' },
        { ...plan, request: { ...plan.request, other: 1 } },
        { ...plan, numerics: { ...plan.numerics, device: 'tpu' } },
        { ...plan, points: [{ ...plan.points[0], folder: undefined }] },
        { ...plan, group: 0 },
      ]);
    }
  });

  it('an experiment that failed', () => {
    const out = join(scratch, 'experiments', 'failed');
    const { status } = run('experiment', 'separable', '--data', join(scratch, 'none.csv'), '--out', out);
    assert.equal(status, 1);
    const { status: said, message } = fits(isExperiment, out, 'experiment.json');
    assert.equal(said, 'failed');
    assert.ok(message);
  });
});
