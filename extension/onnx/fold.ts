import { last, nth, zip } from './checked.ts';
import type { Attributes, Value } from './graph.ts';
import type { AttributesOf, InputsOf } from './nodeTypes.ts';
import type { OpType, PrimitiveOp } from './ops.ts';
import { sliceRange } from './shapes.ts';
import type { ElementType, Shape, Tensor } from './tensor.ts';
import { allocate, elementCount, isFloat, numbersOf, tensorOf } from './tensor.ts';

/**
 * Evaluation of constants while a graph is built: the arithmetic on shapes that exporters leave behind, and the small
 * float constants around it. Larger results are left to the runtime.
 */
export const foldLimit = 1 << 16;
/** Elements of a constant that are read for a result, however small that is. */
const mostRead = 1 << 22;

interface Output {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** Tensors in place of the values that a node takes. */
type Tensors<Inputs extends readonly unknown[]> = {
  readonly [K in keyof Inputs]: Tensor | (undefined extends Inputs[K] ? undefined : never);
};

type Evaluator<Op extends PrimitiveOp> = (
  inputs: Tensors<InputsOf<Op>>,
  attributes: AttributesOf<Op>,
  output: Output,
) => Tensor;

const stridesOf = (shape: Shape): number[] => {
  let stride = 1;
  const strides = shape.toReversed().map((dim) => {
    const own = stride;
    stride *= dim;
    return own;
  });
  return strides.toReversed();
};

/** Copies a strided view of a tensor into a dense one. */
function copyView(x: Tensor, shape: Shape, strides: readonly number[], offset = 0): Tensor {
  const data = allocate(x.type, elementCount(shape)) as unknown as unknown[];
  let at = 0;
  const walk = (axis: number, source: number): void => {
    const [dim, stride] = [shape[axis], strides[axis]];
    if (dim === undefined || stride === undefined) data[at++] = x.data[source];
    else for (let i = 0; i < dim; i++) walk(axis + 1, source + i * stride);
  };
  if (data.length > 0) walk(0, offset);
  return { type: x.type, shape, data: data as never };
}

/** A tensor repeated along its dimensions of size 1. */
function expandTo(x: Tensor, shape: Shape): Tensor {
  if (x.shape.length === shape.length && x.shape.every((dim, i) => dim === shape[i])) return x;
  const own = zip(x.shape, stridesOf(x.shape)).map(([dim, stride]) => (dim === 1 ? 0 : stride));
  const lead = new Array<number>(shape.length - x.shape.length).fill(0);
  return copyView(x, shape, [...lead, ...own]);
}

/** Of up to three arguments, by the element. */
const elementwise =
  (apply: (x: number, y: number, z: number) => number) =>
  (inputs: readonly Tensor[], _attributes: unknown, { type, shape }: Output): Tensor => {
    const [xs, ys, zs] = inputs.map((x) => numbersOf(expandTo(x, shape)));
    const integer = !isFloat(type);
    const results = Array.from({ length: elementCount(shape) }, (_, i) => {
      const value = apply(xs?.[i] ?? Number.NaN, ys?.[i] ?? Number.NaN, zs?.[i] ?? Number.NaN);
      if (integer && !Number.isFinite(value)) throw new Error('an integer is divided by zero');
      return integer ? Math.trunc(value) : value;
    });
    return tensorOf(type, shape, results);
  };

const reduction =
  (start: number, combine: (sum: number, value: number, count: number) => number) =>
  ([x, axes]: readonly [Tensor, Tensor], _attributes: unknown, { type, shape }: Output): Tensor => {
    const over = new Set(Array.from(numbersOf(axes), (axis) => (axis < 0 ? axis + x.shape.length : axis)));
    const kept = x.shape.map((dim, axis) => (over.has(axis) ? 1 : dim));
    const size = elementCount(kept);
    const result = new Array<number>(size).fill(start);
    const count = elementCount(x.shape) / size;
    const walked = zip(x.shape, stridesOf(x.shape), stridesOf(kept)).filter((_, axis) => !over.has(axis));
    numbersOf(x).forEach((value, flat) => {
      let target = 0;
      for (const [dim, own, stride] of walked) target += (Math.floor(flat / own) % dim) * stride;
      result[target] = combine(nth(result, target), value, count);
    });
    return tensorOf(type, shape, result);
  };

const gather: Evaluator<'Gather'> = ([x, indices], { axis }, { type, shape }) => {
  const inner = elementCount(x.shape.slice(axis + 1));
  const outer = elementCount(x.shape.slice(0, axis));
  const dim = nth(x.shape, axis);
  const data = allocate(type, elementCount(shape)) as unknown as unknown[];
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const index of numbersOf(indices)) {
      const row = index < 0 ? index + dim : index;
      if (row < 0 || row >= dim) throw new Error(`index ${index} is out of range for axis ${axis} of size ${dim}`);
      for (let i = 0; i < inner; i++) data[at++] = x.data[(o * dim + row) * inner + i];
    }
  }
  return { type, shape, data: data as never };
};

const concat: Evaluator<'Concat'> = (inputs, { axis }, { type, shape }) => {
  const outer = elementCount(shape.slice(0, axis));
  const data = allocate(type, elementCount(shape)) as unknown as unknown[];
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const x of inputs) {
      const block = elementCount(x.shape.slice(axis));
      for (let i = 0; i < block; i++) data[at++] = x.data[o * block + i];
    }
  }
  return { type, shape, data: data as never };
};

const evaluators: { readonly [Op in PrimitiveOp]?: Evaluator<Op> } = {
  Add: elementwise((x, y) => x + y),
  Sub: elementwise((x, y) => x - y),
  Mul: elementwise((x, y) => x * y),
  Div: elementwise((x, y) => x / y),
  Pow: elementwise((x, y) => x ** y),
  Max: elementwise((x, y) => Math.max(x, y)),
  Min: elementwise((x, y) => Math.min(x, y)),
  // The integer form takes the sign of the divisor, the floating-point form (fmod) that of the dividend.
  Mod: (inputs, attributes, output) =>
    elementwise((x, y) => (attributes.fmod ? x % y : x - y * Math.floor(x / y)))(inputs, attributes, output),
  Neg: elementwise((x) => -x),
  Abs: elementwise(Math.abs),
  Sqrt: elementwise(Math.sqrt),
  Exp: elementwise(Math.exp),
  Log: elementwise(Math.log),
  Cos: elementwise(Math.cos),
  Sin: elementwise(Math.sin),
  Reciprocal: elementwise((x) => 1 / x),
  Sign: elementwise(Math.sign),
  Floor: elementwise(Math.floor),
  Ceil: elementwise(Math.ceil),
  Equal: elementwise((x, y) => Number(x === y)),
  Greater: elementwise((x, y) => Number(x > y)),
  GreaterOrEqual: elementwise((x, y) => Number(x >= y)),
  Less: elementwise((x, y) => Number(x < y)),
  LessOrEqual: elementwise((x, y) => Number(x <= y)),
  And: elementwise((x, y) => Number(x && y)),
  Or: elementwise((x, y) => Number(x || y)),
  Xor: elementwise((x, y) => Number(x !== y)),
  Not: elementwise((x) => Number(!x)),
  IsNaN: elementwise((x) => Number(Number.isNaN(x))),
  IsInf: elementwise((x) => Number(!Number.isFinite(x) && !Number.isNaN(x))),
  Where: elementwise((condition, x, y) => (condition ? x : y)),
  Clip: ([x, low, high], attributes, output) => {
    const bound = (limit: Tensor | undefined, none: number) => (limit ? (numbersOf(limit)[0] ?? none) : none);
    const [least, most] = [bound(low, Number.NEGATIVE_INFINITY), bound(high, Number.POSITIVE_INFINITY)];
    return elementwise((value) => Math.min(Math.max(value, least), most))([x], attributes, output);
  },
  Cast: ([x], _attributes, { type, shape }) => {
    const numbers = numbersOf(x);
    if (isFloat(type) || type === 'bool') return tensorOf(type, shape, numbers);
    // What is no number or infinite becomes the smallest integer, as in the runtime and in PyTorch.
    const least = type === 'int64' ? -(2 ** 63) : -(2 ** 31);
    return tensorOf(
      type,
      shape,
      Array.from(numbers, (value) => (Number.isFinite(value) ? Math.trunc(value) : least)),
    );
  },
  Range: ([start, , delta], _attributes, { type, shape }) => {
    const [from, by] = [nth(numbersOf(start), 0), nth(numbersOf(delta), 0)];
    return tensorOf(
      type,
      shape,
      Array.from({ length: elementCount(shape) }, (_, i) => from + i * by),
    );
  },
  ReduceSum: reduction(0, (sum, value) => sum + value),
  ReduceMean: reduction(0, (sum, value, count) => sum + value / count),
  ReduceProd: reduction(1, (product, value) => product * value),
  ReduceMax: reduction(Number.NEGATIVE_INFINITY, Math.max),
  ReduceMin: reduction(Number.POSITIVE_INFINITY, Math.min),
  Reshape: ([x], _attributes, { shape }) => ({ ...x, shape }),
  Expand: ([x], _attributes, { shape }) => expandTo(x, shape),
  Transpose: ([x], { perm }, { shape }) => {
    const strides = stridesOf(x.shape);
    return copyView(
      x,
      shape,
      perm.map((axis) => nth(strides, axis)),
    );
  },
  Slice: ([x, starts, ends, axes, steps], _attributes, { shape }) => {
    const strides = stridesOf(x.shape);
    let offset = 0;
    const walked = [...strides];
    for (const [from, to, axis, by] of zip(numbersOf(starts), numbersOf(ends), numbersOf(axes), numbersOf(steps))) {
      const stride = nth(strides, axis);
      offset += sliceRange(nth(x.shape, axis), from, to, by).first * stride;
      walked[axis] = stride * by;
    }
    return copyView(x, shape, walked, offset);
  },
  Gather: gather,
  Concat: concat,
  CumSum: ([x, axis], { exclusive, reverse }, { shape }) => {
    const along = nth(numbersOf(axis), 0);
    const [size, stride] = [nth(shape, along), nth(stridesOf(shape), along)];
    const values = numbersOf(x);
    const sums = new Array<number>(values.length).fill(0);
    for (let outer = 0; outer < values.length; outer += stride * size) {
      for (let inner = 0; inner < stride; inner++) {
        let sum = 0;
        for (let step = 0; step < size; step++) {
          const at = outer + inner + stride * (reverse ? size - 1 - step : step);
          const before = sum;
          sum += nth(values, at);
          sums[at] = exclusive ? before : sum;
        }
      }
    }
    return tensorOf(x.type, shape, sums);
  },
  GatherND: ([x, indices], { batch_dims: batch = 0 }, { type, shape }) => {
    const strides = stridesOf(x.shape);
    const block = elementCount(x.shape.slice(batch + last(indices.shape)));
    const perBatch = elementCount(indices.shape.slice(batch, -1));
    const batchSize = elementCount(x.shape.slice(batch));
    const data = allocate(type, elementCount(shape)) as unknown as unknown[];
    rowsOf(indices).forEach((row, i) => {
      const offset = Math.floor(i / perBatch) * batchSize + offsetOf(row, x.shape, strides, batch);
      for (let k = 0; k < block; k++) data[i * block + k] = x.data[offset + k];
    });
    return { type, shape, data: data as never };
  },
  ScatterND: ([x, indices, updates], { reduction }, { type, shape }) => {
    const strides = stridesOf(shape);
    const block = elementCount(shape.slice(last(indices.shape)));
    const data = x.data.slice() as unknown as number[];
    const written = updates.data as unknown as ArrayLike<number>;
    rowsOf(indices).forEach((row, i) => {
      const offset = offsetOf(row, shape, strides, 0);
      for (let k = 0; k < block; k++) {
        const update = nth(written, i * block + k);
        data[offset + k] = reduction === 'add' ? nth(data, offset + k) + update : update;
      }
    });
    return { type, shape, data: data as never };
  },
};

/** The index tuples along the last axis. */
function rowsOf(indices: Tensor): number[][] {
  const width = last(indices.shape);
  const values = Array.from(numbersOf(indices));
  return Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
}

/** Position in the flat data of an index tuple for the axes from `batch` on; indices may count from the end. */
function offsetOf(row: readonly number[], shape: Shape, strides: readonly number[], batch: number): number {
  return row.reduce((offset, index, i) => {
    const dim = nth(shape, batch + i);
    const at = index < 0 ? index + dim : index;
    if (at < 0 || at >= dim) throw new Error(`index ${index} is out of range for axis ${batch + i} of size ${dim}`);
    return offset + at * nth(strides, batch + i);
  }, 0);
}

/** A node in normal form has the inputs and attributes of its operator (see `nodeTypes`), and their constants make its tensors. */
type AnyEvaluator = (inputs: readonly (Tensor | undefined)[], attributes: Attributes, output: Output) => Tensor;

/** The value of a node of constants, or undefined where it is left to the runtime. */
export function evaluateConstant(
  opType: PrimitiveOp,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes,
  output: Output,
): Tensor | undefined {
  if (inputs.some((value) => value && !value.constant)) return undefined;
  return evaluateTensors(
    opType,
    inputs.map((value) => value?.constant),
    attributes,
    output,
  );
}

/** The same of tensors; an input that is undefined is left out. */
export function evaluateTensors(
  opType: OpType,
  inputs: readonly (Tensor | undefined)[],
  attributes: Attributes,
  output: Output,
): Tensor | undefined {
  const evaluate = evaluators[opType as PrimitiveOp] as AnyEvaluator | undefined;
  if (!evaluate || output.type === 'float16' || output.type === 'bfloat16') return undefined;
  // Expanded floats stay as they are, so that their one element can be seen.
  if (opType === 'Expand' && isFloat(output.type) && elementCount(output.shape) > 64) return undefined;
  const count = elementCount(output.shape);
  if (count > foldLimit || inputs.some((x) => x && x.data.length > mostRead)) return undefined;
  // What holds nothing is not walked through, however long its other axes are.
  if (count === 0) return { type: output.type, shape: output.shape, data: allocate(output.type, 0) };
  return evaluate(inputs, attributes, output);
}
