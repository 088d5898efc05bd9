import type { Operator } from '../../onnx/operator.ts';

export const product: Record<string, Operator> = {
  MatMul: (b, call) => b.matMul(call.input(0), call.input(1)),
  // alpha and beta are multiplied out, so that the one rule of Gemm needs neither.
  Gemm: (b, call) => {
    const alpha = call.float('alpha', 1);
    const beta = call.float('beta', 1);
    const c = call.inputs[2];
    const transposed = { transA: call.int('transA', 0) === 1, transB: call.int('transB', 0) === 1 };
    if (alpha === 1) return b.gemm(call.input(0), call.input(1), { ...transposed, c: c && b.affine(c, beta) });
    const scaled = b.affine(b.gemm(call.input(0), call.input(1), transposed), alpha);
    return c ? b.add(scaled, b.affine(c, beta)) : scaled;
  },
};
