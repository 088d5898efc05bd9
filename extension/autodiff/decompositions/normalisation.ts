import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { euclideanNorm, rootOrZero } from './reduction.ts';

/** Attributes are single precision, defaults as well. */
const defaultEpsilon = Math.fround(1e-5);

/** A vector of one number per channel in the shape in which it broadcasts over [N, C, …]. */
function perChannel(b: GraphBuilder, x: Value, rank: number): Value {
  if (rank < 2 || x.shape.length !== 1)
    throw new Error(`numbers of shape ${showShape(x.shape)} do not belong to the channels of an input of ${rank} axes`);
  return b.reshape(x, [1, x.shape[0]!, ...new Array<number>(rank - 2).fill(1)]);
}

/** 1/√(variance + ε) */
const inverseDeviation = (b: GraphBuilder, variance: Value, epsilon: number): Value =>
  b.reciprocal(b.sqrt(b.affine(variance, 1, epsilon)));

/** Mean, centred values, and (biased) variance over some axes, which are kept as size 1. */
function moments(b: GraphBuilder, x: Value, axes: readonly number[]) {
  const mean = b.reduceMean(x, axes, true);
  const centred = b.sub(x, mean);
  const variance = b.reduceMean(b.mul(centred, centred), axes, true);
  return { mean, centred, variance };
}

/** The axes from `axis` to the last. */
const trailingAxes = (x: Value, axis: number): number[] =>
  x.shape.flatMap((_, i) => (i >= normaliseAxis(axis, x.shape.length) ? [i] : []));

/**
 * With running statistics y = x·a + c with a and c per channel; in training mode, or with the option `batchStatistics`,
 * with the mean and the biased variance of the batch, through which gradients flow.
 */
const batchNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  if (rank < 2) throw new Error('its input has no channel axis');
  if (call.opset < 9 && call.int('spatial', 1) === 0)
    throw new RefusedUse('statistics per position (spatial = 0) are not supported');
  const [scale, bias, runningMean, runningVariance] = [1, 2, 3, 4].map((i) => call.input(i));
  const epsilon = call.float('epsilon', defaultEpsilon);
  const wantsStatistics = call.node.outputs.slice(1).some((name) => name !== '');
  const training = call.opset >= 14 ? call.int('training_mode', 0) === 1 : wantsStatistics;
  if (!training && !call.options.batchStatistics) {
    const factor = b.mul(scale!, inverseDeviation(b, runningVariance!, epsilon));
    const shift = b.sub(bias!, b.mul(runningMean!, factor));
    return b.add(b.mul(x, perChannel(b, factor, rank)), perChannel(b, shift, rank));
  }
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const { mean, centred, variance } = moments(b, x, axes);
  const factor = b.mul(inverseDeviation(b, variance, epsilon), perChannel(b, scale!, rank));
  const y = b.add(b.mul(centred, factor), perChannel(b, bias!, rank));
  if (!wantsStatistics) return y;
  const momentum = call.float('momentum', 0.9);
  const [batchMean, batchVariance] = [mean, variance].map((value) => b.reshape(value, scale!.shape));
  const blend = (running: Value, batch: Value) => b.add(b.affine(running, momentum), b.affine(batch, 1 - momentum));
  return [y, blend(runningMean!, batchMean!), blend(runningVariance!, batchVariance!), batchMean, batchVariance];
};

const layerNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const { mean, centred, variance } = moments(b, x, trailingAxes(x, call.int('axis', -1)));
  const inverse = inverseDeviation(b, variance, call.float('epsilon', defaultEpsilon));
  const scaled = b.mul(b.mul(centred, inverse), call.input(1));
  return [call.inputs[2] ? b.add(scaled, call.inputs[2]) : scaled, mean, inverse];
};

/** y = x/√(mean x² + ε)·scale */
const rmsNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const square = b.reduceMean(b.mul(x, x), trailingAxes(x, call.int('axis', -1)), true);
  return b.mul(b.mul(x, inverseDeviation(b, square, call.float('epsilon', defaultEpsilon))), call.input(1));
};

/** Each channel of each sample by itself. */
const instanceNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  const { centred, variance } = moments(b, x, trailingAxes(x, 2));
  const factor = b.mul(
    inverseDeviation(b, variance, call.float('epsilon', defaultEpsilon)),
    perChannel(b, call.input(1), rank),
  );
  return b.add(b.mul(centred, factor), perChannel(b, call.input(2), rank));
};

/** Groups of channels of each sample; scale and bias have one number per group in opset 18, per channel from 21 on. */
const groupNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const [samples, channels, ...spatial] = leading(x.shape, 2);
  const groups = call.int('num_groups');
  if (channels === undefined) throw new Error('its input has no channel axis');
  if (groups <= 0 || channels % groups !== 0)
    throw new Error(`${channels} channels cannot form ${groups} equal groups`);
  const members = channels / groups;
  const grouped = b.reshape(x, [samples, groups, members, elementCount(spatial)]);
  const { centred, variance } = moments(b, grouped, [2, 3]);
  const inverse = inverseDeviation(b, variance, call.float('epsilon', defaultEpsilon));
  const own = (value: Value): Value => b.reshape(value, call.opset >= 21 ? [1, groups, members, 1] : [1, groups, 1, 1]);
  return b.reshape(b.add(b.mul(centred, b.mul(inverse, own(call.input(1)))), own(call.input(2))), x.shape);
};

/** x/‖x‖₁ or x/‖x‖₂ along an axis; zeros stay zeros. */
const lpNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const axes = [call.int('axis', -1)];
  const p = call.int('p', 2);
  if (p !== 1 && p !== 2) throw new RefusedUse(`a norm of order ${p} is not supported; 1 and 2 are`);
  const size = p === 1 ? b.reduceSum(b.abs(x), axes, true) : euclideanNorm(b, x, axes, true);
  return b.div(x, b.where(b.greater(size, b.number(0, x)), size, b.number(1, x)));
};

/** (x − mean)/(σ + 10⁻⁹), the constant being the one that the operator's definition has. */
const meanVarianceNormalization: Operator = (b, call) => {
  const x = call.input(0);
  const { centred, variance } = moments(b, x, call.ints('axes', [0, 2, 3]));
  return b.div(centred, b.affine(rootOrZero(b, variance), 1, 1e-9));
};

export const normalisations: Record<string, Operator> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
};
