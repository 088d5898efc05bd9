import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, it } from 'node:test';
import { compare } from '../../extension/jobs/compare.ts';
import { readCompare } from '../../extension/jobs/compareFolder.ts';
import { pairedInterval } from '../../extension/jobs/paired.ts';
import { SeedThread } from '../../extension/jobs/seedThreads.ts';
import { settingsOf } from '../../extension/jobs/setup.ts';
import { readExperiment } from '../../extension/jobs/store.ts';
import { triedBeside } from '../../extension/jobs/triedBeside.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import type { CompareRequest } from '../../extension/shared/experiments.ts';
import type { Progress, RunHeader } from '../../extension/shared/protocol.ts';
import { sample } from '../support/paths.ts';

const folder = mkdtempSync(join(tmpdir(), 'compare-'));
after(() => rmSync(folder, { recursive: true }));

const requestOf = (given: Partial<CompareRequest>, out: string): CompareRequest => ({
  base: {
    ...{ directory: folder, model: join(sample, 'digits.onnx'), data: join(sample, 'digits.npz'), limit: 96 },
    ...{ optimizer: 'adam', framework: 'pytorch', hyper: {}, steps: 24, stage: 'step', device: 'cpu' },
    ...{ threads: 1, freeze: [], trainable: [], arrays: false, batchSize: 16, reference: 'none' },
  },
  settings: [{ beta2: 0.999 }],
  seeds: [0, 1, 2],
  ...given,
  out: join(folder, out),
});

const quiet = { started() {}, progress() {}, cancelled: false };

/** What each run came to, by the title of a column: of the own setting, and of the other. */
function runsIn(out: string, column: string): [number[], number[]] {
  const { columns, rows } = readExperiment(join(folder, out)).result!.tables[1];
  const values = rows.map((row) => row[columns.indexOf(column)] as number);
  return [values.slice(0, values.length / 2), values.slice(values.length / 2)];
}

it('an interval is the mean and Student’s t of the pairs, and says how many more would settle it', () => {
  const found = pairedInterval([1, 2, 3, 4])!;
  assert.equal(found.mean, 2.5);
  // s = 1.29099, s/√4 = 0.645497, t₃ = 3.182
  assert.ok(Math.abs(found.high - 2.5 - 3.182 * 0.645497) < 1e-5);
  assert.equal(found.more, 0);
  assert.equal(pairedInterval([-1, 2, 3, 1])!.more, 6);
  assert.equal(pairedInterval([-1, 1])!.more, null);
  assert.equal(pairedInterval([1]), undefined);
});

it('the same setting on the same orders differs by nothing', async () => {
  await compare(requestOf({}, 'same'), 'cpu', quiet);
  const { result, status } = readExperiment(join(folder, 'same'));
  assert.equal(status, 'finished');
  assert.equal(result!.numbers['beta2 0.999 norm mean'], 0);
  assert.match(
    result!.sentence,
    /^At equal loss .*: no difference found between beta2 0\.999 and your setting \(beta2 0\.999\)\.$/,
  );
});

it('on orders of its own, the interval covers zero in about 95 % of 40 repetitions', async () => {
  const seeds = Array.from({ length: 160 }, (_, i) => i);
  await compare(requestOf({ seeds, unpaired: true }, 'orders'), 'cpu', quiet);
  for (const quantity of ['training loss after all steps', 'gradient norm', 'steps to this loss']) {
    const [own, others] = runsIn('orders', quantity);
    const differences = own.map((value, k) => others[k] / value - 1);
    const covered = Array.from({ length: 40 }, (_, r) => pairedInterval(differences.slice(4 * r, 4 * r + 4))!).filter(
      ({ low, high }) => low <= 0 && high >= 0,
    ).length;
    console.log(`A/A, ${quantity}: the interval holds zero in ${covered} of 40 repetitions`);
    // Of 40 intervals that hold it with 95 %, fewer than 34 do in 1.4 % of all seeds.
    assert.ok(covered >= 34, `${quantity}: ${covered} of 40`);
    assert.ok(new Set(differences).size > 100, 'the orders differ');
  }
});

it('threads that each take a seed give the same numbers as one after the other, and tell how far they are', async () => {
  const settings: CompareRequest['settings'] = [{ beta2: 0.9 }, { beta1: 0.5 }];
  const given = requestOf({ settings, test: { data: join(sample, 'digits.npz') } }, 'one');
  await compare(given, 'cpu', quiet);
  const steps: number[] = [];
  const several = { ...given, base: { ...given.base, threads: 2 }, out: join(folder, 'several') };
  const watching = { ...quiet, progress: ({ step, steps: all }: Progress) => steps.push(step / all) };
  await compare(several, 'cpu', watching, resolve('dist/compareWorker.js'));
  const [one, two] = ['one', 'several'].map((out) => readExperiment(join(folder, out)).result!);
  assert.deepEqual(two, one);
  assert.ok(two.differences!.quantities.some(({ title }) => title === 'test accuracy'));
  assert.deepEqual(
    steps,
    [...steps].sort((a, b) => a - b),
  );
  assert.equal(steps.at(-1), 1);
});

it('what a thread refuses is refused in its words', async () => {
  const { base, ...rest } = requestOf({}, 'refused');
  const request = { ...rest, base: { ...base, model: 'nowhere.onnx' } };
  const thread = new SeedThread(request, () => false, resolve('dist/compareWorker.js'));
  try {
    await assert.rejects(
      thread.seed(0, () => {}),
      (error: Error) => error instanceof InspectorError && /nowhere\.onnx/.test(error.message),
    );
  } finally {
    await thread.release();
  }
});

it('says what was measured, without a verdict on the theory', async () => {
  const { result } = readExperiment(join(folder, 'one'));
  assert.equal(result!.agreement, 'measured');
  assert.equal(result!.claim, undefined);
  assert.match(
    result!.sentence,
    /^At equal loss \(about [\d.]+\).* the gradient’s one-norm .*your setting \(beta1 0\.9, beta2 0\.999\)/,
  );
  assert.equal(
    readFileSync(join(folder, 'one', 'series.csv'), 'utf8')
      .trim()
      .split('\n').length,
    1 + 9,
  );
});

it('a run of the same training tells what was tried beside it, and one of another does not', () => {
  const { request, digests } = readCompare(join(folder, 'one'));
  const { hyper } = settingsOf(request.base, { model: undefined, problem: undefined } as never);
  const header = {
    request: request.base,
    ...{ model: { sha256: digests.model }, data: { sha256: digests.data }, optimizer: { hyper } },
  } as unknown as RunHeader;
  const run = join(folder, 'a run');
  const { sentence } = readExperiment(join(folder, 'one')).result!;
  const found = triedBeside(run, header);
  assert.ok(
    found.some((text) => text.startsWith(`Tried beside it (3 orders): ${sentence}`)),
    found.join('\n'),
  );
  assert.ok(found.every((text) => !/theory/i.test(text)));
  for (const other of [
    { ...header, optimizer: { hyper: { ...hyper, lr: 0.5 } } },
    { ...header, request: { ...request.base, batchSize: 8 } },
    { ...header, data: { sha256: 'other' } },
  ])
    assert.deepEqual(triedBeside(run, other as RunHeader), []);
  assert.deepEqual(triedBeside(join(folder, 'nowhere', 'run'), header), []);
});

it('a comparison that was stopped goes on where it was, and ends as one that was not', async () => {
  const settings: CompareRequest['settings'] = [{ beta2: 0.9 }, { beta1: 0.5 }];
  await compare(requestOf({ settings }, 'whole'), 'cpu', quiet);
  const stopping = { ...quiet, cancelled: false };
  const progress = ({ step }: Progress) => {
    if (step >= 4) stopping.cancelled = true;
  };
  const first = await compare(requestOf({ settings }, 'parts'), 'cpu', Object.assign(stopping, { progress }));
  assert.equal(first.status, 'cancelled');
  const second = await compare(requestOf({ settings }, 'parts'), 'cpu', quiet);
  assert.equal(second.status, 'finished');
  const [whole, parts] = ['whole', 'parts'].map((out) => readExperiment(join(folder, out)).result!);
  assert.deepEqual(parts, whole);
  await assert.rejects(
    compare(requestOf({ settings: [{ lr: 1 }] }, 'parts'), 'cpu', quiet),
    /holds another comparison/,
  );
});
