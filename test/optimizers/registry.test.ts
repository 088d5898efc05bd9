import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { numeric } from '../../extension/optimizers/numeric.ts';
import type { Framework } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { describeError } from '../../extension/shared/errors.ts';

const frameworks: Framework[] = ['pytorch', 'keras', 'optax', 'paper'];

function messageOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    return describeError(error);
  }
  return assert.fail('nothing was thrown');
}

test('optimizers are found by name in any case; an unknown name lists them', () => {
  for (const optimizer of optimizers) assert.equal(optimizerNamed(optimizer.name.toUpperCase()), optimizer);
  assert.equal(new Set(optimizers.map(({ name }) => name)).size, optimizers.length);
  assert.match(
    messageOf(() => optimizerNamed('adma\u202e')),
    /^There is no optimizer "adma\\u202e"\.\nChoose one of .*adam/,
  );
});

test('every default is a known hyper-parameter with a value that is allowed', () => {
  for (const optimizer of optimizers) {
    const available = frameworks.filter((framework) => optimizer.defaults(framework));
    assert.ok(available.length > 0, optimizer.name);
    for (const framework of available) {
      const defaults = optimizer.defaults(framework)!;
      assert.deepEqual(completeHyperparameters(optimizer, framework, defaults), defaults);
      assert.deepEqual(
        Object.keys(defaults).sort(),
        optimizer.hyperparameters.map(({ name }) => name).sort(),
        `${optimizer.name}, ${framework}`,
      );
    }
  }
});

test('every optimizer that a file describes is in the registry, and named in the documents', () => {
  const files = readdirSync('extension/optimizers').filter((file) => file.endsWith('.ts'));
  const described = files.flatMap((file) =>
    [...readFileSync(`extension/optimizers/${file}`, 'utf8').matchAll(/^ {2}name: '(\w+)',\n {2}title: '/gm)].map(
      ([, name]) => name,
    ),
  );
  assert.deepEqual(described.sort(), optimizers.map(({ name }) => name).sort());
  for (const file of ['README.md', 'extension/optimizers/THEORY.md']) {
    const text = readFileSync(file, 'utf8').toLowerCase();
    assert.deepEqual(
      optimizers.map(({ title }) => title).filter((title) => !text.includes(title.toLowerCase())),
      [],
      file,
    );
  }
});

test('a value that is not possible is refused with what is', () => {
  const given = (values: Record<string, number | boolean | string>) =>
    messageOf(() => completeHyperparameters(optimizerNamed('adam'), 'pytorch', values));
  assert.equal(
    given({ beta1: 1 }),
    'Adam: beta1 = 1 is not possible.\nGive a finite number of at least 0 and below 1.',
  );
  assert.equal(given({ lr: Number.NaN }), 'Adam: lr = NaN is not possible.\nGive a finite number of at least 0.');
  assert.equal(given({ eps: '1e-8' }), 'Adam: eps = "1e-8" is not possible.\nGive a finite number of at least 0.');
  assert.equal(
    given({ eps_placement: 'below' }),
    'Adam: eps_placement = "below" is not possible.\nGive one of outside, inside, uncorrected.',
  );
  assert.match(given({ beta3: 0.1 }), /^Adam has no hyper-parameter "beta3"\.\nIt has lr, beta1, beta2, /);
  assert.match(given({ constructor: 1 }), /^Adam has no hyper-parameter "constructor"/);
});

test('given values override the defaults', () => {
  const hyper = completeHyperparameters(optimizerNamed('adam'), 'keras', { beta1: 0.5 });
  assert.deepEqual([hyper.beta1, hyper.beta2, hyper.eps], [0.5, 0.999, 1e-7]);
});

test('coefficients have the same names at every step, and all are finite', () => {
  for (const optimizer of optimizers) {
    const hyper = completeHyperparameters(optimizer, 'pytorch', {});
    const update = Object.keys(optimizer.updateCoefficients(hyper, 0));
    const correction = Object.keys(optimizer.correctionCoefficients(hyper, 0));
    assert.ok(update.includes('stepSize') && correction.includes('stepSize'), optimizer.name);
    for (const n of [0, 1, 10, 12345, Infinity]) {
      const after = optimizer.correctionCoefficients(hyper, n);
      assert.deepEqual(Object.keys(after), correction);
      assert.ok(Object.values(after).every(Number.isFinite), `${optimizer.name}, n=${n}: ${JSON.stringify(after)}`);
    }
    const after = optimizer.updateCoefficients(hyper, 12345);
    assert.deepEqual(Object.keys(after), update);
    assert.ok(Object.values(after).every(Number.isFinite), optimizer.name);
  }
});

test('numeric vectors broadcast from length 1 only', () => {
  assert.deepEqual([...numeric.sub(Float64Array.of(1), Float64Array.of(1, 2))], [0, -1]);
  assert.deepEqual([...numeric.max(Float64Array.of(1, 3), Float64Array.of(2))], [2, 3]);
  assert.throws(() => numeric.add(new Float64Array(2), new Float64Array(3)), /do not broadcast/);
  const where = numeric.whereLess(
    Float64Array.of(1, 3),
    Float64Array.of(2),
    Float64Array.of(10),
    Float64Array.of(20, 30),
  );
  assert.deepEqual([...where], [10, 30]);
  assert.throws(() =>
    numeric.whereLess(new Float64Array(2), new Float64Array(3), Float64Array.of(1), Float64Array.of(2)),
  );
});
