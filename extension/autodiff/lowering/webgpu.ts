import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Replacements } from '../../onnx/rewrite.ts';
import { constantInts } from '../../onnx/shapes.ts';
import { float64Lowerings } from './float64.ts';

const isWide = ({ type }: Value): boolean => type === 'float64' || type === 'int64';

const either = (b: GraphBuilder, x: Value, y: Value): Value => b.not(b.and(b.not(x), b.not(y)));

/** Shaders may write to few buffers at once; a split into more parts than this is refused by most adapters. */
const mostOutputs = 8;

/** Operators that ONNX Runtime's WebGPU provider has no kernel for, or refuses in some forms. */
export const webgpuLowerings = {
  // Where one is no number, that is what comes out; 64-bit numbers have no kernels at all.
  Max: (b, [x, y]) => (isWide(x) ? b.emit('Max', [x, y]) : [b.where(b.less(x, y), y, x)]),
  Min: (b, [x, y]) => (isWide(x) ? b.emit('Min', [x, y]) : [b.where(b.greater(x, y), y, x)]),
  Sign: (b, [x]) => {
    if (isWide(x)) return [b.sign(x)];
    const zero = b.number(0, x);
    return [b.sub(b.indicator(b.greater(x, zero), x), b.indicator(b.less(x, zero), x))];
  },
  Or: (b, [x, y]) => [either(b, x, y)],
  Xor: (b, [x, y]) => [b.and(either(b, x, y), b.not(b.and(x, y)))],
  // x − m − log Σ exp(x − m), m the largest element
  LogSoftmax: (b, [x], { attributes }) => {
    const axes = [attributes.axis];
    const below = b.sub(x, b.reduceMax(x, axes, true));
    return [b.sub(below, b.log(b.reduceSum(b.exp(below), axes, true)))];
  },
  MaxUnpool: float64Lowerings.MaxUnpool,
  // Truth values are put together as numbers.
  Concat: (b, inputs, { attributes }) => {
    const [first] = inputs;
    if (first?.type !== 'bool') return [b.concat(inputs, attributes.axis)];
    const numbers = inputs.map((x) => b.cast(x, 'float32'));
    return [b.cast(b.concat(numbers, attributes.axis), 'bool')];
  },
  Split: (b, [x, sizes], node) => {
    const axis = node.attributes.axis;
    const lengths = constantInts(sizes, 'the sizes');
    if (lengths.length <= mostOutputs) return b.split(x, lengths, axis);
    let start = 0;
    return lengths.map((length) => {
      const part = b.slice(x, { starts: [start], ends: [start + length], axes: [axis] });
      start += length;
      return part;
    });
  },
} satisfies Replacements;
