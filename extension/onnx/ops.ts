/**
 * The primitives: the ONNX operators that graphs in this program consist of, in the form that opset 20 gives them.
 * Every other operator is rewritten into these when a model is read. Shape rules and gradient rules are exhaustive over
 * these lists by type, so an operator added here without them does not compile.
 */

/** Element-wise functions of one argument with a derivative. */
export const unaryOps = [
  'Abs',
  'Acos',
  'Acosh',
  'Asin',
  'Asinh',
  'Atan',
  'Atanh',
  'Cos',
  'Cosh',
  'Erf',
  'Exp',
  'Identity',
  'Log',
  'Neg',
  'Reciprocal',
  'Relu',
  'Sigmoid',
  'Sin',
  'Sinh',
  'Softplus',
  'Sqrt',
  'Tan',
  'Tanh',
] as const;

/** Element-wise functions of two arguments, with broadcasting. */
export const binaryOps = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min'] as const;

/**
 * Operators of this program, not of ONNX: they live between differentiation and lowering, which spells them out in ONNX
 * operators, and are never written to a file. The adjoints close a family under differentiation:
 * - ConvWeightGradient(x, dy): ∂⟨dy, Conv(x, w)⟩/∂w, with the attributes of that Conv and `kernel_shape`.
 * - AveragePoolGradient(dy): the adjoint of AveragePool, with its attributes and the `spatial` sizes of its input.
 * - MaxPoolMask(x, y): 1 where an element of x is the first maximum of its window, else 0, for windows that tile x and
 *   their maxima y.
 * - StopGradient(x): x, and nothing flows back through it.
 * PRelu is one of ONNX, and always spelled out: the runtime's Where takes longer than products.
 */
export const adjointOps = ['ConvWeightGradient', 'AveragePoolGradient'] as const;
export const virtualOps = [...adjointOps, 'MaxPoolMask', 'StopGradient', 'PRelu'] as const;

/** Operators that only lowering emits, after differentiation. */
export const runtimeOps = [
  'Resize',
  'BlockedInput',
  'BlockedOutput',
  'BlockedConv',
  'BlockedMaxPool',
  'BlockedAveragePool',
  'BlockedUpsample',
] as const;

/** ONNX Runtime's own operators on images in blocks of channels, and how it calls them. */
export const blockedDomain = 'com.microsoft.nchwc';
export const blockedOps = {
  BlockedInput: 'ReorderInput',
  BlockedOutput: 'ReorderOutput',
  BlockedConv: 'Conv',
  BlockedMaxPool: 'MaxPool',
  BlockedAveragePool: 'AveragePool',
  BlockedUpsample: 'Upsample',
} as const;
export type BlockedOp = keyof typeof blockedOps;
export const isBlocked = (op: string): op is BlockedOp => Object.hasOwn(blockedOps, op);

export const differentiableOps = [
  ...unaryOps,
  ...adjointOps,
  ...binaryOps,
  'Where',
  'Clip',
  'PRelu',
  'Cast',
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'Softmax',
  'LogSoftmax',
  'MatMul',
  'Gemm',
  'Reshape',
  'Transpose',
  'Expand',
  'Concat',
  'Split',
  'Slice',
  'Pad',
  'Gather',
  'GatherElements',
  'GatherND',
  'ScatterElements',
  'ScatterND',
  'CumSum',
  'TopK',
  'Conv',
  'ConvTranspose',
  'MaxPool',
  'MaxUnpool',
  'AveragePool',
] as const;

/** Comparisons and connectives of two arguments, with broadcasting. */
export const compareOps = ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor'] as const;

/** Element-wise functions whose result is piecewise constant or not of a floating-point type. */
const discreteElementwiseOps = ['Sign', 'Floor', 'Ceil', 'Round', ...compareOps, 'Not', 'IsNaN', 'IsInf'] as const;

/** Piecewise constant or not of a floating-point type: nothing flows back through these. */
export const discreteOps = [
  ...discreteElementwiseOps,
  'Mod',
  'ArgMax',
  'ArgMin',
  'Range',
  'MaxPoolMask',
  'StopGradient',
] as const;

/**
 * Control flow that programs use. Loop and Scan are never differentiated. Recurrence is an operator of this program that is: a
 * body with known inputs and a known number of turns, which becomes a Scan or a Loop when a graph is lowered (see
 * `GraphBuilder.recurrence`).
 */
export const controlOps = ['Loop', 'Scan', 'Recurrence'] as const;

export type UnaryOp = (typeof unaryOps)[number];
export type BinaryOp = (typeof binaryOps)[number];
export type CompareOp = (typeof compareOps)[number];
export type DifferentiableOp = (typeof differentiableOps)[number];
export type DiscreteOp = (typeof discreteOps)[number];
export type ControlOp = (typeof controlOps)[number];
export type RuntimeOp = (typeof runtimeOps)[number];
export type PrimitiveOp = DifferentiableOp | DiscreteOp | RuntimeOp;
export type OpType = PrimitiveOp | ControlOp;

const differentiable: ReadonlySet<string> = new Set(differentiableOps);
const primitives: ReadonlySet<string> = new Set([...differentiableOps, ...discreteOps, ...runtimeOps]);

const elementwise: ReadonlySet<string> = new Set([
  ...unaryOps,
  ...binaryOps,
  'Where',
  'Cast',
  ...discreteElementwiseOps,
]);

/** True for operators that act on each element by itself, with broadcasting, so that its place does not matter. */
export const isElementwise = (op: string): boolean => elementwise.has(op);
/** True where gradients flow through a node of this operator. */
export const passesGradient = (op: string): boolean => differentiable.has(op) || op === 'Recurrence';
export const isDifferentiable = (op: string): op is DifferentiableOp => differentiable.has(op);
export const isPrimitive = (op: string): op is PrimitiveOp => primitives.has(op);

/** Opset of the default domain, and the matching IR version, that written graphs declare. */
export const targetOpset = 20;
export const targetIrVersion = 9;
