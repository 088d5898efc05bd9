import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { AttributesOf, InputsOf, OutputsOf } from '../onnx/nodeTypes.ts';
import type { DifferentiableOp } from '../onnx/ops.ts';

/** What a rule sees of a node of its operator. */
export interface RuleNode<Op extends DifferentiableOp> {
  readonly in: InputsOf<Op>;
  readonly out: OutputsOf<Op>;
  readonly attributes: AttributesOf<Op>;
}

/**
 * Emits the cotangents of a node's inputs from those of its outputs (undefined where nothing flows back). Entry i
 * belongs to input i; undefined or missing entries carry no gradient. An entry may have the shape of the broadcast
 * result. Every operator that a rule emits has a rule itself, so gradients can be differentiated again.
 */
export type GradientRule<Op extends DifferentiableOp> = (
  b: GraphBuilder,
  node: RuleNode<Op>,
  ...dy: (Value | undefined)[]
) => readonly (Value | undefined)[];

/** A rule for an operator with one output, which therefore always has a cotangent. */
export type SimpleRule<Op extends DifferentiableOp> = (
  b: GraphBuilder,
  node: RuleNode<Op>,
  dy: Value,
) => readonly (Value | undefined)[];

/** A table of rules; the operators are the keys. */
export type Rules<Op extends DifferentiableOp> = { readonly [K in Op]: GradientRule<K> };

/** Types a table of one-output rules. */
export const simple = <Op extends DifferentiableOp>(rules: { readonly [K in Op]: SimpleRule<K> }): Rules<Op> =>
  rules as Rules<Op>;
