import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from '../../extension/jobs/inspect.ts';
import { checkRequest, checkSweep } from '../../extension/shared/checkRequest.ts';
import { type InspectRequest, inspectSettings } from '../../extension/shared/request.ts';
import type { Setting } from '../../extension/shared/setting.ts';
import { sample } from '../support/paths.ts';

const request: InspectRequest = {
  ...{
    directory: sample,
    model: 'digits.onnx',
    data: 'digits.npz',
    optimizer: 'adam',
    framework: 'pytorch',
    hyper: {},
  },
  ...{ steps: 1, every: 1, stage: 'step', device: 'cpu', freeze: [], trainable: [], arrays: false },
};
const observer = { started() {}, progress() {}, record() {}, cancelled: false };

const rows: [change: Record<string, unknown>, message: string][] = [
  [{ every: 0 }, 'every needs a whole number of at least 1, not 0.'],
  [{ every: 2.5 }, 'every needs a whole number of at least 1, not 2.5.'],
  [{ dtype: 'float16' }, 'dtype needs one of float32, float64, not "float16".'],
  [{ microBatch: 0 }, 'microBatch needs a whole number of at least 1, not 0.'],
  [{ steps: -3 }, 'steps needs a whole number of at least 0, not -3.'],
  [{ steps: '3' }, 'steps needs a whole number of at least 0, not "3".'],
  [{ steps: undefined }, 'steps is missing.'],
  [{ device: 'gpu' }, 'device needs one of auto, cpu, cuda, webgpu, not "gpu".'],
  [{ threads: 100_000 }, 'threads needs a whole number of at least 1 and of at most 1024, not 100000.'],
  [{ limit: 0 }, 'limit needs a whole number of at least 1, not 0.'],
  [{ scale: Number.NaN }, 'scale needs a finite number, not NaN.'],
  [{ mean: [] }, 'mean needs a list of finite numbers, not [].'],
  [{ std: [1, 0] }, 'std needs a list of finite numbers above 0, not [1,0].'],
  [{ stage: 'late' }, 'stage needs step, inf or a step index such as 100, not "late".'],
  [{ stage: -1 }, 'stage needs step, inf or a step index such as 100, not -1.'],
  [{ freeze: 'bn' }, 'freeze needs a list of texts, not "bn".'],
  [{ loss: 'hinge' }, /^loss needs one of .*, not "hinge"\.$/.source],
  [{ model: '' }, 'model needs a text, not "".'],
  [{ hyper: { lr: [1] } }, 'hyper needs an object of numbers, switches and texts, not an object.'],
  [{ schedule: 'cosine' }, 'schedule needs an object, not "cosine".'],
  [{ schedule: { kind: 'exp' } }, /^schedule\.kind needs one of .*, not "exp"\.$/.source],
  [{ schedule: { kind: 'step', every: 0 } }, 'schedule.every needs a whole number of at least 1, not 0.'],
  [{ groups: [{ glob: 'a', hyper: {} }, { glob: 7 }] }, 'groups[1].glob needs a text, not 7.'],
  [{ groups: {} }, 'groups needs a list of objects, not an object.'],
  [{ microBach: 3 }, '"microBach" is no setting; did you mean microBatch?'],
  [{ __proto__x: 3 }, '"__proto__x" is no setting.'],
];

test('what the engine is asked for is checked, and all that is wrong is said', async () => {
  for (const [change, message] of rows) {
    const wrong = { ...request, ...change } as InspectRequest;
    const expected = message.startsWith('^') ? new RegExp(message) : message;
    assert.throws(() => checkRequest(wrong), { name: 'InspectorError', message: expected });
    await assert.rejects(inspect(wrong, 'cpu', observer), { name: 'InspectorError', message: expected });
  }
  const both = { ...request, every: 0, device: 'gpu' };
  assert.throws(() => checkRequest(both), { message: /^every needs .*\ndevice needs / });
  for (const none of [undefined, null, 3, [], 'x']) assert.throws(() => checkRequest(none), { name: 'InspectorError' });
});

/** A value that a setting takes. */
function sampleOf({ kind, choices, fields = {}, min = 0, minExclusive }: Setting): unknown {
  const number = min + (minExclusive ? 1 : 0);
  const group = () => Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, sampleOf(field)]));
  const samples: Record<Setting['kind'], () => unknown> = {
    ...{ number: () => number, count: () => number, numbers: () => [number], text: () => 'a', texts: () => ['a'] },
    ...{
      file: () => 'a/b',
      choice: () => choices![0],
      switch: () => false,
      stage: () => 100,
      group,
      list: () => [group()],
    },
    ...{ named: () => ({ lr: 1, amsgrad: true, eps_placement: 'inside' }), values: () => [1, true, 'a'] },
  };
  return samples[kind]();
}

test('every setting lets its own values through, and nothing of another kind', () => {
  const settings = Object.entries<Setting>(inspectSettings);
  const all = Object.fromEntries(settings.map(([key, setting]) => [key, sampleOf(setting)]));
  assert.equal(checkRequest(all), all);
  for (const [key] of settings)
    for (const wrong of [null, () => 1, [null], { a: null }])
      assert.throws(() => checkRequest({ ...all, [key]: wrong }), { name: 'InspectorError' }, key);
});

test('a sweep is checked with what its points have in common', () => {
  const sweep = { base: request, axes: [{ name: 'beta2', values: [0.9, 0.99] }], together: false, seeds: [0] };
  assert.equal(checkSweep(sweep), sweep);
  for (const [change, message] of [
    [{ base: { ...request, every: 0 } }, 'base.every needs a whole number of at least 1, not 0.'],
    [{ axes: [{ name: 'beta2', values: [] }] }, 'axes[0].values needs a list of numbers, switches or texts, not [].'],
    [{ axes: [{ values: [1] }] }, 'axes[0].name is missing.'],
    [{ seeds: [-1] }, 'seeds needs a list of whole numbers of at least 0, not [-1].'],
    [{ testEvery: 0 }, 'testEvery needs a whole number of at least 1, not 0.'],
    [{ base: undefined }, 'base is missing.'],
  ] as const)
    assert.throws(() => checkSweep({ ...sweep, ...change }), { name: 'InspectorError', message });
});
