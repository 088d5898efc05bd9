import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writeNpzFile } from '../../extension/datasets/npz.ts';
import { readWeights } from '../../extension/engine/weights.ts';
import { inspect } from '../../extension/jobs/inspect.ts';
import type { Observer } from '../../extension/jobs/observer.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { sample } from '../support/paths.ts';

const folder = mkdtempSync(join(tmpdir(), 'state-'));
after(() => rmSync(folder, { recursive: true }));

const observer: Observer = { started() {}, progress() {}, record() {}, cancelled: false };

/** Runs on the first samples of the bundled digits. */
const run = (asked: Partial<InspectRequest>) =>
  inspect(
    {
      directory: folder,
      model: join(sample, 'digits.onnx'),
      data: join(sample, 'digits.npz'),
      limit: 50,
      optimizer: 'adam',
      framework: 'pytorch',
      hyper: {},
      steps: 5,
      every: 4,
      stage: 'step',
      device: 'cpu',
      threads: 1,
      freeze: [],
      trainable: [],
      arrays: false,
      // What begins with the run: the reference, and the middle of it.
      reference: 'none',
      edgeEvery: 0,
      ...asked,
    },
    'cpu',
    observer,
  );

const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');

async function saved(name: string): Promise<Map<string, string>> {
  const tensors = await readWeights(join(folder, name));
  return new Map([...tensors].map(([key, tensor]) => [key, `${tensor.type} ${tensor.shape} ${bytes(tensor)}`]));
}

const lines = (out: string): StepLine[] =>
  readFileSync(join(folder, out, 'steps.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** What was measured after a step, and the losses of all mini-batches, which go with the next measurement. */
/** What a run sums up from its own beginning. */
const ofTheRun: readonly string[] = ['selfCheckRun', 'selfCheckAveraged'];
const measured = (out: string, after: number) =>
  lines(out)
    .filter(({ step }) => step > after)
    .map(({ batchLosses: _, ...line }) =>
      JSON.stringify(line, (key, value) => (ofTheRun.includes(key) ? undefined : value)),
    );
const losses = (out: string) => lines(out).flatMap(({ batchLosses = [] }) => batchLosses);

describe('a run that goes on from a saved state is the run that was never stopped, bit for bit', () => {
  const batched = { batchSize: 16, seed: 3 };
  const cases: [name: string, request: Partial<InspectRequest>][] = [
    ['Adam, all samples', {}],
    ['AMSGrad, mini-batches', { ...batched, hyper: { amsgrad: true } }],
    [
      'AdamW, mini-batches with a schedule, clipping and groups',
      {
        ...batched,
        optimizer: 'adamw',
        schedule: { kind: 'cosine', warmup: 2, steps: 11 },
        clipNorm: 0.5,
        groups: [{ glob: '*.bias', hyper: { weight_decay: 0, lr: 1e-2 } }],
      },
    ],
    [
      'SGD with momentum, drawn with replacement',
      { ...batched, order: 'replacement', optimizer: 'sgd', hyper: { momentum: 0.9, dampening: 0.1 } },
    ],
    ['NAdam', { ...batched, optimizer: 'nadam' }],
    [
      'RMSprop, centered, with momentum',
      { ...batched, optimizer: 'rmsprop', hyper: { centered: true, momentum: 0.5 } },
    ],
    ['Adagrad', { ...batched, optimizer: 'adagrad', hyper: { initial_accumulator_value: 0.1 } }],
    ['Lion', { ...batched, optimizer: 'lion' }],
  ];
  for (const [name, request] of cases)
    it(name, async () => {
      await run({ ...request, steps: 11, out: 'whole', saveState: 'whole.npz' });
      await run({ ...request, steps: 6, out: 'first', saveState: 'first.safetensors' });
      await run({ ...request, steps: 5, out: 'second', state: 'first.safetensors', saveState: 'second.npz' });
      assert.deepEqual(await saved('second.npz'), await saved('whole.npz'));
      assert.deepEqual(measured('second', 6), measured('whole', 6));
      assert.deepEqual([...losses('first'), ...losses('second')], losses('whole'));
    });
});

describe('a state', () => {
  it('has the names of PyTorch', async () => {
    await run({ out: 'named', saveState: 'named.safetensors' });
    assert.deepEqual(
      [...(await saved('named.safetensors')).keys()],
      [
        'step',
        ...['', 'exp_avg/', 'exp_avg_sq/'].flatMap((kind) =>
          ['0.weight', '0.bias', '2.weight', '2.bias'].map((name) => kind + name),
        ),
      ],
    );
  });

  it('may leave the parameters to the model', async () => {
    await run({ out: 'before', saveState: 'before.npz' });
    const tensors = await readWeights(join(folder, 'before.npz'));
    await writeNpzFile(
      join(folder, 'moments.npz'),
      new Map([...tensors].filter(([key]) => key === 'step' || key.includes('/'))),
    );
    await run({ out: 'weights', weights: 'before.npz', state: 'moments.npz', saveState: 'a.npz' });
    await run({ out: 'all', state: 'before.npz', saveState: 'b.npz' });
    assert.deepEqual(await saved('a.npz'), await saved('b.npz'));
  });

  const faults: [name: string, change: (tensors: Map<string, Tensor>) => void, what: RegExp][] = [
    ['that does not say its step', (tensors) => tensors.delete('step'), /does not say after how many steps/],
    [
      'of another optimizer',
      (tensors) => tensors.delete('exp_avg_sq/0.bias'),
      /is no state of Adam for this model:\n {2}"exp_avg_sq\/0.bias" is missing/,
    ],
    [
      'of another shape',
      (tensors) => tensors.set('exp_avg/2.bias', tensorOf('float32', [2], [0, 0])),
      /"exp_avg\/2.bias" has shape \[2\], the parameter \[10\]/,
    ],
  ];
  for (const [name, change, what] of faults)
    it(`${name} is refused`, async () => {
      await run({ out: 'before', saveState: 'before.npz' });
      const tensors = await readWeights(join(folder, 'before.npz'));
      change(tensors);
      await writeNpzFile(join(folder, 'bad.npz'), tensors);
      await assert.rejects(run({ out: 'never', state: 'bad.npz' }), (error: Error) => {
        assert.ok(error instanceof InspectorError);
        assert.match(error.message, what);
        return true;
      });
    });

  it('is saved in a format that can be read', async () => {
    await assert.rejects(run({ saveState: 'state.pt' }), /cannot be saved as "state.pt"/);
  });
});
