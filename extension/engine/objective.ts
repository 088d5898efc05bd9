import { gradient, vectorJacobianProduct } from '../autodiff/gradient.ts';
import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { elementCount, type Tensor } from '../onnx/tensor.ts';
import type { Chunks } from './chunks.ts';
import { isLarge } from './memory.ts';
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

/** Where a program gets E, ∇E and products with the Hessian of E from. */
export interface Source {
  /** Emits the evaluation at `theta` of the turn of the program's loop into `b` (or further out, where nothing changes). */
  evaluate(b: GraphBuilder, theta: Value, turn: Value): Evaluation;
}

/** The data of a problem as inputs of a program, and the evaluation of E in chunks of it. */
export class Objective implements Source {
  private readonly inputs: Map<string, Value>;

  /** Declares the data inputs in the outermost builder `b`. */
  constructor(
    private readonly problem: Problem,
    private readonly chunks: Chunks,
    b: GraphBuilder,
  ) {
    const tensors = dataTensors(problem, chunks);
    this.inputs = new Map([...tensors].map(([name, { type, shape }]) => [name, b.input(name, type, shape)]));
  }

  evaluate(b: GraphBuilder, theta: Value): Evaluation {
    return this.chunks.together ? this.evaluateTogether(b, theta) : this.evaluateInTurn(b, theta);
  }

  /** Forward and backward pass of every chunk are kept for the product, which starts from them. */
  private evaluateTogether(b: GraphBuilder, theta: Value): Evaluation {
    const { segments, summed, whole } = this.sums(b, theta);
    const parts = togetherRows(this.chunks).map((_, i) => this.part(b, segments, this.data(partName(i))));
    const total = (each: readonly (readonly Value[])[]) =>
      whole(each.map((values) => summed(b, values)).reduce((sums, more) => sums.map((sum, i) => b.add(sum, more[i]))));
    return {
      loss: parts.map(({ loss }) => loss).reduce(b.add),
      gradient: total(parts.map(({ gradients }) => gradients)),
      product: (u) => {
        const directions = this.problem.layout.parts(b, u);
        return total(parts.map(({ gradients }) => vectorJacobianProduct(b, gradients, directions, segments)));
      },
    };
  }

  /** Each chunk is forgotten after its turn, so the product computes forward and backward pass once more. */
  private evaluateInTurn(b: GraphBuilder, theta: Value): Evaluation {
    const { segments, zeros, summed, whole } = this.sums(b, theta);
    const [loss, ...totals] = this.accumulate(b, [b.scalar('float64', 0), ...zeros], (inner, data) => {
      const part = this.part(inner, segments, data);
      return [part.loss, ...summed(inner, part.gradients)];
    });
    const product = (u: Value) => {
      const directions = this.problem.layout.parts(b, u);
      const sums = this.accumulate(b, zeros, (inner, data) => {
        const { gradients } = this.part(inner, segments, data);
        return summed(inner, vectorJacobianProduct(inner, gradients, directions, segments));
      });
      return whole(sums);
    };
    return { loss, gradient: whole(totals), product };
  }

  /**
   * In what form gradients of chunks are added up: as vectors of the layout of θ; of large models by its segments, which are put
   * together once, since a vector for each chunk is memory that counts.
   */
  private sums(b: GraphBuilder, theta: Value) {
    const { layout } = this.problem;
    const segments = layout.parts(b, theta);
    return isLarge(this.problem)
      ? {
          segments,
          zeros: segments.map((segment) => b.zerosLike(segment)),
          summed: (_: GraphBuilder, values: readonly Value[]) => values,
          whole: (totals: readonly Value[]) => layout.join(b, totals),
        }
      : {
          segments,
          zeros: [b.zerosLike(theta)],
          summed: (inner: GraphBuilder, values: readonly Value[]) => [layout.join(inner, values)],
          whole: ([total]: readonly Value[]) => total,
        };
  }

  /** Sums what `emit` gives for every chunk: a loop over the equal ones, the rest after it. */
  private accumulate(
    b: GraphBuilder,
    zeros: readonly Value[],
    emit: (b: GraphBuilder, data: ReadonlyMap<string, Value>) => readonly Value[],
  ): readonly Value[] {
    const { count, rest } = this.chunks;
    const { carried } = b.loop(
      b.scalar('int64', count),
      zeros,
      (body, turn, sums) => {
        const values = emit(
          body,
          this.data('chunks', (all) => body.gather(all, turn, 0)),
        );
        return { carried: values.map((value, i) => body.add(sums[i], value)) };
      },
      count,
    );
    return rest === 0 ? carried : emit(b, this.data('rest')).map((value, i) => b.add(carried[i], value));
  }

  /** The feeds of one part of the data; `select` picks the chunk from all of them. */
  private data(part: string, select = (all: Value): Value => all): Map<string, Value> {
    return new Map(
      this.problem.feeds.map(({ name, perSample }) => {
        const input = this.inputs.get(inputName(name, perSample ? part : 'whole'))!;
        return [name, perSample ? select(input) : input];
      }),
    );
  }

  /** Loss of one part of the data and its gradients by the segments of θ. */
  private part(
    b: GraphBuilder,
    segments: readonly Value[],
    data: ReadonlyMap<string, Value>,
  ): { loss: Value; gradients: readonly Value[] } {
    const { layout } = this.problem;
    const loss = this.problem.emit(b, layout.tensors(b, segments), data);
    return { loss, gradients: gradient(b, loss, segments) };
  }
}

const inputName = (feed: string, part: string): string => `data/${feed}/${part}`;
const partName = (i: number): string => `part${i}`;

/** Sizes of the parts that are evaluated side by side. */
const togetherRows = ({ size, count, rest }: Chunks): number[] => [
  ...new Array<number>(count).fill(size),
  ...(rest > 0 ? [rest] : []),
];

/** A part of the data as an input of a program. */
export type DataTensor = Tensor & {
  readonly feed: string;
  /** Place of its first element, counted from that of the first sample. */
  readonly from: number;
};

/**
 * The arrays that a program with these chunks, the first of which begins at sample `first`, takes; views of the problem's
 * data: nothing is copied.
 */
export function dataTensors(problem: Problem, chunks: Chunks, first = 0): Map<string, DataTensor> {
  const { size, count, rest, together } = chunks;
  const result = new Map<string, DataTensor>();
  for (const { name, tensor, perSample } of problem.feeds) {
    if (!perSample) {
      result.set(inputName(name, 'whole'), { ...tensor, feed: name, from: 0 });
      continue;
    }
    const sample = tensor.shape.slice(1);
    const each = elementCount(sample);
    const rows = (at: number, number: number, lead: number[] = [number]): DataTensor => {
      const data = tensor.data.subarray((first + at) * each, (first + at + number) * each) as never;
      return { type: tensor.type, shape: [...lead, ...sample], data, feed: name, from: at * each };
    };
    if (together) {
      togetherRows(chunks).forEach((number, i) => {
        result.set(inputName(name, partName(i)), rows(i * size, number));
      });
    } else {
      result.set(inputName(name, 'chunks'), rows(0, size * count, [count, size]));
      if (rest > 0) result.set(inputName(name, 'rest'), rows(size * count, rest));
    }
  }
  return result;
}
