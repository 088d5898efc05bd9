import { join, resolve } from 'node:path';
import { type Dataset, loadDataset } from '../datasets/dataset.ts';
import { limitSamples } from '../datasets/samples.ts';
import type { LossName } from '../engine/loss.ts';
import { lossNames } from '../engine/loss.ts';
import { createProblem, type Problem } from '../engine/problem.ts';
import { readModel } from '../onnx/read.ts';
import { elementCount, type FloatType, numbersOf, type Tensor } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import { choice, count, file, type Surroundings, text } from './experiment.ts';
import { convolutionalNetwork, multilayerPerceptron } from './network.ts';

/** The parameters of experiments on a network: the user's model and data, or the bundled ones. */
export const subjectParameters = {
  model: file('the model (default: a GELU network built for the data, two hidden layers of --width units)'),
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
  /** Which network is built where no model is given. */
  readonly network?: string;
  readonly testData?: string;
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
  /** The same on the test set, where there is one. */
  readonly test: Problem | undefined;
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
    throw new InspectorError('A model was given without data.', 'Give its data with --data, or --x and --y.');
  const whole = await loadDataset(
    own ? { data: at(values.data), x: at(values.x), y: at(values.y) } : { data: join(samples, 'digits.npz') },
  );
  const limited = limitSamples(whole, values.limit);
  const held = values.testData === undefined && values.testShare ? splitSamples(limited, values.testShare) : undefined;
  const dataset = held?.train ?? limited;
  const dtype = values.dtype as FloatType;
  const built = values.model === undefined ? buildNetwork(dataset, values, dtype) : undefined;
  const model = built?.model ?? (await readModel(at(values.model)!));
  const options = {
    dtype,
    loss: values.loss === 'auto' ? undefined : (values.loss as LossName),
    normalisation: { scale: scaleOf(values.scale, dataset.arrays.get('x')) },
  };
  const problem = createProblem(model, dataset, options);
  const testSet = values.testData === undefined ? held?.test : await loadDataset({ data: at(values.testData) });
  return {
    problem,
    test: testSet && createProblem(model, testSet, { ...options, loss: problem.loss }),
    kinks: [...new Set(model.graph.nodes.map(({ opType }) => opType))].filter((opType) => kinked.has(opType)),
    described: `${built?.name ?? 'the model'} (${problem.layout.count.toLocaleString('en-US')} parameters) on ${problem.samples.toLocaleString('en-US')} samples`,
  };
}

/** The first samples for training and the last ones for the test. */
function splitSamples(dataset: Dataset, share: number): { train: Dataset; test: Dataset } {
  const rows = dataset.arrays.get('x')?.shape[0] ?? 0;
  const count = Math.max(1, Math.round(rows * (1 - share)));
  if (count >= rows)
    throw new InspectorError(`${rows} samples leave none for a test set.`, 'Give more samples, or --test-data.');
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

function buildNetwork(dataset: Dataset, { network, width, seed }: SubjectValues, dtype: FloatType) {
  const sizes = sizesFor(dataset, width);
  if (network !== 'cnn')
    return { model: multilayerPerceptron(sizes, 'Gelu', seed, dtype), name: `GELU network ${sizes.join('-')}` };
  const image = imageShape(dataset.arrays.get('x')!);
  const model = convolutionalNetwork(image, width, sizes[sizes.length - 1], seed, dtype);
  return { model, name: `convolutional network of width ${width}` };
}

/** Channels, height and width: as the data has them, or of square grey or colour images that are stored flat. */
function imageShape(x: Tensor): [number, number, number] {
  const sample = x.shape.slice(1);
  if (sample.length === 3) return [sample[0], sample[1], sample[2]];
  if (sample.length === 2) return [1, sample[0], sample[1]];
  for (const channels of [1, 3]) {
    const side = Math.sqrt(elementCount(sample) / channels);
    if (Number.isInteger(side)) return [channels, side, side];
  }
  throw new InspectorError(
    `Samples of ${elementCount(sample)} values are no square images.`,
    'Give images as [N, C, H, W], or take the network mlp.',
  );
}

/** Widths of a network for the data: one input per feature, one output per class. */
function sizesFor({ arrays }: Dataset, width: number): number[] {
  const [x, y] = [arrays.get('x'), arrays.get('y')];
  if (!x || !y)
    throw new InspectorError(
      'The data has no samples "x" and labels "y".',
      'Give both, or a model that fits the data.',
    );
  let classes = 1;
  for (const label of numbersOf(y)) classes = Math.max(classes, label + 1);
  if (!Number.isInteger(classes) || classes < 2 || classes > 10000)
    throw new InspectorError(
      'The labels are no classes, for which a network could be built.',
      'Give a model that fits the data with --model.',
    );
  return [elementCount(x.shape.slice(1)), width, width, classes];
}

function scaleOf(given: string | undefined, x: Tensor | undefined): number | undefined {
  if (given === undefined) return x?.type === 'uint8' ? 1 / 255 : undefined;
  const scale = Number(given);
  if (given.trim() === '' || !Number.isFinite(scale))
    throw new InspectorError(`The scale is "${given.slice(0, 40)}".`, 'Give a number, such as 0.00392.');
  return scale;
}
