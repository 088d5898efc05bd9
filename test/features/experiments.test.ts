import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { choice, count, decay, file, numbers, switched } from '../../extension/experiments/experiment.ts';
import { experiments } from '../../extension/experiments/registry.ts';
import { resultIn, unfinishedComparisons, unfinishedSweep } from '../../extension/features/experiments/folders.ts';
import {
  changedValues,
  formLines,
  readAxis,
  readParameter,
  readSeeds,
  valueText,
} from '../../extension/features/experiments/form.ts';
import { settingsToTry } from '../../extension/features/experiments/settingsToTry.ts';
import { specs } from '../../extension/optimizers/hyperparameters.ts';
import { isFromExperimentPage } from '../../extension/shared/experimentPanel.ts';
import { mention, words } from '../../extension/shared/words.ts';
import { run } from '../webview/runs.ts';

const experiment = {
  name: 'e',
  title: 'E',
  figure: 'Figure 1',
  summary: 's',
  parameters: {
    steps: count(200, words`how many, see ${mention('epsPlacement')}`),
    beta2: numbers([0.9, 0.99], 'values of β₂', decay),
    epsPlacement: choice('inside', ['inside', 'outside'], 'where ε is'),
    exact: switched('exactly'),
    data: file('your own'),
  },
};

describe('forms of experiments', () => {
  test('a line for each parameter, with its value and whether it was changed', () => {
    const lines = formLines(experiment, { steps: 10, exact: true });
    assert.deepEqual(
      lines.map(({ label, changed }) => [label, changed]),
      [
        ['steps: 10', true],
        ['beta2: 0.9, 0.99', false],
        ['eps placement: inside', false],
        ['exact: true', true],
        ['data: –', false],
      ],
    );
    assert.equal(lines[0].help, 'how many, see “eps placement”');
  });

  test('what does not fit says what does', () => {
    assert.deepEqual(readParameter(experiment, 'beta2', ' 0.5,0.999 '), { value: [0.5, 0.999] });
    assert.deepEqual(readParameter(experiment, 'beta2', ''), { value: undefined });
    for (const text of ['1', '0.5,', 'x', '-0.1', '0.5 0.6'])
      assert.deepEqual(readParameter(experiment, 'beta2', text), {
        problem: 'Give finite numbers of at least 0 and below 1; the default is 0.9,0.99.',
      });
    assert.deepEqual(readParameter(experiment, 'steps', '1e3'), { value: 1000 });
    for (const text of ['0', '2.5', 'Infinity'])
      assert.deepEqual(readParameter(experiment, 'steps', text), {
        problem: 'Give a whole number of at least 1; the default is 200.',
      });
  });

  test('going back to the default is no change', () => {
    const once = changedValues(experiment, {}, 'steps', 10);
    assert.deepEqual(once, { steps: 10 });
    assert.deepEqual(changedValues(experiment, once, 'steps', 200), {});
    assert.deepEqual(changedValues(experiment, once, 'steps', undefined), {});
    assert.deepEqual(changedValues(experiment, once, 'beta2', [0.9, 0.99]), once);
  });

  test('what a form shows of a default is read as the default, for every experiment', () => {
    for (const each of experiments)
      for (const [key, { default: standard, kind }] of Object.entries(each.parameters)) {
        if (standard === undefined) continue;
        assert.deepEqual(readParameter(each, key, valueText(standard)), { value: standard }, `${each.name} ${key}`);
        assert.ok(['number', 'count', 'numbers', 'choice', 'switch', 'file', 'text'].includes(kind));
      }
  });
});

describe('lists of a sweep', () => {
  test('numbers within the range, none twice', () => {
    assert.deepEqual(readAxis(specs.beta2, '0.9, 0.99,'), { values: [0.9, 0.99] });
    assert.deepEqual(readAxis(specs.beta2, ' '), { values: [] });
    assert.deepEqual(readAxis(specs.beta2, '0.9, 1'), { problem: 'beta2 cannot be 1.' });
    assert.deepEqual(readAxis(specs.lr, '1e-3, -1'), { problem: 'lr cannot be -1.' });
    assert.deepEqual(readAxis(specs.lr, '1e-3, 0.001'), { problem: '0.001 is given twice.' });
    assert.ok('problem' in readAxis(specs.lr, 'abc'));
  });

  test('every list of decay rates that is shown is read back', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.double({ min: 0, max: 0.9999999, noNaN: true }), { maxLength: 6 }), (values) => {
        // −0 and 0 are one value.
        const plain = [...new Set(values.map((value) => value + 0))];
        assert.deepEqual(readAxis(specs.beta2, valueText(plain)), { values: plain });
      }),
    );
  });

  test('choices and switches', () => {
    const nesterov = { name: 'n', kind: 'boolean', option: 'nesterov', description: '' } as const;
    assert.deepEqual(readAxis(nesterov, 'true, false'), { values: [true, false] });
    assert.deepEqual(readAxis(nesterov, 'yes'), { problem: 'nesterov is one of true, false.' });
  });

  test('seeds', () => {
    assert.deepEqual(readSeeds('0, 1,2'), { values: [0, 1, 2] });
    for (const text of ['', '1,1', '-1', '0.5']) assert.ok('problem' in readSeeds(text), text);
  });
});

test('half-finished sweeps are found; finished ones and ones that are being worked on are not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'optimizer-bias-'));
  try {
    const write = (name: string, started: string, statuses: readonly string[], process?: number) => {
      const folder = join(directory, 'runs', name);
      const points = statuses.map((status, index) => ({ index, status, folder: `points/${index}` }));
      for (const point of points) {
        mkdirSync(join(folder, point.folder), { recursive: true });
        const header = { ...run().header, status: point.status, process };
        writeFileSync(join(folder, point.folder, 'run.json'), JSON.stringify(header));
        writeFileSync(join(folder, point.folder, 'steps.jsonl'), '');
      }
      const header = {
        format: 1,
        status: 'running',
        started,
        request: { base: { model: 'm.onnx' }, axes: [{ name: 'lr', values: [1, 2] }] },
        points,
      };
      writeFileSync(join(folder, 'sweep.json'), JSON.stringify(header));
      return folder;
    };
    const older = write('older', '2026-01-01', ['finished', 'waiting']);
    const newer = write('newer', '2026-01-02', ['failed', 'running', 'waiting'], 2 ** 30);
    const done = write('done', '2026-01-03', ['finished', 'failed']);
    const working = write('working', '2026-01-04', ['finished', 'running'], process.pid);
    mkdirSync(join(directory, 'runs', 'other'));
    assert.deepEqual(
      [older, newer, done, working].map((folder) => unfinishedSweep(folder)?.done),
      [1, 1, undefined, undefined],
    );
    const { title, status, result } = resultIn(newer);
    assert.deepEqual([title, status, result], ['Sweep over lr', 'cancelled', undefined]);
    assert.throws(() => resultIn(join(directory, 'runs', 'other')), /holds no readable experiment/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('half-finished comparisons are found, the latest first; finished ones and ones that are being worked on are not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'optimizer-bias-'));
  try {
    const write = (name: string, started: string, status: string, process: number, kind = 'compare') => {
      const folder = join(directory, 'runs', name);
      mkdirSync(folder, { recursive: true });
      const header = { format: 1, status, started, process, name: kind, title: 'T', figure: 'F', parameters: {} };
      writeFileSync(join(folder, 'experiment.json'), JSON.stringify(header));
      const request = { base: { model: 'm.onnx' }, settings: [{ beta2: 0.9 }], seeds: [0, 1] };
      writeFileSync(join(folder, 'compare.json'), JSON.stringify({ request, digests: {} }));
      return folder;
    };
    const stopped = write('stopped', '2026-01-01', 'cancelled', 1);
    const gone = write('gone', '2026-01-02', 'running', 2 ** 30);
    write('done', '2026-01-03', 'finished', 1);
    write('working', '2026-01-04', 'running', process.pid);
    write('other', '2026-01-05', 'cancelled', 1, 'separable');
    const found = unfinishedComparisons(directory);
    assert.deepEqual(
      found.map(({ folder }) => folder),
      [gone, stopped],
    );
    assert.deepEqual(found[0].request.settings, [{ beta2: 0.9 }]);
    assert.deepEqual(unfinishedComparisons(join(directory, 'nowhere')), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('settings to try: one change at a time or all combinations, never the user’s own', () => {
  const lists = new Map([
    ['beta1', [0.9, 0.5]],
    ['beta2', [0.99, 0.95]],
  ]);
  const own = { lr: 1e-3, beta1: 0.9, beta2: 0.999 };
  assert.deepEqual(settingsToTry(lists, own, false), [{ beta1: 0.5 }, { beta2: 0.99 }, { beta2: 0.95 }]);
  assert.deepEqual(settingsToTry(lists, own, true), [
    { beta2: 0.99 },
    { beta2: 0.95 },
    { beta1: 0.5 },
    { beta1: 0.5, beta2: 0.99 },
    { beta1: 0.5, beta2: 0.95 },
  ]);
  assert.deepEqual(settingsToTry(new Map([['beta2', [0.999]]]), own, true), []);
});

test('only its own messages are taken from the page', () => {
  assert.ok(isFromExperimentPage({ type: 'ready' }));
  assert.ok(isFromExperimentPage({ type: 'do', action: 'resume' }));
  for (const value of [null, 'x', {}, { type: 'ready', folder: 3 }, { type: 'do', action: 'rm' }, { type: 'picture' }])
    assert.ok(!isFromExperimentPage(value), JSON.stringify(value));
});
