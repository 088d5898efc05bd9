import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Replacements } from '../../onnx/rewrite.ts';
import { float64Lowerings } from './float64.ts';

/** Functions without a kernel in ONNX Runtime's CUDA provider: spelled out in double precision, which loses nothing. */
const functions = ['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cosh', 'Sinh', 'Tan'] as const;

const inDouble =
  (replace: (b: GraphBuilder, inputs: readonly [Value]) => readonly Value[]) =>
  (b: GraphBuilder, [x]: readonly [Value]): readonly Value[] =>
    replace(b, [b.cast(x, 'float64')]).map((y) => b.cast(y, 'float32'));

/** Operators that ONNX Runtime's CUDA provider has no kernel for in single precision. */
export const cudaLowerings = {
  ...Object.fromEntries(functions.map((op) => [op, inDouble(float64Lowerings[op])])),
  MaxUnpool: float64Lowerings.MaxUnpool,
} satisfies Replacements;
