import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Node, Value } from '../../onnx/graph.ts';
import type { DifferentiableOp } from '../../onnx/ops.ts';
import type { Rules } from '../rule.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { movement } from './movement.ts';
import { product } from './product.ts';
import { reduction } from './reduction.ts';

/** One rule for each differentiable primitive; a missing one does not compile. */
export const gradientRules: Rules<DifferentiableOp> = {
  ...elementwise,
  ...reduction,
  ...product,
  ...movement,
  ...convolution,
};

/** The cotangents of a node's inputs by the rule of its operator. Nodes are in the normal form that the rules are typed for. */
export function applyGradientRule(
  b: GraphBuilder,
  op: DifferentiableOp,
  { inputs, outputs, attributes }: Node,
  cotangents: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const rule = gradientRules[op] as (
    b: GraphBuilder,
    node: object,
    ...dy: readonly (Value | undefined)[]
  ) => readonly (Value | undefined)[];
  return rule(b, { in: inputs, out: outputs, attributes }, ...cotangents);
}
