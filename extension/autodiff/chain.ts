import type { GraphBuilder } from '../onnx/builder.ts';
import type { Node, Value } from '../onnx/graph.ts';
import { isNode } from '../onnx/nodeTypes.ts';
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
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const inputs = this.roots.has(top) || this.ends.has(top) ? [] : this.arguments(top);
      const open = inputs.filter((input) => !this.roots.has(input));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      stack.pop();
      const [root, ...others] = inputs.map((input) => this.roots.get(input));
      this.roots.set(top, root && others.every((other) => other === root) ? root : (this.roots.get(top) ?? top));
    }
    return this.roots.get(value) ?? value;
  }

  /** f′ where `value` is f of its root: of the shape of `value`, or of one that broadcasts to it. */
  slopeOf(value: Value): Value {
    const root = this.rootOf(value);
    const stack = [value];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const inputs = top === root || this.slopes.has(top) ? [] : this.arguments(top);
      const open = inputs.filter((input) => input !== root && !this.slopes.has(input));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      stack.pop();
      if (top !== root && top.node && !this.slopes.has(top)) this.slopes.set(top, this.slopeThrough(top.node, root));
    }
    const slope = this.slopes.get(value);
    if (!slope) throw new Error(`${value.node?.opType ?? 'an input'} has no slope: it is no function of its root`);
    return slope;
  }

  /** The values through which an element-wise node depends on its root; none where the node is no link of a chain. */
  private arguments(value: Value): Value[] {
    const { node } = value;
    if (!node || !elementwise.has(node.opType)) return [];
    const inputs = node.inputs.filter((input) => input !== undefined).filter((input) => this.active.has(input));
    return inputs.every((input) => sameShape(input.shape, value.shape)) ? inputs : [];
  }

  /** The chain rule at one node: Σ ∂node/∂input·(slope of the input). */
  private slopeThrough(node: Node, root: Value): Value {
    const { b } = this;
    const one = b.number(1, node.outputs[0]);
    const slope = (input: Value | undefined): Value | undefined =>
      input === root ? one : input && this.active.has(input) ? this.slopes.get(input) : undefined;
    if (isNode(node, 'Where')) {
      const [condition, x, y] = node.inputs;
      const zero = b.number(0, node.outputs[0]);
      return b.where(condition, slope(x) ?? zero, slope(y) ?? zero);
    }
    const partials = applyGradientRule(b, node.opType as DifferentiableOp, node, [one]);
    const terms = node.inputs.flatMap((input, i) => {
      const [inner, partial] = [slope(input), partials[i]];
      return inner && partial ? [b.mul(inner, partial)] : [];
    });
    return terms.reduce(b.add);
  }
}
