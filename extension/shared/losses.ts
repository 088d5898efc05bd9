/**
 * What is minimised. `cross-entropy` and `bce-with-logits` take logits; `cross-entropy-on-probabilities` and `bce` take what
 * a softmax or a sigmoid at the end of the model has made of them. `output` is the model's own scalar output.
 */
export const lossNames = [
  'cross-entropy',
  'cross-entropy-on-probabilities',
  'mse',
  'bce-with-logits',
  'bce',
  'output',
] as const;
export type LossName = (typeof lossNames)[number];
