import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configuredOptimizer } from '../../extension/advice/configured.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import { withPlaces } from '../../extension/configs/places.ts';
import {
  defaultOptimizer,
  describeOptimizer,
  hyperChanges,
  hyperOf,
  openValues,
  optimizerWithoutText,
} from '../../extension/features/inspect/hyper.ts';
import { trainingDifferences } from '../../extension/features/inspect/proposal.ts';
import { requestOf } from '../../extension/features/inspect/targets.ts';
import { proposed, timingText } from '../../extension/jobs/timing.ts';
import { outputsOf } from '../../extension/onnx/outputs.ts';
import { checkRequest } from '../../extension/shared/checkRequest.ts';
import { originsText, settingsText } from '../../webview/measures.ts';

const root = mkdtempSync(join(tmpdir(), 'open-'));
after(() => rmSync(root, { recursive: true, force: true }));

const text = 'import torch\nb = 0.97\no = torch.optim.AdamW(p, lr=args.lr, betas=(0.8, b))\n';
const configs = withPlaces(analyse({ path: 'a.py', language: 'python', text }), { own: text, file: () => undefined, root: '' }); // biome-ignore format: one line
const optimizer = configuredOptimizer(configs[0]!)!;

test('what the text leaves open is asked; what was answered is marked, and nothing else becomes a default in silence', () => {
  const open = openValues(optimizer, { known: {}, asked: [], where: 'line 3' });
  assert.deepEqual(open.map(({ spec, value, standard }) => [spec.name, value, standard]), [['lr', undefined, 1e-3]]); // biome-ignore format: one line
  assert.match(open[0]!.description, /not known from line 3, so it is asked/);
  const target = { model: 'a.onnx', optimizer: 'adamw', hyper: { lr: 3e-4, beta1: 0.5 } };
  const [seen] = openValues(optimizer, { known: target, asked: [], where: 'line 3' });
  assert.deepEqual([seen!.value, seen!.description], [3e-4, 'from .optimizer-bias.json']);
  const request = requestOf('/w', target, optimizer, ['lr']);
  checkRequest(request);
  // What is written in the text counts, whatever was seen before.
  assert.deepEqual({ ...request.hyper, lr: 3e-4, beta1: 0.8, beta2: 0.97, eps: 1e-8 }, request.hyper);
  assert.deepEqual(
    { ...request.origins, lr: 'asked', beta2: 'line 2', eps: 'default', weight_decay: 'default' },
    request.origins,
  );
  assert.equal('beta1' in request.origins!, false);
  assert.equal(hyperOf(optimizer).origins!.lr, 'assumed');
  // Of another optimizer, nothing is taken.
  const other = requestOf('/w', { ...target, optimizer: 'sgd' }, optimizer);
  assert.equal(other.hyper.lr, undefined);
  assert.equal(describeOptimizer(request), 'AdamW lr 3e-4 (asked) · betas (0.8, 0.97) (line 2) · weight decay 0.01');
});

test('an answer still holds while the text leaves it open, and no longer once the text says it', () => {
  const request = requestOf('/w', { model: 'a.onnx', optimizer: 'adamw', hyper: { lr: 3e-4 } }, optimizer, ['lr']);
  assert.deepEqual(hyperChanges(request, optimizer), []);
  assert.deepEqual(hyperChanges(request, { ...optimizer, hyper: { ...optimizer.hyper, lr: 1e-2 }, unknown: [] }), ['lr is now 0.01']); // biome-ignore format: one line
});

test('a model without a script takes what its export saw, and what nobody said is marked', () => {
  assert.equal(optimizerWithoutText({ optimizer: 'adamw' }).optimizer, 'adamw');
  const values = openValues(optimizerWithoutText({ optimizer: 'adamw' }), {
    ...{ known: { optimizer: 'adamw', hyper: { beta2: 0.99 } }, asked: [], where: undefined },
  });
  const shown = Object.fromEntries(values.map(({ spec, value, standard, description }) => [spec.name, [value ?? standard, description]])); // biome-ignore format: one line
  assert.deepEqual(shown.beta2, [0.99, 'from .optimizer-bias.json']);
  assert.deepEqual(shown.lr, [1e-3, 'assumed: the default of PyTorch']);
  assert.deepEqual(optimizerWithoutText({ optimizer: 'nothing' }).optimizer, defaultOptimizer.optimizer);
  const request = requestOf('/w', { model: 'm' }, optimizerWithoutText({}));
  assert.equal(request.origins!.lr, 'assumed');
});

test('the panel tells what was asked and what was assumed', () => {
  const hyper = { lr: 1e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1 };
  const origins = { lr: 'asked', beta2: 'configs/base.yaml:4', eps: 'default', weight_decay: 'assumed' };
  const header = { optimizer: { name: 'adamw', title: 'AdamW', hyper }, request: { origins } } as never;
  assert.equal(settingsText(header), 'AdamW · lr 0.001 (asked) · betas (0.9, 0.99) · eps 1e-8 · weight_decay 0.1 (assumed)'); // biome-ignore format: one line
  assert.equal(
    originsText(header),
    'lr 0.001: asked · beta2 0.99: from configs/base.yaml:4 · eps 1e-8: the library’s default · weight_decay 0.1: assumed, since nobody has said it: the library’s default',
  );
});

test('what differs from the training is told once', () => {
  const training = { dropout: true, batchSize: 32 } as const;
  assert.deepEqual(trainingDifferences({ model: 'm', batchSize: 32, limit: 100, differs: ['dropout off'] }, training), [
    'the first 100 samples only',
    'dropout off',
  ]);
});

test('the samples that are proposed keep a step under two seconds', () => {
  assert.deepEqual(proposed(4, 1000, true), { seconds: 4, timed: 1000, samples: 500 });
  assert.deepEqual(proposed(0.5, 1000, false), { seconds: 0.5, timed: 1000, samples: 2000 });
  assert.equal(timingText(proposed(0.5, 1000, true)), 'a step of 1,000 samples takes 500 ms, which are all there are');
});

test('the outputs of a model are read without its weights, and nothing else is taken for one', () => {
  assert.deepEqual(outputsOf('media/sample/digits.onnx').length, 1);
  const field = (number: number, bytes: Buffer) => Buffer.concat([Buffer.from([number * 8 + 2, ...length(bytes.length)]), bytes]); // biome-ignore format: one line
  const length = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...length(Math.floor(n / 128))]);
  const named = (name: string) => field(12, field(1, Buffer.from(name)));
  const graph = Buffer.concat([
    field(5, Buffer.alloc(200_000, 98)),
    named('logits'),
    Buffer.from([24, 7]),
    named('größe'),
  ]);
  const [good, bad] = [join(root, 'two.onnx'), join(root, 'cut.onnx')];
  writeFileSync(good, field(7, graph));
  assert.deepEqual(outputsOf(good), ['logits', 'größe']);
  writeFileSync(bad, field(7, graph).subarray(0, 200_010));
  assert.deepEqual(outputsOf(bad), []);
  assert.deepEqual(outputsOf(root), []);
  assert.deepEqual(outputsOf('package.json'), []);
});
