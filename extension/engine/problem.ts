import { operators } from '../autodiff/decompositions/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { checkFinite, checkLabels, type Normalisation, normalise } from '../datasets/samples.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { nodesReaching, type Value } from '../onnx/graph.ts';
import { type Blocker, instantiate } from '../onnx/instantiate.ts';
import { isDefaultDomain, type Model, type ValueInfo } from '../onnx/model.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount, type FloatType, isFloat, type Shape, type Tensor, tensorOf, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { describeBlockers } from './blockers.ts';
import { ParameterLayout } from './layout.ts';
import { chooseLoss, emitLoss, ignoreIndex, type LossName } from './loss.ts';
import {
  globToRegExp,
  nameList,
  type ParameterChoice,
  type ParameterFilter,
  parameterCandidates,
  refuseUntrainable,
} from './parameters.ts';

export interface ProblemOptions {
  readonly loss?: LossName;
  readonly dtype?: FloatType;
  readonly filter?: ParameterFilter;
  readonly normalisation?: Normalisation;
  /** Let inference-mode BatchNormalization use the statistics of the batch, as training does. */
  readonly batchStatistics?: boolean;
}

/** An array that a program gets in parts of some samples. */
interface Feed {
  readonly name: string;
  readonly tensor: Tensor;
  /** False for arrays without a sample axis, which every part gets whole. */
  readonly perSample: boolean;
}

/**
 * What is minimised: a model, its parameters, the data and the loss. E(θ) is the mean over the whole data set; `emit`
 * builds the contribution of a part of it.
 */
export interface Problem {
  readonly model: Model;
  readonly floatType: FloatType;
  readonly loss: LossName;
  readonly samples: number;
  readonly layout: ParameterLayout;
  readonly theta: Tensor<FloatType>;
  readonly choices: readonly ParameterChoice[];
  readonly feeds: readonly Feed[];
  /** Batch size to which the model is bound, if it is. */
  readonly fixedBatch: number | undefined;
  /**
   * Why E of the whole is not the sum of its parts, if so: the loss is computed inside the model, or samples of a batch
   * are coupled by BatchNormalization with batch statistics.
   */
  readonly indivisible: 'loss inside' | 'batch statistics' | undefined;
  /** Remarks on how model and data were understood. */
  readonly notes: readonly string[];
  /** Emits the part of E of some samples, as float64 scalar; `data` has a value for each feed. */
  emit(b: GraphBuilder, parameters: ReadonlyMap<string, Value>, data: ReadonlyMap<string, Value>): Value;
  /** Emits the output of the model that the loss looks at. */
  predict(b: GraphBuilder, parameters: ReadonlyMap<string, Value>, data: ReadonlyMap<string, Value>): Value;
}

/** Name of the labels among the feeds. */
export const labelFeed = 'labels';

/** Brings model and data together. Throws InspectorErrors for everything that does not fit. */
export function createProblem(model: Model, dataset: Dataset, options: ProblemOptions = {}): Problem {
  const notes: string[] = [];
  const floatType = options.dtype ?? nativeFloat(model);
  const inputs = matchInputs(model, dataset, floatType, options.normalisation ?? {}, notes);
  const samples = sampleCount(inputs);
  const declared = fixedBatchOf(model, inputs, samples);
  const labels = labelsOf(model, dataset);
  if (labels && labels.shape[0] !== samples) {
    throw new InspectorError(
      `The inputs have ${samples} samples, the labels ${labels.shape[0]} (shape ${showShape(labels.shape)}).`,
      'Every sample needs one label.',
    );
  }
  const { candidates, choices } = parameterCandidates(model, options.filter ?? {});
  const build = (b: GraphBuilder, parameters: ReadonlyMap<string, Value>, data: ReadonlyMap<string, Value>) =>
    instantiate(b, model, operators, {
      inputs: data,
      parameters,
      floatType,
      options: { batchStatistics: options.batchStatistics },
    });

  // One trial build with the smallest batch tells what the model's output is and which initializers reach it.
  const trialBatch = Math.min(samples, declared ?? 2);
  const trial = tryBuild(build, inputs, candidates, trialBatch, floatType);
  const name = outputName(model, trial.outputs, options.loss);
  if (!name || trial.blockers.length > 0)
    throw new InspectorError(
      ...describeBlockers(
        model,
        trial.blockers,
        candidates.map((candidate) => candidate.name),
      ),
    );
  const prediction = trial.outputs.get(name)!;
  if (!isFloat(prediction.type))
    throw new InspectorError(
      `The model's output ${quoteName(name)} is of type ${prediction.type}.`,
      'A loss needs a floating-point output.',
    );
  const trialLabels = labels && { ...labels, shape: [trialBatch, ...labels.shape.slice(1)], data: labels.data };
  const loss = chooseLoss(options.loss, prediction.shape, trialLabels);
  const reached = reaching(prediction, trial.variables);
  const trained = candidates.filter(
    (candidate) => reached.has(candidate.name) || isAsked(options.filter, candidate.name),
  );
  const allChoices = [
    ...choices,
    ...candidates.map(({ name: candidate, shape }) => ({
      name: candidate,
      shape,
      trained: trained.some((other) => other.name === candidate),
      reason: trained.some((other) => other.name === candidate) ? 'reaches the loss' : 'does not reach the loss',
    })),
  ];
  if (trained.length === 0) refuseUntrainable(allChoices, model);
  const layout = new ParameterLayout(trained);
  const values = new Map(trained.map((initializer) => [initializer.name, initializer.read()]));
  for (const [parameter, tensor] of values) checkFinite(parameter, tensor);
  const target = loss === 'output' || !labels ? undefined : prepareLabels(labels, loss, prediction.shape, floatType);
  const feeds: Feed[] = [
    ...inputs.map(({ info, tensor, perSample }) => ({ name: info.name, tensor, perSample })),
    ...(target ? [{ name: labelFeed, tensor: target.tensor, perSample: true }] : []),
  ];
  const rebatched =
    declared !== undefined && declared !== samples && fitsOtherBatch(build, inputs, trained, declared, name, floatType);
  if (rebatched)
    notes.push(`The model was exported with a fixed batch of ${declared}; it was rebuilt for other batch sizes.`);
  const predict: Problem['predict'] = (b, parameters, data) => {
    const instance = build(b, parameters, data);
    const output = instance.outputs.get(name);
    if (!output || instance.blockers.length > 0)
      throw new InspectorError(...describeBlockers(model, instance.blockers, [...parameters.keys()]));
    return output;
  };
  return {
    model,
    floatType,
    loss,
    samples,
    layout,
    theta: layout.pack(floatType, values),
    choices: allChoices,
    feeds,
    fixedBatch: declared === undefined || rebatched ? undefined : declared,
    indivisible:
      loss === 'output' ? 'loss inside' : usesBatchStatistics(model, options) ? 'batch statistics' : undefined,
    notes,
    emit(b, parameters, data) {
      const output = predict(b, parameters, data);
      if (loss === 'output') return b.reshape(b.cast(output, 'float64'), []);
      return emitLoss(b, loss, output, data.get(labelFeed)!, target!.total);
    },
    predict,
  };
}

/** True where a BatchNormalization takes mean and variance from the batch. */
function usesBatchStatistics(model: Model, { batchStatistics }: ProblemOptions): boolean {
  return model.graph.nodes.some(({ opType, domain, attributes }) => {
    if (opType !== 'BatchNormalization' || !isDefaultDomain(domain)) return false;
    const mode = attributes.get('training_mode');
    return batchStatistics === true || (mode?.kind === 'int' && mode.value === 1);
  });
}

/** float64 where the model's own weights are, else float32. */
export function nativeFloat(model: Model): FloatType {
  const types = [...model.graph.initializers.values()].map(({ type }) => type);
  return types.includes('float64') && !types.includes('float32') ? 'float64' : 'float32';
}

interface BoundInput {
  readonly info: ValueInfo;
  readonly tensor: Tensor;
  readonly perSample: boolean;
}

/** Finds an array for each input of the model: by name, else `x` for the only input that is left. */
function matchInputs(
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
      `It has ${nameList([...dataset.arrays.keys()])}; arrays feed the inputs of the same name, and "x" the only input that is left.`,
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

function sampleCount(inputs: readonly BoundInput[]): number {
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

function fixedBatchOf(_model: Model, inputs: readonly BoundInput[], samples: number): number | undefined {
  const fixed = inputs
    .filter((input) => input.perSample)
    .map(({ info }) => info.dims?.[0])
    .filter((dim) => typeof dim === 'number');
  return fixed.length > 0 && fixed[0] !== samples ? fixed[0] : undefined;
}

/** The labels, unless they feed an input of the model (loss inside). */
function labelsOf(model: Model, dataset: Dataset): Tensor | undefined {
  const y = dataset.arrays.get('y');
  const taken =
    model.graph.inputs.some(({ name }) => name === 'y') ||
    (model.graph.inputs.length === 2 && !model.graph.inputs.some(({ name }) => dataset.arrays.has(name)));
  return taken ? undefined : y;
}

type Build = (
  b: GraphBuilder,
  parameters: ReadonlyMap<string, Value>,
  data: ReadonlyMap<string, Value>,
) => { outputs: ReadonlyMap<string, Value>; blockers: readonly Blocker[] };

function tryBuild(
  build: Build,
  inputs: readonly BoundInput[],
  parameters: readonly { name: string; shape: Shape }[],
  batch: number,
  floatType: FloatType,
) {
  const b = new GraphBuilder();
  const variables = new Map(parameters.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const data = new Map(
    inputs.map(({ info, tensor, perSample }) => [
      info.name,
      b.input(info.name, tensor.type, perSample ? [batch, ...tensor.shape.slice(1)] : tensor.shape),
    ]),
  );
  return { ...build(b, variables, data), variables };
}

/** True where the model can be built for another batch, with an output that has it as first axis and is otherwise the same. */
function fitsOtherBatch(
  build: Build,
  inputs: readonly BoundInput[],
  parameters: readonly { name: string; shape: Shape }[],
  batch: number,
  output: string,
  floatType: FloatType,
): boolean {
  const at = (size: number) => {
    const { outputs, blockers } = tryBuild(build, inputs, parameters, size, floatType);
    return blockers.length === 0 ? outputs.get(output)?.shape : undefined;
  };
  const [own, other] = [at(batch), at(batch + 1)];
  return (
    own !== undefined &&
    other !== undefined &&
    own[0] === batch &&
    other[0] === batch + 1 &&
    String(own.slice(1)) === String(other.slice(1))
  );
}

/** The output that the loss looks at: the only one, else the first (or the first scalar for `output`). */
function outputName(
  model: Model,
  outputs: ReadonlyMap<string, Value>,
  asked: LossName | undefined,
): string | undefined {
  const names = model.graph.outputs.map(({ name }) => name);
  const scalar = names.find((name) => outputs.has(name) && elementCount(outputs.get(name)!.shape) === 1);
  return asked === 'output' && scalar ? scalar : names.find((name) => outputs.has(name));
}

const isAsked = (filter: ParameterFilter | undefined, name: string): boolean =>
  filter?.trainable?.some((glob) => globToRegExp(glob).test(name)) ?? false;

/** Names of the variables on which a value depends through floating-point values. */
export function reaching(value: Value, variables: ReadonlyMap<string, Value>): Set<string> {
  const nodes = nodesReaching([value], (candidate) => isFloat(candidate.type));
  const used = new Set<Value | undefined>([value, ...nodes.flatMap((node) => node.inputs)]);
  return new Set([...variables].filter(([, variable]) => used.has(variable)).map(([name]) => name));
}

/** Labels in the type of the loss, and the number of positions that the mean is over. */
function prepareLabels(
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

/** Zeros of the model's own shapes, for when a graph is to be built without data; unknown sizes become `batch`. */
export function exampleData(model: Model, batch: number, loss: LossName | undefined): Dataset {
  const arrays = new Map<string, Tensor>();
  for (const { name, type, dims, typeName } of model.graph.inputs) {
    if (!type || !dims)
      throw new InspectorError(
        `The model's input ${quoteName(name)} (${typeName}) has no shape.`,
        'Give data with --data, from which the shapes are taken.',
      );
    const free = dims.findIndex((dim, i) => i > 0 && typeof dim !== 'number');
    if (free > 0)
      throw new InspectorError(
        `The size of axis ${free} of the input ${quoteName(name)} ${showShape(dims)} is not fixed.`,
        'Give data with --data, from which it is taken.',
      );
    const shape = dims.map((dim) => (typeof dim === 'number' ? dim : batch));
    arrays.set(
      name,
      tensorOf(
        type === 'float16' || type === 'bfloat16' ? 'float32' : type,
        shape,
        new Float64Array(elementCount(shape)),
      ),
    );
  }
  const b = new GraphBuilder();
  const floatType = nativeFloat(model);
  const inputs = new Map(
    [...arrays].map(([name, { type, shape }]) => [name, b.input(name, isFloat(type) ? floatType : type, shape)]),
  );
  const { outputs, blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType });
  if (blockers.length > 0) throw new InspectorError(...describeBlockers(model, blockers, []));
  const shape = [...outputs.values()][0]?.shape ?? [];
  if (loss === 'output' || elementCount(shape) === 1) return { arrays, files: [], format: 'none' };
  const labels =
    loss === 'mse' || loss === 'bce-with-logits' || (loss === undefined && shape.length < 2)
      ? shape
      : shape.slice(0, -1);
  arrays.set('y', tensorOf(labels === shape ? floatType : 'int64', labels, new Float64Array(elementCount(labels))));
  return { arrays, files: [], format: 'none' };
}
