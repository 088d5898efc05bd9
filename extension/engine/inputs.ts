import type { Dataset } from '../datasets/dataset.ts';
import { checkFinite, checkLabels, type Normalisation, normalise } from '../datasets/samples.ts';
import type { Model, ValueInfo } from '../onnx/model.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount, type FloatType, isFloat, type Shape, type Tensor, tensorOf, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { ignoreIndex, type LossName } from './loss.ts';
import { nameList } from './parameters.ts';

/** An array of the data set that feeds an input of the model. */
export interface BoundInput {
  readonly info: ValueInfo;
  readonly tensor: Tensor;
  readonly perSample: boolean;
}

/** Finds an array for each input of the model: by name, else `x` for the only input that is left. */
export function matchInputs(
  model: Model,
  dataset: Dataset,
  floatType: FloatType,
  normalisation: Normalisation,
  notes: string[],
): BoundInput[] {
  const named = model.graph.inputs.filter(({ name }) => dataset.arrays.has(name));
  const rest = model.graph.inputs.filter(({ name }) => !dataset.arrays.has(name));
  const sources = new Map(named.map((info) => [info, dataset.arrays.get(info.name)!]));
  const x = dataset.arrays.get('x');
  const y = dataset.arrays.get('y');
  if (rest.length === 1 && x && ![...sources.values()].includes(x)) sources.set(rest[0], x);
  else if (rest.length === 2 && x && y && named.length === 0) {
    sources.set(rest[0], x);
    sources.set(rest[1], y);
  }
  const missing = model.graph.inputs.filter((info) => !sources.has(info));
  if (missing.length > 0) {
    throw new InspectorError(
      `The data has no array for the model's ${missing.length > 1 ? 'inputs' : 'input'} ${missing.map((info) => `${quoteName(info.name)} ${showShape(info.dims ?? [])}`).join(', ')}.`,
      `It has ${nameList([...dataset.arrays.keys()])}; arrays feed the inputs of the same name, and "x" the only input that is left. --x-key and --y-key name others.`,
    );
  }
  return model.graph.inputs.map((info) => {
    const source = sources.get(info)!;
    if (!info.type)
      throw new InspectorError(
        `The model's input ${quoteName(info.name)} is of type ${info.typeName}, which is not supported.`,
        'Inputs must be numeric tensors.',
      );
    checkFinite(info.name, source);
    const shaped = fitShape(info, source, notes);
    const perSample =
      info.dims?.length !== 0 &&
      !(info.dims && shaped.shape[0] === info.dims[0] && x && source !== x && shaped.shape[0] !== x.shape[0]);
    return {
      info,
      tensor: convertInput(info, shaped, floatType, source === x || sources.size === 1 ? normalisation : {}),
      perSample,
    };
  });
}

function convertInput(info: ValueInfo, tensor: Tensor, floatType: FloatType, normalisation: Normalisation): Tensor {
  const asked =
    normalisation.scale !== undefined || normalisation.mean !== undefined || normalisation.std !== undefined;
  if (isFloat(info.type!)) return asked ? normalise(tensor, normalisation, floatType) : toFloat(tensor, floatType);
  if (asked)
    throw new InspectorError(
      `--scale, --mean and --std need a floating-point input, but ${quoteName(info.name)} is of type ${info.type}.`,
      'Leave them out.',
    );
  if (isFloat(tensor.type)) {
    const fraction = (tensor.data as Float64Array).findIndex((value) => !Number.isInteger(value));
    if (fraction >= 0)
      throw new InspectorError(
        `The model's input ${quoteName(info.name)} takes integers (${info.type}), but the data has ${tensor.data[fraction]} at element ${fraction}.`,
        'Check which array feeds which input.',
      );
  }
  return tensor.type === info.type
    ? tensor
    : tensorOf(info.type!, tensor.shape, tensor.data as ArrayLike<number | bigint>);
}

/** The data in the model's shape: equal but for axes of size 1 and for flattened samples, nothing else. */
function fitShape(info: ValueInfo, tensor: Tensor, notes: string[]): Tensor {
  const { dims } = info;
  if (!dims) return tensor;
  const fits = (shape: Shape) =>
    shape.length === dims.length && shape.every((dim, i) => i === 0 || typeof dims[i] !== 'number' || dims[i] === dim);
  const wholeFits =
    fits(tensor.shape) || (dims.length === tensor.shape.length && tensor.shape.every((dim, i) => dims[i] === dim));
  if (wholeFits) return tensor;
  const inner = dims.slice(1);
  if (inner.every((dim): dim is number => typeof dim === 'number')) {
    const wanted = [tensor.shape[0], ...inner];
    const sample = tensor.shape.slice(1);
    const sameElements = elementCount(inner) === elementCount(sample);
    const onlyUnits = String(inner.filter((dim) => dim !== 1)) === String(sample.filter((dim) => dim !== 1));
    if (sameElements && (onlyUnits || inner.length === 1 || sample.length === 1)) {
      notes.push(`Samples of ${quoteName(info.name)} were reshaped from ${showShape(sample)} to ${showShape(inner)}.`);
      return { ...tensor, shape: wanted };
    }
  }
  throw new InspectorError(
    `The model's input ${quoteName(info.name)} has shape ${showShape(dims)}, but the data has ${showShape(tensor.shape)}.`,
    'Check the order of the axes and the size of the samples.',
  );
}

/** The number of samples, which all inputs have in common. */
export function sampleCount(inputs: readonly BoundInput[]): number {
  const perSample = inputs.filter((input) => input.perSample);
  if (perSample.length === 0) return 1;
  const [first, ...others] = perSample;
  for (const other of others) {
    if (other.tensor.shape[0] !== first.tensor.shape[0]) {
      throw new InspectorError(
        `The inputs differ in length: ${quoteName(first.info.name)} has ${first.tensor.shape[0]} samples, ${quoteName(other.info.name)} has ${other.tensor.shape[0]}.`,
        'The first axis of every input counts the samples.',
      );
    }
  }
  return first.tensor.shape[0];
}

/** The batch size that the model's inputs declare. */
export function fixedBatchOf(inputs: readonly BoundInput[]): number | undefined {
  const batches = inputs.filter((input) => input.perSample).map(({ info }) => info.dims?.[0]);
  return batches.find((dim) => typeof dim === 'number');
}

/** The labels, unless they feed an input of the model (loss inside). */
export function labelsOf(model: Model, dataset: Dataset): Tensor | undefined {
  const y = dataset.arrays.get('y');
  const taken =
    model.graph.inputs.some(({ name }) => name === 'y') ||
    (model.graph.inputs.length === 2 && !model.graph.inputs.some(({ name }) => dataset.arrays.has(name)));
  return taken ? undefined : y;
}

/** Labels in the type of the loss, and the number of positions that the mean is over. */
export function prepareLabels(
  labels: Tensor,
  loss: Exclude<LossName, 'output'>,
  prediction: Shape,
  floatType: FloatType,
): { tensor: Tensor; total: number } {
  if (loss !== 'cross-entropy') {
    checkFinite('y', labels);
    if (loss === 'bce-with-logits') {
      const values = toFloat(labels, 'float64').data;
      const bad = values.findIndex((value) => value < 0 || value > 1);
      if (bad >= 0)
        throw new InspectorError(
          `Label ${values[bad]} at element ${bad} (counted from 0) is not between 0 and 1, as bce-with-logits needs.`,
          'Choose another loss with --loss, or check the labels.',
        );
    }
    return { tensor: toFloat(labels, floatType), total: elementCount(labels.shape) };
  }
  const rest = elementCount(prediction) / prediction[0];
  const classes = rest / (elementCount(labels.shape) / labels.shape[0]);
  const tensor = checkLabels(labels, classes, { ignoreIndex });
  const total = (tensor.data as BigInt64Array).reduce(
    (count, label) => count + (label === BigInt(ignoreIndex) ? 0 : 1),
    0,
  );
  if (total === 0)
    throw new InspectorError(
      'Every label is −100, which means "not labelled".',
      'Give at least one labelled position.',
    );
  return { tensor, total };
}
