import { type Initializer, isDefaultDomain, type Model } from '../onnx/model.ts';
import { bufferRole } from './buffers.ts';
import { isUniform } from './equalTensors.ts';

/**
 * Why an initializer is no parameter, as far as its use, the notes of its exporter, or the names that its exporter gives
 * say so; undefined for what could be one.
 */
export function rolesOf(model: Model): (initializer: Initializer) => string | undefined {
  const uses = usesOf(model);
  // Exporters that note what they computed leave nothing but literal constants without a note.
  const notes = [...model.graph.initializers.values()].some(({ origin }) => origin?.kind === 'computed');
  const fromTensorFlow = isFromTensorFlow(model);
  return (initializer) => {
    const { name, shape, origin } = initializer;
    const fixed = uses.get(name) ?? [];
    if (fixed.length > 0 && fixed.every((role) => role !== undefined)) return fixed[0];
    const noted = notedRole(initializer, notes);
    if (noted !== undefined) return noted;
    if (fromTensorFlow && isTensorFlowConstant(initializer)) return 'constant in the TensorFlow program';
    if (!origin && shape.length === 0 && generatedName.test(name))
      return 'scalar that the exporter folded from a constant';
    return origin?.kind === 'parameter' ? undefined : bufferRole(initializer);
  };
}

/** Keras and TensorFlow write ONNX with tf2onnx. */
export const isFromTensorFlow = ({ producer }: Model): boolean => /^tf2onnx\b/i.test(producer);

/** PyTorch's exporters, both. */
export const isFromPyTorch = ({ producer }: Model): boolean => /^pytorch\b/i.test(producer);

/** Inputs of operators that hold settings or statistics and never parameters. */
const fixedInputs: ReadonlyMap<string, { readonly inputs: readonly number[]; readonly what: string }> = new Map([
  ['BatchNormalization', { inputs: [3, 4], what: 'running statistics of BatchNormalization' }],
  ['Clip', { inputs: [1, 2], what: 'bound of Clip' }],
  ['Pad', { inputs: [1, 2, 3], what: 'padding value' }],
  ['Resize', { inputs: [1, 2, 3], what: 'region or scales of Resize' }],
  ['Upsample', { inputs: [1], what: 'scales of Upsample' }],
  ['Dropout', { inputs: [1, 2], what: 'ratio of Dropout' }],
  ['OneHot', { inputs: [1, 2], what: 'values of OneHot' }],
  ['Range', { inputs: [0, 1, 2], what: 'bound of Range' }],
  ['ConstantOfShape', { inputs: [0], what: 'shape' }],
  ['SoftmaxCrossEntropyLoss', { inputs: [1, 2], what: 'class weights of the loss' }],
  ['FakeQuantize', { inputs: [1, 2], what: 'scale of a quantisation' }],
  ['QuantizeLinear', { inputs: [1, 2], what: 'scale of a quantisation' }],
  ['DequantizeLinear', { inputs: [1, 2], what: 'scale of a quantisation' }],
  ['QLinearConv', { inputs: [1, 2, 4, 5, 6, 7], what: 'scale of a quantisation' }],
  ['QLinearMatMul', { inputs: [1, 2, 4, 5, 6, 7], what: 'scale of a quantisation' }],
  ['NegativeLogLikelihoodLoss', { inputs: [1, 2], what: 'class weights of the loss' }],
]);

/** Names that exporters give to constants which they folded: `/block/Constant_output_0`, `onnx::Mul_17`, `val_3`, `123`. */
const generatedName = /(^|\/)Constant(_\d+)?(_output_\d+)?$|^onnx::\w+$|^val_\d+(_\d+)*$|^\d+$|^const(ant)?_/i;

/** Names of values in PyTorch's graphs on the way to rotary tables and masks, which exporters compute and store. */
const tables = /^(cos|sin|tril|triu|(\w+_)?mask)(_\d+)?$/;

/**
 * Why an initializer is no parameter according to the exporter's own notes. A name with a dot is that of a module's
 * tensor; others are those of tensors of the outermost module, or of values in PyTorch's graph.
 *
 * @param notes whether the exporter notes for what it computed that it did so
 */
function notedRole({ name, shape, origin, read }: Initializer, notes: boolean): string | undefined {
  if (!origin) return notes && generatedName.test(name) ? 'constant of the exporter' : undefined;
  if (origin.kind === 'buffer') return 'buffer of the PyTorch module';
  if (origin.kind === 'constant') return 'constant in the PyTorch program';
  if (origin.kind !== 'computed' || name.includes('.')) return undefined;
  const { from } = origin;
  const computed = 'computed by the exporter from constants';
  if (from.some((source) => /(^|[._])(weight|bias)$/.test(source))) return undefined;
  if (from.some((source) => tables.test(source))) return computed;
  if (from.some((source) => source.includes('.'))) return undefined;
  return shape.length === 0 || from.every((source) => generatedName.test(source)) || isUniform(read())
    ? computed
    : undefined;
}

/**
 * Names of tensors in TensorFlow's graphs end in the operation and the number of its output. A literal operand is called
 * after its position (`add/y:0`) or `Const`; a variable has been read (`dense/BiasAdd/ReadVariableOp:0`).
 */
function isTensorFlowConstant({ name, shape }: Initializer): boolean {
  if (/(^|\/)(ReadVariableOp(_\d+)?(\/resource)?|read)(:\d+)?$/.test(name)) return false;
  if (/\/(x|y|Const(_\d+)?)(:\d+)?$/.test(name)) return true;
  // Scalars, and those that were spread over the axes of an image.
  const single = shape.every((dim) => dim === 1) && (shape.length === 0 || shape.length >= 4);
  return single && /\/|^const_/.test(name);
}

/** For each initializer the fixed role of each of its uses; undefined where a use could be that of a parameter. */
function usesOf(model: Model): Map<string, (string | undefined)[]> {
  const uses = new Map<string, (string | undefined)[]>();
  for (const node of model.graph.nodes) {
    const known = isDefaultDomain(node.domain) || /^(De)?QuantizeLinear$/.test(node.opType);
    const fixed = known ? fixedInputs.get(node.opType) : undefined;
    node.inputs.forEach((name, i) => {
      if (!model.graph.initializers.has(name)) return;
      const role = fixed?.inputs.includes(i) ? fixed.what : undefined;
      const others = uses.get(name);
      if (others) others.push(role);
      else uses.set(name, [role]);
    });
  }
  return uses;
}
