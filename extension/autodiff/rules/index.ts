import type { DifferentiableOp } from '../../onnx/ops.ts';
import type { GradientRule } from '../rule.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { movement } from './movement.ts';
import { product } from './product.ts';
import { reduction } from './reduction.ts';

/** One rule for each differentiable primitive; a missing one does not compile. */
export const gradientRules: Record<DifferentiableOp, GradientRule> = {
  ...elementwise,
  ...reduction,
  ...product,
  ...movement,
  ...convolution,
};
