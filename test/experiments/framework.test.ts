import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { completeParameters, type Experiment } from '../../extension/experiments/experiment.ts';
import { experimentNamed, experiments } from '../../extension/experiments/registry.ts';
import { runExperiment } from '../../extension/experiments/run.ts';
import { Parts } from '../../extension/jobs/parts.ts';
import { Random } from '../../extension/jobs/random.ts';
import { readExperiment } from '../../extension/jobs/store.ts';
import { renderSvg } from '../../extension/jobs/svg.ts';
import { optionOf } from '../../extension/shared/request.ts';
import { onCommandLine } from '../../extension/shared/words.ts';

const table: Experiment = experimentNamed('table-1');

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'experiment-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('every experiment is described well enough for a command line and a form', () => {
  assert.equal(new Set(experiments.map(({ name }) => name)).size, experiments.length);
  for (const { name, title, figure, summary, parameters } of experiments) {
    assert.match(name, /^[a-z][a-z0-9-]*$/);
    for (const text of [title, figure, summary]) assert.ok(text.length > 5, name);
    for (const [key, spec] of Object.entries(parameters)) {
      assert.match(optionOf(key), /^[a-z][a-z0-9-]*$/);
      assert.ok(spec.help.length > 0, `${name} ${key}`);
    }
  }
});

test('the defaults of every experiment pass its own checks', () => {
  for (const experiment of experiments) {
    const defaults = completeParameters(experiment, {});
    assert.deepEqual(completeParameters(experiment, defaults), defaults);
  }
});

for (const [given, message] of [
  [{ low: 1 }, /low = 1 is not possible/],
  [{ lr: 0 }, /lr = 0 is not possible/],
  [{ lr: '3' }, /lr = "3" is not possible/],
  [{ problems: 1.5 }, /problems = 1\.5 is not possible/],
  [{ sleep: 1 }, /table-1 has no parameter "sleep"/],
] as const) {
  test(`parameters that do not fit are refused: ${JSON.stringify(given)}`, () => {
    assert.throws(() => completeParameters(table, given), message);
  });
}

test('results are written with sentence, numbers, points and pictures, and read back', () =>
  inFolder(async (folder) => {
    const seen: number[] = [];
    const request = { name: 'table-1', directory: folder, parameters: { problems: 2 } };
    const observer = { started: () => {}, progress: ({ step }: { step: number }) => seen.push(step), cancelled: false };
    const outcome = await runExperiment(request, observer, 'media/sample');
    assert.equal(outcome.status, 'finished');
    assert.ok(outcome.folder.startsWith(join(folder, 'runs')));
    assert.deepEqual(readdirSync(outcome.folder).sort(), [
      'experiment.json',
      'gaps.svg',
      'series.csv',
      'series.json',
      'times.json',
    ]);
    const header = readExperiment(outcome.folder);
    assert.equal(header.parameters.problems, 2);
    assert.equal(header.parameters.low, 0.9);
    assert.ok(header.result!.sentence.length > 40);
    assert.equal(header.result!.charts[0].series.length, 4);
    const [title, first] = readFileSync(join(outcome.folder, 'series.csv'), 'utf8').split('\n');
    assert.equal(title, 'chart,series,x,y');
    assert.equal(first, 'gaps,"β > ρ, small ε",0,0');
    assert.ok(seen.length > 3 && seen.every((step) => step >= 0 && step <= 100));
  }));

test('a cancelled experiment says so', () =>
  inFolder(async (folder) => {
    const observer = { started: () => {}, progress: () => {}, cancelled: true };
    const request = { name: 'table-1', directory: folder, parameters: {}, out: 'here' };
    assert.equal((await runExperiment(request, observer, '')).status, 'cancelled');
    assert.equal(readExperiment(join(folder, 'here')).status, 'cancelled');
  }));

test('a failed experiment says why', () =>
  inFolder(async (folder) => {
    const observer = { started: () => {}, progress: () => {}, cancelled: false };
    const request = { name: 'table-1', directory: folder, parameters: { low: 0.99, high: 0.5 }, out: 'here' };
    await assert.rejects(runExperiment(request, observer, ''), /0\.99 is not below/);
    assert.match(onCommandLine(readExperiment(join(folder, 'here')).message!), /0\.99 is not below/);
  }));

test('a stopped experiment continues in its folder without repeating what it finished', () =>
  inFolder(async (folder) => {
    const parameters = { samples: 4, dimension: 6, set: 'gaussian', steps: 20_000, batch: [2] };
    const request = { name: 'separable', directory: folder, parameters, out: 'here' };
    const out = join(folder, 'here');
    const files = () =>
      readdirSync(join(out, 'parts')).map((name) => [name, statSync(join(out, 'parts', name)).mtimeMs]);
    let updates = 0;
    const observer = (cancelled: () => boolean) => ({
      started: () => {},
      progress: () => {},
      updated: () => updates++,
      get cancelled() {
        return cancelled();
      },
    });
    // Stopped as soon as two parts are there.
    const stopped = await runExperiment(
      request,
      observer(() => existsSync(join(out, 'parts')) && files().length > 1),
      '',
    );
    assert.equal(stopped.status, 'cancelled');
    assert.ok(updates > 0);
    const before = files();
    const half = readExperiment(out);
    assert.equal(half.status, 'cancelled');
    assert.ok(half.result!.tables[0].rows.length >= 1, 'what was finished is there to see');
    assert.equal(
      (
        await runExperiment(
          request,
          observer(() => false),
          '',
        )
      ).status,
      'finished',
    );
    const after = new Map(files() as [string, number][]);
    for (const [name, time] of before) assert.equal(after.get(name as string), time);
    const whole = readExperiment(out);
    assert.equal(whole.started, half.started);
    // The same numbers as in one go.
    await runExperiment(
      { ...request, out: 'again' },
      observer(() => false),
      '',
    );
    assert.deepEqual(readExperiment(join(folder, 'again')).result, whole.result);
    // Other settings do not go into the same folder.
    const other = { ...request, parameters: { ...parameters, steps: 10 } };
    await assert.rejects(
      runExperiment(
        other,
        observer(() => false),
        '',
      ),
      /holds another experiment/,
    );
  }));

test('parts are plain data, with numbers that are not finite, and damaged files are made anew', () =>
  inFolder(async (folder) => {
    const parts = new Parts(folder);
    const value = { x: [1, Number.NaN, Number.NEGATIVE_INFINITY], y: null };
    assert.deepEqual(await parts.get('a', async () => value), value);
    assert.deepEqual(await parts.get('a', () => assert.fail('it is kept')), value);
    const [file] = readdirSync(join(folder, 'parts'));
    writeFileSync(join(folder, 'parts', file), '{"name":"a","val');
    assert.equal(await parts.get('a', async () => 3), 3);
  }));

test('pictures escape text, leave gaps and bear empty and constant series', () => {
  const frame = { id: 'a', title: '<script>"&\u0000', x: { label: 'x' }, y: { label: 'y', scale: 'log' } } as const;
  const svg = renderSvg({
    ...frame,
    series: [
      { label: 'a', x: [0, 1, 2, 3], y: [1, null, 10, 100] },
      { label: 'b', x: [0, 1], y: [0, -1] },
      { label: 'c', x: [2], y: [5], style: 'points' },
      { label: '', x: [], y: [], style: 'reference' },
    ],
  });
  assert.ok(!svg.includes('<script') && !svg.includes('\u0000'));
  // One path per line series; the first has two pieces.
  const paths = [...svg.matchAll(/<path d="([^"]*)"/g)].map(([, d]) => d);
  assert.equal(paths[0].split('M').length - 1, 2);
  assert.equal(paths[1], '');
  assert.ok(!/NaN|Infinity|undefined/.test(svg));
  const constant = renderSvg({ ...frame, y: { label: 'y' }, series: [{ label: 'a', x: [3, 3], y: [0, 0] }] });
  assert.ok(!/NaN|Infinity|undefined/.test(constant));
  const ticks = renderSvg({ ...frame, series: [{ label: 'a', x: [0, 1], y: [1e-8, 2e6] }] });
  assert.ok(ticks.includes('>10⁻⁶<') && ticks.includes('>10⁶<'));
});

test('random numbers: reproducible, uniform, normal', () => {
  const [a, b, other] = [new Random(7), new Random(7), new Random(8)];
  const draws = Array.from({ length: 20000 }, () => a.normal());
  assert.deepEqual(
    draws.slice(0, 10),
    Array.from({ length: 10 }, () => b.normal()),
  );
  assert.notEqual(other.normal(), draws[0]);
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + x * x, 0) / draws.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05);
  const counts = new Array(5).fill(0);
  for (let i = 0; i < 5000; i++) counts[b.below(5)]++;
  assert.ok(counts.every((count) => Math.abs(count - 1000) < 150));
  assert.deepEqual([...b.permutation(6)].sort(), [0, 1, 2, 3, 4, 5]);
});
