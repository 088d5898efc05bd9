import { gradient } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import type { Problem } from '../../extension/engine/problem.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { encodeModel } from '../../extension/onnx/write.ts';

/** The gradient of a problem as a function of θ (fillers left out), evaluated on the whole batch at once. */
export async function gradientFunction(
  problem: Problem,
): Promise<{ at(theta: Float64Array): Promise<Float64Array>; release(): Promise<void> }> {
  const b = new GraphBuilder();
  const { layout } = problem;
  const parameters = new Map(layout.segments.map(({ name, shape }) => [name, b.input(name, 'float64', shape)]));
  const data = new Map(problem.feeds.map(({ name, tensor }) => [name, b.input(name, tensor.type, tensor.shape)]));
  const gradients = gradient(b, problem.emit(b, parameters, data), [...parameters.values()]);
  const graph = { scope: b, inputs: b.inputs, outputs: gradients.map((value, i) => ({ name: `g${i}`, value })) };
  const session = await Session.create(encodeModel(lower(graph)), 'cpu', 1);
  return {
    async at(theta) {
      let offset = 0;
      const feeds = new Map(problem.feeds.map(({ name, tensor }) => [name, tensor]));
      for (const { name, shape, size } of layout.segments) {
        feeds.set(name, { type: 'float64', shape, data: theta.slice(offset, offset + size) });
        offset += size;
      }
      const results = await session.run(feeds);
      return Float64Array.from(
        layout.segments.flatMap((_, i) => Array.from(results.get(`g${i}`)!.data as Float64Array)),
      );
    },
    release: () => session.release(),
  };
}

/** The Hessian by central differences of the gradient, column by column: slow and independent. */
export async function denseHessian(problem: Problem, theta: Float64Array, step = 1e-5): Promise<Float64Array[]> {
  const g = await gradientFunction(problem);
  const columns: Float64Array[] = [];
  for (let j = 0; j < theta.length; j++) {
    const above = await g.at(theta.map((x, i) => (i === j ? x + step : x)));
    const below = await g.at(theta.map((x, i) => (i === j ? x - step : x)));
    columns.push(above.map((x, i) => (x - below[i]) / (2 * step)));
  }
  await g.release();
  return columns;
}
