import type { Attributes, Value } from './graph.ts';
import type { OpType } from './ops.ts';
import { sliceRange } from './shapes.ts';
import type { ElementType, Shape, Tensor } from './tensor.ts';
import { allocate, elementCount, isFloat, numbersOf, tensorOf } from './tensor.ts';

/**
 * Evaluation of constants while a graph is built: the arithmetic on shapes that exporters leave behind, and the small
 * float constants around it. Larger results are left to the runtime.
 */
export const foldLimit = 1 << 16;

type Evaluator = (
  inputs: readonly Tensor[],
  attributes: Attributes,
  output: { type: ElementType; shape: Shape },
) => Tensor;

const stridesOf = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
};

/** Copies a strided view of a tensor into a dense one. */
function copyView(x: Tensor, shape: Shape, strides: readonly number[], offset = 0): Tensor {
  const data = allocate(x.type, elementCount(shape)) as unknown as unknown[];
  const index = new Array<number>(shape.length).fill(0);
  let source = offset;
  for (let i = 0; i < data.length; i++) {
    data[i] = x.data[source];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { type: x.type, shape, data: data as never };
}

/** A tensor repeated along its dimensions of size 1. */
function expandTo(x: Tensor, shape: Shape): Tensor {
  if (x.shape.length === shape.length && x.shape.every((dim, i) => dim === shape[i])) return x;
  const own = stridesOf(x.shape);
  const lead = shape.length - x.shape.length;
  return copyView(
    x,
    shape,
    shape.map((_, axis) => (axis < lead || x.shape[axis - lead]! === 1 ? 0 : own[axis - lead]!)),
  );
}

const elementwise =
  (apply: (...values: number[]) => number): Evaluator =>
  (inputs, _attributes, { type, shape }) => {
    const operands = inputs.map((x) => numbersOf(expandTo(x, shape)));
    const integer = !isFloat(type);
    return tensorOf(
      type,
      shape,
      Array.from({ length: elementCount(shape) }, (_, i) => {
        const value = apply(...operands.map((operand) => operand[i]!));
        if (integer && !Number.isFinite(value)) throw new Error('an integer is divided by zero');
        return integer ? Math.trunc(value) : value;
      }),
    );
  };

const reduction =
  (start: number, combine: (sum: number, value: number, count: number) => number): Evaluator =>
  ([x, axes], _attributes, { type, shape }) => {
    const over = new Set(Array.from(numbersOf(axes!), (axis) => (axis < 0 ? axis + x!.shape.length : axis)));
    const kept = x!.shape.map((dim, axis) => (over.has(axis) ? 1 : dim));
    const strides = stridesOf(kept);
    const size = elementCount(kept);
    const result = new Array<number>(size).fill(start);
    const count = elementCount(x!.shape) / size;
    const own = stridesOf(x!.shape);
    numbersOf(x!).forEach((value, flat) => {
      let target = 0;
      x!.shape.forEach((dim, axis) => {
        if (!over.has(axis)) target += (Math.floor(flat / own[axis]!) % dim) * strides[axis]!;
      });
      result[target] = combine(result[target]!, value, count);
    });
    return tensorOf(type, shape, result);
  };

const gather: Evaluator = ([x, indices], { axis }, { type, shape }) => {
  const along = axis as number;
  const inner = elementCount(x!.shape.slice(along + 1));
  const outer = elementCount(x!.shape.slice(0, along));
  const dim = x!.shape[along];
  const data = allocate(type, elementCount(shape)) as unknown as unknown[];
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const index of numbersOf(indices!)) {
      const row = index < 0 ? index + dim! : index;
      if (row < 0 || row >= dim!) throw new Error(`index ${index} is out of range for axis ${along} of size ${dim}`);
      for (let i = 0; i < inner; i++) data[at++] = x!.data[(o * dim! + row) * inner + i];
    }
  }
  return { type, shape, data: data as never };
};

const concat: Evaluator = (inputs, { axis }, { type, shape }) => {
  const outer = elementCount(shape.slice(0, axis as number));
  const data = allocate(type, elementCount(shape)) as unknown as unknown[];
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const x of inputs) {
      const block = elementCount(x.shape.slice(axis as number));
      for (let i = 0; i < block; i++) data[at++] = x.data[o * block + i];
    }
  }
  return { type, shape, data: data as never };
};

const evaluators: Partial<Record<OpType, Evaluator>> = {
  Add: elementwise((x, y) => x + y),
  Sub: elementwise((x, y) => x - y),
  Mul: elementwise((x, y) => x * y),
  Div: elementwise((x, y) => x / y),
  Pow: elementwise((x, y) => x ** y),
  Max: elementwise(Math.max),
  Min: elementwise(Math.min),
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
  Clip: (inputs, attributes, output) => {
    const [, low, high] = inputs.map((bound) => bound && numbersOf(bound)[0]);
    const clip = elementwise((x) =>
      Math.min(Math.max(x, low ?? Number.NEGATIVE_INFINITY), high ?? Number.POSITIVE_INFINITY),
    );
    return clip([inputs[0]!], attributes, output);
  },
  Cast: ([x], _attributes, { type, shape }) => {
    const numbers = numbersOf(x!);
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
    const from = numbersOf(start!)[0];
    const by = numbersOf(delta!)[0];
    return tensorOf(
      type,
      shape,
      Array.from({ length: shape[0]! }, (_, i) => from! + i * by!),
    );
  },
  ReduceSum: reduction(0, (sum, value) => sum + value),
  ReduceMean: reduction(0, (sum, value, count) => sum + value / count),
  ReduceProd: reduction(1, (product, value) => product * value),
  ReduceMax: reduction(Number.NEGATIVE_INFINITY, Math.max),
  ReduceMin: reduction(Number.POSITIVE_INFINITY, Math.min),
  Reshape: ([x], _attributes, { shape }) => ({ ...x!, shape }),
  Expand: ([x], _attributes, { shape }) => expandTo(x!, shape),
  Transpose: ([x], { perm }, { shape }) => {
    const strides = stridesOf(x!.shape);
    return copyView(
      x!,
      shape,
      (perm as readonly number[]).map((axis) => strides[axis]!),
    );
  },
  Slice: ([x, starts, ends, axes, steps], _attributes, { shape }) => {
    const strides = stridesOf(x!.shape);
    let offset = 0;
    const [from, to, over, by] = [starts, ends, axes, steps].map((tensor) => numbersOf(tensor!));
    const walked = [...strides];
    over!.forEach((axis, i) => {
      offset += sliceRange(x!.shape[axis]!, from![i]!, to![i]!, by![i]!).first * strides[axis]!;
      walked[axis] = strides[axis]! * by![i]!;
    });
    return copyView(x!, shape, walked, offset);
  },
  Gather: gather,
  Concat: concat,
  CumSum: ([x, axis], { exclusive, reverse }, { shape }) => {
    const along = numbersOf(axis!)[0];
    const stride = stridesOf(shape)[along!];
    const size = shape[along!];
    const values = numbersOf(x!);
    const sums = new Array<number>(values.length).fill(0);
    const first = reverse ? size! - 1 : 0;
    const back = reverse ? stride : -stride!;
    // In the order of the sum, so that the sum before each element is there already.
    for (let step = 0; step < size!; step++) {
      const place = reverse ? size! - 1 - step : step;
      for (let outer = 0; outer < values.length; outer += stride! * size!) {
        for (let inner = 0; inner < stride!; inner++) {
          const at = outer + place * stride! + inner;
          const before = place === first ? 0 : sums[at + back!]! + (exclusive ? values[at + back!]! : 0);
          sums[at] = exclusive ? before : before + values[at]!;
        }
      }
    }
    return tensorOf(x!.type, shape, sums);
  },
  GatherND: ([x, indices], { batch_dims }, { type, shape }) => {
    const batch = (batch_dims as number | undefined) ?? 0;
    const last = indices!.shape.at(-1)!;
    const strides = stridesOf(x!.shape);
    const block = elementCount(x!.shape.slice(batch + last));
    const perBatch = elementCount(indices!.shape.slice(batch, -1));
    const batchSize = elementCount(x!.shape.slice(batch));
    const data = allocate(type, elementCount(shape)) as unknown as unknown[];
    rowsOf(indices!).forEach((row, i) => {
      const offset = Math.floor(i / perBatch) * batchSize + offsetOf(row, x!.shape, strides, batch);
      for (let k = 0; k < block; k++) data[i * block + k] = x!.data[offset + k];
    });
    return { type, shape, data: data as never };
  },
  ScatterND: ([x, indices, updates], { reduction }, { type, shape }) => {
    const strides = stridesOf(shape);
    const block = elementCount(shape.slice(indices!.shape.at(-1)!));
    const data = x!.data.slice() as unknown as (number | bigint)[];
    rowsOf(indices!).forEach((row, i) => {
      const offset = offsetOf(row, shape, strides, 0);
      for (let k = 0; k < block; k++) {
        const update = updates!.data[i * block + k];
        data[offset + k] = reduction === 'add' ? (data[offset + k]! as number) + (update as number) : update!;
      }
    });
    return { type, shape, data: data as never };
  },
};

/** The index tuples along the last axis. */
function rowsOf(indices: Tensor): number[][] {
  const width = indices.shape.at(-1)!;
  const values = Array.from(numbersOf(indices));
  return Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
}

/** Position in the flat data of an index tuple for the axes from `batch` on; indices may count from the end. */
function offsetOf(row: readonly number[], shape: Shape, strides: readonly number[], batch: number): number {
  return row.reduce((offset, index, i) => {
    const dim = shape[batch + i];
    const at = index < 0 ? index + dim! : index;
    if (at < 0 || at >= dim!) throw new Error(`index ${index} is out of range for axis ${batch + i} of size ${dim}`);
    return offset + at * strides[batch + i]!;
  }, 0);
}

/** The value of a node of constants, or undefined where it is left to the runtime. */
export function evaluateConstant(
  opType: OpType,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes,
  output: { type: ElementType; shape: Shape },
): Tensor | undefined {
  const evaluate = evaluators[opType];
  if (!evaluate || output.type === 'float16' || output.type === 'bfloat16') return undefined;
  // Expanded floats stay as they are, so that their one element can be seen.
  if (opType === 'Expand' && isFloat(output.type) && elementCount(output.shape) > 64) return undefined;
  if (elementCount(output.shape) > foldLimit || inputs.some((value) => value && !value.constant)) return undefined;
  return evaluate(
    inputs.map((value) => value?.constant as Tensor),
    attributes,
    output,
  );
}
