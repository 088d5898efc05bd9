import { extname, resolve } from 'node:path';
import { readNpy } from '../datasets/npy.ts';
import type { Batches } from '../engine/batches.ts';
import type { Problem } from '../engine/problem.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { batchOrders, type InspectRequest } from '../shared/request.ts';
import { at, joinWords, type Words, words } from '../shared/words.ts';
import { Random } from './random.ts';

/** The mini-batches of a run, and what is told of them. */
export interface OrderedBatches extends Batches {
  readonly order: string;
  readonly seed?: number;
  readonly dropLast: boolean;
  /** Steps of an epoch; undefined where the order comes from a file. */
  readonly perEpoch?: number;
}

type BatchRequest = Pick<InspectRequest, 'directory' | 'batchSize' | 'order' | 'seed' | 'dropLast' | 'steps'>;

/** Seeds are told apart from epochs by this. */
const mostSeeds = 2 ** 32;

/**
 * The mini-batches that a request asks for; undefined where every step sees all samples. They depend on step and seed only,
 * so that a run can go on in the middle. Throws an InspectorError for what is not possible.
 *
 * @param last the step behind the last one that is taken
 */
export async function batchesOf(
  request: BatchRequest,
  problem: Problem,
  last = request.steps,
): Promise<OrderedBatches | undefined> {
  const { batchSize, order = 'reshuffled', dropLast = false, seed = 0 } = request;
  const fromFile = !(batchOrders as readonly string[]).includes(order);
  if (batchSize === undefined && !fromFile) {
    const given = [
      ...(request.order === undefined ? [] : [words`${at('order')}`]),
      ...(request.seed === undefined ? [] : [words`${at('seed')}`]),
      ...(dropLast ? [words`${at('dropLast')}`] : []),
    ];
    if (given.length === 0) return undefined;
    throw new InspectorError(
      words`${joinWords(given, ' and ')} ${given.length > 1 ? 'need' : 'needs'} ${at('batchSize')}.`,
      'Without it every step sees all samples.',
    );
  }
  const { samples, fixedBatch, feeds } = problem;
  if (!feeds.some(({ perSample }) => perSample))
    throw new InspectorError(
      'The model takes no samples, so there is nothing to make mini-batches of.',
      words`Leave ${at('batchSize')} out.`,
    );
  const batches = fromFile
    ? await orderFromFile(request, samples, last)
    : epochs({ samples, size: batchSize!, order, seed, dropLast });
  const rest = batches.perEpoch === undefined ? 0 : samples % batches.size;
  if (fixedBatch !== undefined && (batches.size !== fixedBatch || (rest > 0 && !dropLast)))
    throw new InspectorError(
      batches.size === fixedBatch
        ? `The model is bound to batches of ${fixedBatch}, but the last mini-batch of an epoch has ${rest} samples.`
        : `The model is bound to batches of ${fixedBatch}, so mini-batches of ${batches.size} are impossible.`,
      batches.size === fixedBatch
        ? words`Give ${at('dropLast')}, or export the model with a dynamic batch axis.`
        : words`Use ${at('batchSize', fixedBatch)}, or export the model with a dynamic batch axis.`,
    );
  return batches;
}

/** A request with what it leaves to the mini-batches: they are measured once per epoch. */
export const withEvery = (request: InspectRequest, batches: OrderedBatches | undefined) => ({
  ...request,
  every: request.every ?? batches?.perEpoch ?? 1,
});

/** Epochs as PyTorch's DataLoader has them: the last batch is smaller, or left out with `dropLast`. */
export function epochs(options: {
  samples: number;
  size: number;
  order: string;
  seed: number;
  dropLast: boolean;
}): OrderedBatches {
  const { samples, order, seed, dropLast } = options;
  if (!Number.isSafeInteger(seed) || seed < 0 || seed >= mostSeeds)
    throw new InspectorError(`The seed is ${seed}.`, 'Give a whole number from 0 to 4294967295.');
  if (!Number.isSafeInteger(options.size) || options.size < 1)
    throw new InspectorError(
      `Mini-batches of ${options.size} samples are impossible.`,
      'Give a whole number of at least 1.',
    );
  const size = Math.min(options.size, samples);
  if (dropLast && options.size > samples)
    throw new InspectorError(
      words`Mini-batches of ${options.size} are larger than the ${samples} samples, and ${at('dropLast')} leaves none.`,
      words`Choose a smaller ${at('batchSize')}, or leave ${at('dropLast')} out.`,
    );
  const perEpoch = dropLast ? Math.floor(samples / size) : Math.ceil(samples / size);
  let known: { readonly epoch: number; readonly indices: readonly number[] } | undefined;
  const indicesOf = (epoch: number): readonly number[] => {
    if (known?.epoch === epoch) return known.indices;
    const random = new Random(seed + mostSeeds * (epoch + 1));
    const indices =
      order === 'reshuffled'
        ? random.permutation(samples)
        : Array.from({ length: samples }, (_, i) => (order === 'replacement' ? random.below(samples) : i));
    known = { epoch, indices };
    return indices;
  };
  const samplesAt = (step: number) => {
    const from = (step % perEpoch) * size;
    return indicesOf(Math.floor(step / perEpoch)).slice(from, Math.min(from + size, samples));
  };
  const sizeAt = (step: number) => Math.min(size, samples - (step % perEpoch) * size);
  return {
    size,
    order,
    ...(order !== 'cyclic' && { seed }),
    dropLast,
    perEpoch,
    sizeAt,
    samplesAt,
  };
}

/** The rows of a file, int64 [steps, batch]: row n has the indices of the samples of step n. */
async function orderFromFile(
  { directory, batchSize, order, seed, dropLast }: BatchRequest,
  samples: number,
  last: number,
): Promise<OrderedBatches> {
  const path = resolve(directory, order!);
  if (extname(path).toLowerCase() !== '.npy')
    throw new InspectorError(
      words`${at('order')} is ${quoteName(order!, 200)}.`,
      `Give ${batchOrders.join(', ')} or a .npy file of shape [steps, batch].`,
    );
  if (seed !== undefined || dropLast)
    throw new InspectorError(
      words`${at(seed === undefined ? 'dropLast' : 'seed')} has no effect on an order from a file.`,
      'Leave it out.',
    );
  const rows = await readNpy(path);
  const [, size] = rows.shape;
  checkRows(rows, order!, { batchSize, samples, last });
  const indices = Uint32Array.from(rows.data as BigInt64Array, Number);
  return {
    size,
    order: order!,
    dropLast: false,
    sizeAt: () => size,
    samplesAt: (step) => indices.subarray(step * size, (step + 1) * size),
  };
}

function checkRows(
  { type, shape, data }: Tensor,
  name: string,
  { batchSize, samples, last }: { batchSize: number | undefined; samples: number; last: number },
): void {
  const fail = (what: Words, remedy: Words): never => {
    throw new InspectorError(words`The order ${quoteName(name, 200)} ${what}.`, remedy);
  };
  const [steps, size] = shape;
  if (type !== 'int64' || shape.length !== 2 || size === 0)
    fail(
      `is an array of type ${type} and shape [${shape.join(', ')}]`,
      'It must be int64 [steps, batch]: row n has the indices of the samples of step n.',
    );
  if (batchSize !== undefined && size !== batchSize)
    fail(
      words`has ${size} samples in each row, but ${at('batchSize')} is ${batchSize}`,
      words`Leave ${at('batchSize')} out.`,
    );
  if (steps < last)
    fail(`has ${steps} rows, but the run goes to step ${last}`, words`Save more rows, or take fewer ${at('steps')}.`);
  const bad = (data as BigInt64Array).findIndex((index) => index < 0n || index >= BigInt(samples));
  if (bad >= 0)
    fail(
      `names sample ${data[bad]} in row ${Math.floor(bad / size)}, but there are ${samples}, counted from 0`,
      words`Check that it was made for these data, and ${at('limit')}.`,
    );
}
