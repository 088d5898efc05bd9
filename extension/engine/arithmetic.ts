import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { FloatType } from '../onnx/tensor.ts';
import type { Arithmetic } from '../optimizers/arithmetic.ts';

/** The optimizers' arithmetic as ONNX nodes. */
export function graphArithmetic(b: GraphBuilder, type: FloatType): Arithmetic<Value> {
  return {
    constant: (value) => b.scalar(type, value),
    add: b.add,
    sub: b.sub,
    mul: b.mul,
    div: b.div,
    max: b.max,
    neg: b.neg,
    abs: b.abs,
    sqrt: b.sqrt,
    sign: b.sign,
    whereLess: (x, y, then, otherwise) => b.where(b.less(x, y), then, otherwise),
  };
}
