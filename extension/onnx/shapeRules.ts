import { first, nth, zip } from './checked.ts';
import type { Attributes, Value } from './graph.ts';
import type { AttributesOf, ConvolutionAttributes, InputsOf } from './nodeTypes.ts';
import type { PrimitiveOp } from './ops.ts';
import { binaryOps, compareOps, unaryOps } from './ops.ts';
import {
  broadcastShapes,
  constantInts,
  leading,
  normaliseAxis,
  sameShape,
  showShape,
  sliceRange,
  windowOutput,
} from './shapes.ts';
import type { ElementType, Shape } from './tensor.ts';
import { elementCount, numbersOf } from './tensor.ts';
import { windowAxes } from './window.ts';

/** Type and shape of each output of a node. Throws where the inputs do not fit the operator. */
export interface ValueType {
  readonly type: ElementType;
  readonly shape: Shape;
}
export type ValueTypes = readonly [ValueType, ...ValueType[]];
/** Type and shape of the outputs of a primitive from its inputs and attributes; throws where these do not fit. */
export type ShapeRule<Op extends PrimitiveOp> = (inputs: InputsOf<Op>, attributes: AttributesOf<Op>) => ValueTypes;
/** A rule of operators that agree in what it looks at. */
type CommonRule<Inputs, Given = unknown> = (inputs: Inputs, attributes: Given) => ValueTypes;

const of = (type: ElementType, shape: Shape): ValueTypes => [{ type, shape }];
const like: CommonRule<readonly [Value, ...unknown[]]> = ([x]) => of(x.type, x.shape);

const broadcast: CommonRule<readonly [Value, Value]> = ([x, y]) => {
  if (x.type !== y.type) throw new Error(`element types ${x.type} and ${y.type} differ`);
  return of(x.type, broadcastShapes(x.shape, y.shape));
};
const compare: CommonRule<readonly [Value, Value]> = ([x, y]) => of('bool', broadcastShapes(x.shape, y.shape));
const test: CommonRule<readonly [Value]> = ([x]) => of('bool', x.shape);

const reduce: CommonRule<readonly [Value, Value], { readonly keepdims?: number }> = ([x, axes], { keepdims }) => {
  const rank = x.shape.length;
  const over = new Set(constantInts(axes, 'the axes').map((axis) => normaliseAxis(axis, rank)));
  return of(
    x.type,
    x.shape.flatMap((dim, axis) => (over.has(axis) ? (keepdims === 0 ? [] : [1]) : [dim])),
  );
};

const argReduce: CommonRule<readonly [Value], AttributesOf<'ArgMax'>> = ([x], { axis, keepdims }) => {
  const over = normaliseAxis(axis, x.shape.length);
  return of(
    'int64',
    x.shape.flatMap((dim, i) => (i === over ? (keepdims === 0 ? [] : [1]) : [dim])),
  );
};

function matMulShape(a: Shape, b: Shape): number[] {
  if (a.length === 0 || b.length === 0) throw new Error('MatMul of a scalar');
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  if (left.at(-1) !== right.at(-2)) throw new Error(`inner dimensions of ${showShape(a)} and ${showShape(b)} differ`);
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
  return [...batch, ...(a.length === 1 ? [] : left.slice(-2, -1)), ...(b.length === 1 ? [] : right.slice(-1))];
}

/** Throws with `problem` where a condition that an operator makes does not hold. */
function need(condition: boolean, problem: () => string): asserts condition {
  if (!condition) throw new Error(problem());
}

const conv: CommonRule<InputsOf<'Conv' | 'BlockedConv'>, ConvolutionAttributes> = ([x, w, bias], attributes) => {
  const { group } = attributes;
  const [n, channels, ...spatial] = leading(x.shape, 2);
  const [m, c, ...kernel] = leading(w.shape, 2);
  need(group > 0, () => `${group} groups are impossible`);
  if (kernel.length !== spatial.length || channels !== c * group || m % group !== 0) {
    throw new Error(`weights ${showShape(w.shape)} in ${group} group(s) do not fit input ${showShape(x.shape)}`);
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== m))
    throw new Error(`bias ${showShape(bias.shape)} does not fit ${m} channels`);
  return of(x.type, [n, m, ...windowAxes(attributes, kernel, spatial).map((axis) => windowOutput(axis))]);
};

const convTranspose: ShapeRule<'ConvTranspose'> = ([x, w], attributes) => {
  const { group } = attributes;
  const [n, channels, ...spatial] = leading(x.shape, 2);
  const [m, c, ...kernel] = leading(w.shape, 2);
  need(group > 0 && channels % group === 0, () => `${group} groups do not fit input ${showShape(x.shape)}`);
  if (kernel.length !== spatial.length || channels !== m) {
    throw new Error(`weights ${showShape(w.shape)} do not fit input ${showShape(x.shape)}`);
  }
  const out = zip(windowAxes(attributes, kernel, spatial), attributes.output_padding).map(
    ([axis, extra]) =>
      axis.stride * (axis.size - 1) + extra + (axis.kernel - 1) * axis.dilation + 1 - axis.begin - axis.end,
  );
  need(
    out.every((size) => size > 0),
    () => `pads ${showShape(attributes.pads)} leave nothing of its output ${showShape(out)}`,
  );
  return of(x.type, [n, c * group, ...out]);
};

const pool: CommonRule<readonly [Value], AttributesOf<'MaxPool'>> = ([x], attributes) => {
  const spatial = x.shape.slice(2);
  const kernel = attributes.kernel_shape;
  need(
    spatial.length > 0 && kernel.length === spatial.length && kernel.every((size) => size > 0),
    () => `a window of shape ${showShape(kernel)} does not fit input ${showShape(x.shape)}`,
  );
  const ceil = attributes.ceil_mode === 1;
  const out = windowAxes(attributes, kernel, spatial).map((axis) => windowOutput(axis, ceil));
  const shape = [...x.shape.slice(0, 2), ...out];
  const values = { type: x.type, shape };
  // Stating the order of the indices asks for them.
  return attributes.storage_order === undefined ? [values] : [values, { type: 'int64', shape }];
};

const slice: ShapeRule<'Slice'> = ([x, starts, ends, axes, steps]) => {
  const shape = [...x.shape];
  const from = constantInts(starts, 'the start of a slice');
  const to = constantInts(ends, 'the end of a slice');
  const by = constantInts(steps, 'the step of a slice');
  const over = constantInts(axes, 'the axes of a slice');
  need(
    [from, to, by].every(({ length }) => length === over.length) && !by.includes(0),
    () =>
      `starts ${showShape(from)}, ends ${showShape(to)}, axes ${showShape(over)} and steps ${showShape(by)} do not belong together`,
  );
  for (const [axis, start, end, step] of zip(over, from, to, by))
    shape[axis] = sliceRange(nth(shape, axis), start, end, step).count;
  return of(x.type, shape);
};

const pad: ShapeRule<'Pad'> = ([x, pads]) => {
  const amounts = constantInts(pads, 'the pads');
  const rank = x.shape.length;
  need(amounts.length === 2 * rank, () => `${amounts.length} pads are given for ${rank} axes`);
  return of(
    x.type,
    zip(x.shape, amounts.slice(0, rank), amounts.slice(rank)).map(([dim, begin, end]) => dim + begin + end),
  );
};

const concat: ShapeRule<'Concat'> = (inputs, { axis }) => {
  const [first] = inputs;
  for (const value of inputs)
    need(value.type === first.type, () => `element types ${first.type} and ${value.type} differ`);
  const along = axis;
  for (const value of inputs) {
    if (
      value.shape.length !== first.shape.length ||
      value.shape.some((dim, i) => i !== along && dim !== first.shape[i])
    ) {
      throw new Error(`cannot join ${inputs.map((v) => showShape(v.shape)).join(', ')} along axis ${along}`);
    }
  }
  const total = inputs.reduce((sum, value) => sum + nth(value.shape, along), 0);
  return of(first.type, first.shape.with(along, total));
};

/** Elements are taken along an axis by indices of the same rank. */
function fitsAlong(x: Value, indices: Value, axis: number): void {
  const rank = x.shape.length;
  need(
    rank > 0 && axis >= 0 && axis < rank && indices.shape.length === rank,
    () => `indices ${showShape(indices.shape)} do not fit ${showShape(x.shape)} along axis ${axis}`,
  );
}

/** How many axes after the batch axes the index tuples along the last axis of `indices` lead through. */
function tupleWidth(x: Value, indices: Value, batch: number): number {
  const width = indices.shape.at(-1);
  need(
    width !== undefined &&
      batch >= 0 &&
      batch < indices.shape.length &&
      batch + width <= x.shape.length &&
      sameShape(x.shape.slice(0, batch), indices.shape.slice(0, batch)),
    () => `indices ${showShape(indices.shape)} do not fit ${showShape(x.shape)}`,
  );
  return width;
}

const scaled = (shape: Shape, factors: readonly number[]): number[] =>
  zip(shape, factors).map(([dim, factor]) => dim * factor);

const table = <K extends PrimitiveOp, Rule>(names: readonly K[], rule: Rule): Record<K, Rule> =>
  Object.fromEntries(names.map((name) => [name, rule])) as Record<K, Rule>;

/** Shape inference for every primitive. Inputs are in normal form: axes not negative, optional inputs filled in. */
export const shapeRules: { readonly [Op in PrimitiveOp]: ShapeRule<Op> } = {
  ...table(unaryOps, like),
  ...table(binaryOps, broadcast),
  ...table(['Sign', 'Floor', 'Ceil', 'Round', 'Not', 'Clip', 'CumSum', 'Softmax', 'LogSoftmax'], like),
  ScatterElements: ([x, indices, updates], { axis }) => {
    fitsAlong(x, indices, axis);
    need(
      sameShape(indices.shape, updates.shape) && indices.shape.every((dim, i) => i === axis || dim <= nth(x.shape, i)),
      () =>
        `indices ${showShape(indices.shape)} and updates ${showShape(updates.shape)} do not fit ${showShape(x.shape)}`,
    );
    return of(x.type, x.shape);
  },
  ScatterND: ([x, indices, updates]) => {
    const width = tupleWidth(x, indices, 0);
    const expected = [...indices.shape.slice(0, -1), ...x.shape.slice(width)];
    need(
      sameShape(updates.shape, expected),
      () =>
        `updates ${showShape(updates.shape)} do not fit indices ${showShape(indices.shape)}, which need ${showShape(expected)}`,
    );
    return of(x.type, x.shape);
  },
  ...table(compareOps, compare),
  ...table(['IsNaN', 'IsInf'], test),
  ...table(['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd'], reduce),
  ...table(['ArgMax', 'ArgMin'], argReduce),
  Mod: broadcast,
  Range: ([start, limit, delta]) => {
    for (const value of [start, limit, delta])
      need(value?.shape.length === 0, () => 'start, limit and step of a range are scalars');
    const [from, to, by] = [start, limit, delta].map((value) => first(constantInts(value, 'the range'))) as [
      number,
      number,
      number,
    ];
    return of(start.type, [Math.max(0, Math.ceil((to - from) / by))]);
  },
  Where: ([condition, x, y]) => {
    need(x.type === y.type, () => `element types ${x.type} and ${y.type} differ`);
    return of(x.type, broadcastShapes(condition.shape, x.shape, y.shape));
  },
  Cast: ([x], { to }) => of(to, x.shape),
  MatMul: ([a, b]) => of(a.type, matMulShape(a.shape, b.shape)),
  Gemm: ([a, b, c], { transA, transB }) => {
    if (a.shape.length !== 2 || b.shape.length !== 2)
      throw new Error(`Gemm of ${showShape(a.shape)} and ${showShape(b.shape)}`);
    const [m, k] = leading(transA ? a.shape.toReversed() : a.shape, 2);
    const [l, n] = leading(transB ? b.shape.toReversed() : b.shape, 2);
    if (k !== l)
      throw new Error(`inner dimensions ${k} and ${l} differ (${showShape(a.shape)}, ${showShape(b.shape)})`);
    if (c && elementCount(broadcastShapes(c.shape, [m, n])) !== m * n)
      throw new Error(`C ${showShape(c.shape)} does not broadcast to [${m}, ${n}]`);
    return of(a.type, [m, n]);
  },
  Reshape: ([x, shape]) => {
    const target = constantInts(shape, 'the shape');
    if (elementCount(target) !== elementCount(x.shape))
      throw new Error(`cannot reshape ${showShape(x.shape)} to ${showShape(target)}`);
    return of(x.type, target);
  },
  Transpose: ([x], { perm }) => {
    need(
      perm.length === x.shape.length && new Set(perm).size === perm.length,
      () => `${showShape(perm)} is no order of the axes of ${showShape(x.shape)}`,
    );
    return of(
      x.type,
      perm.map((axis) => nth(x.shape, axis)),
    );
  },
  Expand: ([x, shape]) => of(x.type, broadcastShapes(x.shape, constantInts(shape, 'the shape'))),
  Concat: concat,
  Split: ([x, sizes], { axis }) => {
    const parts = constantInts(sizes, 'the sizes');
    const total = parts.reduce((sum, size) => sum + size, 0);
    need(
      parts.length > 0 && total === x.shape[axis] && parts.every((size) => size >= 0),
      () => `sizes ${showShape(parts)} do not divide axis ${axis} of ${showShape(x.shape)}`,
    );
    return parts.map((size) => ({ type: x.type, shape: x.shape.with(axis, size) })) as unknown as ValueTypes;
  },
  Slice: slice,
  Pad: pad,
  Gather: ([x, indices], { axis }) =>
    of(x.type, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]),
  GatherElements: ([x, indices], { axis }) => {
    fitsAlong(x, indices, axis);
    need(
      indices.shape.every((dim, i) => i === axis || dim <= nth(x.shape, i)),
      () => `indices ${showShape(indices.shape)} do not fit ${showShape(x.shape)} along axis ${axis}`,
    );
    return of(x.type, indices.shape);
  },
  GatherND: ([x, indices], { batch_dims }) => {
    const batch = batch_dims ?? 0;
    const last = tupleWidth(x, indices, batch);
    return of(x.type, [...indices.shape.slice(0, -1), ...x.shape.slice(batch + last)]);
  },
  TopK: ([x, k], { axis }) => {
    const shape = x.shape.with(axis, first(constantInts(k, 'k')));
    return [
      { type: x.type, shape },
      { type: 'int64', shape },
    ];
  },
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  MaxUnpool: ([x, indices, shape]) => {
    need(
      sameShape(x.shape, indices.shape),
      () => `indices ${showShape(indices.shape)} do not fit input ${showShape(x.shape)}`,
    );
    return of(x.type, constantInts(shape, 'the shape'));
  },
  MaxPoolMask: like,
  StopGradient: like,
  PRelu: ([x, slope]) => {
    need(x.type === slope.type, () => `element types ${x.type} and ${slope.type} differ`);
    need(
      sameShape(broadcastShapes(x.shape, slope.shape), x.shape),
      () => `slopes ${showShape(slope.shape)} do not fit input ${showShape(x.shape)}`,
    );
    return of(x.type, x.shape);
  },
  AveragePool: pool,
  AveragePoolGradient: ([dy], attributes) => {
    const sizes = windowAxes(attributes, attributes.kernel_shape, attributes.spatial).map(({ size }) => size);
    return of(dy.type, [...dy.shape.slice(0, 2), ...sizes]);
  },
  Resize: ([x, , scales]) => {
    if (!scales.constant) throw new Error('the scales depend on data');
    return of(x.type, scaled(x.shape, Array.from(numbersOf(scales.constant))));
  },
  BlockedInput: like,
  BlockedOutput: like,
  BlockedConv: conv,
  BlockedMaxPool: pool,
  BlockedAveragePool: pool,
  BlockedUpsample: ([x], attributes) => of(x.type, scaled(x.shape, attributes.scales)),
  ConvWeightGradient: ([x, dy], attributes) =>
    of(x.type, [nth(dy.shape, 1), nth(x.shape, 1) / attributes.group, ...attributes.kernel_shape]),
};

/** Sizes above 2⁵³ are not exact here, also where another size of 0 leaves nothing to hold. */
const isSize = (dim: number): boolean => Number.isSafeInteger(dim) && dim >= 0;

/** Type and shape of each output of a node. Throws where the inputs do not fit the operator. */
export function inferTypes(
  op: PrimitiveOp,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes,
): ValueTypes {
  // The table is typed for nodes in normal form, which is what operators are written in.
  const types = (shapeRules[op] as CommonRule<readonly (Value | undefined)[], Attributes>)(inputs, attributes);
  for (const { shape } of types) need(shape.every(isSize), () => `it would put out the shape ${showShape(shape)}`);
  return types;
}
