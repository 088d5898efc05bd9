import type { GraphBuilder } from '../onnx/builder.ts';
import type { Node, Value } from '../onnx/graph.ts';
import { binaryOps, type DifferentiableOp, unaryOps } from '../onnx/ops.ts';
import { sameShape } from '../onnx/shapes.ts';
import { applyGradientRule } from './rules/index.ts';

const elementwise: ReadonlySet<string> = new Set<string>([...unaryOps, ...binaryOps, 'Where', 'Clip']);

/**
 * Element-wise functions of one argument that a graph spells out in several nodes, such as x·Φ(x) or x·σ(x). They are
 * differentiated as one function: dx = dy·f′(x), with f′ built once, without dy. Since f′ is such a function again, the
 * second derivative takes dy·f″(x)·u and not one product for each node and each path through the first.
 */
export class Chains {
  private readonly roots = new Map<Value, Value>();
  private readonly slopes = new Map<Value, Value>();

  /** `active` says through which values derivatives flow, `ends` which of them are not to be looked behind. */
  constructor(
    private readonly b: GraphBuilder,
    private readonly active: ReadonlySet<Value>,
    private readonly ends: ReadonlySet<Value>,
  ) {}

  /** The earliest value of which `value` is an element-wise function; `value` itself where there is none before it. */
  rootOf(value: Value): Value {
    const known = this.roots.get(value);
    if (known) return known;
    // Iterative, since chains may be long: what a value depends on comes first.
    const stack = [value];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const inputs = this.roots.has(top!) || this.ends.has(top!) ? [] : this.arguments(top!);
      const open = inputs.filter((input) => !this.roots.has(input));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      stack.pop();
      const [root, ...others] = inputs.map((input) => this.roots.get(input)!);
      this.roots.set(top!, root && others.every((other) => other === root) ? root : (this.roots.get(top!) ?? top!));
    }
    return this.roots.get(value)!;
  }

  /** f′ where `value` is f of its root: of the shape of `value`, or of one that broadcasts to it. */
  slopeOf(value: Value): Value {
    const root = this.rootOf(value);
    const stack = [value];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const inputs = top === root || this.slopes.has(top!) ? [] : this.arguments(top!);
      const open = inputs.filter((input) => input !== root && !this.slopes.has(input));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      stack.pop();
      if (top !== root && !this.slopes.has(top!)) this.slopes.set(top!, this.slopeThrough(top!.node!, root));
    }
    return this.slopes.get(value)!;
  }

  /** The values through which an element-wise node depends on its root; none where the node is no link of a chain. */
  private arguments(value: Value): Value[] {
    const { node } = value;
    if (!node || !elementwise.has(node.opType)) return [];
    const inputs = node.inputs.filter((input) => input !== undefined && this.active.has(input)) as Value[];
    return inputs.every((input) => sameShape(input.shape, value.shape)) ? inputs : [];
  }

  /** The chain rule at one node: Σ ∂node/∂input·(slope of the input). */
  private slopeThrough(node: Node, root: Value): Value {
    const { b } = this;
    const one = b.number(1, node.outputs[0]);
    const slope = (input: Value | undefined): Value | undefined =>
      input === root ? one : input && this.active.has(input) ? this.slopes.get(input) : undefined;
    if (node.opType === 'Where') {
      const zero = b.number(0, node.outputs[0]);
      return b.where(node.inputs[0]!, slope(node.inputs[1]) ?? zero, slope(node.inputs[2]) ?? zero);
    }
    const partials = applyGradientRule(b, node.opType as DifferentiableOp, node, [one]);
    const terms = node.inputs.flatMap((input, i) => {
      const [inner, partial] = [slope(input), partials[i]];
      return inner && partial ? [b.mul(inner, partial)] : [];
    });
    return terms.reduce(b.add);
  }
}
