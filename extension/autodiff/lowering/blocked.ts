import type { GraphBuilder } from '../../onnx/builder.ts';
import { first, listed, nth, zip } from '../../onnx/checked.ts';
import { type Graph, type Node, nodesOf, type Value } from '../../onnx/graph.ts';
import { isNode, type PoolAttributes } from '../../onnx/nodeTypes.ts';
import { isElementwise, type PrimitiveOp } from '../../onnx/ops.ts';
import { type Replacement, type ReplacementOf, rewriteGraph } from '../../onnx/rewrite.ts';
import { leading, sameShape } from '../../onnx/shapes.ts';
import { elementCount, numbersOf, type Shape, tensorOf } from '../../onnx/tensor.ts';

/**
 * Lays images out in blocks of channels, [n, c/B, h, w, B], for which ONNX Runtime's CPU provider has convolutions twice
 * as fast as its general ones. (The runtime does so by itself where weights are constants, which trained ones are not.)
 * What lies between two convolutions works on the same layout, so that few conversions remain; a blocked value keeps the
 * shape [n, c, h, w], only the order of its elements differs.
 *
 * B is 8 or 16, as the runtime has it on this processor (see `blockProbe`). Comes after `lower`.
 */
export function blockChannels(graph: Graph, block: number): Graph {
  const layout = new BlockedLayout(block, usedOnce(graph));
  return rewriteGraph(graph, (_, node) => layout.replacement(node));
}

class BlockedLayout {
  private readonly block: number;
  /** The blocked form of values of the new graph that have one. What is not used in the end is not written. */
  private readonly known = new Map<Value, Value>();

  /** Values of the old graph that have one use. */
  private readonly usedOnce: ReadonlySet<Value>;

  constructor(block: number, usedOnce: ReadonlySet<Value>) {
    this.block = block;
    this.usedOnce = usedOnce;
  }

  replacement(node: Node): Replacement | undefined {
    const [y] = node.outputs;
    if (node.body || node.inputs.length === 0) return undefined;
    if (y.shape.length !== 4 || elementCount(y.shape) === 0) return undefined;
    if (isElementwise(node.opType)) return this.pointwise;
    if (y.type !== 'float32') return undefined;
    if (isNode(node, 'Conv')) return (b, inputs) => this.convolution(b, inputs as typeof node.inputs, node);
    if (isNode(node, 'MaxPool') && node.outputs.length === 1) return this.pooling('BlockedMaxPool', node.attributes);
    if (isNode(node, 'AveragePool')) return this.pooling('BlockedAveragePool', node.attributes);
    if (isNode(node, 'Resize')) return (b, inputs) => this.upsampling(b, inputs as typeof node.inputs, node);
    return undefined;
  }

  private fits = (channels: number): boolean => channels % this.block === 0;

  private toBlocked(b: GraphBuilder, x: Value): Value {
    const found = this.known.get(x);
    if (found) return found;
    const blocked = b.emit('BlockedInput', [x])[0];
    this.known.set(x, blocked);
    return blocked;
  }

  /** The plain form of a blocked value; the blocked one is remembered. */
  private fromBlocked(b: GraphBuilder, blocked: Value): Value {
    const plain = b.emit('BlockedOutput', [blocked], { channels: nth(blocked.shape, 1) })[0];
    this.known.set(plain, blocked);
    return plain;
  }

  private plainly = (b: GraphBuilder, inputs: readonly (Value | undefined)[], node: CopiedNode): readonly Value[] =>
    b.emitNode(node.opType as PrimitiveOp, inputs, node.attributes);

  private convolution: ReplacementOf<'Conv'> = (b, inputs, node) => {
    const [x, w, bias] = inputs;
    const { group } = node.attributes;
    const [m, c, ...kernel_shape] = leading(w.shape, 2);
    const depthwise = c === 1 && group === m && group > 1;
    // Fewer channels than a block are read from the plain layout.
    const fewChannels = group === 1 && c < this.block;
    const supported = this.fits(m) && (depthwise || fewChannels || (this.fits(c) && this.fits(m / group)));
    if (!supported) return this.plainly(b, inputs, node);
    const weights = depthwise || fewChannels ? this.outputBlocks(b, w) : this.bothBlocks(b, w);
    const data = fewChannels ? x : this.toBlocked(b, x);
    const attributes = { ...node.attributes, kernel_shape };
    return [this.fromBlocked(b, b.emit('BlockedConv', bias ? [data, weights, bias] : [data, weights], attributes)[0])];
  };

  /** Weights [m, c, h, w] as [m/B, c/B, h, w, B of c, B of m]. */
  private bothBlocks(b: GraphBuilder, w: Value): Value {
    const [m, c, height, width] = leading(w.shape, 4);
    const split = b.reshape(w, [m / this.block, this.block, c / this.block, this.block, height, width]);
    return b.reshape(b.transpose(split, [0, 2, 4, 5, 3, 1]), w.shape);
  }

  /** Weights [m, c, h, w] as [m/B, c, h, w, B of m]. */
  private outputBlocks(b: GraphBuilder, w: Value): Value {
    const [m, c, height, width] = leading(w.shape, 4);
    const split = b.reshape(w, [m / this.block, this.block, c, height, width]);
    return b.reshape(b.transpose(split, [0, 2, 3, 4, 1]), w.shape);
  }

  private pooling(op: 'BlockedMaxPool' | 'BlockedAveragePool', attributes: PoolAttributes): Replacement {
    return (b, inputs, node) => {
      const [x] = inputs;
      if (!x || !this.known.has(x)) return this.plainly(b, inputs, node);
      return [this.fromBlocked(b, b.emit(op, [this.toBlocked(b, x)], attributes)[0])];
    };
  }

  /** Repetition by whole factors, the only form of Resize that lowering emits; it also pays to convert its smaller input. */
  private upsampling: ReplacementOf<'Resize'> = (b, inputs, node) => {
    const [x, , { constant: scales }] = inputs;
    if (!scales || !this.fits(nth(x.shape, 1))) return this.plainly(b, inputs, node);
    const factors = Array.from(numbersOf(scales));
    const blocked = b.emit('BlockedUpsample', [this.toBlocked(b, x)], { scales: factors, mode: 'nearest' })[0];
    if (this.known.get(x)?.node?.opType !== 'BlockedInput') return [this.fromBlocked(b, blocked)];
    const plain = first(this.plainly(b, inputs, node));
    this.known.set(plain, blocked);
    return [plain];
  };

  /** The runtime's convolution can add a number for each channel, and another value of its shape, to its result. */
  private convolutionPlus(b: GraphBuilder, inputs: readonly Value[], node: Node): Value | undefined {
    if (!isNode(node, 'Add')) return undefined;
    const [left, right] = zip<readonly [Value, Value]>(inputs, node.inputs) as [
      readonly [Value, Value],
      readonly [Value, Value],
    ];
    for (const [[own, old], [other]] of [
      [left, right],
      [right, left],
    ] as const) {
      const sum = this.known.get(own);
      if (!isNode(sum?.node, 'BlockedConv') || !this.usedOnce.has(old)) continue;
      const { inputs: operands, attributes, outputs } = sum.node;
      const [data, weights, bias, added] = operands;
      const { shape } = outputs[0];
      const blocked = this.known.get(other);
      if (!added && blocked && sameShape(blocked.shape, shape))
        return b.emit('BlockedConv', [data, weights, bias, blocked], attributes)[0];
      if (!bias && isPerChannel(other.shape, shape)) {
        const numbers = b.reshape(other, [nth(shape, 1)]);
        return b.emit('BlockedConv', added ? [data, weights, numbers, added] : [data, weights, numbers], attributes)[0];
      }
    }
    return undefined;
  }

  private pointwise: Replacement = (b, inputs, node) => {
    // Element-wise operators have all their inputs.
    const operands = inputs as readonly Value[];
    const fused = this.convolutionPlus(b, operands, node);
    if (fused) return [this.fromBlocked(b, fused)];
    const { shape, type } = node.outputs[0];
    const plain = () => first(this.plainly(b, inputs, node));
    if (!operands.some((x) => sameShape(x.shape, shape) && this.known.has(x))) return [plain()];
    const converted = operands.map((x) => this.operand(b, x, shape)).filter((x) => x !== undefined);
    if (converted.length < operands.length) return [plain()];
    const wide = converted.some((x) => x.shape.length === 5);
    const aligned = converted.map((x) => (wide && sameShape(x.shape, shape) ? b.reshape(x, this.physical(shape)) : x));
    const blocked = b.reshape(first(this.plainly(b, aligned, node)), shape);
    if (type === 'float32') return [this.fromBlocked(b, blocked)];
    const result = plain();
    this.known.set(result, blocked);
    return [result];
  };

  private physical(shape: Shape): number[] {
    const [n, c, height, width] = leading(shape, 4);
    return [n, c / this.block, height, width, this.block];
  }

  /** An operand that broadcasts to a blocked value of a shape, in that layout; undefined where that is not possible. */
  private operand(b: GraphBuilder, x: Value, shape: Shape): Value | undefined {
    if (sameShape(x.shape, shape)) return x.type === 'float32' || this.known.has(x) ? this.toBlocked(b, x) : undefined;
    if (elementCount(x.shape) === 1) return b.reshape(x, []);
    const [n, c, height, width] = leading([...listed(4 - x.shape.length, () => 1), ...x.shape], 4);
    if (c === 1) {
      // Broadcasting along the innermost axis is slow; constants are written out.
      if (!x.constant) return b.reshape(x, [n, 1, height, width, 1]);
      const values = Array.from(x.constant.data as ArrayLike<number | bigint>);
      const repeated = values.flatMap((value) => listed(this.block, () => value));
      return b.constant(tensorOf(x.type, [n, 1, height, width, this.block], repeated));
    }
    return height === 1 && width === 1 ? b.reshape(x, this.physical([n, c, 1, 1])) : undefined;
  }
}

/** What is copied of a node. */
type CopiedNode = Pick<Node, 'opType' | 'attributes'>;

/** True for [c, 1, 1] and [1, c, 1, 1], which add a number to each of the c channels of [n, c, h, w]. */
const isPerChannel = (shape: Shape, image: Shape): boolean =>
  shape.length >= 3 && sameShape([1, ...shape].slice(-4), [1, nth(image, 1), 1, 1]);

function usedOnce(graph: Graph): Set<Value> {
  const counts = new Map<Value, number>();
  const visit = (scope: Graph) => {
    const count = (value: Value | undefined) => value && counts.set(value, (counts.get(value) ?? 0) + 1);
    for (const node of nodesOf(scope)) {
      node.inputs.forEach(count);
      if (node.body) visit(node.body);
    }
    for (const { value } of scope.outputs) count(value);
  };
  visit(graph);
  return new Set([...counts].flatMap(([value, count]) => (count === 1 ? [value] : [])));
}
