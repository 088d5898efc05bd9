import { elementCount, type Tensor } from '../onnx/tensor.ts';

/** Some samples of a tensor, as a view on its data. */
export function rowsOf(tensor: Tensor, from: number, rows: number): Tensor {
  const shape = [rows, ...tensor.shape.slice(1)];
  const each = elementCount(shape) / rows;
  return { ...tensor, shape, data: tensor.data.subarray(from * each, (from + rows) * each) };
}
