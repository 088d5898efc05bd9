import { GraphBuilder } from '../../onnx/builder.ts';
import { listed, zip } from '../../onnx/checked.ts';
import type { Graph } from '../../onnx/graph.ts';
import { type Tensor, tensorOf } from '../../onnx/tensor.ts';
import { blockChannels } from './blocked.ts';

/** Runs a graph without inputs on the CPU provider and returns its output `y`. */
export type ProbeRun = (graph: Graph) => Promise<Tensor>;

/** The runtime has blocked operators on every x64 processor; elsewhere calling them is not safe. */
const candidates: readonly number[] = process.arch === 'x64' ? [16, 8] : [];

/**
 * The number of channels in a block (see `blockChannels`) that the runtime uses on this processor: the one with which a
 * small convolution, computed in blocks, agrees with the runtime's general one. Undefined where none does, so that a
 * runtime that changes its layout costs speed and never correctness.
 */
export async function findBlock(run: ProbeRun): Promise<number | undefined> {
  const graph = probe();
  for (const block of candidates) {
    try {
      const expected = (await run(graph)).data as Float32Array;
      const got = (await run(blockChannels(graph, block))).data as Float32Array;
      if (got.length === expected.length && zip(expected, got).every(([x, y]) => Math.abs(x - y) <= 1e-3)) return block;
    } catch {
      // This runtime does not know the operators, or not in this form.
    }
  }
  return undefined;
}

/** Two convolutions with something in between, whose sums tell every order of channels from every other. */
function probe(): Graph {
  const b = new GraphBuilder();
  const wave = (shape: number[], factor: number) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return b.constant(
      tensorOf(
        'float32',
        shape,
        listed(size, (i) => Math.sin(factor * (i + 1))),
      ),
    );
  };
  const attributes = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
  const hidden = b.emit('Conv', [wave([1, 32, 4, 3], 0.7), wave([32, 32, 3, 3], 0.37), wave([32], 1.3)], attributes)[0];
  const y = b.emit('Conv', [b.sigmoid(hidden), wave([32, 32, 3, 3], 0.91)], attributes)[0];
  return { scope: b, inputs: [], outputs: [{ name: 'y', value: y }] };
}
