import { lower } from '../../autodiff/lowering/index.ts';
import { graphArithmetic } from '../../engine/arithmetic.ts';
import type { Chunks } from '../../engine/chunks.ts';
import { blockSize } from '../../engine/layout.ts';
import { dataTensors, Objective } from '../../engine/objective.ts';
import type { Problem } from '../../engine/problem.ts';
import { Session } from '../../engine/session.ts';
import { GraphBuilder } from '../../onnx/builder.ts';
import type { Graph, Value } from '../../onnx/graph.ts';
import { allocate, type Tensor } from '../../onnx/tensor.ts';
import { encodeModel } from '../../onnx/write.ts';
import { VALID_EXPANSION } from '../../optimizers/measures.ts';
import type { Hyperparameters, Optimizer } from '../../optimizers/optimizer.ts';

/** Most steps of one call. */
const mostSteps = 512;

/** How long one call should take: long enough to cost nothing, short enough to answer a cancel. */
const callMilliseconds = 150;

/** What was measured at step n, before it is taken. */
export interface ClosenessRecord {
  readonly step: number;
  /** E at the optimizer's own θ. */
  readonly loss: number;
  /** ‖θ − θ₁‖∞ and ‖θ − θ₂‖∞. */
  readonly first: number;
  readonly second: number;
  /** Share of the parameters where the expansion holds (ν < 0.3) at θ₂. */
  readonly valid: number;
}

/**
 * Three sequences side by side in one program: the optimizer θ, the first-order iteration θ₁ ← θ₁ − h·G(θ₁), and the
 * second-order iteration θ₂ ← θ₂ − h·G(θ₂) − h²·Mem(θ₂): equation (11) of Cattaneo, Klusowski, Shigida (ICML 2024)
 * without its O(h³), full batch. Step sizes and decay rates are inputs.
 */
export class ClosenessProgram {
  private names: readonly string[] = [];

  private constructor(
    private readonly problem: Problem,
    private readonly optimizer: Optimizer,
    private readonly hyper: Hyperparameters,
    private readonly chunks: Chunks,
  ) {}

  private session!: Session;

  /** Builds and loads the program; `hyper` decides its structure only. */
  static async load(
    problem: Problem,
    optimizer: Optimizer,
    hyper: Hyperparameters,
    chunks: Chunks,
    threads?: number,
  ): Promise<ClosenessProgram> {
    const program = new ClosenessProgram(problem, optimizer, hyper, chunks);
    program.names = Object.keys(program.coefficientsAt(hyper, 0));
    program.session = await Session.create(
      encodeModel(lower(program.build()), { graphName: 'closeness' }),
      'cpu',
      threads,
    );
    return program;
  }

  /** Runs `steps` steps from the problem's θ; yields after each call. Stops early where a loss is not finite. */
  async *run(hyper: Hyperparameters, steps: number): AsyncGenerator<readonly ClosenessRecord[]> {
    const { layout, floatType, theta } = this.problem;
    const carried = ['theta', ...this.stateNames().map((name) => `state/${name}`), 'first', 'second'];
    let position = new Map<string, Tensor>(
      carried.map((name) => [name, name.startsWith('state/') ? layout.zeros(floatType) : theta]),
    );
    const data = dataTensors(this.problem, this.chunks);
    let milliseconds: number | undefined;
    // The record of step N needs a turn of its own, whose step is thrown away.
    for (let step = 0; step <= steps; ) {
      const fitting = milliseconds === undefined ? 1 : Math.max(1, Math.floor(callMilliseconds / milliseconds));
      const turns = Math.min(steps + 1 - step, fitting, mostSteps);
      const feeds = new Map<string, Tensor>([...data, ...position]);
      feeds.set('steps', { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(turns)) });
      feeds.set('coefficients', this.coefficients(hyper, step, turns));
      const started = performance.now();
      const results = await this.session.run(feeds);
      milliseconds = (performance.now() - started) / turns;
      const column = (name: string) => results.get(`statistics/${name}`)!.data as Float64Array;
      const [loss, first, second, valid] = ['loss', 'first', 'second', 'valid'].map(column);
      yield Array.from(loss, (value, i) => ({
        step: step + i,
        loss: value,
        first: first[i],
        second: second[i],
        valid: valid[i],
      }));
      if (loss.length < turns || !Number.isFinite(loss[loss.length - 1])) return;
      position = new Map(carried.map((name) => [name, results.get(`next/${name}`)!]));
      step += turns;
    }
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  private stateNames(): readonly string[] {
    return this.optimizer.stateNames(this.hyper);
  }

  private coefficientsAt(hyper: Hyperparameters, n: number): Record<string, number> {
    const named = (prefix: string, values: Readonly<Record<string, number>>) =>
      Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]);
    return Object.fromEntries([
      ...named('update', this.optimizer.updateCoefficients(hyper, n)),
      ...named('step', this.optimizer.correctionCoefficients(hyper, n)),
    ]);
  }

  private coefficients(hyper: Hyperparameters, first: number, turns: number): Tensor {
    const width = this.names.length;
    const data = allocate('float64', mostSteps * width);
    for (let i = 0; i < turns; i++) {
      const values = this.coefficientsAt(hyper, first + i);
      data.set(
        this.names.map((name) => values[name]),
        i * width,
      );
    }
    return { type: 'float64', shape: [mostSteps, width], data };
  }

  private build(): Graph {
    const { problem } = this;
    const { floatType, layout } = problem;
    const b = new GraphBuilder();
    const count = b.input('steps', 'int64', []);
    const coefficients = b.input('coefficients', 'float64', [mostSteps, this.names.length]);
    const states = this.stateNames();
    const names = ['theta', ...states.map((name) => `state/${name}`), 'first', 'second'];
    const start = names.map((name) => b.input(name, floatType, [layout.length]));
    const objective = new Objective(problem, this.chunks, b);
    const { carried, stacked } = b.loop(
      count,
      start,
      (body, turn, values) => {
        const row = body.cast(body.gather(coefficients, turn, 0), floatType);
        return this.turn(body, objective, this.scalars(body, row), values);
      },
      mostSteps,
    );
    const statistics = ['loss', 'first', 'second', 'valid'];
    return {
      scope: b,
      inputs: b.inputs,
      outputs: [
        ...carried.map((value, i) => ({ name: `next/${names[i]}`, value })),
        ...stacked.map((value, i) => ({ name: `statistics/${statistics[i]}`, value })),
      ],
    };
  }

  private scalars(b: GraphBuilder, row: Value): Record<'update' | 'step', Record<string, Value>> {
    const groups = { update: {} as Record<string, Value>, step: {} as Record<string, Value> };
    const parts = b.split(row, new Array(this.names.length).fill(1), 0);
    this.names.forEach((full, i) => {
      const [prefix, name] = full.split('.') as ['update' | 'step', string];
      groups[prefix][name] = b.reshape(parts[i], []);
    });
    return groups;
  }

  /** One step of each of the three. */
  private turn(
    b: GraphBuilder,
    objective: Objective,
    scalars: Record<'update' | 'step', Record<string, Value>>,
    values: readonly Value[],
  ) {
    const { optimizer, hyper, problem } = this;
    const a = graphArithmetic(b, problem.floatType);
    const names = this.stateNames();
    const [theta, first, second] = [values[0], values[values.length - 2], values[values.length - 1]];
    const state = Object.fromEntries(names.map((name, i) => [name, values[1 + i]]));
    const h = scalars.update.stepSize;
    const own = objective.evaluate(b, theta);
    const taken = optimizer.update(a, hyper, scalars.update, { theta, gradient: own.gradient, state });
    const atFirst = { theta: first, gradient: objective.evaluate(b, first).gradient, state: taken.state };
    const [direction] = optimizer.hessianDirections(a, hyper, scalars.step, atFirst);
    const there = objective.evaluate(b, second);
    const atSecond = { theta: second, gradient: there.gradient, state: taken.state };
    const directions = optimizer.hessianDirections(a, hyper, scalars.step, atSecond);
    const terms = optimizer.correction(a, hyper, scalars.step, atSecond, directions.map(there.product));
    const step = (from: Value, along: Value) => b.sub(from, b.mul(h, along));
    const distance = (other: Value) => b.cast(b.reduceMax(b.abs(b.sub(theta, other))), 'float64');
    return {
      carried: [
        step(theta, taken.direction),
        ...names.map((name) => taken.state[name]),
        step(first, direction),
        step(second, b.add(terms.direction, terms.memoryCorrection)),
      ],
      stacked: [own.loss, distance(first), distance(second), this.validShare(b, terms.expansion)],
      proceed: b.equal(b.sub(own.loss, own.loss), b.scalar('float64', 0)),
    };
  }

  /** Counts in blocks, since float32 sums of ones saturate; the fillers between the tensors always hold. */
  private validShare(b: GraphBuilder, expansion: Value): Value {
    const { length, count } = this.problem.layout;
    const valid = b.indicator(b.less(expansion, b.number(VALID_EXPANSION, expansion)), expansion);
    const blocks = b.reduceSum(b.reshape(valid, [length / blockSize, blockSize]), [1]);
    return b.affine(b.reduceSum(b.cast(blocks, 'float64')), 1 / count, -(length - count) / count);
  }
}
