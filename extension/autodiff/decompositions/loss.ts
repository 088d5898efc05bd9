import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definitions, OperatorCall } from '../../onnx/operator.ts';
import { leading } from '../../onnx/shapes.ts';

/**
 * −w[label]·logp[label] over [N, C, d₁, …], reduced as asked for; the mean divides by the sum of the weights. Labels that
 * equal `ignore_index` have weight 0.
 */
function negativeLogLikelihood(
  b: GraphBuilder,
  {
    in: [, target, weights],
    attributes: { ignore_index: ignored, reduction },
  }: OperatorCall<'NegativeLogLikelihoodLoss' | 'SoftmaxCrossEntropyLoss'>,
  logProbabilities: Value,
): Value {
  const labels = b.cast(target, 'int64');
  const [samples, classes, ...positions] = leading(logProbabilities.shape, 2);
  const shape = [samples, ...positions];
  if (String(labels.shape) !== String(shape))
    throw new Error(`labels of shape [${labels.shape}] do not fit scores of shape [${logProbabilities.shape}]`);
  const skipped = ignored === undefined ? undefined : b.equal(labels, b.scalar('int64', ignored));
  // An ignored label may lie outside the classes, so it must not be looked up.
  const known =
    skipped && ignored !== undefined
      ? b.where(skipped, b.scalar('int64', Math.min(Math.max(ignored, 0), classes - 1)), labels)
      : labels;
  const picked = b.gatherElements(logProbabilities, b.reshape(known, [samples, 1, ...positions]), 1);
  const losses = b.neg(b.reshape(picked, shape));
  const zero = b.number(0, losses);
  const weight = weights ? b.gather(weights, known, 0) : skipped && b.full(losses.type, shape, 1);
  const counted = weight && skipped ? b.where(skipped, zero, weight) : weight;
  // An ignored loss may be infinite, so it is replaced and not multiplied by zero.
  const finite = skipped ? b.where(skipped, zero, losses) : losses;
  const weighted = weights && counted ? b.mul(finite, counted) : finite;
  switch (reduction) {
    case 'none':
      return weighted;
    case 'sum':
      return b.reduceSum(weighted);
    case 'mean':
      return counted ? b.div(b.reduceSum(weighted), b.reduceSum(counted)) : b.reduceMean(weighted);
    default:
      throw new Error('its reduction is none of "none", "mean" and "sum"');
  }
}

export const losses = {
  NegativeLogLikelihoodLoss: (b, call) => negativeLogLikelihood(b, call, call.in[0]),
  SoftmaxCrossEntropyLoss: (b, call) => {
    const logProbabilities = b.logSoftmax(call.in[0], 1);
    return [negativeLogLikelihood(b, call, logProbabilities), logProbabilities];
  },
} satisfies Partial<Definitions>;
