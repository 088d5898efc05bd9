import { gradient, vectorJacobianProduct } from '../../autodiff/gradient.ts';
import { lower } from '../../autodiff/lowering/index.ts';
import type { Problem } from '../../engine/problem.ts';
import { Session } from '../../engine/session.ts';
import { GraphBuilder } from '../../onnx/builder.ts';
import { elementCount, type Tensor } from '../../onnx/tensor.ts';
import { encodeModel } from '../../onnx/write.ts';
import { InspectorError } from '../../shared/errors.ts';
import { mention, words } from '../../shared/words.ts';
import type { SmallProblem } from '../smallProblems.ts';

/** The losses E_b of mini-batches: gradients, and products with their Hessians, at any θ. */
export interface BatchLosses {
  readonly count: number;
  readonly start: Float64Array;
  /** ∇E_b(θ) of every mini-batch. */
  gradients(theta: Float64Array): Promise<readonly Float64Array[]>;
  /** ∇²E_b(θ)·v, for each pair of b and v. */
  products(
    theta: Float64Array,
    pairs: readonly { readonly batch: number; readonly v: Float64Array }[],
  ): Promise<readonly Float64Array[]>;
  /** The same products at once, where no engine is needed. */
  readonly productAt?: (theta: Float64Array, batch: number, v: Float64Array) => Float64Array;
  release(): Promise<void>;
}

export function numericLosses({ start, batches }: SmallProblem): BatchLosses {
  return {
    count: batches.length,
    start,
    gradients: async (theta) => batches.map((batch) => batch.gradient(theta)),
    products: async (theta, pairs) => pairs.map(({ batch, v }) => batches[batch].hessianProduct(theta, v)),
    productAt: (theta, batch, v) => batches[batch].hessianProduct(theta, v),
    release: async () => {},
  };
}

/**
 * The mini-batches of a problem's data: the samples in their order, `count` parts of equal size, what remains left out.
 * One program gives gradient and product of one mini-batch. Vectors are in the layout of θ, fillers included.
 */
export async function engineLosses(problem: Problem, count: number, threads?: number): Promise<BatchLosses> {
  const { layout, floatType, samples, indivisible } = problem;
  const size = Math.floor(samples / count);
  if (size === 0)
    throw new InspectorError(
      `${samples} samples give no ${count} mini-batches.`,
      words`Ask for fewer with ${mention('batches')}, or give more samples.`,
    );
  if (indivisible === 'loss inside' || (problem.fixedBatch !== undefined && problem.fixedBatch !== size))
    throw new InspectorError(
      `The model cannot be evaluated on mini-batches of ${size} samples.`,
      'Export it with a dynamic batch axis and without its loss.',
    );
  const b = new GraphBuilder();
  const theta = b.input('theta', floatType, [layout.length]);
  const v = b.input('v', floatType, [layout.length]);
  const rows = problem.feeds.map(({ name, tensor, perSample }) => ({
    name,
    perSample,
    tensor,
    shape: perSample ? [size, ...tensor.shape.slice(1)] : tensor.shape,
  }));
  const data = new Map(rows.map(({ name, tensor, shape }) => [name, b.input(`data/${name}`, tensor.type, shape)]));
  const loss = problem.emit(b, layout.split(b, theta), data);
  // `emit` gives the part of the mean over the whole data set; a mini-batch has a mean of its own.
  const own = b.affine(loss, samples / size);
  const [g] = gradient(b, own, [theta]);
  const [product] = vectorJacobianProduct(b, [g], [v], [theta]);
  const graph = {
    scope: b,
    inputs: b.inputs,
    outputs: [
      { name: 'gradient', value: g },
      { name: 'product', value: product },
    ],
  };
  const session = await Session.create(encodeModel(lower(graph), { graphName: 'mini-batch' }), 'cpu', threads);
  const vector = (values: Float64Array): Tensor => ({
    type: floatType,
    shape: [layout.length],
    data: floatType === 'float64' ? values : Float32Array.from(values),
  });
  const feedsOf = (batch: number): [string, Tensor][] =>
    rows.map(({ name, tensor, perSample, shape }) => {
      if (!perSample) return [`data/${name}`, tensor];
      const each = elementCount(shape);
      return [
        `data/${name}`,
        { type: tensor.type, shape, data: tensor.data.subarray(batch * each, (batch + 1) * each) as never },
      ];
    });
  const run = async (batch: number, at: Float64Array, along: Float64Array, wanted: string) => {
    const feeds = new Map<string, Tensor>([...feedsOf(batch), ['theta', vector(at)], ['v', vector(along)]]);
    return Float64Array.from((await session.run(feeds, [wanted])).get(wanted)!.data as Float64Array);
  };
  const zero = new Float64Array(layout.length);
  return {
    count,
    start: Float64Array.from(problem.theta.data),
    async gradients(at) {
      const all: Float64Array[] = [];
      for (let batch = 0; batch < count; batch++) all.push(await run(batch, at, zero, 'gradient'));
      return all;
    },
    async products(at, pairs) {
      const all: Float64Array[] = [];
      for (const { batch, v: along } of pairs) all.push(await run(batch, at, along, 'product'));
      return all;
    },
    release: () => session.release(),
  };
}
