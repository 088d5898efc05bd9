import type { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import {
  type BinaryOp,
  type BlockedOp,
  binaryOps,
  type DiscreteOp,
  type PrimitiveOp,
  type UnaryOp,
  unaryOps,
} from '../../extension/onnx/ops.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';

export type Build = (b: GraphBuilder, x: (shape: readonly number[]) => Value) => Value;

const same = <K extends string>(names: readonly K[], build: (op: K) => Build): Record<K, Build> =>
  Object.fromEntries(names.map((name) => [name, build(name)])) as Record<K, Build>;

const number = (b: GraphBuilder, condition: Value, like: Value): Value => b.cast(condition, like.type);
const window = { kernel_shape: [2, 2], strides: [2, 2], dilations: [1, 1], pads: [0, 0, 0, 0], ceil_mode: 0 };
const conv = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
const indices = (b: GraphBuilder, shape: readonly number[], values: readonly number[]): Value =>
  b.constant(tensorOf('int64', shape, values));
const halved = (b: GraphBuilder, x: Value): Value => b.affine(x, 0.5, 0.25);

/** One use of every operator that a graph may hold, data in [0, 1). Only lowering emits the others. */
export const uses: Record<Exclude<PrimitiveOp, BlockedOp | 'Resize'>, Build> = {
  ...same<UnaryOp>(
    unaryOps,
    (op) => (b, x) => b.unary(op, op === 'Acosh' ? b.affine(x([3]), 1, 1.5) : halved(b, x([3]))),
  ),
  ...same<BinaryOp>(binaryOps, (op) => (b, x) => b.emit(op, [x([2, 3]), halved(b, x([3]))])[0]),
  ...same(
    ['Sign', 'Floor', 'Ceil', 'Round'] satisfies DiscreteOp[],
    (op) => (b, x) => b.unary(op, b.affine(x([5]), 4, -2)),
  ),
  ...same(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'] satisfies DiscreteOp[], (op) => (b, x) => {
    const y = x([2, 3]);
    return number(b, b.emit(op, [y, b.number(0.5, y)])[0], y);
  }),
  ...same(['And', 'Or', 'Xor'] satisfies DiscreteOp[], (op) => (b, x) => {
    const y = x([4]);
    return number(b, b.emit(op, [b.less(y, b.number(0.7, y)), b.greater(y, b.number(0.3, y))])[0], y);
  }),
  ...same(['IsNaN', 'IsInf'] satisfies DiscreteOp[], (op) => (b, x) => {
    const y = x([4]);
    return number(b, b.emit(op, [b.log(b.affine(y, 1, -0.5))])[0], y);
  }),
  Not: (b, x) => number(b, b.not(b.less(x([3]), halved(b, x([3])))), x([3])),
  Mod: (b, x) => b.mod(b.affine(x([4]), 5), halved(b, x([4]))),
  ...same(
    ['ArgMax', 'ArgMin'] satisfies DiscreteOp[],
    (op) => (b, x) => number(b, b.emit(op, [x([2, 3])], { axis: 1, keepdims: 1, select_last_index: 0 })[0], x([2, 3])),
  ),
  // A range of constants is computed while the graph is built.
  Range: (b, x) =>
    b.add(
      x([3]),
      b.cast(b.emit('Range', [b.scalar('int64', 0), b.scalar('int64', 3), b.scalar('int64', 1)])[0], x([3]).type),
    ),
  Where: (b, x) => b.where(b.less(x([3]), b.number(0.5, x([3]))), x([3]), halved(b, x([3]))),
  Clip: (b, x) => b.clip(x([3]), b.number(0.3, x([3])), b.number(0.6, x([3]))),
  Cast: (b, x) => b.cast(b.cast(b.affine(x([3]), 9), 'int64'), x([3]).type),
  ...same(
    ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd'] as const,
    (op) => (b, x) => b.reduce(op, x([3, 4]), [1]),
  ),
  Softmax: (b, x) => b.softmax(x([2, 3]), 1),
  LogSoftmax: (b, x) => b.logSoftmax(x([2, 3]), 1),
  MatMul: (b, x) => b.matMul(x([2, 3, 4]), x([4, 2])),
  Gemm: (b, x) => b.gemm(x([3, 4]), x([2, 4]), { transB: true, c: x([2]) }),
  Reshape: (b, x) => b.reshape(x([2, 3]), [3, 2]),
  Transpose: (b, x) => b.transpose(x([2, 3, 4]), [2, 0, 1]),
  Expand: (b, x) => b.expand(x([3]), [2, 3]),
  Concat: (b, x) => b.concat([x([2, 3]), x([1, 3])], 0),
  Split: (b, x) => b.split(x([2, 5]), [2, 3], 1)[1],
  Slice: (b, x) => b.slice(x([4, 5]), { starts: [-1], ends: [-9], axes: [1], steps: [-2] }),
  Pad: (b, x) => b.pad(x([2, 3]), [1, -1], [0, 2]),
  Gather: (b, x) => b.gather(x([3, 2]), indices(b, [2], [2, 0]), 0),
  GatherElements: (b, x) => b.gatherElements(x([2, 2]), indices(b, [2, 1], [1, 0]), 1),
  GatherND: (b, x) => b.gatherND(x([2, 2]), indices(b, [1, 2], [1, 0])),
  ScatterElements: (b, x) => b.scatterElementsAdd(x([2, 2]), indices(b, [2, 2], [1, 1, 0, 0]), x([2, 2]), 1),
  ScatterND: (b, x) => b.scatterNDAdd(x([3, 2]), indices(b, [2, 1], [1, 1]), x([2, 2])),
  CumSum: (b, x) => b.cumSum(x([2, 3]), 1, { reverse: true }),
  TopK: (b, x) => b.emit('TopK', [x([2, 5]), b.ints([2])], { axis: 1, largest: 1, sorted: 1 })[0],
  Conv: (b, x) => b.emit('Conv', [x([1, 2, 4, 4]), x([3, 2, 3, 3]), x([3])], conv)[0],
  ConvTranspose: (b, x) =>
    b.emit('ConvTranspose', [x([1, 2, 4, 4]), x([2, 3, 3, 3])], {
      ...conv,
      strides: [2, 2],
      output_padding: [1, 0],
    })[0],
  ConvWeightGradient: (b, x) =>
    b.emit('ConvWeightGradient', [x([2, 2, 4, 4]), x([2, 3, 4, 4])], { ...conv, kernel_shape: [3, 3] })[0],
  MaxPool: (b, x) => b.emit('MaxPool', [x([1, 2, 4, 4])], { ...window, storage_order: 0 })[0],
  MaxPoolMask: (b, x) => {
    const y = x([1, 2, 4, 4]);
    return b.emit('MaxPoolMask', [y, b.emit('MaxPool', [y], window)[0]], { kernel_shape: [2, 2] })[0];
  },
  StopGradient: (b, x) => b.mul(x([3]), b.stopGradient(halved(b, x([3])))),
  PRelu: (b, x) => b.emit('PRelu', [b.affine(x([2, 3]), 1, -0.5), x([3])])[0],
  MaxUnpool: (b, x) => {
    const places = indices(b, [1, 1, 2, 2], [0, 3, 9, 14]);
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
    return b.emit('MaxUnpool', [x([1, 1, 2, 2]), places, b.ints([1, 1, 4, 4])], attributes)[0];
  },
  AveragePool: (b, x) => b.emit('AveragePool', [x([1, 2, 4, 4])], { ...window, count_include_pad: 1 })[0],
  AveragePoolGradient: (b, x) =>
    b.emit('AveragePoolGradient', [x([1, 2, 2, 2])], { ...window, count_include_pad: 1, spatial: [4, 4] })[0],
};
