import type { Operator } from '../../onnx/operator.ts';

const because = (reason: string, ...names: readonly string[]): [string, Operator][] =>
  names.map((name) => {
    const refuse = () => {
      throw new Error(reason);
    };
    return [name, Object.assign(refuse, { refusal: reason })];
  });

/** Operators that are known and cannot be differentiated here, with the reason and the way out. */
export const refused: Record<string, Operator> = Object.fromEntries([
  ...because(
    'draws random numbers; export the model in evaluation mode, or give the numbers as an input',
    'Bernoulli',
    'Multinomial',
    'RandomNormal',
    'RandomNormalLike',
    'RandomUniform',
    'RandomUniformLike',
  ),
  ...because(
    'quantised arithmetic has no useful derivative; use the model before quantisation',
    'QuantizeLinear',
    'DequantizeLinear',
    'DynamicQuantizeLinear',
    'QLinearConv',
    'QLinearMatMul',
    'ConvInteger',
    'MatMulInteger',
  ),
  ...because('mapping over a sequence is not supported; write it out', 'SequenceMap'),
  ...because('optional values are not supported', 'Optional', 'OptionalGetElement', 'OptionalHasElement'),
  ...because('determinants have no gradient here; write them with products and sums', 'Det'),
  ...because('inverses have no gradient here; write them with products and sums', 'Inverse'),
  ...because('sampling at computed positions is not supported', 'GridSample', 'AffineGrid', 'DeformConv'),
  ...because('pooling over computed regions is not supported', 'RoiAlign', 'MaxRoiPool'),
  ...because('the shape of its output depends on data', 'NonMaxSuppression', 'Unique'),
  ...because(
    'works on text; tokenise before the model',
    'StringNormalizer',
    'StringConcat',
    'StringSplit',
    'RegexFullMatch',
    'TfIdfVectorizer',
    'LabelEncoder',
  ),
  ...because('joining patches (Col2Im) is not supported; use ConvTranspose', 'Col2Im'),
  ...because('decodes images; decode them into the data set', 'ImageDecoder'),
  ...because(
    'signal transforms are not supported; compute them in the data set',
    'DFT',
    'STFT',
    'MelWeightMatrix',
    'HannWindow',
    'HammingWindow',
    'BlackmanWindow',
  ),
  ...because(
    'bit operations are not supported',
    'BitShift',
    'BitwiseAnd',
    'BitwiseNot',
    'BitwiseOr',
    'BitwiseXor',
    'BitCast',
  ),
  ...because(
    'training operators are not supported; export the model without its optimizer',
    'Adagrad',
    'Adam',
    'Gradient',
    'Momentum',
  ),
]);
