import { arrayText } from '../datasets/arrayPlace.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { checkFinite, checkLabels, type Normalisation, normalise } from '../datasets/samples.ts';
import { nameList } from '../exports/parameters.ts';
import type { Warning } from '../exports/warning.ts';
import type { Model, ValueInfo } from '../onnx/model.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount, type FloatType, isFloat, type Shape, type Tensor, tensorOf, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { at, type Words, words } from '../shared/words.ts';
import { axisFirst, knownBatchAxes, parseBatchAxes, placeSamples } from './batchAxes.ts';
import { unscaledBytes } from './dataWarnings.ts';
import {
  classesAlong,
  ignoreIndex,
  isBinaryCrossEntropy,
  isCrossEntropy,
  type Reduction,
  withoutOneHot,
} from './loss.ts';

/** An array of the data set that feeds an input of the model. */
export interface BoundInput {
  readonly info: ValueInfo;
  /** With the samples on the first axis, where there are any. */
  readonly tensor: Tensor;
  readonly perSample: boolean;
  /** The axis that counts samples in the model. */
  readonly axis: number;
  /** The array that feeds it, in words; undefined for what was computed. */
  readonly array?: string;
}

/** Where remarks on how model and data were understood are collected. */
export interface Remarks {
  readonly notes: Words[];
  readonly warnings: Warning[];
}

export interface InputOptions {
  readonly floatType: FloatType;
  readonly normalisation: Normalisation;
  /** `NAME=AXIS` for inputs whose samples do not lie on the first axis. */
  readonly batchAxes: readonly string[];
}

/** Finds an array for each input of the model: by name, else `x` for the only input that is left. */
export function matchInputs(
  model: Model,
  dataset: Dataset,
  options: InputOptions,
  { notes, warnings }: Remarks,
): BoundInput[] {
  const sources = sourcesOf(model, dataset);
  const nameOf = (source: Tensor) => [...dataset.arrays].find(([, tensor]) => tensor === source)?.[0] ?? '';
  const x = dataset.arrays.get('x');
  const labels = labelsOf(model, dataset)?.shape;
  const rows = labels?.[0];
  const axes = new Map([...knownBatchAxes(model), ...parseBatchAxes(model, options.batchAxes)]);
  return model.graph.inputs.map((info): BoundInput => {
    const source = sources.get(info)!;
    if (!info.type)
      throw new InspectorError(
        `The model's input ${quoteName(info.name)} is of type ${info.typeName}, which is not supported.`,
        'Inputs must be numeric tensors.',
      );
    checkFinite(info.name, source);
    const axis = axes.get(info.name) ?? axisByLength(info, source, rows);
    const placed =
      axis > 0 ? placeSamples(info, source, axis, labels) : { tensor: fitShape(info, source, notes), axis };
    if (!placed) misfit(info, source);
    if (placed.note) notes.push(placed.note);
    const { tensor } = placed;
    const whole =
      info.dims?.length === 0 ||
      (info.dims &&
        tensor.shape[0] === info.dims[axis] &&
        x &&
        source !== x &&
        tensor.shape[0] !== (rows ?? x.shape[0]));
    const normalisation = source === x || sources.size === 1 ? options.normalisation : {};
    const bytes =
      isFloat(info.type) && !asksToNormalise(normalisation) ? unscaledBytes(model, info.name, source) : undefined;
    if (bytes) warnings.push(bytes);
    return {
      info,
      tensor: convertInput(info, whole && axis > 0 ? source : tensor, options.floatType, normalisation),
      perSample: !whole,
      axis: whole ? 0 : axis,
      array: arrayText(info.name, { files: [], name: nameOf(source), ...dataset.places?.get(nameOf(source)) }),
    };
  });
}

/** The array for each input. Throws an InspectorError that names the inputs without one. */
function sourcesOf(model: Model, dataset: Dataset): Map<ValueInfo, Tensor> {
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
      words`It has ${nameList([...dataset.arrays.keys()])}; arrays feed the inputs of the same name, and "x" the only input that is left. ${at('xKey')} and ${at('yKey')} name others.`,
    );
  }
  return sources;
}

/** The only axis that is as long as there are labels, where the first one is not; the first one otherwise. */
function axisByLength({ dims }: ValueInfo, { shape }: Tensor, rows: number | undefined): number {
  if (rows === undefined || shape[0] === rows || shape.length !== dims?.length) return 0;
  const found = shape.flatMap((dim, i) => (dim === rows ? [i] : []));
  return found.length === 1 ? found[0] : 0;
}

const asksToNormalise = ({ scale, mean, std }: Normalisation): boolean =>
  scale !== undefined || mean !== undefined || std !== undefined;

function convertInput(info: ValueInfo, tensor: Tensor, floatType: FloatType, normalisation: Normalisation): Tensor {
  const asked = asksToNormalise(normalisation);
  if (isFloat(info.type!)) return asked ? normalise(tensor, normalisation, floatType) : toFloat(tensor, floatType);
  if (asked)
    throw new InspectorError(
      words`${at('scale')}, ${at('mean')} and ${at('std')} need a floating-point input, but ${quoteName(info.name)} is of type ${info.type!}.`,
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
function fitShape(info: ValueInfo, tensor: Tensor, notes: Words[]): Tensor {
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
  misfit(info, tensor);
}

function misfit({ name, dims }: ValueInfo, { shape }: Tensor): never {
  throw new InspectorError(
    `The model's input ${quoteName(name)} has shape ${showShape(dims ?? [])}, but the data has ${showShape(shape)}.`,
    'Check the order of the axes and the size of the samples.',
  );
}

const wordsOf = ({ array, info }: BoundInput): string => array ?? quoteName(info.name);

/** The number of samples, which all inputs have in common. */
export function sampleCount(inputs: readonly BoundInput[]): number {
  const perSample = inputs.filter((input) => input.perSample);
  if (perSample.length === 0) return 1;
  const [first, ...others] = perSample;
  for (const other of others) {
    if (other.tensor.shape[0] !== first.tensor.shape[0]) {
      throw new InspectorError(
        `The inputs differ in length: ${wordsOf(first)} has ${first.tensor.shape[0]} samples, ${wordsOf(other)} has ${other.tensor.shape[0]}.`,
        words`Every input needs as many samples; ${at('batchAxes', ['NAME=1'])} names an axis other than the first one that counts them.`,
      );
    }
  }
  return first.tensor.shape[0];
}

/** The batch size that the model's inputs declare. */
export function fixedBatchOf(inputs: readonly BoundInput[]): number | undefined {
  const batches = inputs.filter((input) => input.perSample).map(({ info, axis }) => info.dims?.[axis]);
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

/** What has the samples and what labels them, in words. */
export interface Counted {
  readonly inputs: string;
  readonly labels: string;
}

/** The first input that counts samples, with its array, and the labels with theirs. */
export function countedOf(inputs: readonly BoundInput[], { places }: Dataset): Counted {
  const first = inputs.find(({ perSample }) => perSample);
  return { inputs: first ? `input ${wordsOf(first)}` : 'model', labels: arrayText('y', places?.get('y')) };
}

/**
 * The labels with the samples on the first axis. Throws an InspectorError where they are not as many as the samples.
 *
 * @param axis the axis of the model's output that counts samples, which labels of the same layout share
 */
export function labelsFor(labels: Tensor, samples: number, axis: number, counted: Counted): Tensor {
  if (axis > 0 && labels.shape[axis] === samples) return axisFirst(labels, axis);
  if (labels.shape[0] === samples) return labels;
  throw new InspectorError(
    `The ${counted.inputs} has ${samples} samples, the labels ${counted.labels} have ${labels.shape[0]} (shape ${showShape(labels.shape)}).`,
    words`Every sample needs one label. If another axis than the first one of an input counts samples, name it with ${at('batchAxes', ['NAME=1'])}.`,
  );
}

/** Labels as a program takes them, and how the loss over them is reduced. */
export interface Targets {
  readonly tensor: Tensor;
  readonly reduction: Reduction;
}

/** Labels in the type of the loss. Throws an InspectorError for values that the loss cannot take. */
export function prepareLabels(
  labels: Tensor,
  loss: Exclude<LossName, 'output'>,
  prediction: Shape,
  floatType: FloatType,
): Targets {
  if (!isCrossEntropy(loss)) {
    checkFinite('y', labels);
    if (isBinaryCrossEntropy(loss)) checkBetweenZeroAndOne(labels, loss);
    return { tensor: toFloat(labels, floatType), reduction: { total: elementCount(labels.shape) } };
  }
  const whole = [labels.shape[0], ...prediction.slice(1)];
  const axis = classesAlong(whole, labels)!;
  const classLabels = withoutOneHot(whole, labels);
  if (elementCount(classLabels.shape) === elementCount(whole)) {
    const tensor = toFloat(classLabels, floatType);
    return { tensor, reduction: { total: elementCount(whole) / whole[axis], axis } };
  }
  const tensor = checkLabels(classLabels, whole[axis], { ignoreIndex });
  const total = (tensor.data as BigInt64Array).reduce(
    (count, label) => count + (label === BigInt(ignoreIndex) ? 0 : 1),
    0,
  );
  if (total === 0)
    throw new InspectorError(
      'Every label is −100, which means "not labelled".',
      'Give at least one labelled position.',
    );
  return { tensor, reduction: { total, axis } };
}

function checkBetweenZeroAndOne(labels: Tensor, loss: LossName): void {
  const values = toFloat(labels, 'float64').data;
  const bad = values.findIndex((value) => value < 0 || value > 1);
  if (bad >= 0)
    throw new InspectorError(
      `Label ${values[bad]} at element ${bad} (counted from 0) is not between 0 and 1, as ${loss} needs.`,
      words`Choose another loss with ${at('loss')}, or check the labels.`,
    );
}
