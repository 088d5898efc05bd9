import type { Dataset } from '../datasets/dataset.ts';
import { checkFinite, type Normalisation } from '../datasets/samples.ts';
import { withNamedConstants } from '../exports/constants.ts';
import { withoutSecondBias } from '../exports/kerasBias.ts';
import { globToRegExp, type ParameterFilter } from '../exports/parameterFilter.ts';
import { nameList, type ParameterChoice, parameterCandidates, refuseUntrainable } from '../exports/parameters.ts';
import { isFromPyTorch } from '../exports/roles.ts';
import { isFromOlderExporter, withTrainingSemantics } from '../exports/trainingSemantics.ts';
import type { Warning } from '../exports/warning.ts';
import { ownAttribute } from '../onnx/attributes.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { type Initializer, isDefaultDomain, labelOf, type Model } from '../onnx/model.ts';
import { elementCount, type FloatType, isFloat, type Tensor, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { thousands } from '../shared/format.ts';
import type { LossName } from '../shared/losses.ts';
import { at, joinWords, type Words, words } from '../shared/words.ts';
import { describeBlockers } from './blockers.ts';
import {
  type Evaluated,
  evaluateNodes,
  nothingEvaluated,
  withMore,
  withoutDerivative,
  withoutNodes,
} from './evaluation.ts';
import {
  type BoundInput,
  type Counted,
  countedOf,
  fixedBatchOf,
  labelsFor,
  labelsOf,
  matchInputs,
  prepareLabels,
  sampleCount,
} from './inputs.ts';
import { ParameterLayout } from './layout.ts';
import { chooseLoss, emitCount, emitLoss, endingOf } from './loss.ts';
import { otherOutputs, reaching } from './output.ts';
import { axisToFirst, type Candidate, followBatch, nativeFloat, type Trial, tryModel } from './trial.ts';

export interface ProblemOptions {
  readonly loss?: LossName;
  readonly dtype?: FloatType;
  readonly filter?: ParameterFilter;
  readonly normalisation?: Normalisation;
  /** Let inference-mode BatchNormalization use the statistics of the batch, as training does. */
  readonly batchStatistics?: boolean;
  /** The output that the loss looks at; where not given, the one that most trainable tensors reach and that fits the labels. */
  readonly output?: string;
  /** `NAME=AXIS` for inputs of the model whose samples do not lie on the first axis. */
  readonly batchAxes?: readonly string[];
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
  /** The output of the model that the loss looks at. */
  readonly output: string;
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
  readonly notes: readonly Words[];
  /** Signs that the data are not those of the user's training. */
  readonly warnings: readonly Warning[];
  /**
   * Emits the part of E of some samples, as float64 scalar; `data` has a value for each feed. With `count`, what `count`
   * gives for a batch, it is their part of the mean over that batch.
   */
  emit(b: GraphBuilder, parameters: ReadonlyMap<string, Value>, data: ReadonlyMap<string, Value>, count?: Value): Value;
  /** Emits what the mean over a batch is taken of (labelled positions, elements), as float64 scalar. */
  count(b: GraphBuilder, data: ReadonlyMap<string, Value>): Value;
  /** Emits the output of the model that the loss looks at. */
  predict(b: GraphBuilder, parameters: ReadonlyMap<string, Value>, data: ReadonlyMap<string, Value>): Value;
}

/** Name of the labels among the feeds. */
export const labelFeed = 'labels';

/**
 * Brings model and data together. Throws InspectorErrors for everything that does not fit. Nodes without a derivative stand in the way
 * wherever they are; `prepareProblem` lets the runtime compute those that need none.
 */
export function createProblem(model: Model, dataset: Dataset, options: ProblemOptions = {}): Problem {
  return problemOf(attempt(model, dataset, options, nothingEvaluated));
}

/** Brings model and data together; what needs no derivative and cannot be built here is computed by the runtime, once. */
export async function prepareProblem(model: Model, dataset: Dataset, options: ProblemOptions = {}): Promise<Problem> {
  let evaluated = nothingEvaluated;
  for (;;) {
    const found = attempt(model, dataset, options, evaluated);
    const parameters = new Set(found.candidates.map(({ name }) => name));
    const open = withoutDerivative(found.model, found.trial.allBlockers, parameters).filter(
      (node) => !evaluated.failures.has(labelOf(node)),
    );
    if (open.length === 0) return problemOf(found);
    const batch = { samples: found.samples, batch: fixedBatchOf(found.inputs) };
    evaluated = withMore(evaluated, await evaluateNodes(found.source, open, found.given, batch));
  }
}

/** A model and its data, built once; not all may fit. */
interface Attempt {
  /** As the file has it, but for what its exporter is known to have added. */
  readonly source: Model;
  readonly model: Model;
  readonly options: ProblemOptions;
  readonly floatType: FloatType;
  /** The arrays for the inputs of the file. */
  readonly given: readonly BoundInput[];
  /** These, and what was computed from them. */
  readonly inputs: readonly BoundInput[];
  readonly samples: number;
  readonly labels: Tensor | undefined;
  readonly counted: Counted;
  readonly candidates: readonly Initializer[];
  readonly choices: readonly ParameterChoice[];
  readonly candidate: Candidate;
  readonly trial: Trial;
  readonly failures: ReadonlyMap<string, string>;
  readonly notes: Words[];
  readonly warnings: Warning[];
}

function attempt(original: Model, dataset: Dataset, options: ProblemOptions, evaluated: Evaluated): Attempt {
  const notes: Words[] = [];
  const warnings: Warning[] = [];
  const { model: source, cut } = withoutSecondBias(withNamedConstants(original, options.filter ?? {}));
  const { model: whole, notes: semantics } = withTrainingSemantics(source);
  const model = withoutNodes(whole, evaluated);
  notes.push(...semantics);
  if (cut.length > 0)
    notes.push(
      `The second half of ${nameList(cut, 4)} does not train: tf2onnx fills it with zeros for a bias that Keras does not have.`,
    );
  const floatType = options.dtype ?? nativeFloat(model);
  const { normalisation = {}, batchAxes = [], filter = {} } = options;
  const given = matchInputs(source, dataset, { floatType, normalisation, batchAxes }, { notes, warnings });
  const inputs = [...given, ...evaluated.values.map((value) => inFloatType(value, floatType))];
  const samples = sampleCount(inputs);
  const labels = labelsOf(source, dataset);
  const counted = countedOf(inputs, dataset);
  if (labels && inputs.every(({ axis }) => axis === 0)) labelsFor(labels, samples, 0, counted);
  const { candidates, choices } = parameterCandidates(model, filter);
  const choice = { asked: options.output, loss: options.loss, labels };
  const candidate = { model, inputs, parameters: candidates, floatType, options, choice };
  const trial = tryModel(candidate, notes);
  notes.push(...evaluated.notes);
  const { failures } = evaluated;
  const own = {
    source,
    model,
    options,
    floatType,
    given,
    inputs,
    samples,
    labels,
    counted,
    candidates,
    choices,
    candidate,
  };
  return { ...own, trial, failures, notes, warnings };
}

const inFloatType = (input: BoundInput, floatType: FloatType): BoundInput =>
  isFloat(input.tensor.type) ? { ...input, tensor: toFloat(input.tensor, floatType) } : input;

function problemOf(found: Attempt): Problem {
  const { model, options, floatType, inputs, samples, candidates, choices, candidate, trial, notes, warnings } = found;
  const { filter = {} } = options;
  const output = usableOutput(found);
  const { axis, free } = followBatch(candidate, trial);
  const prediction =
    axis === 0 ? trial.outputs.get(output)! : axisToFirst(new GraphBuilder(), trial.outputs.get(output)!, axis);
  const labels = found.labels && labelsFor(found.labels, samples, axis, found.counted);
  const loss = lossFor(options.loss, prediction, labels, trial.batch, notes, () =>
    otherOutputs(model, output, trial.outputs),
  );
  noteOutputs(model, output, notes);
  if (options.batchStatistics && !model.graph.nodes.some(({ opType }) => opType === 'BatchNormalization'))
    notes.push(words`${at('batchStatistics')} changes nothing: the model has no BatchNormalization.`);

  const { trained, allChoices } = chooseTrained(model, trial, output, { candidates, choices, filter });
  if (isFromPyTorch(model) && !filter.freeze?.length && !filter.trainable?.length) notes.push(untold);
  if (isFromOlderExporter(model)) notes.push(untoldStops);
  const layout = new ParameterLayout(trained);
  const targets = loss === 'output' || !labels ? undefined : prepareLabels(labels, loss, prediction.shape, floatType);
  const positions = targets?.tensor.type === 'int64' ? elementCount(targets.tensor.shape) : 0;
  if (targets && targets.reduction.total < positions)
    notes.push(
      `${thousands(targets.reduction.total)} of ${thousands(positions)} positions are labelled; those with the label −100 do not count.`,
    );
  const feeds: Feed[] = [
    ...inputs.map(({ info, tensor, perSample }) => ({ name: info.name, tensor, perSample })),
    ...(targets ? [{ name: labelFeed, tensor: targets.tensor, perSample: true }] : []),
  ];
  if (free && trial.bound !== undefined && trial.bound !== samples)
    notes.push(`The model was exported with a fixed batch of ${trial.bound}; it was rebuilt for other batch sizes.`);
  const predict: Problem['predict'] = (b, parameters, data) => {
    const instance = trial.build(b, parameters, data);
    const value = instance.outputs.get(output);
    if (!value || instance.blockers.length > 0)
      throw InspectorError.of(describeBlockers(model, instance.blockers, [...parameters.keys()]));
    return axis === 0 ? value : axisToFirst(b, value, axis);
  };
  return {
    model,
    floatType,
    loss,
    output,
    samples,
    layout,
    theta: layout.pack(floatType, readValues(trained)),
    choices: allChoices,
    feeds,
    fixedBatch: free ? undefined : trial.bound,
    indivisible:
      loss === 'output' ? 'loss inside' : usesBatchStatistics(model, options) ? 'batch statistics' : undefined,
    notes,
    warnings,
    emit(b, parameters, data, count) {
      const value = predict(b, parameters, data);
      if (loss === 'output') return b.reshape(b.cast(value, 'float64'), []);
      return emitLoss(b, loss, value, data.get(labelFeed)!, targets!.reduction, count);
    },
    count: (b, data) =>
      targets ? emitCount(b, data.get(labelFeed)!, targets.reduction, targets.tensor) : b.scalar('float64', 1),
    predict,
  };
}

/** What no exporter of PyTorch writes. */
const untold = words`The file does not say which parameters your program keeps from training (requires_grad=False); name them with ${at('freeze')}. They are [n for n, p in model.named_parameters() if not p.requires_grad].`;

/** What the older exporter of PyTorch does not write either. */
const untoldStops =
  'The file does not say where your program calls detach() or runs under no_grad(), and gradients flow there; exported with dynamo=True it does.';

/** The name of the trial's output. Throws an InspectorError where it is blocked, or of a type that no loss takes. */
function usableOutput({ model, trial, candidates, failures }: Attempt): string {
  const { output, outputs } = trial;
  const blockers = trial.blockers.map((blocker) => {
    const failure = failures.get(blocker.label);
    return failure === undefined
      ? blocker
      : { ...blocker, reason: `${blocker.reason}; the runtime does not compute it either: ${failure}` };
  });
  if (!output || blockers.length > 0 || !outputs.has(output))
    throw InspectorError.of(
      describeBlockers(
        model,
        blockers,
        candidates.map(({ name }) => name),
      ),
    );
  const { type } = outputs.get(output)!;
  if (!isFloat(type))
    throw new InspectorError(
      `The model's output ${quoteName(output)} is of type ${type}.`,
      'A loss needs a floating-point output.',
    );
  return output;
}

/** The loss that is asked for or fits; says so where it was chosen for what the model ends in. */
function lossFor(
  asked: LossName | undefined,
  prediction: Value,
  labels: Tensor | undefined,
  batch: number,
  notes: Words[],
  others: () => Words,
): LossName {
  const ending = endingOf(prediction);
  const ofBatch = labels && { ...labels, shape: [batch, ...labels.shape.slice(1)], data: labels.data };
  const loss = withRemedy(() => chooseLoss(asked, prediction.shape, ofBatch, { batch, ending }), others);
  if (asked === undefined && (loss === 'cross-entropy-on-probabilities' || loss === 'bce'))
    notes.push(
      words`The model ends in a ${ending!}, so the loss is taken of probabilities (${loss}). ${at('loss', loss === 'bce' ? 'bce-with-logits' : 'cross-entropy')} would apply another ${ending!}.`,
    );
  return loss;
}

/** What `run` gives; InspectorErrors get another remedy beside their own. */
function withRemedy<T>(run: () => T, remedy: () => Words): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof InspectorError)) throw error;
    const remedies = [error.words.remedy, remedy()].filter((each) => each !== undefined && each !== '') as Words[];
    throw error.with({ remedy: joinWords(remedies) });
  }
}

function noteOutputs({ graph }: Model, output: string, notes: Words[]): void {
  if (graph.outputs.length > 1)
    notes.push(
      words`The model has ${graph.outputs.length} outputs (${nameList(graph.outputs.map(({ name }) => name))}); the loss looks at ${quoteName(output)}. ${at('output')} takes another one.`,
    );
}

/** The candidates that reach the output or are asked for by name, and why the others are not trained. */
function chooseTrained(
  model: Model,
  { outputs, variables }: Trial,
  output: string,
  {
    candidates,
    choices,
    filter,
  }: { candidates: readonly Initializer[]; choices: readonly ParameterChoice[]; filter: ParameterFilter },
): { trained: readonly Initializer[]; allChoices: readonly ParameterChoice[] } {
  const reached = reaching(outputs.get(output)!, variables);
  const trains = ({ name }: Initializer) => reached.has(name) || isAsked(filter, name);
  const allChoices = [
    ...choices,
    ...candidates.map((candidate) => ({
      name: candidate.name,
      shape: candidate.shape,
      trained: trains(candidate),
      reason: trains(candidate)
        ? 'reaches the loss'
        : 'does not reach the loss, or only through operators without a derivative',
    })),
  ];
  const trained = candidates.filter(trains);
  if (trained.length === 0) refuseUntrainable(allChoices, model);
  return { trained, allChoices };
}

const isAsked = ({ trainable = [] }: ParameterFilter, name: string): boolean =>
  trainable.some((glob) => globToRegExp(glob).test(name));

/** The parameters' values. Throws an InspectorError where one is not finite. */
function readValues(trained: readonly Initializer[]): Map<string, Tensor> {
  const values = new Map(trained.map((initializer) => [initializer.name, initializer.read()]));
  for (const [name, tensor] of values)
    checkFinite(
      name,
      tensor,
      'initializer',
      'Training has probably diverged; export the model from an earlier checkpoint.',
    );
  return values;
}

/** True where a BatchNormalization takes mean and variance from the batch. */
function usesBatchStatistics(model: Model, { batchStatistics }: ProblemOptions): boolean {
  return model.graph.nodes.some(
    (node) =>
      node.opType === 'BatchNormalization' &&
      isDefaultDomain(node.domain) &&
      (batchStatistics === true || ownAttribute(node, 'BatchNormalization', 'training_mode') === 1),
  );
}
