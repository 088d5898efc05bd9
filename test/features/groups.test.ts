import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredOptimizer } from '../../extension/advice/configured.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import { withPlaces } from '../../extension/configs/places.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { hyperChanges, openValues } from '../../extension/features/inspect/hyper.ts';
import { trainingDifferences } from '../../extension/features/inspect/proposal.ts';
import { requestOf } from '../../extension/features/inspect/targets.ts';
import { settingsOf } from '../../extension/jobs/setup.ts';
import { checkRequest } from '../../extension/shared/checkRequest.ts';
import { groupLines, groupOf, groupText } from '../../extension/shared/groupLabel.ts';
import type { RunHeader } from '../../extension/shared/protocol.ts';
import { ModelBuilder, samples } from '../support/models.ts';

const m = new ModelBuilder('float64');
const model = m.model([3], m.linear(m.node('Tanh', [m.linear('x', 'encoder.0', 3, 4)]), 'head', 4, 10));
const problem = createProblem(model, samples(12, [3]), { loss: 'cross-entropy' });

/** The optimizer of a script as the sheet has it. */
function optimizerOf(script: string) {
  const text = `import torch\n${script}`;
  const configs = analyse({ path: 'a.py', language: 'python', text });
  const [config] = withPlaces(configs, { own: text, file: () => undefined, root: '' });
  return configuredOptimizer(config!)!;
}

/** The numbers that a name has for each tensor, as the engine is told from the script alone. */
function perTensor(script: string, name: string): Record<string, unknown> {
  const request = requestOf('/w', { model: 'a.onnx' }, optimizerOf(script));
  checkRequest(request);
  const { hyper, groups } = settingsOf(request, { model, problem });
  return Object.fromEntries(
    problem.layout.segments.map((segment, i) => {
      const k = groups?.of[i] ?? 0;
      return [segment.name, (k === 0 ? hyper : groups!.numbers[k - 1]!.hyper)[name]];
    }),
  );
}

const decay = `groups = [
    {"params": [p for n, p in model.named_parameters() if not any(nd in n for nd in ["bias", "norm"])], "weight_decay": 0.1},
    {"params": [p for n, p in model.named_parameters() if any(nd in n for nd in ["bias", "norm"])], "weight_decay": 0.0},
]
torch.optim.AdamW(groups, lr=1e-3)`;

test('groups of the code reach every tensor without a question', () => {
  assert.deepEqual(perTensor(decay, 'weight_decay'), {
    ...{ 'encoder.0.weight': 0.1, 'encoder.0.bias': 0, 'head.weight': 0.1, 'head.bias': 0 },
  });
  const dimensions = `torch.optim.AdamW([
    {"params": [p for p in model.parameters() if p.ndim >= 2]},
    {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}], weight_decay=0.3, lr=1e-3)`;
  assert.deepEqual(Object.values(perTensor(dimensions, 'weight_decay')), [0.3, 0, 0.3, 0]);
  const except = `torch.optim.AdamW([
    {"params": [p for n, p in model.named_parameters() if "head" not in n], "lr": 1e-5},
    {"params": model.head.parameters()}], lr=1e-3)`;
  assert.deepEqual(Object.values(perTensor(except, 'lr')), [1e-5, 1e-5, 1e-3, 1e-3]);
});

test('a learning rate that each group sets for itself is not asked', () => {
  const script = `torch.optim.Adam([
    {"params": model.encoder.parameters(), "lr": 1e-4},
    {"params": model.head.parameters(), "lr": 1e-2}])`;
  const optimizer = optimizerOf(script);
  assert.deepEqual(openValues(optimizer, { known: {}, asked: [], where: 'line 2' }), []);
  assert.deepEqual(Object.values(perTensor(script, 'lr')), [1e-4, 1e-4, 1e-2, 1e-2]);
});

test('what the text does not tell is not taken over, and said', () => {
  const script = `torch.optim.AdamW([
    {"params": generator.parameters(), "lr": 1e-4},
    {"params": critic.parameters(), "lr": args.lr},
    {"params": odd(model), "weight_decay": 0}], lr=1e-3)`;
  const { groups, openGroups } = optimizerOf(script);
  assert.equal(groups, undefined);
  assert.deepEqual(openGroups, [
    'the group of line 3: which parameters it takes',
    'the group of line 4: its lr',
    'the group of line 5: which parameters it takes',
  ]);
  assert.deepEqual(trainingDifferences({}, { openGroups }), openGroups!.map((each) => `not taken over: ${each}`)); // biome-ignore format: one line
});

test('the user may leave them out, and a change of them in the code is noticed', () => {
  const optimizer = optimizerOf(decay);
  const request = requestOf('/w', { model: 'a.onnx' }, optimizer);
  assert.deepEqual(request.groups!.map(groupText), ['*bias*, *norm*: weight_decay 0']);
  assert.equal(request.groups![0]!.place, 'line 4');
  assert.deepEqual(hyperChanges(request, optimizer), []);
  const moved = optimizerOf(`# a comment\n${decay}`);
  assert.deepEqual(hyperChanges(request, moved), [], 'where it stands makes no difference');
  const other = optimizerOf(decay.replace('"weight_decay": 0.0', '"weight_decay": 0.01'));
  assert.deepEqual(hyperChanges(request, other), ['its parameter groups have changed']);
  const alike = requestOf('/w', { model: 'a.onnx', groups: [] }, optimizer);
  assert.deepEqual(alike.groups, []);
  assert.deepEqual(hyperChanges(alike, optimizer), []);
  assert.deepEqual(trainingDifferences({ groups: [] }, { groups: optimizer.groups }), [
    'all parameters alike instead of groups',
  ]);
});

test('a group of the code that matches nothing is told; one that was typed is refused', () => {
  const base = requestOf('/w', { model: 'a.onnx' }, optimizerOf('torch.optim.AdamW(p, lr=1e-3)'));
  const group = { glob: 'decoder.*', hyper: { lr: 1e-4 } };
  const { groups, notes } = settingsOf({ ...base, groups: [{ ...group, place: 'line 4' }] }, { model, problem });
  assert.equal(groups, undefined);
  assert.deepEqual(notes, ['The group of line 4 (decoder.*) matches no parameter that is trained.']);
  assert.throws(() => settingsOf({ ...base, groups: [group] }, { model, problem }), /matches the group "decoder\.\*"/);
});

test('groups that differ in betas have no correction, and it is said', () => {
  const script = `torch.optim.Adam([
    {"params": model.encoder.parameters(), "betas": (0.5, 0.9)},
    {"params": model.head.parameters()}], lr=1e-3)`;
  const { notApplicable } = settingsOf(requestOf('/w', { model: 'a.onnx' }, optimizerOf(script)), { model, problem });
  assert.match(
    notApplicable!,
    /The groups differ in beta1, beta2\. The correction is known for groups that differ in lr/,
  );
});

test('what every tensor has, and a line for each group', () => {
  const header = {
    optimizer: { hyper: { lr: 1e-3, weight_decay: 0.1 } },
    groups: [
      {
        ...{ glob: '*.bias', place: 'line 4', hyper: { lr: 1e-3, weight_decay: 0 }, tensors: ['head.bias'] },
        ...{ hKappaLimit: -0.99, switchGradient: null },
      },
    ],
  } as unknown as RunHeader;
  assert.deepEqual(groupOf(header, 'head.bias'), { group: 1, lr: 1e-3, weightDecay: 0 });
  assert.deepEqual(groupOf(header, 'head.weight'), { group: 0, lr: 1e-3, weightDecay: 0.1 });
  assert.deepEqual(groupLines(header), [
    'Group 1 (*.bias, line 4; 1 tensor): weight_decay 0; theory: anti-regularizing 0.99 in the long run.',
  ]);
});
