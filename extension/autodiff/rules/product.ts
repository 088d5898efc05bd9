import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { simple } from '../rule.ts';

/** A stack of matrices whose batch axes are folded into the rows: [..., m, n] → [·m, n]. */
const rows = (b: GraphBuilder, x: Value): Value =>
  b.reshape(x, [elementCount(x.shape.slice(0, -1)), ...x.shape.slice(-1)]);

export const product = simple({
  // C = A·B            dA = dC·Bᵀ, dB = Aᵀ·dC; where B is one matrix the batch joins the rows, which makes both one Gemm
  MatMul: (b, { in: [a, w] }, dy) => {
    if (a.shape.length === 1 || w.shape.length === 1) return vectorProduct(b, a, w, dy);
    if (w.shape.length === 2) {
      return [
        b.reshape(b.gemm(rows(b, dy), w, { transB: true }), a.shape),
        b.gemm(rows(b, a), rows(b, dy), { transA: true }),
      ];
    }
    return [b.matMul(dy, b.swapLast(w)), b.matMul(b.swapLast(a), dy)];
  },
  // Y = A'·B' + C, where ' transposes if asked to
  Gemm: (b, { in: [a, w, c], attributes }, dy) => {
    const transA = attributes.transA === 1;
    const transB = attributes.transB === 1;
    const da = transA ? b.gemm(w, dy, { transA: transB, transB: true }) : b.gemm(dy, w, { transB: !transB });
    const dw = transB ? b.gemm(dy, a, { transA: true, transB: transA }) : b.gemm(a, dy, { transA: !transA });
    return c ? [da, dw, dy] : [da, dw];
  },
});

/** MatMul with a vector on either side, through the matrix form of the same product. */
function vectorProduct(b: GraphBuilder, a: Value, w: Value, dy: Value): [Value, Value] {
  const left = a.shape.length === 1 ? b.reshape(a, [1, ...a.shape]) : a;
  const right = w.shape.length === 1 ? b.reshape(w, [...w.shape, 1]) : w;
  const full = [...dy.shape];
  if (w.shape.length === 1) full.push(1);
  if (a.shape.length === 1) full.splice(full.length - 1, 0, 1);
  const d = b.reshape(dy, full);
  const da = b.matMul(d, b.swapLast(right));
  const dw = b.matMul(b.swapLast(left), d);
  return [dropAxis(b, da, a, -2), dropAxis(b, dw, w, -1)];
}

/** Removes the axis of size 1 that made a vector a matrix; batch axes stay and are summed by the caller. */
function dropAxis(b: GraphBuilder, x: Value, original: Value, axis: -1 | -2): Value {
  if (original.shape.length !== 1) return x;
  const at = x.shape.length + axis;
  return b.reshape(x, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)]);
}
