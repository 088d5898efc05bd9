import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { batchPlan, chooseChunks, lanesFor } from '../../extension/engine/chunks.ts';
import { memoryNeed } from '../../extension/engine/memory.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { type Position, Runner } from '../../extension/engine/runner.ts';
import type { Device } from '../../extension/engine/session.ts';
import { residualNetwork } from '../../extension/experiments/networks/residual.ts';
import { epochs } from '../../extension/jobs/batchOrder.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { cnn, gpt, mlp, resnetBlock, samples, sequences } from '../support/models.ts';

/**
 * One side of a comparison: builds a network and answers each line on standard input (`plain`, `corrected`, `minibatch`, `memory`) with a
 * line of JSON. Arguments: network, samples, micro-batch (0: the program's own choice), sizes of the network. With `batch=BxN`
 * in place of the micro-batch, `minibatch` takes N steps on mini-batches of B. The variable BENCH_DEVICE names another device
 * than the processor.
 */
async function main(): Promise<void> {
  const [network, count, microBatch, ...sizes] = process.argv.slice(2);
  const started = performance.now();
  const device = (process.env.BENCH_DEVICE ?? 'cpu') as Device;
  const [model, data] = subjectOf(network, Number(count), sizes.map(Number));
  const made = performance.now();
  const problem = createProblem(model, data, { loss: 'cross-entropy', batchStatistics: network === 'resnet50' });
  const [, batch, lot] = /^batch=(\d+)x(\d+)$/.exec(microBatch)?.map(Number) ?? [];
  const size = batch === undefined ? Number(microBatch) : 0;
  const options = { memoryBudget: 2 ** 30, microBatch: size === 0 ? undefined : size };
  const own = {
    ...chooseChunks(problem, { ...options, lanes: lanesFor(device) }),
    ...(batch !== undefined && { batch: batchPlan(problem, batch, options) }),
  };
  const batches =
    batch === undefined
      ? undefined
      : epochs({ samples: problem.samples, size: batch, order: 'reshuffled', seed: 0, dropLast: false });
  const hyper = completeHyperparameters(adam, 'pytorch', {});
  const runner = new Runner(problem, { optimizer: adam, hyper, stage: 'step', device, chunks: own, batches });
  const prepared = performance.now();
  if (!batches) await runner.prepare();
  const built = performance.now();
  let position: Position = runner.start();
  const answer = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
  answer({
    ready: true,
    parameters: problem.layout.count,
    chunks: own,
    make: made - started,
    build: prepared - made,
    load: built - prepared,
    need: memoryNeed(problem, own),
  });
  const take = async (kind: string, steps: number): Promise<number> => {
    if (kind !== 'minibatch') {
      const advance =
        kind === 'plain' ? await runner.plainSteps(position, 1) : await runner.correctedSteps(position, 1);
      position = advance.position;
      return advance.records[0].loss;
    }
    const end = position.step + steps;
    let loss = Number.NaN;
    while (position.step < end) {
      const advance = await runner.batchSteps(position, end - position.step);
      position = advance.position;
      loss = advance.losses.at(-1)!;
    }
    return loss;
  };
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'memory') answer({ megabytes: peakMegabytes() });
    else {
      const begin = performance.now();
      const before = process.cpuUsage();
      const steps = line === 'minibatch' ? lot : 1;
      const loss = await take(line, steps);
      const { user, system } = process.cpuUsage(before);
      answer({ milliseconds: (performance.now() - begin) / steps, cpu: (user + system) / 1000 / steps, loss });
    }
  }
}

/** A network and its data; `sizes` are those of an MLP's layers, or vocabulary, width, length and layers of a transformer. */
function subjectOf(network: string, count: number, sizes: readonly number[]): [Model, Dataset] {
  const images = [3, 32, 32];
  if (network === 'mlp') return [mlp(sizes), samples(count, [sizes[0]])];
  if (network === 'cnn') return [cnn(), samples(count, images)];
  // Normalised by ghost batches, as large as the micro-batch.
  const resnet50 = { blocks: [3, 4, 6, 3], width: 64, bottleneck: true };
  if (network === 'resnet50') return [residualNetwork([3, 32, 32], resnet50, 10, 0, 'float32'), samples(count, images)];
  if (network !== 'gpt') return [resnetBlock(), samples(count, images)];
  const [vocabulary, width, length, layers] = sizes;
  const size = { vocabulary, width, length, layers };
  return [gpt(size), sequences(count, size)];
}

/** Most memory that the process ever held; null where the system does not say. */
function peakMegabytes(): number | null {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024);
  } catch {
    return null;
  }
}

void main();
