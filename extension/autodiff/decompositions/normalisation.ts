import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { euclideanNorm, rootOrZero } from './reduction.ts';

/** A vector of one number per channel in the shape in which it broadcasts over [N, C, …]. */
function perChannel(b: GraphBuilder, x: Value, rank: number): Value {
  if (rank < 2 || x.shape.length !== 1)
    throw new Error(`numbers of shape ${showShape(x.shape)} do not belong to the channels of an input of ${rank} axes`);
  return b.reshape(x, [1, nth(x.shape, 0), ...listed(rank - 2, () => 1)]);
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
const batchNormalization: Definition<'BatchNormalization'> = (b, call) => {
  const [x, scale, bias, runningMean, runningVariance] = call.in;
  const { epsilon, momentum, spatial, training_mode } = call.attributes;
  const rank = x.shape.length;
  if (rank < 2) throw new Error('its input has no channel axis');
  if (call.opset < 9 && spatial === 0) throw new RefusedUse('statistics per position (spatial = 0) are not supported');
  const wantsStatistics = call.node.outputs.slice(1).some((name) => name !== '');
  const training = call.opset >= 14 ? training_mode === 1 : wantsStatistics;
  if (!training && !call.options.batchStatistics) {
    const factor = b.mul(scale, inverseDeviation(b, runningVariance, epsilon));
    const shift = b.sub(bias, b.mul(runningMean, factor));
    return b.add(b.mul(x, perChannel(b, factor, rank)), perChannel(b, shift, rank));
  }
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const { mean, centred, variance } = moments(b, x, axes);
  const factor = b.mul(inverseDeviation(b, variance, epsilon), perChannel(b, scale, rank));
  const y = b.add(b.mul(centred, factor), perChannel(b, bias, rank));
  if (!wantsStatistics) return y;
  const [batchMean, batchVariance] = [b.reshape(mean, scale.shape), b.reshape(variance, scale.shape)];
  const blend = (running: Value, batch: Value) => b.add(b.affine(running, momentum), b.affine(batch, 1 - momentum));
  return [y, blend(runningMean, batchMean), blend(runningVariance, batchVariance), batchMean, batchVariance];
};

const layerNormalization: Definition<'LayerNormalization'> = (b, call) => {
  const [x, scale, bias] = call.in;
  const { axis, epsilon } = call.attributes;
  const { mean, centred, variance } = moments(b, x, trailingAxes(x, axis));
  const inverse = inverseDeviation(b, variance, epsilon);
  const scaled = b.mul(b.mul(centred, inverse), scale);
  return [bias ? b.add(scaled, bias) : scaled, mean, inverse];
};

/** y = x/√(mean x² + ε)·scale */
const rmsNormalization: Definition<'RMSNormalization'> = (b, { in: [x, scale], attributes: { axis, epsilon } }) => {
  const square = b.reduceMean(b.mul(x, x), trailingAxes(x, axis), true);
  return b.mul(b.mul(x, inverseDeviation(b, square, epsilon)), scale);
};

/** Each channel of each sample by itself. */
const instanceNormalization: Definition<'InstanceNormalization'> = (b, call) => {
  const [x, scale, bias] = call.in;
  const rank = x.shape.length;
  const { centred, variance } = moments(b, x, trailingAxes(x, 2));
  const factor = b.mul(inverseDeviation(b, variance, call.attributes.epsilon), perChannel(b, scale, rank));
  return b.add(b.mul(centred, factor), perChannel(b, bias, rank));
};

/** Groups of channels of each sample; scale and bias have one number per group in opset 18, per channel from 21 on. */
const groupNormalization: Definition<'GroupNormalization'> = (b, call) => {
  const [x, scale, bias] = call.in;
  const { num_groups: groups, epsilon } = call.attributes;
  const [samples, channels, ...spatial] = leading(x.shape, 2);
  if (groups <= 0 || channels % groups !== 0)
    throw new Error(`${channels} channels cannot form ${groups} equal groups`);
  const members = channels / groups;
  const grouped = b.reshape(x, [samples, groups, members, elementCount(spatial)]);
  const { centred, variance } = moments(b, grouped, [2, 3]);
  const inverse = inverseDeviation(b, variance, epsilon);
  const own = (value: Value): Value => b.reshape(value, call.opset >= 21 ? [1, groups, members, 1] : [1, groups, 1, 1]);
  return b.reshape(b.add(b.mul(centred, b.mul(inverse, own(scale))), own(bias)), x.shape);
};

/** x/‖x‖₁ or x/‖x‖₂ along an axis; zeros stay zeros. */
const lpNormalization: Definition<'LpNormalization'> = (b, { in: [x], attributes: { axis, p } }) => {
  if (p !== 1 && p !== 2) throw new RefusedUse(`a norm of order ${p} is not supported; 1 and 2 are`);
  const size = p === 1 ? b.reduceSum(b.abs(x), [axis], true) : euclideanNorm(b, x, [axis], true);
  return b.div(x, b.where(b.greater(size, b.number(0, x)), size, b.number(1, x)));
};

/** (x − mean)/(σ + 10⁻⁹), the constant being the one that the operator's definition has. */
const meanVarianceNormalization: Definition<'MeanVarianceNormalization'> = (b, { in: [x], attributes: { axes } }) => {
  const { centred, variance } = moments(b, x, axes);
  return b.div(centred, b.affine(rootOrZero(b, variance), 1, 1e-9));
};

export const normalisations = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
} satisfies Partial<Definitions>;
