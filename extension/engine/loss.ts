import type { GraphBuilder } from '../onnx/builder.ts';
import type { Node, Value } from '../onnx/graph.ts';
import { isNode } from '../onnx/nodeTypes.ts';
import { tellingNode } from '../onnx/refusal.ts';
import { showShape } from '../onnx/shapes.ts';
import {
  type ElementType,
  elementCount,
  isFloat,
  numbersOf,
  type Shape,
  type Tensor,
  tensorOf,
} from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { at, words } from '../shared/words.ts';

export const isCrossEntropy = (loss: LossName): boolean =>
  loss === 'cross-entropy' || loss === 'cross-entropy-on-probabilities';
export const isBinaryCrossEntropy = (loss: LossName): boolean => loss === 'bce' || loss === 'bce-with-logits';

/** What the model's output is, going by the operator that makes it. */
export type Ending = 'softmax' | 'sigmoid' | undefined;

/** Operators that move numbers and leave them as they are; the logarithm may as well be taken before them. */
const moves = ['Identity', 'Reshape', 'Transpose', 'Cast'] as const;
type Moving = (typeof moves)[number];
const moving: ReadonlySet<string> = new Set(moves);

export function endingOf(prediction: Value): Ending {
  let { node } = prediction;
  while (node && moving.has(node.opType) && node.inputs[0]) node = node.inputs[0].node;
  return node?.opType === 'Softmax' ? 'softmax' : node?.opType === 'Sigmoid' ? 'sigmoid' : undefined;
}

/** Label of positions that do not count, as in PyTorch. */
export const ignoreIndex = -100;

const withoutUnits = (shape: Shape): number[] => shape.filter((dim, i) => i === 0 || dim !== 1);
const equal = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** The axis of the classes, where labels of that shape (without it) fit the predictions; the last one is preferred. */
export function classAxis(prediction: Shape, labels: Shape): number | undefined {
  for (const axis of [prediction.length - 1, 1]) {
    const rest = prediction.filter((_, i) => i !== axis);
    if (axis > 0 && prediction.length > 1 && equal(withoutUnits(rest), withoutUnits(labels))) return axis;
  }
  return undefined;
}

/** Labels of the shape of the predictions that are a probability for each class, along the axis of the classes. */
function probabilityAxis(prediction: Shape, labels: Tensor): number | undefined {
  if (!equal(prediction, labels.shape)) return undefined;
  const values = numbersOf(labels);
  return [prediction.length - 1, 1].find((axis) => {
    if (axis <= 0 || prediction[axis] < 2) return false;
    const inner = elementCount(prediction.slice(axis + 1));
    const sums = new Float64Array(values.length / prediction[axis]);
    for (let i = 0; i < values.length; i++) {
      if (!(values[i] >= 0)) return false;
      sums[Math.floor(i / (inner * prediction[axis])) * inner + (i % inner)] += values[i];
    }
    return sums.every((sum) => Math.abs(sum - 1) < 1e-4);
  });
}

/**
 * One class label for each position in place of one-hot rows of the shape of the predictions; other labels as they are.
 */
export function withoutOneHot(prediction: Shape, labels: Tensor): Tensor {
  const axis = probabilityAxis(prediction, labels);
  const values = numbersOf(labels);
  if (axis === undefined || !values.every((value) => value === 0 || value === 1)) return labels;
  const classes = prediction[axis];
  const inner = elementCount(prediction.slice(axis + 1));
  const shape = prediction.filter((_, i) => i !== axis);
  const chosen = Array.from({ length: values.length / classes }, (_, position) => {
    const start = Math.floor(position / inner) * classes * inner + (position % inner);
    for (let k = 0; k < classes; k++) if (values[start + k * inner] === 1) return k;
    return 0;
  });
  return tensorOf('int64', shape, chosen);
}

/** The losses that fit a prediction of shape [N, …] and the labels, in order of preference. */
export function fittingLosses(prediction: Shape, labels: Tensor | undefined, ending?: Ending): LossName[] {
  const crossEntropy: LossName = ending === 'softmax' ? 'cross-entropy-on-probabilities' : 'cross-entropy';
  const scalar = elementCount(prediction) === 1 && prediction.length <= 1;
  if (!labels) return scalar ? ['output'] : [];
  const fits: LossName[] = [];
  const sameShape = equal(withoutUnits(prediction), withoutUnits(labels.shape));
  const axis = classAxis(prediction, labels.shape);
  const integers = !isFloat(labels.type) || (labels.data as Float64Array).every(Number.isInteger);
  if (!isFloat(labels.type) && axis !== undefined && prediction[axis] > 1) return [crossEntropy];
  if (axis !== undefined && prediction[axis] > 1 && integers && !sameShape) fits.push(crossEntropy);
  if (sameShape) {
    const binary = Array.from(labels.data as ArrayLike<number | bigint>, Number).every((y) => y === 0 || y === 1);
    const shared = ending === 'sigmoid' ? undefined : probabilityAxis(prediction, labels);
    if (shared !== undefined && ending === 'softmax') return [crossEntropy];
    if (shared !== undefined) fits.push(crossEntropy);
    if (binary && ending !== 'softmax') fits.push(ending === 'sigmoid' ? 'bce' : 'bce-with-logits');
    if (isFloat(labels.type)) fits.push('mse');
  }
  // A number for the whole batch is a loss already, which needs no labels.
  return fits.length === 0 && prediction.length === 0 ? ['output'] : fits;
}

/**
 * The loss to use: the one asked for, or the only one that fits. Throws an InspectorError that says what does fit.
 *
 * @param batch size of first axes that messages call N
 * @param ending what the model ends in
 */
export function chooseLoss(
  asked: LossName | undefined,
  prediction: Shape,
  labels: Tensor | undefined,
  { batch, ending }: { batch?: number; ending?: Ending } = {},
): LossName {
  const show = (shape: Shape) =>
    showShape(shape[0] === batch && batch !== undefined ? ['N', ...shape.slice(1)] : shape);
  const shapes = `the model's output has shape ${show(prediction)}${labels ? `, the labels ${show(labels.shape)} (${labels.type})` : ', and there are no labels'}`;
  if (asked) {
    if (lossFits(asked, prediction, labels)) return asked;
    const needs =
      asked === 'output'
        ? 'a scalar output'
        : isCrossEntropy(asked)
          ? 'predictions [N, C] with labels [N] (or [N, T, C] with [N, T]), or with one-hot labels [N, C]'
          : 'labels of the shape of the predictions';
    throw new InspectorError(
      `The loss ${asked} needs ${needs}; ${shapes}.`,
      words`Choose another loss with ${at('loss')}, or check the data.`,
    );
  }
  const fits = fittingLosses(prediction, labels, ending);
  if (fits.length === 1) return fits[0];
  if (fits.length === 0)
    throw new InspectorError(
      `No loss fits: ${shapes}.`,
      !labels
        ? words`Give labels (an array "y", or another one with ${at('yKey')}), or a model whose output is its loss.`
        : 'Check the labels; cross-entropy needs one integer per prediction, mse labels of the shape of the predictions.',
    );
  throw new InspectorError(
    `More than one loss fits: ${fits.join(', ')}.`,
    words`Choose one with ${at('loss')} (${fits.join(' or ')}).`,
  );
}

/** Can a loss be taken of a prediction of shape [N, …] and these labels? */
export function lossFits(loss: LossName, prediction: Shape, labels: Tensor | undefined): boolean {
  if (loss === 'output') return elementCount(prediction) === 1;
  if (!labels) return false;
  return isCrossEntropy(loss)
    ? classesAlong(prediction, labels) !== undefined
    : equal(withoutUnits(prediction), withoutUnits(labels.shape));
}

/** The axis of the classes of a cross-entropy; undefined where the labels fit none. */
export const classesAlong = (prediction: Shape, labels: Tensor): number | undefined =>
  classAxis(prediction, labels.shape) ?? probabilityAxis(prediction, labels);

/** How a part of the loss is weighted and laid out. */
export interface Reduction {
  /** Number of positions that count over the whole data set (cross-entropy: labelled ones; mse and bce: elements). */
  readonly total: number;
  /** The axis of the classes, for cross-entropy. */
  readonly axis?: number;
}

/**
 * Emits the part of the loss that a chunk contributes, as a float64 scalar: the sum over its positions divided by their
 * number in all chunks, so that the parts add up to the mean.
 *
 * @param count that number as float64 scalar; that of the whole data set, if not given
 */
export function emitLoss(
  b: GraphBuilder,
  loss: Exclude<LossName, 'output'>,
  prediction: Value,
  labels: Value,
  { total, axis = 1 }: Reduction,
  count?: Value,
): Value {
  const sum = b.reduceSum(b.cast(emitters[loss](b, prediction, labels, axis), 'float64'));
  return count ? b.div(sum, count) : b.affine(sum, 1 / total);
}

/**
 * Emits the mean of a loss over the positions of a batch, as float64 scalar; those with the label −100 do not count. Labels are
 * int64 classes for cross-entropy and numbers of the shape of the prediction for the others. Throws an InspectorError where they
 * do not fit.
 */
export function emitMeanLoss(
  b: GraphBuilder,
  loss: Exclude<LossName, 'output'>,
  prediction: Value,
  labels: Value,
): Value {
  const isClass = isCrossEntropy(loss);
  const axis = isClass ? classAxis(prediction.shape, labels.shape) : 1;
  const fits = isClass ? axis !== undefined : equal(withoutUnits(prediction.shape), withoutUnits(labels.shape));
  if (!fits)
    throw new InspectorError(
      `Labels of shape ${showShape(labels.shape)} do not fit the output ${showShape(prediction.shape)} for ${loss}.`,
      isClass
        ? 'Cross-entropy takes one class for each position: the shape of the output without the axis of the classes.'
        : 'They have the shape of the output.',
    );
  const total = elementCount(labels.shape);
  return tellingNode(b, () => {
    const counts = isClass && b.not(b.equal(labels, b.number(ignoreIndex, labels)));
    return emitLoss(
      b,
      loss,
      prediction,
      labels,
      { total, axis },
      counts ? b.reduceSum(b.cast(counts, 'float64')) : undefined,
    );
  });
}

/** Emits how many positions of some labels count, as float64 scalar. */
export function emitCount(b: GraphBuilder, labels: Value, { total }: Reduction, all: Tensor): Value {
  const [samples] = all.shape;
  const ignored = all.type === 'int64' && (all.data as BigInt64Array).includes(BigInt(ignoreIndex));
  if (!ignored) return b.scalar('float64', (total / samples) * labels.shape[0]);
  const counts = b.not(b.equal(labels, b.number(ignoreIndex, labels)));
  return b.reduceSum(b.cast(counts, 'float64'));
}

type Emitter = (b: GraphBuilder, prediction: Value, labels: Value, axis: number) => Value;

const emitters: Record<Exclude<LossName, 'output'>, Emitter> = {
  'cross-entropy': (b, z, labels, axis) => negativeLogLikelihood(b, b.logSoftmax(z, axis), labels, axis),
  'cross-entropy-on-probabilities': (b, p, labels, axis) =>
    negativeLogLikelihood(b, beforeMoving(b, p, logOfSoftmax) ?? b.log(p), labels, axis),
  mse: (b, z, labels) => {
    const error = b.sub(z, b.reshape(labels, z.shape));
    return b.mul(error, error);
  },
  // log(1 + e^z) − y·z
  'bce-with-logits': (b, z, labels) => b.sub(b.softplus(z), b.mul(b.reshape(labels, z.shape), z)),
  // −y·log p − (1 − y)·log(1 − p), where a factor of 0 wins over the logarithm of 0
  bce: (b, p, labels, axis) => {
    const z = beforeMoving(b, p, logitOfSigmoid);
    if (z) return emitters['bce-with-logits'](b, z, labels, axis);
    const y = b.reshape(labels, p.shape);
    const weighted = (weight: Value, q: Value) =>
      b.mul(weight, b.log(b.where(b.equal(weight, b.number(0, weight)), b.number(1, q), q)));
    return b.neg(b.add(weighted(y, p), weighted(b.oneMinus(y), b.oneMinus(p))));
  },
};

/** −Σ y·log p over the classes. Labels of one number for each position choose a class; −100 matches none and gives 0. */
function negativeLogLikelihood(b: GraphBuilder, logs: Value, labels: Value, axis: number): Value {
  if (equal(labels.shape, logs.shape)) return b.neg(b.reduceSum(b.mul(labels, logs), [axis]));
  const spread = b.reshape(labels, logs.shape.with(axis, 1));
  const shape = logs.shape.map((dim, i) => (i === axis ? dim : 1));
  const chosen = b.where(b.equal(spread, numbered(b, labels.type, logs.shape[axis], shape)), logs, b.number(0, logs));
  return b.neg(b.reduceSum(chosen, [axis]));
}

/** 0, 1, 2, … as a tensor of `shape`, which has one axis of `count`. */
const numbered = (b: GraphBuilder, type: ElementType, count: number, shape: Shape): Value =>
  b.cast(b.reshape(b.range(0, count), shape), type);

// Logarithms of probabilities are taken from the logits behind them, which cannot underflow.
const logOfSoftmax = (b: GraphBuilder, node: Node): Value | undefined =>
  isNode(node, 'Softmax') ? b.logSoftmax(node.inputs[0], node.attributes.axis) : undefined;
const logitOfSigmoid = (_: GraphBuilder, { opType, inputs: [x] }: Node): Value | undefined =>
  opType === 'Sigmoid' ? x : undefined;

/** What `replace` makes of the node behind `value`, moved as the value has been moved. */
function beforeMoving(
  b: GraphBuilder,
  value: Value,
  replace: (b: GraphBuilder, node: Node) => Value | undefined,
): Value | undefined {
  const moves: Node[] = [];
  let { node } = value;
  for (; node && moving.has(node.opType) && node.inputs[0]; node = node.inputs[0].node) moves.push(node);
  const start = node && replace(b, node);
  return (
    start &&
    moves.reduceRight(
      (x, move) => b.emitNode(move.opType as Moving, [x, ...move.inputs.slice(1)], move.attributes)[0],
      start,
    )
  );
}
