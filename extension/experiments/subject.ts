import { join, resolve } from 'node:path';
import { type Dataset, loadDataset } from '../datasets/dataset.ts';
import { limitSamples, type Normalisation } from '../datasets/samples.ts';
import { type Problem, prepareProblem } from '../engine/problem.ts';
import { drawnAnew } from '../jobs/drawnAnew.ts';
import { inferenceForm } from '../jobs/runningStatistics.ts';
import { readModel } from '../onnx/read.ts';
import { elementCount, type FloatType, numbersOf, type Tensor } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import { thousands } from '../shared/format.ts';
import type { LossName } from '../shared/losses.ts';
import { lossNames } from '../shared/losses.ts';
import { mention, words } from '../shared/words.ts';
import { choice, count, file, type Surroundings, text } from './experiment.ts';
import { type NetworkChoice, type NetworkName, networkFor, standardWidth } from './networks/index.ts';

/** The parameters of experiments on a network: the user's model and data, or the bundled ones. */
export const subjectParameters = {
  model: file(
    words`the model (default: a GELU network built for the data, two hidden layers of ${mention('width')} units)`,
  ),
  data: file('samples and labels (default: the bundled handwritten digits)'),
  x: file('samples alone (npy, IDX)'),
  y: file('labels alone (npy, IDX)'),
  limit: count(10000, 'use the first N samples only'),
  scale: text('multiply the samples by S (default: 1/255 for bytes)'),
  loss: choice('auto', ['auto', ...lossNames], 'what is minimised'),
  width: count(32, 'units of each hidden layer of the network that is built'),
  seed: count(0, 'seed of its initial weights', { min: 0 }),
  dtype: choice('float64', ['float32', 'float64'], 'precision'),
};

interface SubjectValues {
  readonly model: string | undefined;
  readonly data: string | undefined;
  readonly x: string | undefined;
  readonly y: string | undefined;
  readonly limit: number;
  readonly scale: string | undefined;
  readonly loss: string;
  readonly width: number;
  readonly seed: number;
  readonly dtype: string;
  /** Which network is built where no model is given, and its depth. */
  readonly network?: string;
  readonly depth?: number;
  /** Given where BatchNormalization is to use the statistics of the training data. */
  readonly ghostBatch?: number;
  /** Subtract the mean of the training samples and divide by their deviation. */
  readonly standardise?: boolean;
  readonly testData?: string;
  readonly testX?: string;
  readonly testY?: string;
  /** Share of the samples, the last ones, that is held out as test set where there is no other. */
  readonly testShare?: number;
}

/** Operators with kinks or jumps in their first derivative: with them E is only piecewise smooth. */
const kinked: ReadonlySet<string> = new Set([
  ...['Relu', 'LeakyRelu', 'PRelu', 'ThresholdedRelu', 'HardSigmoid', 'HardSwish', 'Clip', 'Shrink'],
  ...['Abs', 'Max', 'Min', 'MaxPool', 'GlobalMaxPool', 'ReduceMax', 'ReduceMin', 'Sign', 'Round', 'Floor', 'Ceil'],
]);

/** Model and data of an experiment. */
export interface NetworkSubject {
  readonly problem: Problem;
  /** The same for evaluation: BatchNormalization in inference form, on the training set and the test set. */
  readonly train: Problem;
  readonly test: Problem | undefined;
  /** θ for a seed; 0 is that of `problem`. Networks that are built are drawn as they were, given ones tensor by tensor. */
  weights(seed: number): Tensor;
  /** What they are, in a few words. */
  readonly described: string;
  /** Operators of the model that keep E from being smooth, which the theory assumes. */
  readonly kinks: readonly string[];
}

/** Brings model and data together. Throws InspectorErrors for what does not fit. */
export async function loadSubject(
  values: SubjectValues,
  { directory, samples }: Surroundings,
): Promise<NetworkSubject> {
  const at = (path: string | undefined) => path && resolve(directory, path);
  const own = values.data !== undefined || values.x !== undefined;
  if (values.model !== undefined && !own)
    throw new InspectorError(
      'A model was given without data.',
      words`Give its data with ${mention('data')}, or ${mention('x')} and ${mention('y')}.`,
    );
  const whole = await loadDataset(
    own ? { data: at(values.data), x: at(values.x), y: at(values.y) } : { data: join(samples, 'digits.npz') },
  );
  const small = !own && (values.network ?? 'mlp') !== 'mlp';
  const limited = limitSamples(whole, values.limit || (small ? 300 : 10_000));
  const given =
    values.testData === undefined && values.testX === undefined
      ? undefined
      : await loadDataset({ data: at(values.testData), x: at(values.testX), y: at(values.testY) });
  const held = given === undefined && values.testShare ? splitSamples(limited, values.testShare) : undefined;
  const dataset = held?.train ?? limited;
  const testSet = given ?? held?.test;
  const dtype = values.dtype as FloatType;
  const built = values.model === undefined ? networkFor(dataset, choiceOf(values)) : undefined;
  const model = built?.model(values.seed, dtype) ?? (await readModel(at(values.model)!));
  const scale = scaleOf(values.scale, dataset.arrays.get('x'));
  const options = {
    dtype,
    loss: values.loss === 'auto' ? undefined : (values.loss as LossName),
    normalisation: values.standardise ? standardisation(dataset.arrays.get('x'), scale) : { scale },
  };
  const problem = await prepareProblem(model, dataset, {
    ...options,
    batchStatistics: values.ghostBatch !== undefined,
  });
  const evaluated = (data: Dataset) => prepareProblem(inferenceForm(model), data, { ...options, loss: problem.loss });
  return {
    problem,
    train: await evaluated(dataset),
    test: testSet && (await evaluated(testSet)),
    weights: (seed) => {
      if (seed === 0) return problem.theta;
      if (!built) return drawnAnew(problem, seed);
      const { initializers } = built.model(values.seed + seed, dtype).graph;
      return problem.layout.pack(dtype, new Map([...initializers].map(([name, { read }]) => [name, read()])));
    },
    kinks: [...new Set(model.graph.nodes.map(({ opType }) => opType))].filter((opType) => kinked.has(opType)),
    described: `${built?.name ?? 'the model'} (${thousands(problem.layout.count)} parameters) on ${thousands(problem.samples)} samples`,
  };
}

const choiceOf = ({ network = 'mlp', width, depth }: SubjectValues): NetworkChoice => {
  const name = network as NetworkName;
  return { network: name, width: width || standardWidth[name], depth: depth || (name === 'mlp' ? 2 : 1) };
};

/** Mean and deviation of the training samples: of each channel of images, else of all values. */
function standardisation(x: Tensor | undefined, scale = 1): Normalisation {
  if (!x) return { scale };
  const channels = x.shape.length === 4 ? x.shape[1] : 1;
  const inner = elementCount(x.shape.slice(channels > 1 ? 2 : 1));
  const values = numbersOf(x);
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] * scale;
    const channel = Math.floor(i / inner) % channels;
    sums[channel] += value;
    squares[channel] += value * value;
  }
  const count = values.length / channels;
  const mean = Array.from(sums, (sum) => sum / count);
  const std = Array.from(squares, (square, c) => Math.sqrt(Math.max(0, square / count - mean[c] ** 2)) || 1);
  return { scale, mean, std };
}

/** The first samples for training and the last ones for the test. */
function splitSamples(dataset: Dataset, share: number): { train: Dataset; test: Dataset } {
  const rows = dataset.arrays.get('x')?.shape[0] ?? 0;
  const count = Math.max(1, Math.round(rows * (1 - share)));
  if (count >= rows)
    throw new InspectorError(
      `${rows} samples leave none for a test set.`,
      words`Give more samples, or ${mention('testData')}.`,
    );
  const rest = (tensor: Tensor): Tensor => {
    const shape = [rows - count, ...tensor.shape.slice(1)];
    return { ...tensor, shape, data: tensor.data.subarray(tensor.data.length - elementCount(shape)) } as Tensor;
  };
  return {
    train: limitSamples(dataset, count),
    test: {
      ...dataset,
      arrays: new Map(
        [...dataset.arrays].map(([name, tensor]) => [name, tensor.shape[0] === rows ? rest(tensor) : tensor]),
      ),
    },
  };
}

function scaleOf(given: string | undefined, x: Tensor | undefined): number | undefined {
  if (given === undefined) return x?.type === 'uint8' ? 1 / 255 : undefined;
  const scale = Number(given);
  if (given.trim() === '' || !Number.isFinite(scale))
    throw new InspectorError(`The scale is "${given.slice(0, 40)}".`, 'Give a number, such as 0.00392.');
  return scale;
}
