import type { GraphBuilder } from '../onnx/builder.ts';
import type { Attributes, Value } from '../onnx/graph.ts';

/** What a rule sees of a node. Optional inputs that are absent are undefined, though typed as present for brevity. */
export interface RuleNode {
  readonly in: readonly Value[];
  readonly out: readonly Value[];
  readonly attributes: Attributes;
}

/**
 * Emits the cotangents of a node's inputs from those of its outputs (undefined where nothing flows back). Entry i
 * belongs to input i; undefined or missing entries carry no gradient. An entry may have the shape of the broadcast
 * result. Every operator that a rule emits has a rule itself, so gradients can be differentiated again.
 */
export type GradientRule = (
  b: GraphBuilder,
  node: RuleNode,
  ...dy: (Value | undefined)[]
) => readonly (Value | undefined)[];

/** A rule for an operator with one output, which therefore always has a cotangent. */
export type SimpleRule = (b: GraphBuilder, node: RuleNode, dy: Value) => readonly (Value | undefined)[];

/** A table of rules; the operators are the keys. */
export type Rules<Op extends string> = Record<Op, GradientRule>;

/** Types a table of one-output rules. */
export const simple = <Op extends string>(rules: Record<Op, SimpleRule>): Rules<Op> => rules as Rules<Op>;
