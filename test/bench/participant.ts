import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chooseChunks, lanesFor } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { type Position, Runner } from '../../extension/engine/runner.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { cnn, mlp, resnetBlock, samples } from '../support/models.ts';

/**
 * One side of a comparison: builds a network and answers each line on standard input (`plain`, `corrected`, `memory`) with a
 * line of JSON. Arguments: network, samples, micro-batch (0: the program's own choice), layer sizes of an MLP.
 */
async function main(): Promise<void> {
  const [network, count, microBatch, ...sizes] = process.argv.slice(2);
  const started = performance.now();
  const images = [3, 32, 32];
  const layers = sizes.map(Number);
  const [model, shape] =
    network === 'mlp' ? [mlp(layers), [layers[0]]] : network === 'cnn' ? [cnn(), images] : [resnetBlock(), images];
  const data = samples(Number(count), shape);
  const made = performance.now();
  const problem = createProblem(model, data, { loss: 'cross-entropy' });
  const size = Number(microBatch);
  const own = chooseChunks(problem, {
    memoryBudget: 2 ** 30,
    lanes: lanesFor('cpu'),
    microBatch: size === 0 ? undefined : size,
  });
  const hyper = completeHyperparameters(adam, 'pytorch', {});
  const runner = new Runner(problem, { optimizer: adam, hyper, stage: 'step', device: 'cpu', chunks: own });
  const prepared = performance.now();
  await runner.prepare();
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
  });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'memory') answer({ megabytes: peakMegabytes() });
    else {
      const begin = performance.now();
      const advance =
        line === 'plain' ? await runner.plainSteps(position, 1) : await runner.correctedSteps(position, 1);
      position = advance.position;
      answer({ milliseconds: performance.now() - begin, loss: advance.records[0].loss });
    }
  }
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
