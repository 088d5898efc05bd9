import { ownAttribute } from '../onnx/attributes.ts';
import type { Model, ModelNode } from '../onnx/model.ts';
import { elementCount } from '../onnx/tensor.ts';
import { quoteName } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { at, type Words, words } from '../shared/words.ts';
import { namesStatistics, suspectedBuffer } from './buffers.ts';
import { equalGroups, isUniform } from './equalTensors.ts';
import { ExportView, plural, type Use } from './exportView.ts';
import { ownDerivatives } from './ownDerivatives.ts';
import { nameList } from './parameters.ts';
import { isFromTensorFlow } from './roles.ts';
import { generated, sourceNames } from './sourceNames.ts';
import { straightThrough } from './straightThrough.ts';
import type { Warning } from './warning.ts';
import { wholeExport } from './wholeExport.ts';

export type ExportWarningCode =
  | 'folded-normalisation'
  | 'running-statistics'
  | 'untied-weights'
  | 'merged-parameters'
  | 'renamed-weights'
  | 'packed-gates'
  | 'computed-parameters'
  | 'constant-weights'
  | 'double-activation'
  | 'possible-buffers'
  | 'straight-through'
  | 'own-derivative';

/** A sign that the file is not the model that was trained, and what that does to the numbers. */
export interface ExportWarning extends Warning {
  readonly code: ExportWarningCode;
}

/**
 * What exporters are known to change and Adam's bias is not invariant under, as far as the file shows it: normalisation
 * folded into convolutions, running statistics, tied weights stored twice, separate parameters stored once, weights and
 * gates under other names, and a softmax before a loss that has its own.
 *
 * @param loss the loss that will be used, where it is known already
 * @param batchStatistics true where BatchNormalization is going to use the statistics of the batch
 */
export function exportWarnings(model: Model, loss?: LossName, batchStatistics = false): ExportWarning[] {
  const view = new ExportView(model);
  return [
    foldedNormalisation(view),
    runningStatistics(view, batchStatistics),
    untiedWeights(view),
    mergedParameters(view),
    renamedWeights(view),
    packedGates(view),
    computedParameters(view),
    constantWeights(view),
    doubleActivation(view, loss),
    possibleBuffers(view),
    straightThrough(view.model),
    ownDerivatives(view.model),
  ].filter((warning) => warning !== undefined);
}

/**
 * The exporter of PyTorch ≥ 2.9 says in a node's metadata what it fused. Without metadata: a convolution of PyTorch owns
 * `c.weight` and `c.bias`; a bias of any other name was made by the exporter.
 */
function foldedNormalisation(view: ExportView): ExportWarning | undefined {
  if (isFromTensorFlow(view.model)) return foldedByTensorFlow(view);
  if (!view.fromPyTorch) return undefined;
  const kept = view.nodes.some(({ opType }) => opType === 'BatchNormalization');
  const folded = view.nodes.filter((node) => node.rewrites?.includes('FuseBatchNorm') || ownsNoBias(view, node, kept));
  if (folded.length === 0) return undefined;
  const convolutions = folded.filter(({ opType }) => opType.startsWith('Conv')).length;
  const layers = [
    ...(convolutions > 0 ? [plural(convolutions, 'convolution')] : []),
    ...(convolutions < folded.length ? [plural(folded.length - convolutions, 'linear layer')] : []),
  ].join(' and ');
  const parameters = folded.flatMap((node) =>
    [1, 2].map((i) => view.initializer(node, i)).filter((name) => name !== undefined),
  );
  return {
    code: 'folded-normalisation',
    title: 'BatchNormalization is folded into other layers',
    detail: `The exporter multiplied it into the weights and biases of ${layers}. What is trained here are the products, not the weights, scales and shifts that you train. Adam is not invariant under this: its steps, and so the correction, are those of another model.`,
    parameters: [...new Set(parameters)],
    remedy: view.remedy,
  };
}

/** Names that TensorFlow and tf2onnx give to the products of a BatchNormalization with what stands before it. */
const foldedByName = /\/batchnorm\/(mul|sub|Rsqrt)(_\d+)?(:\d+)?$|\/merged_input(:\d+)?$|_fused_bn(:\d+)?$/;

function foldedByTensorFlow(view: ExportView): ExportWarning | undefined {
  const parameters = [...view.candidates].filter((name) => foldedByName.test(name));
  if (parameters.length === 0) return undefined;
  return {
    code: 'folded-normalisation',
    title: 'BatchNormalization is folded into other layers',
    detail: `${nameList(parameters, 4)} ${parameters.length === 1 ? 'is a product' : 'are products'} of weights, scales and running statistics. What is trained here are the products, not the weights, scales and shifts that you train. Adam is not invariant under this: its steps, and so the correction, are those of another model.`,
    parameters,
    remedy: `tf2onnx always folds it. With Keras, export from the PyTorch backend (KERAS_BACKEND=torch), which keeps scales and shifts: ${wholeExport.legacy}.`,
  };
}

function ownsNoBias(view: ExportView, node: ModelNode, kept: boolean): boolean {
  if (node.opType !== 'Conv' && node.opType !== 'ConvTranspose') return false;
  const weight = view.initializer(node, 1);
  const bias = view.initializer(node, 2);
  if (weight === undefined || bias === undefined) return false;
  // Zeros stand for no bias.
  const added = view.model.graph.initializers.get(bias)!;
  if (added.unsupported || isUniform(added.read())) return false;
  // Beside a normalisation that was kept, only names of the exporter are sure.
  if (kept) return generated(weight) && generated(bias);
  const owned = weight.endsWith('weight') && bias === `${weight.slice(0, -'weight'.length)}bias`;
  return !owned && (generated(bias) || (weight.endsWith('.weight') && !bias.endsWith('.bias')));
}

function runningStatistics(view: ExportView, batchStatistics: boolean): ExportWarning | undefined {
  // Before opset 14, training shows in the outputs for the new statistics.
  const nodes = view.nodes.filter(
    (node) =>
      node.opType === 'BatchNormalization' &&
      ownAttribute(node, 'BatchNormalization', 'training_mode') !== 1 &&
      node.outputs.filter((name) => name !== '').length === 1,
  );
  if (batchStatistics && nodes.length > 0) return undefined;
  if (nodes.length === 0) return writtenOutStatistics(view);
  return {
    code: 'running-statistics',
    title: 'BatchNormalization uses its running statistics',
    detail: `${plural(nodes.length, 'BatchNormalization node normalises', 'BatchNormalization nodes normalise')} with stored mean and variance, as in evaluation; training normalises with those of the batch, through which gradients flow too. Loss, gradients and correction differ from those of training.`,
    parameters: nodes.flatMap((node) =>
      [1, 2].map((i) => view.initializer(node, i)).filter((name) => name !== undefined),
    ),
    remedy: words`Use ${at('batchStatistics')} to normalise with the statistics of the batch, or leave it where the model is trained with frozen statistics.`,
  };
}

/** Exporters of other frameworks write BatchNormalization out as sums and products. */
function writtenOutStatistics(view: ExportView): ExportWarning | undefined {
  const parameters = [...view.uses.keys()].filter((name) => namesStatistics(name));
  if (parameters.length === 0) return undefined;
  return {
    code: 'running-statistics',
    title: 'BatchNormalization uses its running statistics',
    detail: `It is written out with the stored mean and variance (${nameList(parameters, 4)}), as in evaluation; training normalises with those of the batch, through which gradients flow too. Loss, gradients and correction differ from those of training.`,
    parameters: [],
    remedy: words`Where the model is trained with frozen statistics, this is right. For those of the batch, export it from PyTorch modules, which keep the operator, and use ${at('batchStatistics')}.`,
  };
}

function untiedWeights(view: ExportView): ExportWarning | undefined {
  const members = [...view.candidates].filter((name) => view.uses.has(name));
  const groups = equalGroups(members.map((name) => view.model.graph.initializers.get(name)!));
  if (groups.length === 0) return undefined;
  const pairs = groups.slice(0, 3).map(({ names, transposed }) => {
    const shown = names
      .slice(0, 4)
      .map((name) => quoteName(name))
      .join(' and ');
    return `${shown}${transposed ? ' (transposed)' : ''}`;
  });
  const more = groups.length > 3 ? ` and ${groups.length - 3} more` : '';
  return {
    code: 'untied-weights',
    title: 'Equal weights are stored more than once',
    detail: `${pairs.join(', ')}${more} hold the same numbers. If the model ties them, it trains one parameter with the sum of both gradients; here each copy trains on its own, with another second moment, other steps and another correction.`,
    parameters: groups.flatMap(({ names }) => names),
    remedy: view.remedy,
  };
}

/** Inputs at which operators take a parameter of their own, in which two modules start with equal values. */
const ownParameters: ReadonlyMap<string, readonly number[]> = new Map([
  ['BatchNormalization', [1, 2, 3, 4]],
  ['LayerNormalization', [1, 2]],
  ['InstanceNormalization', [1, 2]],
  ['GroupNormalization', [1, 2]],
  ['RMSNormalization', [1]],
  ['Conv', [2]],
  ['ConvTranspose', [2]],
  ['Gemm', [2]],
  ['PRelu', [1]],
  ['Add', [0, 1]],
  ['Mul', [0, 1]],
]);

const isOwn = (node: ModelNode, input: number): boolean => ownParameters.get(node.opType)?.includes(input) === true;

/** The uses behind one that only gives the tensor more axes: scales of GroupNorm stand so in files of the older exporter. */
function spread(view: ExportView, use: Use): Use[] {
  if (use.node.opType !== 'Unsqueeze' || use.input !== 0) return [use];
  return view.nodes.flatMap((node) =>
    node.inputs.flatMap((name, input) => (name === use.node.outputs[0] ? [{ node, input, name: use.name }] : [])),
  );
}

/** Exporters store initializers of equal values once; scales and biases start equal, so several become one. */
function mergedParameters(view: ExportView): ExportWarning | undefined {
  const merged: { root: string; names: string[]; nodes: number; statistics: boolean }[] = [];
  for (const [root, uses] of view.uses) {
    const own = uses.flatMap((use) => spread(view, use)).filter(({ node, input }) => isOwn(node, input));
    const initializer = view.model.graph.initializers.get(root)!;
    if (own.length < 2 || !view.candidates.has(root) || elementCount(initializer.shape) < 2) continue;
    if (!isUniform(initializer.read())) continue;
    const statistics = own.some(({ node, input }) => node.opType === 'BatchNormalization' && input >= 3);
    merged.push({ root, names: [...new Set([root, ...own.map(({ name }) => name)])], nodes: own.length, statistics });
  }
  if (merged.length === 0) return undefined;
  const shown = merged.slice(0, 3).map(({ root, nodes }) => `${quoteName(root)} (${nodes} places)`);
  const more = merged.length > 3 ? ` and ${merged.length - 3} more` : '';
  const statistics = merged.some((entry) => entry.statistics)
    ? ' One of them also serves as running statistics, which would move with it.'
    : '';
  return {
    code: 'merged-parameters',
    title: 'Separate parameters seem to be stored as one',
    detail: `${shown.join(', ')}${more}: one initializer of equal elements stands where several scales or biases are usual; exporters merge parameters that happen to be equal when the model is fresh. As one parameter it gets the sum of their gradients, one second moment and one step, so the correction is that of another model.${statistics}`,
    parameters: [...new Set(merged.flatMap(({ names }) => names))],
    remedy: `${view.remedy} A model whose layers do share the parameter is right as it is.`,
  };
}

function renamedWeights(view: ExportView): ExportWarning | undefined {
  if (!view.fromPyTorch) return undefined;
  const names = view.nodes.flatMap((node) => {
    const weight = node.opType === 'MatMul' || node.opType === 'Gemm' ? view.initializer(node, 1) : undefined;
    const matrix = weight !== undefined && view.model.graph.initializers.get(weight)!.shape.length === 2;
    return matrix && generated(weight) && view.candidates.has(weight) ? [weight] : [];
  });
  if (names.length === 0) return undefined;
  return {
    code: 'renamed-weights',
    title: 'Linear weights are transposed and renamed',
    detail: words`${described(view, names, 4)} ${names.length === 1 ? 'is a transposed copy of the weight' : 'are transposed copies of weights'} of linear layers. Adam treats every element alike, so the numbers are those of your model; but in what is written they have these names and this order, and the original names are found by ${at('weights')}, ${at('freeze')} and ${at('trainable')} only where they are given here. Where the original is used elsewhere too (tied weights), the two train apart.`,
    parameters: [...new Set(names)],
    remedy: view.remedy,
  };
}

/** Names of initializers, each with what it was made from. */
function described({ model }: ExportView, names: readonly string[], limit: number): string {
  const sources = sourceNames(model);
  const unique = [...new Set(names)];
  const shown = unique.slice(0, limit).map((name) => {
    const source = sources.get(name);
    return source === undefined ? quoteName(name) : `${quoteName(name)} from ${quoteName(source)}`;
  });
  return shown.join(', ') + (unique.length > limit ? ` and ${unique.length - limit} more` : '');
}

function packedGates(view: ExportView): ExportWarning | undefined {
  if (!view.fromPyTorch) return undefined;
  const names: string[] = [];
  let summed = false;
  for (const node of view.nodes) {
    if (!['LSTM', 'GRU', 'RNN'].includes(node.opType)) continue;
    const packed = [1, 2, 3].map((i) => view.initializer(node, i)).filter((name) => name !== undefined);
    names.push(...packed.filter(generated));
    const bias = view.initializer(node, 3);
    if (bias !== undefined && generated(bias)) summed ||= lacksRecurrentBias(view, bias);
  }
  if (names.length === 0) return undefined;
  const sum = summed
    ? ' A bias has zeros in its recurrent half: b_ih and b_hh were added up. In your model both train, each with the same gradient, so that their sum moves twice as far.'
    : '';
  return {
    code: 'packed-gates',
    title: 'Weights of a recurrent layer are packed and renamed',
    detail: `${described(view, names, 4)} hold the gates of recurrent layers in the order of ONNX, with directions and both biases packed into one tensor. Adam treats every element alike, so each element has the numbers of your model; norms per tensor are those of the packed ones, under these names.${sum}`,
    parameters: [...new Set(names)],
    remedy: view.remedy,
  };
}

/**
 * Expressions of parameters that the exporter evaluated once: a normalised weight, the used rows of a position embedding. The
 * newer exporter of PyTorch notes from what; the older one gives them names of its own. Transposed weights, packed gates and
 * folded normalisation have warnings of their own.
 */
function computedParameters(view: ExportView): ExportWarning | undefined {
  const others = [renamedWeights(view), packedGates(view), foldedNormalisation(view)];
  const explained = new Set(others.flatMap((warning) => warning?.parameters ?? []));
  const computed = [...view.candidates].flatMap((name) => {
    if (explained.has(name) || !view.uses.has(name)) return [];
    const { origin } = view.model.graph.initializers.get(name)!;
    if (!origin) return view.fromPyTorch && /^onnx::/.test(name) ? [{ name, sources: [] }] : [];
    if (origin.kind !== 'computed') return [];
    const modules = origin.from.filter((source) => source.includes('.'));
    const sources = modules.length > 0 ? modules : origin.from.filter((source) => !generated(source));
    return sources.length > 0 ? [{ name, sources }] : [];
  });
  if (computed.length === 0) return undefined;
  const shown = computed
    .slice(0, 3)
    .map(({ name, sources }) => quoteName(name) + (sources.length > 0 ? ` from ${nameList(sources, 3)}` : ''));
  const more = computed.length > 3 ? ` and ${computed.length - 3} more` : '';
  const unknown = computed.flatMap(({ name, sources }) => (sources.length === 0 ? [name] : []));
  return {
    code: 'computed-parameters',
    title: 'Parameters are replaced by what the exporter computed from them',
    detail: `${shown.join('; ')}${more}. What is trained here are the results, not the parameters behind them. Unless elements were only moved, Adam is not invariant under this: its steps, and so the correction, are those of another model.`,
    parameters: computed.map(({ name }) => name),
    remedy:
      unknown.length > 0 ? words`${view.remedy} Constants are not trained with ${freezing(unknown)}.` : view.remedy,
  };
}

/** Weights that some exporters write into Constant nodes, where nothing trains them. */
function constantWeights(view: ExportView): ExportWarning | undefined {
  const matrices = new Set(
    view.nodes.flatMap(({ opType, attributes, outputs }) => {
      const value = opType === 'Constant' ? attributes.get('value') : undefined;
      const matrix = value?.kind === 'tensor' && /float/.test(value.value.typeName) && value.value.shape.length >= 2;
      return matrix ? [outputs[0]] : [];
    }),
  );
  const weights = view.nodes.flatMap(({ opType, inputs }) =>
    ['Gemm', 'MatMul', 'Conv', 'ConvTranspose'].includes(opType) && matrices.has(inputs[1]) ? [inputs[1]] : [],
  );
  if (weights.length === 0) return undefined;
  return {
    code: 'constant-weights',
    title: 'Weights are constants',
    detail: `Constant nodes, not initializers, hold ${nameList([...new Set(weights)], 4)}, so they do not train here.`,
    parameters: [],
    remedy: words`If they are parameters, name them: ${at('trainable', [...new Set(weights)].slice(0, 8))}.`,
  };
}

/** Buffers train here like parameters unless the file says what they are, which most exporters leave out. */
function possibleBuffers(view: ExportView): ExportWarning | undefined {
  const found = [...view.candidates].flatMap((name) => {
    const initializer = view.model.graph.initializers.get(name)!;
    const sign = initializer.origin || !view.uses.has(name) ? undefined : suspectedBuffer(initializer);
    return sign === undefined ? [] : [{ name, sign }];
  });
  if (found.length === 0) return undefined;
  const shown = found.slice(0, 4).map(({ name, sign }) => `${quoteName(name)} (by ${sign})`);
  const more = found.length > 4 ? ` and ${found.length - 4} more` : '';
  const freeze = freezing(found.map(({ name }) => name));
  return {
    code: 'possible-buffers',
    title: 'Constants may be trained as parameters',
    detail: `${shown.join(', ')}${more} look like buffers, which are stored with the model and do not train. The file does not say so; trained here, they change the gradient’s norm and the correction of every parameter.`,
    parameters: found.map(({ name }) => name),
    remedy: words`If they do not train in your program, add ${freeze}.${view.fromPyTorch ? ` PyTorch's newer exporter says which are buffers: ${wholeExport.dynamo}.` : ''}`,
  };
}

/** The setting that freezes these initializers. */
const freezing = (names: readonly string[]): Words =>
  words`${at('freeze', names.slice(0, 8).map(visible))}${names.length > 8 ? ' …' : ''}`;

/** A name as a glob, without characters that nobody sees. */
const visible = (name: string): string => name.replace(/[\p{Cc}\p{Cf}]/gu, '*');

/** B is [directions, 2 × gates × hidden]: input biases first, then recurrent ones. */
function lacksRecurrentBias(view: ExportView, name: string): boolean {
  const initializer = view.model.graph.initializers.get(name)!;
  if (initializer.unsupported || initializer.shape.length !== 2) return false;
  const { data, shape } = initializer.read();
  const half = shape[1] / 2;
  const zero = (first: boolean) =>
    Array.from(data as ArrayLike<number | bigint>).every(
      (value, i) => i % shape[1] < half !== first || Number(value) === 0,
    );
  return zero(false) && !zero(true);
}

/** Operators that leave the numbers of an output as they are. */
const transparent = new Set(['Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Cast', 'Transpose']);

/** cross-entropy has a softmax of its own, bce-with-logits a sigmoid. */
function doubleActivation(view: ExportView, loss: LossName | undefined): ExportWarning | undefined {
  const producer = new Map(view.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const output = view.model.graph.outputs[0]?.name ?? '';
  let last = producer.get(output);
  for (let steps = 0; last && transparent.has(last.opType) && steps < view.nodes.length; steps++)
    last = producer.get(last.inputs[0]);
  const affected = last?.opType === 'Softmax' ? 'cross-entropy' : last?.opType === 'Sigmoid' ? 'bce-with-logits' : '';
  if (!last || affected === '' || loss !== affected) return undefined;
  const activation = last.opType.toLowerCase();
  return {
    code: 'double-activation',
    title: `The model ends in a ${activation}`,
    detail: `The output ${quoteName(output)} comes from ${last.opType}, and the loss ${affected} applies a ${activation} itself, so that it acts twice: loss, gradients and correction are not those of the usual training.`,
    parameters: [],
    remedy: words`If your training takes the loss of probabilities, use ${at('loss', affected === 'cross-entropy' ? 'cross-entropy-on-probabilities' : 'bce')}; otherwise export the model so that it returns logits, without its last ${last.opType}.`,
  };
}
