import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingFacts } from '../../extension/configs/training.ts';
import { propose, trainingDifferences, withModel } from '../../extension/features/inspect/proposal.ts';

const models = ['nlp/gpt.onnx', 'vision/resnet.onnx', 'vision/vit.onnx'];
const data = ['nlp/text.npz', 'vision/images.npz'];
const nlp = { source: 'nlp/train.py', model: 'nlp/gpt.onnx', data: 'nlp/text.npz', loss: 'cross-entropy', steps: 9 } as const; // biome-ignore format: one line

test('in a repository of several projects, a script gets a model and data of its own project', () => {
  const known = { models, data, targets: [nlp] };
  const vision = propose({ source: 'vision/train.py' }, known);
  assert.equal(vision.target.model?.startsWith('vision/'), true);
  assert.equal(vision.target.data, 'vision/images.npz');
  assert.deepEqual(vision.marks, { model: 'guessed', data: 'guessed' });
  const again = propose({ source: 'nlp/finetune.py' }, known);
  assert.deepEqual([again.target.model, again.target.data], [nlp.model, nlp.data]);
  assert.deepEqual(again.marks, { model: 'used last', data: 'used last' });
  assert.equal(again.target.source, 'nlp/finetune.py');
});

test('the guess of the data follows the choice of the model; nothing of the model before stays', () => {
  const known = { models, data, targets: [nlp] };
  const { target, marks } = withModel({ ...nlp, batchSize: 4 }, 'vision/vit.onnx', known);
  assert.deepEqual(
    { ...target },
    { source: nlp.source, steps: 9, device: undefined, threads: undefined, model: 'vision/vit.onnx', data: 'vision/images.npz' }, // biome-ignore format: one line
  );
  assert.deepEqual(marks, { data: 'guessed' });
  const back = withModel(target, 'nlp/gpt.onnx', known);
  assert.equal(back.target.loss, 'cross-entropy');
  assert.deepEqual(back.marks, { data: 'used last' });
});

test('what a script does beside its optimizer, and how the run differs from it', () => {
  const facts = trainingFacts(`
import torch
# batch_size=7 is a remark
parser.add_argument("--batch-size", type=int, default=64)
drop = nn.Dropout(0.1)
with autocast("cuda"): loss = model(x)
torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
`);
  assert.deepEqual(facts, { batchSize: 64, clipNorm: 1, dropout: true, mixedPrecision: true });
  assert.deepEqual(trainingFacts('DataLoader(d, batch_size=32, shuffle=True)\nclip_grad_norm_(p, max_norm=cfg.clip)'), {
    batchSize: 32,
    clipNorm: true,
  });
  assert.deepEqual(trainingFacts('loader = DataLoader(d, batch_size=cfg.batch)\nDropout = 0'), {});
  assert.deepEqual(trainingDifferences({ model: 'm' }, { ...facts, schedule: 'OneCycleLR' }), [
    'full batch instead of 64',
    'constant learning rate instead of OneCycleLR',
    'no clipping',
    'dropout off, if the model was exported in eval mode',
    'no mixed precision',
  ]);
  assert.deepEqual(trainingDifferences({ model: 'm', batchSize: 64, clipNorm: 1 }, { batchSize: 64, clipNorm: 1 }), []);
  assert.deepEqual(trainingDifferences({ model: 'm', batchSize: 8, clipNorm: 2 }, { batchSize: 64, clipNorm: 1 }), [
    'batches of 8 instead of 64',
    'clipped to 2 instead of 1',
  ]);
});

test('no text makes the search slow', () => {
  const start = performance.now();
  for (const part of ['clip_grad_norm_(', '"--batch-size"', 'batch_size', '(((', 'dropout'])
    trainingFacts(part.repeat(100_000));
  assert.ok(performance.now() - start < 20_000);
});
