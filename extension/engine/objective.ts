import { gradient, vectorJacobianProduct } from '../autodiff/gradient.ts';
import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { elementCount, type Tensor } from '../onnx/tensor.ts';
import type { Chunks } from './chunks.ts';
import type { Problem } from './problem.ts';

/** E, ∇E and products with the Hessian of E at one θ, as values of a program. */
export interface Evaluation {
  /** float64 scalar. */
  readonly loss: Value;
  /** [length of θ]. */
  readonly gradient: Value;
  /** H·u for a vector u of the layout of θ, which is held constant. */
  product(u: Value): Value;
}

/** The data of a problem as inputs of a program, and the evaluation of E in chunks of it. */
export class Objective {
  private readonly inputs: Map<string, Value>;

  /** Declares the data inputs in the outermost builder `b`. */
  constructor(
    private readonly problem: Problem,
    private readonly chunks: Chunks,
    b: GraphBuilder,
  ) {
    this.inputs = new Map(
      [...dataTensors(problem, chunks)].map(([name, { type, shape }]) => [name, b.input(name, type, shape)]),
    );
  }

  /** Emits the evaluation at `theta` into `b` (or further out, where nothing changes). */
  evaluate(b: GraphBuilder, theta: Value): Evaluation {
    const { count, rest } = this.chunks;
    if (count === 1 && rest === 0) {
      const { loss, gradient: g } = this.part(b, theta, this.direct(b, 'whole'));
      return { loss, gradient: g, product: (u) => vectorJacobianProduct(b, [g], [u], [theta])[0] };
    }
    const [loss, total] = this.accumulate(b, [b.scalar('float64', 0), b.zerosLike(theta)], (inner, data) => {
      const part = this.part(inner, theta, data);
      return [part.loss, part.gradient];
    });
    return {
      loss,
      gradient: total,
      product: (u) =>
        this.accumulate(b, [b.zerosLike(theta)], (inner, data) => {
          const { gradient: g } = this.part(inner, theta, data);
          return vectorJacobianProduct(inner, [g], [u], [theta]);
        })[0],
    };
  }

  /** Sums what `emit` gives for every chunk: a loop over the equal ones, the rest after it. */
  private accumulate(
    b: GraphBuilder,
    zeros: readonly Value[],
    emit: (b: GraphBuilder, data: ReadonlyMap<string, Value>) => readonly Value[],
  ): readonly Value[] {
    const { count, rest } = this.chunks;
    const looped = b.loop(
      b.scalar('int64', count),
      zeros,
      (body, turn, sums) => {
        const data = new Map(
          this.problem.feeds.map(({ name, perSample }) => [
            name,
            perSample
              ? body.gather(this.inputs.get(inputName(name, 'chunks'))!, turn, 0)
              : this.inputs.get(inputName(name, 'whole'))!,
          ]),
        );
        return { carried: emit(body, data).map((value, i) => body.add(sums[i], value)) };
      },
      count,
    ).carried;
    if (rest === 0) return looped;
    return emit(b, this.direct(b, 'rest')).map((value, i) => b.add(looped[i], value));
  }

  private direct(_b: GraphBuilder, part: 'whole' | 'rest'): Map<string, Value> {
    return new Map(
      this.problem.feeds.map(({ name, perSample }) => [
        name,
        this.inputs.get(inputName(name, perSample ? part : 'whole'))!,
      ]),
    );
  }

  private part(b: GraphBuilder, theta: Value, data: ReadonlyMap<string, Value>): { loss: Value; gradient: Value } {
    const loss = this.problem.emit(b, this.problem.layout.split(b, theta), data);
    return { loss, gradient: gradient(b, loss, [theta])[0] };
  }
}

const inputName = (feed: string, part: 'whole' | 'chunks' | 'rest'): string => `data/${feed}/${part}`;

/** The arrays that a program with these chunks takes, as views of the problem's data: nothing is copied. */
export function dataTensors(problem: Problem, { size, count, rest }: Chunks): Map<string, Tensor> {
  const result = new Map<string, Tensor>();
  for (const { name, tensor, perSample } of problem.feeds) {
    if (!perSample || (count === 1 && rest === 0)) {
      result.set(inputName(name, 'whole'), tensor);
      continue;
    }
    const sample = tensor.shape.slice(1);
    const each = elementCount(sample);
    const slice = (from: number, rows: number, shape: number[]): Tensor => ({
      type: tensor.type,
      shape,
      data: tensor.data.subarray(from * each, (from + rows) * each) as never,
    });
    result.set(inputName(name, 'chunks'), slice(0, size * count, [count, size, ...sample]));
    if (rest > 0) result.set(inputName(name, 'rest'), slice(size * count, rest, [rest, ...sample]));
  }
  return result;
}
