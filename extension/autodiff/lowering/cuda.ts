import type { OpType } from '../../onnx/ops.ts';
import type { Replacement } from '../../onnx/rewrite.ts';
import { float64Lowerings } from './float64.ts';

/** Functions without a kernel in ONNX Runtime's CUDA provider: spelled out in double precision, which loses nothing. */
const functions = ['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cosh', 'Sinh', 'Tan'] as const;

const inDouble =
  (replace: Replacement): Replacement =>
  (b, inputs, node) =>
    replace(
      b,
      inputs.map((x) => x && b.cast(x, 'float64')),
      node,
    ).map((y) => b.cast(y, 'float32'));

/** Operators that ONNX Runtime's CUDA provider has no kernel for in single precision. */
export const cudaLowerings: Partial<Record<OpType, Replacement>> = {
  ...Object.fromEntries(functions.map((op) => [op, inDouble(float64Lowerings[op] as Replacement)])),
  MaxUnpool: float64Lowerings.MaxUnpool,
};
