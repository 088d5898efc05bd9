import type { Problem } from '../engine/problem.ts';
import { allocate, type FloatType, type Tensor } from '../onnx/tensor.ts';
import { Random } from './random.ts';

/** Weights of the same scale: uniform with each tensor's own mean and deviation. Constant tensors stay as they are. */
export function drawnAnew(problem: Problem, seed: number): Tensor<FloatType> {
  const random = new Random(seed);
  const { type, shape, data } = problem.theta;
  const drawn = allocate(type, data.length);
  drawn.set(data as never);
  for (const { offset, size } of problem.layout.segments) {
    const values = data.subarray(offset, offset + size);
    let mean = 0;
    for (const value of values) mean += value / size;
    let variance = 0;
    for (const value of values) variance += (value - mean) ** 2 / size;
    if (variance === 0) continue;
    const half = Math.sqrt(3 * variance);
    for (let i = 0; i < size; i++) drawn[offset + i] = mean + half * (2 * random.uniform() - 1);
  }
  return { type, shape, data: drawn };
}
