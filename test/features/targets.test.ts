import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configuredOptimizer } from '../../extension/advice/configured.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import { defaultOptimizer, hyperChanges } from '../../extension/features/inspect/hyper.ts';
import {
  guess,
  isNamedLike,
  parseTargets,
  readTargets,
  remembered,
  requestOf,
  targetFor,
  writeTargets,
} from '../../extension/features/inspect/targets.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import type { Framework } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { besideFile } from '../../extension/shared/editorWords.ts';
import { failureOf, InspectorError } from '../../extension/shared/errors.ts';
import { projectFile } from '../../extension/shared/target.ts';

test('the project file: what is wrong is named', () => {
  assert.deepEqual(parseTargets('{"inspections":[{"model":"a.onnx","steps":5}]}'), [{ model: 'a.onnx', steps: 5 }]);
  for (const [text, message] of [
    ['{', /is no JSON/],
    ['[]', /has no list "inspections"/],
    ['{"inspections":[3]}', /inspections\[0\] needs an object, not 3\./],
    ['{"inspections":[{}]}', /has no "model"/],
    ['{"inspections":[{"model":1}]}', /inspections\[0\]\.model needs a text, not 1\./],
    [
      '{"inspections":[{"model":"a"},{"model":"a","steps":"5"}]}',
      /inspections\[1\]\.steps needs a whole number of at least 0, not "5"\./,
    ],
    ['{"inspections":[{"model":"a","__proto__x":1}]}', /"inspections\[0\]\.__proto__x" is no setting\./],
    ['{"inspections":[{"model":"a","directory":"/"}]}', /"inspections\[0\]\.directory" is no setting\./],
    ['{"inspections":[{"model":"a","microBach":3}]}', /is no setting; did you mean microBatch\?/],
    [
      '{"inspections":[{"model":"a","steps":-1,"every":0}]}',
      /steps needs .*\n.*every needs a whole number of at least 1, not 0/,
    ],
  ] as const)
    assert.throws(() => parseTargets(text), { name: 'InspectorError', message });
});

test('the project file: the lines of what is wrong are data', () => {
  const placeOf = (text: string) => {
    try {
      parseTargets(text);
    } catch (error) {
      return failureOf(error);
    }
    return assert.fail('was accepted');
  };
  assert.deepEqual(placeOf('{\n  "inspections": [\n    {,\n').where, { file: projectFile, line: 3 });
  const { where, parts } = placeOf('{"inspections":[\n{"model":"a"},\n{"model":"a","steps":-1}]}');
  assert.deepEqual(where, { file: projectFile, line: 3 });
  assert.deepEqual(
    parts?.map((part) => part.where),
    [{ line: 3 }],
  );
});

test('the project file: a refused setting tells its line once', () => {
  const text = '{"inspections":[\n{"model":"a"},\n{"model":"a","steps":-1}]}';
  assert.throws(() => parseTargets(text), {
    message: `"${projectFile}": holds settings that are not possible:\n  line 3: inspections[1].steps needs a whole number of at least 0, not -1.`,
  });
  const words = failureOf(
    new InspectorError('holds', undefined, {
      where: { file: 'a', line: 3 },
      parts: [{ where: { line: 3 }, message: 'b' }],
    }),
  );
  assert.equal(besideFile(words), ': holds\n  line 3: b');
});

test('written only where it changes, and read again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'targets-'));
  try {
    assert.deepEqual(readTargets(folder), []);
    writeTargets(folder, [{ model: 'a.onnx', data: 'a.npz' }]);
    assert.deepEqual(readTargets(folder), [{ model: 'a.onnx', data: 'a.npz' }]);
    const text = readFileSync(join(folder, projectFile), 'utf8');
    assert.ok(text.endsWith('}\n'));
    writeFileSync(join(folder, projectFile), 'broken');
    assert.throws(() => readTargets(folder), { name: 'InspectorError' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the target of a source, of a model, or the last one', () => {
  const [a, b, c] = [
    { model: 'a.onnx', source: 'a.py' },
    { model: 'b.onnx', source: 'b.py' },
    { model: 'a.onnx', source: 'c.yaml' },
  ];
  assert.equal(targetFor([a, b, c], { source: 'b.py' }), b);
  assert.equal(targetFor([a, b, c], { model: 'b.onnx' }), b);
  assert.equal(targetFor([a, b, c], { source: 'c.yaml', model: 'a.onnx' }), c);
  assert.equal(targetFor([a, b, c], { source: 'new.py' }), a);
  assert.equal(targetFor([a, b, c], { model: 'new.onnx' }), undefined);
  assert.equal(targetFor([], {}), undefined);
  assert.deepEqual(remembered([a, b, c], { ...b, steps: 3 }), [{ ...b, steps: 3 }, a, c]);
});

test('guesses: the same name, else the same folder, else the only one', () => {
  assert.equal(guess(['a.onnx'], undefined), 'a.onnx');
  assert.equal(guess(['a.onnx', 'b.onnx'], undefined), undefined);
  assert.equal(guess(['models/x.onnx', 'train.onnx'], 'train.py'), 'train.onnx');
  assert.equal(guess(['data/a.npz', 'models/other.npz', 'models/m.npz'], 'models/m.onnx'), 'models/m.npz');
  assert.equal(guess(['z/a.npz', 'models/b.npz'], 'models/m.onnx'), 'models/b.npz');
  assert.equal(guess([], 'x'), undefined);
  assert.equal(isNamedLike('models/Text.onnx', 'src/text.py'), true);
  assert.equal(isNamedLike('models/text2.onnx', 'src/text.py'), false);
  assert.equal(isNamedLike('text.onnx', undefined), false);
});

test('a request has what is needed', () => {
  const request = requestOf('/w', { model: 'a.onnx', source: 'a.py', steps: 7 }, defaultOptimizer);
  assert.equal(request.steps, 7);
  assert.equal(request.device, 'auto');
  assert.ok(!('source' in request));
});

test('configurations of every kind become optimizers that the engine accepts', () => {
  for (const [text, optimizer] of [
    ['import torch\no = torch.optim.Adam(p, lr=3e-4, betas=(0.8, 0.99), amsgrad=True)', 'adam'],
    ['import torch\no = torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)', 'sgd'],
    ['import torch\no = torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, centered=True)', 'rmsprop'],
    ['import torch\no = torch.optim.NAdam(p)', 'nadam'],
    ['import torch\no = torch.optim.Adagrad(p, lr=0.01)', 'adagrad'],
    ['from tensorflow import keras\no = keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-7)', 'adam'],
    ['import optax\no = optax.adamw(1e-3, b1=0.9, b2=0.95)', 'adamw'],
    ['from transformers import TrainingArguments\na = TrainingArguments("out", learning_rate=2e-5)', 'adamw'],
  ] as const) {
    const [config] = analyse({ path: 'a.py', language: 'python', text });
    const found = config && configuredOptimizer(config);
    assert.equal(found?.optimizer, optimizer, text);
    completeHyperparameters(optimizerNamed(found!.optimizer), found!.framework as Framework, found!.hyper);
  }
  const [unknown] = analyse({
    path: 'a.py',
    language: 'python',
    text: 'import torch\no = torch.optim.Adam(p, lr=args.lr)',
  });
  assert.deepEqual(configuredOptimizer(unknown)?.unknown, ['lr']);
  const [lamb] = analyse({ path: 'a.py', language: 'python', text: 'import torch\no = torch.optim.Rprop(p)' });
  assert.equal(configuredOptimizer(lamb), undefined);
});

test('what a configuration says other than the run', () => {
  const then = { optimizer: 'adam', hyper: { lr: 1e-3, beta2: 0.999 } };
  assert.deepEqual(hyperChanges(then, { ...defaultOptimizer, hyper: { lr: 1e-3, beta2: 0.999 } }), []);
  assert.deepEqual(hyperChanges(then, { ...defaultOptimizer, hyper: { lr: 3e-4 } }), [
    'lr is now 3e-4',
    'beta2 is no longer known',
  ]);
  assert.deepEqual(hyperChanges(then, { ...defaultOptimizer, optimizer: 'sgd' }), ['the optimizer is now sgd']);
  assert.deepEqual(hyperChanges(then, undefined), ['its optimizer configuration is gone']);
});
