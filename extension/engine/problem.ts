import { operators } from '../autodiff/decompositions/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { checkFinite, type Normalisation } from '../datasets/samples.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { nodesReaching, type Value } from '../onnx/graph.ts';
import { type Blocker, instantiate } from '../onnx/instantiate.ts';
import { isDefaultDomain, type Model } from '../onnx/model.ts';
import { isDifferentiable } from '../onnx/ops.ts';
import { pruned } from '../onnx/prune.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount, type FloatType, isFloat, type Shape, type Tensor, tensorOf } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { describeBlockers } from './blockers.ts';
import { type BoundInput, fixedBatchOf, labelsOf, matchInputs, prepareLabels, sampleCount } from './inputs.ts';
import { ParameterLayout } from './layout.ts';
import { chooseLoss, emitLoss, type LossName } from './loss.ts';
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
  let declared = fixedBatchOf(inputs);
  const labels = labelsOf(model, dataset);
  if (labels && labels.shape[0] !== samples) {
    throw new InspectorError(
      `The inputs have ${samples} samples, the labels ${labels.shape[0]} (shape ${showShape(labels.shape)}).`,
      'Every sample needs one label.',
    );
  }
  const { candidates, choices } = parameterCandidates(model, options.filter ?? {});
  const buildOf =
    (source: Model): Build =>
    (b, parameters, data) =>
      instantiate(b, source, operators, {
        inputs: data,
        parameters,
        floatType,
        options: { batchStatistics: options.batchStatistics },
      });
  let build = buildOf(model);

  // One trial build with the smallest batch tells what the model's output is and which initializers reach it.
  let trialBatch = declared ?? Math.min(samples, 2);
  let trial = tryBuild(build, inputs, candidates, trialBatch, floatType);
  let name = outputName(model, trial.outputs, options.loss);
  const size = name === undefined ? undefined : trial.outputs.get(name)!.shape[0];
  if (declared === undefined && trialBatch !== samples && (trial.blockers.length > 0 || size === samples)) {
    // Exporters write the size of their example batch into operators and yet call the axis of the input dynamic.
    const whole = tryBuild(build, inputs, candidates, samples, floatType);
    if (whole.blockers.length < trial.blockers.length || size === samples) {
      trial = whole;
      declared = trialBatch = samples;
      name = outputName(model, trial.outputs, options.loss);
    }
  }
  if (name && trial.blockers.length > 0 && (options.loss === 'output' || name === model.graph.outputs[0].name)) {
    // What leads to other outputs only, such as post-processing, need not be differentiable.
    const alone = buildOf(pruned(model, name));
    const second = tryBuild(alone, inputs, candidates, trialBatch, floatType);
    if (second.blockers.length === 0) {
      const left = nameList(trial.blockers.map(({ label }) => label));
      notes.push(`Nodes that cannot be differentiated but do not lead to ${quoteName(name)} were left out: ${left}.`);
      build = alone;
      trial = second;
    }
  }
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
  const loss = chooseLoss(options.loss, prediction.shape, trialLabels, trialBatch);
  const outputNames = model.graph.outputs.map((output) => output.name);
  if (outputNames.length > 1)
    notes.push(
      `The model has ${outputNames.length} outputs (${nameList(outputNames)}); the loss looks at ${quoteName(name)}.`,
    );
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
      reason: trained.some((other) => other.name === candidate)
        ? 'reaches the loss'
        : 'does not reach the loss, or only through operators without a derivative',
    })),
  ];
  if (trained.length === 0) refuseUntrainable(allChoices, model);
  const layout = new ParameterLayout(trained);
  const values = new Map(trained.map((initializer) => [initializer.name, initializer.read()]));
  for (const [parameter, tensor] of values)
    checkFinite(parameter, tensor, 'Training has probably diverged; export the model from an earlier checkpoint.');
  const target = loss === 'output' || !labels ? undefined : prepareLabels(labels, loss, prediction.shape, floatType);
  const feeds: Feed[] = [
    ...inputs.map(({ info, tensor, perSample }) => ({ name: info.name, tensor, perSample })),
    ...(target ? [{ name: labelFeed, tensor: target.tensor, perSample: true }] : []),
  ];
  const rebatched =
    declared !== undefined && fitsOtherBatch(build, inputs, trained, declared, name, prediction.shape, floatType);
  if (rebatched && declared !== samples)
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
  own: Shape,
  floatType: FloatType,
): boolean {
  const { outputs, blockers } = tryBuild(build, inputs, parameters, batch + 1, floatType);
  const other = blockers.length === 0 ? outputs.get(output)?.shape : undefined;
  return (
    other !== undefined && own[0] === batch && other[0] === batch + 1 && String(own.slice(1)) === String(other.slice(1))
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

/** Names of the variables on which a value depends through operators that have a derivative. */
export function reaching(value: Value, variables: ReadonlyMap<string, Value>): Set<string> {
  const nodes = nodesReaching([value], ({ type, node }) => isFloat(type) && isDifferentiable(node!.opType));
  const used = new Set<Value | undefined>([value, ...nodes.flatMap((node) => node.inputs)]);
  return new Set([...variables].filter(([, variable]) => used.has(variable)).map(([name]) => name));
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
