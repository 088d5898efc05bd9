import type { Operator } from '../../onnx/operator.ts';

/** Operators that are known and cannot be differentiated here, by the reason and the way out. */
const reasons = {
  'draws random numbers; export the model in evaluation mode, or give the numbers as an input': [
    'Bernoulli',
    'Multinomial',
    'RandomNormal',
    'RandomNormalLike',
    'RandomUniform',
    'RandomUniformLike',
  ],
  'quantised arithmetic has no useful derivative; use the model before quantisation': [
    'QuantizeLinear',
    'DequantizeLinear',
    'DynamicQuantizeLinear',
    'QLinearConv',
    'QLinearMatMul',
    'ConvInteger',
    'MatMulInteger',
  ],
  'mapping over a sequence is not supported; write it out': ['SequenceMap'],
  'optional values are not supported': ['Optional', 'OptionalGetElement', 'OptionalHasElement'],
  'determinants have no gradient here; write them with products and sums': ['Det'],
  'inverses have no gradient here; write them with products and sums': ['Inverse'],
  'convolution at computed positions is not supported': ['DeformConv'],
  'pooling over computed regions is not supported': ['RoiAlign', 'MaxRoiPool'],
  'the shape of its output depends on data': ['NonMaxSuppression', 'Unique'],
  'works on text; tokenise before the model': [
    'StringNormalizer',
    'StringConcat',
    'StringSplit',
    'RegexFullMatch',
    'TfIdfVectorizer',
    'LabelEncoder',
  ],
  'decodes images; decode them into the data set': ['ImageDecoder'],
  'windows and mel filters belong to the data; compute them there': [
    'MelWeightMatrix',
    'HannWindow',
    'HammingWindow',
    'BlackmanWindow',
  ],
  'bit operations are not supported': ['BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'BitCast'],
  'training operators are not supported; export the model without its optimizer': [
    'Adagrad',
    'Adam',
    'Gradient',
    'Momentum',
  ],
} as const;

export type RefusedName = (typeof reasons)[keyof typeof reasons][number];

const refusing = (refusal: string): Operator => {
  const refuse = () => {
    throw new Error(refusal);
  };
  return Object.assign(refuse, { refusal });
};

/** Operators of ONNX that no model may use on the way from its parameters to the loss. */
export const refused: ReadonlyMap<string, Operator> = new Map(
  Object.entries(reasons).flatMap(([reason, names]) =>
    names.map((name): [string, Operator] => [name, refusing(reason)]),
  ),
);
