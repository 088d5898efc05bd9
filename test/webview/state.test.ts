import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { effectLineOf } from '../../extension/shared/effectWords.ts';
import { isFromModelPage, isFromPanel, mostRuns, panelActions } from '../../extension/shared/panel.ts';
import {
  lastMeasured,
  measureNamed,
  measures,
  measuresOf,
  normFloor,
  settingsText,
  sideOf,
} from '../../webview/measures.ts';
import {
  barMeasure,
  differences,
  firstView,
  matches,
  nothingShown,
  receive,
  restoreView,
  rows,
  sampled,
  series,
} from '../../webview/state.ts';
import { measuredRun, run, tensorLine } from './runs.ts';

test('messages of the editor change what they are about, and nothing else', () => {
  const a = run();
  const shown = receive(nothingShown, { type: 'show', runs: [a], activity: { kind: 'idle' }, stale: ['x'] });
  assert.deepEqual(shown, { ...nothingShown, runs: [a], stale: ['x'] });
  const running = receive(shown, { type: 'activity', activity: { kind: 'reading' } });
  assert.deepEqual(running, { ...shown, activity: { kind: 'reading' } });
  assert.deepEqual(receive(shown, { type: 'stale', reasons: [] }).stale, []);
  assert.deepEqual(receive(shown, { type: 'highlight', tensors: ['fc.bias'] }).highlighted, ['fc.bias']);
  const cancelled = receive(shown, {
    type: 'header',
    folder: a.folder,
    header: { ...a.header, status: 'cancelled' },
    interrupted: true,
  });
  assert.equal(cancelled.runs[0].header.status, 'cancelled');
  assert.equal(cancelled.runs[0].interrupted, true);
  const many = Array.from({ length: mostRuns + 3 }, (_, i) => run({ folder: `/runs/${i}` }));
  assert.equal(
    receive(nothingShown, { type: 'show', runs: many, activity: { kind: 'idle' }, stale: [] }).runs.length,
    mostRuns,
  );
});

test('records come in the order of their steps, each once, and only to their run', () => {
  const [a, b] = [run({ steps: 1 }), run({ folder: '/runs/b', steps: 1 })];
  const model = { ...nothingShown, runs: [a, b] };
  const later = run({ steps: 4 }).steps;
  const next = receive(model, { type: 'records', folder: a.folder, records: later });
  assert.deepEqual(
    next.runs[0].steps.map(({ step }) => step),
    [0, 1, 2, 3, 4],
  );
  assert.equal(next.runs[1], b);
  assert.deepEqual(receive(model, { type: 'records', folder: '/elsewhere', records: later }).runs, model.runs);
});

test('bars: the sign is that of anti-regularization, sorted and filtered', () => {
  const a = run({
    tensors: {
      'layer10.weight': { hKappa: -0.02, validShare: 0.9 },
      'layer2.weight': { hKappa: 0.03, validShare: 0.4, selfCheck: 1.4 },
      'layer2.bias': { hKappa: null, validShare: null, selfCheck: null },
    },
  });
  const line = a.steps[3];
  const names = (sort: Parameters<typeof rows>[2]['sort'], filter = '') =>
    rows(a, line, { measure: 'strength', sort, filter }).map(({ name }) => name);
  assert.deepEqual(
    rows(a, line, { ...firstView, measure: 'strength' }).map(({ value }) => value),
    [0.02, -0.03, null],
  );
  assert.deepEqual(
    rows(a, line, { ...firstView, measure: 'strength' }).map(({ believable }) => believable),
    [true, false, false],
  );
  assert.deepEqual(names('model'), ['layer10.weight', 'layer2.weight', 'layer2.bias']);
  assert.deepEqual(names('name'), ['layer2.bias', 'layer2.weight', 'layer10.weight']);
  assert.deepEqual(names('value'), ['layer2.weight', 'layer10.weight', 'layer2.bias']);
  assert.deepEqual(names('valid'), ['layer10.weight', 'layer2.weight', 'layer2.bias']);
  assert.deepEqual(names('model', 'layer2 WEIGHT'), ['layer2.weight']);
  assert.deepEqual(names('model', 'nothing'), []);
});

test('tensors that the exporter renamed have the names of the model, and are found by both', () => {
  const { header, ...rest } = run({ tensors: { val_6: {}, 'a.bias': {} } });
  const [renamed, other] = header.tensors;
  const shown = { ...rest, header: { ...header, tensors: [{ ...renamed, source: 'b.weight' }, other] } };
  const labels = (view: { sort: 'name' | 'model'; filter: string }) =>
    rows(shown, rest.steps[1], { measure: 'strength', ...view }).map(({ name, label }) => [name, label]);
  assert.deepEqual(labels({ sort: 'name', filter: '' }), [
    ['a.bias', 'a.bias'],
    ['val_6', 'b.weight'],
  ]);
  for (const filter of ['b.w', 'val']) assert.deepEqual(labels({ sort: 'model', filter }), [['val_6', 'b.weight']]);
});

test('the filter: words anywhere, a star for anything', () => {
  assert.ok(matches('blocks.3.attn.qkv.weight', 'blocks*attn weight'));
  assert.ok(matches('a', ''));
  assert.ok(!matches('blocks.3.mlp.weight', 'blocks*attn'));
  assert.ok(!matches('attn.blocks', 'blocks*attn'));
});

test('every measure has a text for any value, and rates are in units of the model’s own', () => {
  const line = run().steps[1];
  for (const measure of measures) {
    for (const value of [measure.value(line, line), null, undefined, 0, -1e-9, 1e12, Number.NaN])
      assert.match(
        measure.text(value),
        /^(?:neutral|(?:(?:anti-)?regularizing )?[+−>]?[\d.,]+(?:e−?\d+)?(?: %)?|–)$/,
        `${measure.id} of ${value}`,
      );
    assert.ok(measure.about.length > 20 && measure.formula !== '' && measure.source !== '');
  }
  assert.equal(measureNamed('net').value(line, line), 0.18);
  assert.equal(measureNamed('normRate').value(tensorLine({ normRate: -1 }), line), -0.5);
  assert.equal(measureNamed('net').value(tensorLine(), { ...line, normRateBase: 0 }), null);
  assert.equal(measureNamed('no such measure').id, 'strength');
});

test('a step without a correction is not what the numbers are from', () => {
  const a = run({ steps: 2 });
  const { kappa: _, ...plain } = a.steps[2];
  assert.equal(lastMeasured([...a.steps.slice(0, 2), plain])?.step, 1);
  assert.equal(lastMeasured([plain]), undefined);
  assert.equal(series([plain], measureNamed('strength'), 'fc.weight').length, 1);
  const long = run({ steps: 999 });
  const steps = long.steps.map((line) => (line.step % 10 === 3 ? line : { ...line, kappa: undefined }));
  const some = sampled({ ...long, steps }, 20).map(({ step }) => step);
  assert.ok(some.length <= 21 && some.every((step) => step % 10 === 3) && some.at(-1) === 993, `${some}`);
  const sparse = long.steps.map((line) => (line.step % 100 === 0 ? line : { ...line, tensors: {} }));
  assert.deepEqual(sampled({ ...long, steps: sparse }, 20).map(({ step }) => step), sparse.flatMap(({ step }) => (step % 100 === 0 ? [step] : []))); // biome-ignore format: one line
  assert.equal(lastMeasured(sparse)?.step, 900, 'what is shown has the values of each tensor');
});

test('the effect: of the line where it is defined, then that at the lowest loss; runs without one show the strength', () => {
  const plain = run();
  assert.equal(barMeasure(plain, firstView).id, 'strength');
  assert.ok(!measuresOf(plain).some(({ measured }) => measured));
  const going = measuredRun({ ended: false });
  assert.equal(barMeasure(going, firstView).id, 'effect');
  const line = effectLineOf(going)!;
  assert.equal(line.step, 2, 'the last line has none');
  assert.deepEqual(
    rows(going, line, firstView).map(({ value, predicted, believable }) => [value, predicted, believable]),
    [
      [0.1, 4.6, true],
      [-0.05, 4.6, true],
    ],
  );
  const ended = effectLineOf(measuredRun({ ended: true }))!;
  assert.deepEqual([ended.effect, ended.tensors['fc.weight'].effect], [0.12, 0.14]);
});

test('bars of a measure without a direction have neither colour', () => {
  assert.equal(sideOf(measureNamed('cosine'), -1), 'neutral');
  assert.equal(sideOf(measureNamed('relative'), 1), 'neutral');
  assert.equal(sideOf(measureNamed('strength'), 1), 'anti');
  assert.equal(sideOf(measureNamed('kappa'), 1), 'anti');
  assert.equal(sideOf(measureNamed('net'), -1), 'regularizing');
});

test('κ and strength are read in words, and are drawn upwards where they are anti-regularizing', () => {
  const model = lastMeasured(run().steps)!;
  const texts = (kappa: number | null) =>
    ['kappa', 'strength'].map((id) => {
      const { value, text } = measureNamed(id);
      return text(value({ ...model, kappa, hKappa: kappa === null ? null : 1e-3 * kappa }, model));
    });
  assert.deepEqual(texts(-9.51234), ['anti-regularizing 9.51', 'anti-regularizing 0.00951']);
  assert.deepEqual(texts(12345.6), ['regularizing 12,350', 'regularizing 12.3']);
  assert.deepEqual(texts(0), ['neutral', 'neutral']);
  assert.deepEqual(texts(null), ['–', '–']);
  assert.equal(measureNamed('kappa').value({ ...model, kappa: -10 }, model), 10);
});

test('settings and what differs between runs', () => {
  const a = run();
  const b = run({ hyper: { lr: 1e-4, beta2: 0.95, weight_decay: 0.01 } });
  const sgd = run({
    header: { optimizer: { name: 'sgd', title: 'SGD', framework: 'pytorch', hyper: { lr: 0.1, momentum: 0.9 } } },
  });
  assert.equal(settingsText(a.header), 'Adam · lr 0.001 · betas (0.9, 0.999) · eps 1e-8');
  assert.equal(settingsText(b.header), 'Adam · lr 1e-4 · betas (0.9, 0.95) · eps 1e-8 · weight_decay 0.01');
  assert.deepEqual(differences([a, b]), [
    ['lr 0.001', 'beta2 0.999', 'weight_decay 0'],
    ['lr 1e-4', 'beta2 0.95', 'weight_decay 0.01'],
  ]);
  assert.deepEqual(differences([a, a]), [[], []]);
  assert.deepEqual(differences([a, sgd])[1], ['optimizer SGD', 'lr 0.1', 'momentum 0.9']);
  assert.equal(normFloor(a.header), 100 * Math.sqrt(1e-8));
});

test('a saved view of any kind becomes a view', () => {
  assert.deepEqual(restoreView(undefined), firstView);
  assert.deepEqual(restoreView({ tab: 'curves', filter: 'x', selected: 'fc.weight' }), {
    ...firstView,
    tab: 'curves',
    filter: 'x',
    selected: 'fc.weight',
  });
  assert.deepEqual(restoreView({ tab: 'gone', sort: 3, logarithmic: 'yes' }), firstView);
  fc.assert(
    fc.property(fc.anything(), (saved) => assert.deepEqual(Object.keys(restoreView(saved)), Object.keys(firstView))),
  );
});

test('what comes out of a page is taken only where it is a message', () => {
  for (const action of panelActions) assert.ok(isFromPanel({ type: 'do', action }));
  assert.ok(isFromPanel({ type: 'ready', folders: ['/a'] }));
  assert.ok(isFromPanel({ type: 'export', format: 'csv', name: 'x', content: '' }));
  for (const wrong of [
    null,
    1,
    {},
    { type: 'do', action: 'rm' },
    { type: 'ready' },
    { type: 'ready', folders: [1] },
    { type: 'export', format: 'exe', name: 'x', content: '' },
  ])
    assert.ok(!isFromPanel(wrong), JSON.stringify(wrong));
  assert.ok(isFromModelPage({ type: 'inspect' }) && !isFromModelPage({ type: 'run' }) && !isFromModelPage(null));
  fc.assert(fc.property(fc.anything(), (value) => void isFromPanel(value)));
});
