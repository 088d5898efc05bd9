import { thousands } from '../shared/format.ts';
import {
  buildLoop,
  buildRecurrence,
  buildScan,
  type LoopBuilder,
  type LoopOutputs,
  type RecurrenceBuilder,
  type RecurrenceInputs,
  type RecurrenceOutputs,
  type ScanBuilder,
} from './control.ts';
import { evaluateConstant } from './fold.ts';
import type { Attributes, Graph, Node, Scope, Value } from './graph.ts';
import type { AttributeArgument, InputsOf, OpOfOne, OutputsOf } from './nodeTypes.ts';
import type { ControlOp, OpType, PrimitiveOp } from './ops.ts';
import { RefusedUse, tellingNode } from './refusal.ts';
import { inferTypes, type ValueType } from './shapeRules.ts';
import { normaliseAxes, normaliseAxis, showShape } from './shapes.ts';
import { simplify } from './simplify.ts';
import {
  bitsOf,
  type ElementType,
  elementCount,
  isFloat,
  mostElements,
  type Shape,
  type Tensor,
  tensorOf,
} from './tensor.ts';

/** Axes that one value may have: what is done for each of two axes is quick for so many. */
const mostAxes = 256;

/** Values that one node of a model, or its derivative, may become: what loops over an axis ends. */
const mostValues = 2 ** 17;

/** Ends of slices: "to the last element" in either direction, as exporters write it. */
const farEnd = 2 ** 53;

type Source = Value | undefined;

/** State shared by a builder and the builders of the loop bodies inside it. */
interface Shared {
  nextId: number;
  /** Values made since a label was last given, as each node of a model, derivative or copy has one; −∞ where there is none. */
  sinceOrigin: number;
  readonly nodes: Map<string, Node['outputs']>;
  readonly constants: Map<string, Value>;
  readonly tensors: WeakMap<object, Value>;
}

/**
 * Builds a typed graph. Each method is named like the ONNX operator that it emits, infers type and shape, folds
 * constants, applies identities, and returns the existing value where the same node was built before (common-subexpression
 * elimination). A node is placed in the outermost scope that knows its inputs, so what does not change in a loop
 * leaves it.
 */
export class GraphBuilder implements Scope {
  readonly parent: GraphBuilder | undefined;
  readonly depth: number;
  readonly inputs: Value[] = [];
  private label: string | undefined;
  private readonly shared: Shared;

  constructor(parent?: GraphBuilder) {
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
    this.shared = parent?.shared ?? {
      nextId: 0,
      sinceOrigin: Number.NEGATIVE_INFINITY,
      nodes: new Map(),
      constants: new Map(),
      tensors: new WeakMap(),
    };
  }

  /** Label given to the nodes that are built; messages and written graphs show it. */
  get origin(): string | undefined {
    return this.label;
  }

  set origin(label: string | undefined) {
    this.label = label;
    this.shared.sinceOrigin = label === undefined ? Number.NEGATIVE_INFINITY : 0;
  }

  /** A value that the caller of the graph provides. Throws an InspectorError where it is too large. */
  input(name: string, type: ElementType, shape: Shape): Value {
    const value = tellingNode(this, () => this.value(type, shape, { name }), { tensor: { kind: 'input', name } });
    this.inputs.push(value);
    return value;
  }

  /** A constant. Equal small constants are one value. */
  constant(tensor: Tensor): Value {
    const known = this.shared.tensors.get(tensor.data);
    if (known?.constant === tensor) return known;
    const key = tensor.data.length <= 64 ? `${tensor.type}[${tensor.shape}]${bitsOf(tensor)}` : undefined;
    const equal = key && this.shared.constants.get(key);
    if (equal) return equal;
    const value = this.root().value(tensor.type, tensor.shape, { constant: tensor });
    if (key) this.shared.constants.set(key, value);
    this.shared.tensors.set(tensor.data, value);
    return value;
  }

  scalar(type: ElementType, value: number): Value {
    return this.constant(tensorOf(type, [], [value]));
  }

  /** A scalar of the type of `like`. */
  number(value: number, like: Value): Value {
    return this.scalar(like.type, value);
  }

  ints(values: readonly number[]): Value {
    if (!values.every(Number.isInteger)) throw new Error(`${showShape(values)} are not all whole numbers`);
    return this.constant(tensorOf('int64', [values.length], values));
  }

  /** A tensor with every element equal; stored as one element. */
  full(type: ElementType, shape: Shape, value: number): Value {
    return this.expand(this.scalar(type, value), shape);
  }

  /** from, from + 1, … as int64; more than are folded are counted by the runtime. */
  range(from: number, length: number): Value {
    const [start, end, step] = [from, from + length, 1].map((value) => this.scalar('int64', value));
    return this.one('Range', [start, end, step] as [Value, Value, Value]);
  }

  zerosLike(x: Value): Value {
    return this.full(x.type, x.shape, 0);
  }

  /** Emits a primitive in normal form (see `shapeRules`); the typed methods below are the usual way in. */
  emit<Op extends PrimitiveOp>(opType: Op, inputs: InputsOf<Op>, ...given: AttributeArgument<Op>): OutputsOf<Op> {
    const [attributes] = given as [Attributes?];
    return this.emitNode(opType, inputs, attributes) as unknown as OutputsOf<Op>;
  }

  /** Emits a primitive that is known only at run time, in normal form, as copies of nodes are. */
  emitNode(opType: PrimitiveOp, inputs: readonly Source[], attributes: Attributes = {}): Node['outputs'] {
    const types = inferTypes(opType, inputs, attributes);
    const folded = types.length === 1 ? evaluateConstant(opType, inputs, attributes, types[0]) : undefined;
    if (folded) return [this.constant(folded)];
    const simplified = simplify(this, opType, inputs, attributes, types[0].shape);
    if (simplified) return [simplified];
    const key = keyOf(opType, inputs, attributes);
    const known = this.shared.nodes.get(key);
    if (known) return known;
    const outputs = this.scopeOf(inputs).node(opType, inputs, attributes, types, this.origin);
    this.shared.nodes.set(key, outputs);
    return outputs;
  }

  /** The result of a node without attributes, where that was built before. */
  existing<Op extends PrimitiveOp>(opType: Op, inputs: InputsOf<Op>): Value | undefined {
    return this.shared.nodes.get(keyOf(opType, inputs, {}))?.[0];
  }

  private one<Op extends PrimitiveOp>(opType: Op, inputs: InputsOf<Op>, ...given: AttributeArgument<Op>): Value {
    const [attributes] = given as [Attributes?];
    return this.emitNode(opType, inputs, attributes)[0];
  }

  // ----- element-wise -----
  add = (x: Value, y: Value): Value => this.one('Add', [x, y]);
  sub = (x: Value, y: Value): Value => this.one('Sub', [x, y]);
  mul = (x: Value, y: Value): Value => this.one('Mul', [x, y]);
  div = (x: Value, y: Value): Value => this.one('Div', [x, y]);
  pow = (x: Value, y: Value): Value => this.one('Pow', [x, y]);
  max = (x: Value, y: Value): Value => this.one('Max', [x, y]);
  min = (x: Value, y: Value): Value => this.one('Min', [x, y]);
  mod = (x: Value, y: Value): Value => this.one('Mod', [x, y], isFloat(x.type) ? { fmod: 1 } : {});
  unary = (op: OpOfOne, x: Value): Value => this.emitNode(op, [x])[0];
  neg = (x: Value): Value => this.one('Neg', [x]);
  abs = (x: Value): Value => this.one('Abs', [x]);
  exp = (x: Value): Value => this.one('Exp', [x]);
  log = (x: Value): Value => this.one('Log', [x]);
  sqrt = (x: Value): Value => this.one('Sqrt', [x]);
  sign = (x: Value): Value => this.one('Sign', [x]);
  relu = (x: Value): Value => this.one('Relu', [x]);
  sigmoid = (x: Value): Value => this.one('Sigmoid', [x]);
  softplus = (x: Value): Value => this.one('Softplus', [x]);
  tanh = (x: Value): Value => this.one('Tanh', [x]);
  reciprocal = (x: Value): Value => this.one('Reciprocal', [x]);
  /** x·factor + term, the usual affine helper; factors 1 and terms 0 vanish. */
  affine = (x: Value, factor: number, term = 0): Value =>
    this.add(this.mul(x, this.number(factor, x)), this.number(term, x));
  oneMinus = (x: Value): Value => this.sub(this.number(1, x), x);
  cast = (x: Value, to: ElementType): Value => this.one('Cast', [x], { to });
  where = (condition: Value, x: Value, y: Value): Value => this.one('Where', [condition, x, y]);
  /** min(max(x, low), high) with scalar bounds, either of which may be left out. */
  clip = (x: Value, low?: Value, high?: Value): Value => (low || high ? this.one('Clip', [x, low, high]) : x);
  equal = (x: Value, y: Value): Value => this.one('Equal', [x, y]);
  greater = (x: Value, y: Value): Value => this.one('Greater', [x, y]);
  greaterOrEqual = (x: Value, y: Value): Value => this.one('GreaterOrEqual', [x, y]);
  less = (x: Value, y: Value): Value => this.one('Less', [x, y]);
  and = (x: Value, y: Value): Value => this.one('And', [x, y]);
  or = (x: Value, y: Value): Value => this.one('Or', [x, y]);
  not = (x: Value): Value => this.one('Not', [x]);
  /** x itself, through which no gradient flows. */
  stopGradient = (x: Value): Value => (x.constant || !isFloat(x.type) ? x : this.one('StopGradient', [x]));
  /** 1 where the condition holds, else 0. */
  indicator = (condition: Value, like: Value): Value => this.cast(condition, like.type);

  // ----- reductions; `axes` undefined means all -----
  reduceSum = (x: Value, axes?: readonly number[], keepdims = false): Value =>
    this.reduce('ReduceSum', x, axes, keepdims);
  reduceMean = (x: Value, axes?: readonly number[], keepdims = false): Value =>
    this.reduce('ReduceMean', x, axes, keepdims);
  reduceMax = (x: Value, axes?: readonly number[], keepdims = false): Value =>
    this.reduce('ReduceMax', x, axes, keepdims);
  reduceMin = (x: Value, axes?: readonly number[], keepdims = false): Value =>
    this.reduce('ReduceMin', x, axes, keepdims);
  reduce(
    op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd',
    x: Value,
    axes?: readonly number[],
    keepdims = false,
  ): Value {
    const rank = x.shape.length;
    const over = (axes ?? x.shape.map((_, i) => i)).map((axis) => normaliseAxis(axis, rank));
    if (over.length === 0) return x;
    return this.one(op, [x, this.ints([...over].sort((a, b) => a - b))], { keepdims: keepdims ? 1 : 0 });
  }
  softmax = (x: Value, axis: number): Value => this.one('Softmax', [x], { axis: normaliseAxis(axis, x.shape.length) });
  logSoftmax = (x: Value, axis: number): Value =>
    this.one('LogSoftmax', [x], { axis: normaliseAxis(axis, x.shape.length) });
  cumSum = (x: Value, axis: number, { exclusive = false, reverse = false } = {}): Value =>
    this.one('CumSum', [x, this.scalar('int64', axis)], { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 });

  // ----- products -----
  matMul = (a: Value, b: Value): Value => this.one('MatMul', [a, b]);
  gemm = (
    a: Value,
    b: Value,
    { transA = false, transB = false, c }: { transA?: boolean; transB?: boolean; c?: Value } = {},
  ): Value =>
    this.one('Gemm', c ? [a, b, c] : [a, b], { alpha: 1, beta: 1, transA: transA ? 1 : 0, transB: transB ? 1 : 0 });

  // ----- movement -----
  reshape = (x: Value, shape: Shape): Value => this.one('Reshape', [x, this.ints(shape)]);
  transpose = (x: Value, perm: readonly number[]): Value => this.one('Transpose', [x], { perm });
  /** Swaps the last two axes. */
  swapLast(x: Value): Value {
    const axes = x.shape.map((_, i) => i);
    return this.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  }
  expand = (x: Value, shape: Shape): Value => this.one('Expand', [x, this.ints(shape)]);
  concat(values: readonly Value[], axis: number): Value {
    const [head, ...rest] = values;
    if (!head) throw new RangeError('nothing is joined');
    return this.one('Concat', [head, ...rest], { axis: normaliseAxis(axis, head.shape.length) });
  }
  /** As many parts as there are sizes. */
  split<const Sizes extends readonly number[]>(
    x: Value,
    sizes: Sizes,
    axis: number,
  ): { readonly [K in keyof Sizes]: Value } {
    const parts =
      sizes.length === 1
        ? [x]
        : this.emit('Split', [x, this.ints(sizes)], { axis: normaliseAxis(axis, x.shape.length) });
    return parts as readonly Value[] as { readonly [K in keyof Sizes]: Value };
  }
  /** Elements start, start+step, … before end, along given axes; ends beyond the axis are clamped. */
  slice(
    x: Value,
    spec: { starts: readonly number[]; ends: readonly number[]; axes: readonly number[]; steps?: readonly number[] },
  ): Value {
    const axes = normaliseAxes(spec.axes, x.shape.length);
    const clamp = (values: readonly number[]) => values.map((value) => Math.min(Math.max(value, -farEnd), farEnd));
    const steps = spec.steps ?? axes.map(() => 1);
    return this.one('Slice', [
      x,
      this.ints(clamp(spec.starts)),
      this.ints(clamp(spec.ends)),
      this.ints(axes),
      this.ints(steps),
    ]);
  }
  /** Zeros (or `value`) around x: `begin` and `end` have one amount for each axis; negative amounts cut off. */
  pad(x: Value, begin: readonly number[], end: readonly number[], value = 0): Value {
    return this.one('Pad', [x, this.ints([...begin, ...end]), this.number(value, x)], { mode: 'constant' });
  }
  gather = (x: Value, indices: Value, axis: number): Value =>
    this.one('Gather', [x, indices], { axis: normaliseAxis(axis, x.shape.length) });
  gatherElements = (x: Value, indices: Value, axis: number): Value =>
    this.one('GatherElements', [x, indices], { axis });
  gatherND = (x: Value, indices: Value, batchDims = 0): Value =>
    this.one('GatherND', [x, indices], { batch_dims: batchDims });
  scatterElementsAdd = (x: Value, indices: Value, updates: Value, axis: number): Value =>
    this.one('ScatterElements', [x, indices, updates], { axis, reduction: 'add' });
  scatterNDAdd = (x: Value, indices: Value, updates: Value): Value =>
    this.one('ScatterND', [x, indices, updates], { reduction: 'add' });

  // ----- control -----
  /** Turns of a body until a count or a condition ends them: see `buildLoop`. */
  loop(count: Value, carried: readonly Value[], build: LoopBuilder, maximum: number): LoopOutputs {
    return buildLoop(this, count, carried, build, maximum);
  }

  /** Turns over the slices of sequences: see `buildScan`. */
  scan(carried: readonly Value[], sequences: readonly Value[], build: ScanBuilder): LoopOutputs {
    return buildScan(this, carried, sequences, build);
  }

  /** Turns over the slices of sequences that can be differentiated: see `buildRecurrence`. */
  recurrence(
    inputs: RecurrenceInputs,
    build: RecurrenceBuilder,
  ): RecurrenceOutputs & { readonly states: readonly Value[] } {
    return buildRecurrence(this, inputs, build);
  }

  /** A builder for the body of a loop in this scope. */
  inner(): GraphBuilder {
    return new GraphBuilder(this);
  }

  /** A node with a body, in `scope`; types and shapes of its outputs are those that the body gives. */
  control(
    opType: ControlOp,
    inputs: readonly Value[],
    attributes: Attributes,
    types: readonly ValueType[],
    body: Graph,
    scope: GraphBuilder = this,
  ): readonly Value[] {
    return scope.node(opType, inputs, attributes, types, this.origin, body);
  }

  /** The outermost scope. */
  root(): GraphBuilder {
    return this.parent ? this.parent.root() : this;
  }

  /** The innermost scope among the inputs. Constants live in the root and pull nothing inwards. */
  scopeOf(inputs: readonly Source[]): GraphBuilder {
    let result = this.root();
    for (const value of inputs) if (value && value.scope.depth > result.depth) result = value.scope as GraphBuilder;
    return result;
  }

  private node(
    opType: OpType,
    inputs: readonly Source[],
    attributes: Attributes,
    types: readonly ValueType[],
    origin?: string,
    body?: Graph,
  ): Node['outputs'] {
    const node: { -readonly [K in keyof Node]: Node[K] } = {
      opType,
      inputs,
      outputs: [] as never,
      attributes,
      body,
      origin,
    };
    node.outputs = types.map(({ type, shape }) => this.value(type, shape, { node })) as never;
    return node.outputs;
  }

  private value(type: ElementType, shape: Shape, rest: { name?: string; node?: Node; constant?: Tensor }): Value {
    if (!shape.every((dim) => Number.isInteger(dim) && dim >= 0))
      throw new Error(`a value of shape ${showShape(shape)} is impossible`);
    // Also where an axis of 0 leaves nothing to hold, the others are counted with: shapes are taken apart and joined anew.
    if (shape.reduce((product, dim) => product * Math.max(dim, 1), 1) > mostElements)
      throw new RefusedUse(`a value of shape ${showShape(shape)} is too large`);
    if (shape.length > mostAxes) throw new RefusedUse(`a value of ${thousands(shape.length)} axes is not supported`);
    if (++this.shared.sinceOrigin > mostValues)
      throw new RefusedUse(`it takes more than ${thousands(mostValues)} operations, which is not supported`);
    return {
      id: this.shared.nextId++,
      type,
      shape,
      scope: this,
      name: rest.name,
      node: rest.node,
      constant: rest.constant,
    };
  }
}

/** What tells a node from others. */
const keyOf = (opType: PrimitiveOp, inputs: readonly Source[], attributes: Attributes): string =>
  `${opType}(${inputs.map((value) => value?.id ?? '')})${JSON.stringify(attributes)}`;

/** Number of elements of a value. */
export const sizeOf = (value: Value): number => elementCount(value.shape);
