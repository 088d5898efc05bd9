import type { OpType } from '../../onnx/ops.ts';
import type { Replacement } from '../../onnx/rewrite.ts';
import { constantInts } from '../../onnx/shapes.ts';

/** Shaders may write to few buffers at once; a split into more parts than this is refused by most adapters. */
const mostOutputs = 8;

/** Operators that ONNX Runtime's WebGPU provider refuses in some forms. */
export const webgpuLowerings: Partial<Record<OpType, Replacement>> = {
  Split: (b, [x, sizes], node) => {
    const axis = node.attributes.axis as number;
    const lengths = constantInts(sizes, 'the sizes');
    if (lengths.length <= mostOutputs) return b.split(x!, lengths, axis);
    let start = 0;
    return lengths.map((length) => {
      const part = b.slice(x!, { starts: [start], ends: [start + length], axes: [axis] });
      start += length;
      return part;
    });
  },
};
