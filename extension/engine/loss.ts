import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount, isFloat, type Shape, type Tensor, tensorOf } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';

/** What is minimised. `output` is the model's own scalar output. */
export const lossNames = ['cross-entropy', 'mse', 'bce-with-logits', 'output'] as const;
export type LossName = (typeof lossNames)[number];

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

/** The losses that fit a prediction of shape [N, …] and the labels, in order of preference. */
export function fittingLosses(prediction: Shape, labels: Tensor | undefined): LossName[] {
  const scalar = elementCount(prediction) === 1 && prediction.length <= 1;
  if (!labels) return scalar ? ['output'] : [];
  const fits: LossName[] = [];
  const sameShape = equal(withoutUnits(prediction), withoutUnits(labels.shape));
  const axis = classAxis(prediction, labels.shape);
  const integers = !isFloat(labels.type) || (labels.data as Float64Array).every(Number.isInteger);
  if (!isFloat(labels.type) && axis !== undefined && prediction[axis] > 1) return ['cross-entropy'];
  if (axis !== undefined && prediction[axis] > 1 && integers && !sameShape) fits.push('cross-entropy');
  if (sameShape) {
    const binary = Array.from(labels.data as ArrayLike<number | bigint>, Number).every((y) => y === 0 || y === 1);
    if (binary) fits.push('bce-with-logits');
    if (isFloat(labels.type)) fits.push('mse');
  }
  // A number for the whole batch is a loss already, which needs no labels.
  return fits.length === 0 && prediction.length === 0 ? ['output'] : fits;
}

/**
 * The loss to use: the one asked for, or the only one that fits. Throws an InspectorError that says what does fit.
 *
 * @param batch size of first axes that messages call N
 */
export function chooseLoss(
  asked: LossName | undefined,
  prediction: Shape,
  labels: Tensor | undefined,
  batch?: number,
): LossName {
  const show = (shape: Shape) =>
    showShape(shape[0] === batch && batch !== undefined ? ['N', ...shape.slice(1)] : shape);
  const shapes = `the model's output has shape ${show(prediction)}${labels ? `, the labels ${show(labels.shape)} (${labels.type})` : ', and there are no labels'}`;
  if (asked) {
    const scalar = elementCount(prediction) === 1;
    const possible =
      asked === 'output'
        ? scalar
        : labels !== undefined &&
          (asked === 'cross-entropy'
            ? classAxis(prediction, labels.shape) !== undefined
            : equal(withoutUnits(prediction), withoutUnits(labels.shape)));
    if (possible) return asked;
    const needs = {
      output: 'a scalar output',
      'cross-entropy': 'predictions [N, C] with labels [N] (or [N, T, C] with [N, T])',
      mse: 'labels of the shape of the predictions',
      'bce-with-logits': 'labels of the shape of the predictions',
    };
    throw new InspectorError(
      `The loss ${asked} needs ${needs[asked]}; ${shapes}.`,
      'Choose another loss with --loss, or check the data.',
    );
  }
  const fits = fittingLosses(prediction, labels);
  if (fits.length === 1) return fits[0];
  if (fits.length === 0)
    throw new InspectorError(
      `No loss fits: ${shapes}.`,
      !labels
        ? 'Give labels (an array "y", or another one with --y-key), or a model whose output is its loss.'
        : 'Check the labels; cross-entropy needs one integer per prediction, mse labels of the shape of the predictions.',
    );
  throw new InspectorError(
    `More than one loss fits: ${fits.join(', ')}.`,
    `Choose one with --loss (${fits.join(' or ')}).`,
  );
}

/**
 * Emits the part of the loss that a chunk contributes, as a float64 scalar: the sum over its positions divided by the count
 * over the whole data set, so that the parts of all chunks add up to the mean.
 *
 * @param total number of positions that count (cross-entropy: labelled ones; mse and bce: elements)
 */
export function emitLoss(
  b: GraphBuilder,
  loss: Exclude<LossName, 'output'>,
  prediction: Value,
  labels: Value,
  total: number,
): Value {
  const each = emitters[loss](b, prediction, labels);
  return b.affine(b.reduceSum(b.cast(each, 'float64')), 1 / total);
}

const emitters: Record<Exclude<LossName, 'output'>, (b: GraphBuilder, prediction: Value, labels: Value) => Value> = {
  // −log softmax(z)[label]; positions without a label match no class and so contribute 0
  'cross-entropy': (b, z, labels) => {
    const axis = classAxis(z.shape, labels.shape)!;
    const spread = b.reshape(labels, z.shape.with(axis, 1));
    const classes = tensorOf(
      labels.type,
      z.shape.map((dim, i) => (i === axis ? dim : 1)),
      Array.from({ length: z.shape[axis] }, (_, i) => i),
    );
    const chosen = b.where(b.equal(spread, b.constant(classes)), b.logSoftmax(z, axis), b.number(0, z));
    return b.neg(b.reduceSum(chosen, [axis]));
  },
  mse: (b, z, labels) => {
    const error = b.sub(z, b.reshape(labels, z.shape));
    return b.mul(error, error);
  },
  // log(1 + e^z) − y·z
  'bce-with-logits': (b, z, labels) => b.sub(b.softplus(z), b.mul(b.reshape(labels, z.shape), z)),
};
