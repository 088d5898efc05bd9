import type { Definitions } from '../../onnx/operator.ts';

export const product = {
  MatMul: (b, { in: [x, y] }) => b.matMul(x, y),
  // alpha and beta are multiplied out, so that the one rule of Gemm needs neither.
  Gemm: (b, { in: [x, y, c], attributes: { alpha, beta, transA, transB } }) => {
    const transposed = { transA: transA === 1, transB: transB === 1 };
    if (alpha === 1) return b.gemm(x, y, { ...transposed, c: c && b.affine(c, beta) });
    const scaled = b.affine(b.gemm(x, y, transposed), alpha);
    return c ? b.add(scaled, b.affine(c, beta)) : scaled;
  },
} satisfies Partial<Definitions>;
