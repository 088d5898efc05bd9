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
import { multilayerPerceptron } from './network.ts';

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
}

/** Operators with kinks or jumps in their first derivative: with them E is only piecewise smooth. */
const kinked: ReadonlySet<string> = new Set([
  ...['Relu', 'LeakyRelu', 'PRelu', 'ThresholdedRelu', 'HardSigmoid', 'HardSwish', 'Clip', 'Shrink'],
  ...['Abs', 'Max', 'Min', 'MaxPool', 'GlobalMaxPool', 'ReduceMax', 'ReduceMin', 'Sign', 'Round', 'Floor', 'Ceil'],
]);

/** Model and data of an experiment. */
export interface NetworkSubject {
  readonly problem: Problem;
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
  const dataset = limitSamples(whole, values.limit);
  const dtype = values.dtype as FloatType;
  const model =
    values.model === undefined
      ? multilayerPerceptron(sizesFor(dataset, values.width), 'Gelu', values.seed, dtype)
      : await readModel(at(values.model)!);
  const problem = createProblem(model, dataset, {
    dtype,
    loss: values.loss === 'auto' ? undefined : (values.loss as LossName),
    normalisation: { scale: scaleOf(values.scale, dataset.arrays.get('x')) },
  });
  const sizes = values.model === undefined ? sizesFor(dataset, values.width).join('-') : undefined;
  return {
    problem,
    kinks: [...new Set(model.graph.nodes.map(({ opType }) => opType))].filter((opType) => kinked.has(opType)),
    described: `${sizes ? `GELU network ${sizes}` : 'the model'} (${problem.layout.count.toLocaleString('en-US')} parameters) on ${problem.samples.toLocaleString('en-US')} samples`,
  };
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
