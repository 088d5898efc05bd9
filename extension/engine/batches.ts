import { gradient } from '../autodiff/gradient.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import { allocate, type Tensor } from '../onnx/tensor.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { graphArithmetic } from './arithmetic.ts';
import type { Chunks } from './chunks.ts';
import { clipped } from './clipping.ts';
import { CoefficientTable, type Numbers } from './coefficients.ts';
import { perCoordinate } from './perCoordinate.ts';
import type { Problem } from './problem.ts';
import { memberVectors } from './program.ts';

/** Which samples each step sees. */
export interface Batches {
  /** Most samples of a batch. */
  readonly size: number;
  /** How many samples step n sees. */
  sizeAt(step: number): number;
  /** Their indices, as many as `sizeAt` says. */
  samplesAt(step: number): ArrayLike<number>;
}

export interface BatchProgramOptions extends Numbers {
  readonly optimizer: Optimizer;
  /** Samples of every batch. */
  readonly size: number;
  /** The parts of a batch that are evaluated one after the other. */
  readonly chunks: Chunks;
}

/** Most indices that one call takes, and most steps. */
const mostIndices = 2 ** 17;
const mostBatches = 1024;

const inputName = (feed: string): string => `data/${feed}/all`;

/** A loop of steps on mini-batches of one size, which are gathered from the data set in the program. */
export class BatchProgram {
  readonly graph: Graph;
  readonly stateNames: readonly string[];
  readonly mostSteps: number;
  private readonly table: CoefficientTable;
  /** Inputs that every call writes anew. */
  private readonly coefficients: Tensor<'float64'>;
  private readonly order: Tensor<'int64'>;

  constructor(
    readonly problem: Problem,
    readonly options: BatchProgramOptions,
  ) {
    const { optimizer, hyper, size } = options;
    this.stateNames = optimizer.stateNames(hyper);
    this.mostSteps = Math.max(1, Math.min(mostBatches, Math.floor(mostIndices / size)));
    this.table = new CoefficientTable({ optimizer, stage: 'step', corrected: false }, options);
    const zeros = <T extends 'float64' | 'int64'>(type: T, width: number): Tensor<T> => ({
      type,
      shape: [this.mostSteps, width],
      data: allocate(type, this.mostSteps * width) as Tensor<T>['data'],
    });
    this.coefficients = zeros('float64', this.table.width);
    this.order = zeros('int64', size);
    this.graph = this.build();
  }

  /** The data set as inputs; views of the problem's data. */
  get data(): Map<string, Tensor> {
    return new Map(this.problem.feeds.map(({ name, tensor }) => [inputName(name), tensor]));
  }

  /** The inputs that belong to the steps `first`, `first + 1`, …; good until the next call. */
  inputs(first: number, steps: number, batches: Batches, numbers: Numbers): Map<string, Tensor> {
    this.table.fill(this.coefficients.data as Float64Array, first, steps, numbers);
    const order = this.order.data as BigInt64Array;
    let at = 0;
    for (let n = first; n < first + steps; n++) {
      const samples = batches.samplesAt(n);
      for (let i = 0; i < samples.length; i++) order[at++] = BigInt(samples[i]);
    }
    return new Map<string, Tensor>([
      ['steps', { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(steps)) }],
      ['coefficients', this.coefficients],
      ['order', this.order],
    ]);
  }

  private build(): Graph {
    const { problem, options, stateNames } = this;
    const { floatType, layout, feeds } = problem;
    const b = new GraphBuilder();
    const vector = (name: string) => b.input(name, floatType, [layout.length]);
    const count = b.input('steps', 'int64', []);
    const coefficients = b.input('coefficients', 'float64', this.coefficients.shape);
    const order = b.input('order', 'int64', this.order.shape);
    const start = [vector('theta'), ...stateNames.map((name) => vector(`state/${name}`))];
    const data = feeds.map((feed) => ({
      ...feed,
      all: b.input(inputName(feed.name), feed.tensor.type, feed.tensor.shape),
    }));
    const members = memberVectors(b, problem, options);
    const { carried, stacked } = b.loop(
      count,
      start.map((value) => layout.carried(b, value)),
      (body, turn, tiles) => {
        const [theta, ...state] = tiles.map((value) => layout.flat(body, value));
        const row = body.gather(b.cast(coefficients, floatType), turn, 0);
        const chosen = body.gather(order, turn, 0);
        const batch = new Map(
          data.map(({ name, all, perSample }) => [name, perSample ? body.gather(all, chosen, 0) : all]),
        );
        const { loss, gradient: g } = this.evaluate(body, theta, batch);
        const next = this.update(body, { theta, state, gradient: g, row, members });
        return {
          carried: next.map((value) => layout.carried(body, value)),
          stacked: [loss],
          // Stops at the first loss that is not finite: x − x is 0 for finite x only.
          proceed: body.equal(body.sub(loss, loss), body.scalar('float64', 0)),
        };
      },
      this.mostSteps,
    );
    const names = ['theta', ...stateNames.map((name) => `state/${name}`)];
    return {
      scope: b,
      inputs: b.inputs,
      outputs: [
        ...carried.map((value, i) => ({ name: `next/${names[i]}`, value })),
        { name: 'statistics/loss', value: stacked[0] },
      ],
    };
  }

  /** Mean loss of a batch and its gradient, part by part. */
  private evaluate(b: GraphBuilder, theta: Value, batch: ReadonlyMap<string, Value>): { loss: Value; gradient: Value } {
    const { problem } = this;
    const { size, count, rest } = this.options.chunks;
    const total = problem.count(b, batch);
    const part = (inner: GraphBuilder, data: ReadonlyMap<string, Value>) => {
      const loss = problem.emit(inner, problem.layout.split(inner, theta), data, total);
      return [loss, gradient(inner, loss, [theta])[0]];
    };
    if (count === 1 && rest === 0) {
      const [loss, g] = part(b, batch);
      return { loss, gradient: g };
    }
    const cut = (select: (value: Value) => Value) =>
      new Map(
        problem.feeds.map(({ name, perSample }) => [name, perSample ? select(batch.get(name)!) : batch.get(name)!]),
      );
    const rows = (value: Value, from: number, to: number) => b.slice(value, { starts: [from], ends: [to], axes: [0] });
    const chunks = cut((value) => b.reshape(rows(value, 0, count * size), [count, size, ...value.shape.slice(1)]));
    const { carried } = b.loop(
      b.scalar('int64', count),
      [b.scalar('float64', 0), b.zerosLike(theta)],
      (body, turn, sums) => {
        const data = new Map(
          problem.feeds.map(({ name, perSample }) => [
            name,
            perSample ? body.gather(chunks.get(name)!, turn, 0) : chunks.get(name)!,
          ]),
        );
        return { carried: part(body, data).map((value, i) => body.add(sums[i], value)) };
      },
      count,
    );
    const last =
      rest === 0
        ? []
        : part(
            b,
            cut((value) => rows(value, count * size, count * size + rest)),
          );
    const [loss, g] = carried.map((value, i) => (last.length > 0 ? b.add(value, last[i]) : value));
    return { loss, gradient: g };
  }

  /** θ and state after the step. */
  private update(
    b: GraphBuilder,
    given: { theta: Value; state: readonly Value[]; gradient: Value; row: Value; members: readonly Value[] },
  ): readonly Value[] {
    const { optimizer, hyper } = this.options;
    const { layout, floatType } = this.problem;
    const { theta, state, members } = given;
    const scalars = this.table.scalars(b, given.row);
    const gradient = scalars.has('clip')
      ? clipped(b, given.gradient, scalars.of(b, 'clip', []).limit).gradient
      : given.gradient;
    const inputs = [theta, gradient, ...state, ...members];
    return perCoordinate(b, layout, inputs, (inner, [at, g, ...others]) => {
      const known = Object.fromEntries(this.stateNames.map((name, i) => [name, others[i]]));
      const c = scalars.of(inner, 'update', others.slice(state.length));
      const a = graphArithmetic(inner, floatType);
      const taken = optimizer.update(a, hyper, c, { theta: at, gradient: g, state: known });
      return {
        vectors: [
          inner.sub(at, inner.mul(c.stepSize, taken.direction)),
          ...this.stateNames.map((name) => taken.state[name]),
        ],
        sums: [],
        lows: [],
        highs: [],
      };
    }).vectors;
  }
}
