import { operators } from '../autodiff/decompositions/index.ts';
import { lower } from '../autodiff/lowering/index.ts';
import type { Problem } from '../engine/problem.ts';
import { type Device, Session } from '../engine/session.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { instantiate } from '../onnx/instantiate.ts';
import { isDefaultDomain, type Model, type ModelNode } from '../onnx/model.ts';
import { elementCount, type Tensor, tensorOf } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import { rowsOf } from './rows.ts';

const isNormalisation = ({ opType, domain }: ModelNode): boolean =>
  opType === 'BatchNormalization' && isDefaultDomain(domain);

/** The model with its running statistics in use, however it was exported. */
export function inferenceForm(model: Model): Model {
  const nodes = model.graph.nodes.map((node) => {
    if (!isNormalisation(node)) return node;
    const { training_mode: _training, ...attributes } = Object.fromEntries(node.attributes);
    return { ...node, outputs: node.outputs.slice(0, 1), attributes: new Map(Object.entries(attributes)) };
  });
  return { ...model, graph: { ...model.graph, nodes } };
}

/**
 * Mean and variance that every BatchNormalization of a model has over the training data at some θ, as PyTorch would have
 * them at the end of an epoch with momentum=None: the averages over the ghost batches, the variance unbiased.
 */
export class RunningStatistics {
  private released = false;

  private constructor(
    private readonly problem: Problem,
    private readonly session: Session,
    private readonly rows: number,
    /** Channels of each statistic, by the name of its initializer. */
    readonly shapes: ReadonlyMap<string, number>,
  ) {}

  /**
   * For a problem whose BatchNormalization uses the statistics of ghost batches of `rows` samples; undefined for others,
   * and where a statistic is no initializer of its own that could be replaced.
   */
  static async load(
    problem: Problem,
    rows: number,
    device: Device,
    threads?: number,
  ): Promise<RunningStatistics | undefined> {
    if (problem.indivisible !== 'batch statistics') return undefined;
    const { graph } = problem.model;
    const nodes = graph.nodes.filter(isNormalisation);
    const names = nodes.flatMap(({ inputs }) => inputs.slice(3, 5));
    if (new Set(names).size < names.length || names.some((name) => !graph.initializers.has(name))) return undefined;
    const bytes = encodeModel(lower(graphOf(problem, nodes, rows)));
    const shapes = new Map(names.map((name) => [name, elementCount(graph.initializers.get(name)!.shape)]));
    return new RunningStatistics(problem, await Session.create(bytes, device, threads), rows, shapes);
  }

  /** The statistics at θ by the names of the initializers that they stand for. */
  async at(theta: Tensor): Promise<ReadonlyMap<string, Tensor>> {
    const { problem, session, rows } = this;
    const sums = new Map<string, Float64Array>();
    const batches = Math.floor(problem.samples / rows);
    for (let batch = 0; batch < batches; batch++) {
      const feeds = new Map<string, Tensor>([['theta', theta]]);
      for (const { name, tensor, perSample } of problem.feeds)
        feeds.set(`data/${name}`, perSample ? rowsOf(tensor, batch * rows, rows) : tensor);
      for (const [name, { data }] of await session.run(feeds)) {
        const sum = sums.get(name) ?? new Float64Array(data.length);
        (data as Float64Array).forEach((value, i) => {
          sum[i] += value / batches;
        });
        sums.set(name, sum);
      }
    }
    return new Map([...sums].map(([name, sum]) => [name, tensorOf(problem.floatType, [sum.length], sum)]));
  }

  async release(): Promise<void> {
    if (!this.released) await this.session.release();
    this.released = true;
  }
}

function graphOf(problem: Problem, nodes: readonly ModelNode[], rows: number) {
  const { model, layout, floatType, feeds } = problem;
  const b = new GraphBuilder();
  const parameters = layout.split(b, b.input('theta', floatType, [layout.length]));
  const inputs = new Map(
    feeds.map(({ name, tensor, perSample }) => [
      name,
      b.input(`data/${name}`, tensor.type, perSample ? [rows, ...tensor.shape.slice(1)] : tensor.shape),
    ]),
  );
  const normalised = nodes.map(({ inputs: [name] }) => ({
    name,
    type: floatType,
    typeName: floatType,
    dims: undefined,
  }));
  const inner = { ...model, graph: { ...model.graph, outputs: normalised } };
  const options = { batchStatistics: true };
  const { outputs } = instantiate(b, inner, operators, { inputs, parameters, floatType, options });
  const statistics = nodes.flatMap(({ inputs: [input, , , meanName, varianceName] }) => {
    const x = outputs.get(input)!;
    const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    const mean = b.reduceMean(x, axes, true);
    const centred = b.sub(x, mean);
    const count = elementCount(x.shape) / x.shape[1];
    const variance = b.affine(b.reduceMean(b.mul(centred, centred), axes, true), count / Math.max(1, count - 1));
    const flat = (value: typeof mean) => b.cast(b.reshape(value, [x.shape[1]]), 'float64');
    return [
      { name: meanName, value: flat(mean) },
      { name: varianceName, value: flat(variance) },
    ];
  });
  return { scope: b, inputs: b.inputs, outputs: statistics };
}
