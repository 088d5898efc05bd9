import { GraphBuilder } from '../onnx/builder.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { topEigenvalue } from '../optimizers/lanczos.ts';
import { penaltyOf, sharpnessThreshold } from '../optimizers/limit.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { type Chunks, chunksOf, type Plan } from './chunks.ts';
import type { GroupNumbers, Numbers } from './coefficients.ts';
import { isLarge } from './memory.ts';
import { dataTensors, Objective } from './objective.ts';
import type { Problem } from './problem.ts';
import { encode } from './program.ts';
import { type Device, Session } from './session.ts';

/** How near to the edge of stability a step is taken. */
export interface Edge {
  /**
   * S, the largest eigenvalue of D^{-1/2} H D^{-1/2}: D is the denominator of the step (of a parameter with a step size of its
   * own, in units of the model's), H the Hessian of the loss and of an L2 penalty.
   */
  readonly preconditionedSharpness: number;
  /** S over the optimizer's threshold 2/(h·Γ), or (2 − hλ)/(h·Γ) with decoupled weight decay λ. */
  readonly edge: number;
  /** Of the eigenvalue, relative to it. */
  readonly residual: number;
}

/** What precedes a spike of the loss. */
export interface SpikeSigns {
  /** Share of the coordinates whose second moment v̂ has not followed the gradient down: v̂ > 10 g². */
  readonly staleShare: number;
  /** wᵀHw/(g·w) along w = g/D, over 2/h: from 1 on a step along the gradient raises the loss. */
  readonly gradientCurvature: number;
}

/** Relative residual at which Lanczos ends; the error of an eigenvalue is smaller still. */
const tolerance = 3e-3;
const mostProducts = 80;
/** Numbers that the vectors of Lanczos may hold. */
const mostKept = 2 ** 26;

/** The gradient and the product of the Hessian with a vector, both at θ. */
export function productGraph(problem: Problem, chunks: Chunks): Graph {
  const { layout, floatType } = problem;
  const b = new GraphBuilder();
  const theta = b.input('theta', floatType, [layout.length]);
  const vector = b.input('vector', floatType, [layout.length]);
  const { gradient, product } = new Objective(problem, chunks, b).evaluate(b, theta);
  const outputs = [
    { name: 'gradient', value: gradient },
    { name: 'product', value: product(vector) },
  ];
  return { scope: b, inputs: b.inputs, outputs };
}

/** Measures the preconditioned sharpness of a problem, by products with its Hessian; each measurement begins where the last ended. */
export class SharpnessMeter {
  private vector: Float64Array | undefined;

  private constructor(
    private readonly problem: Problem,
    private readonly session: Session,
    private readonly data: ReadonlyMap<string, Tensor>,
  ) {}

  static async load(problem: Problem, device: Device, plan: Plan, threads?: number): Promise<SharpnessMeter> {
    const { size } = plan.corrected;
    const chunks = chunksOf(problem.samples, size, plan.corrected.together && size >= problem.samples);
    const graph = productGraph(problem, chunks);
    const { bytes } = encode(graph, device);
    const session = await Session.create(bytes, device, threads, { arena: !isLarge(problem) });
    return new SharpnessMeter(problem, session, dataTensors(problem, chunks));
  }

  /** H·v at θ. */
  product(theta: Tensor, v: Float64Array): Promise<Float64Array> {
    return this.evaluate(theta, v, 'product');
  }

  private async evaluate(theta: Tensor, v: Float64Array, what: 'gradient' | 'product'): Promise<Float64Array> {
    const { floatType } = this.problem;
    const data = floatType === 'float64' ? v : Float32Array.from(v);
    const vector = { type: floatType, shape: [v.length], data } as Tensor;
    const feeds = new Map<string, Tensor>([...this.data, ['theta', theta], ['vector', vector]]);
    const results = await this.session.run(feeds, [what]);
    return Float64Array.from(results.get(what)!.data as Float64Array);
  }

  /** At the same place as `measure`, of an optimizer that keeps second moments; undefined for others and at a minimum. */
  async spikeSigns(
    theta: Tensor,
    step: { readonly n: number; readonly state: ReadonlyMap<string, Tensor> },
    of: { readonly optimizer: Optimizer } & Numbers,
  ): Promise<SpikeSigns | undefined> {
    const kept = step.state.get('secondMoment')?.data as Float64Array | undefined;
    if (!kept) return undefined;
    const { segments, length, count } = this.problem.layout;
    const gradient = await this.evaluate(theta, new Float64Array(length), 'gradient');
    const { unbias2 = 1 } = of.optimizer.updateCoefficients(of.hyper, step.n, of.stepSizes);
    const { weight, gain } = this.rows(step, of);
    let stale = 0;
    for (const { offset, size } of segments)
      for (let j = offset; j < offset + size; j++) if (unbias2 * kept[j] > 10 * gradient[j] ** 2) stale++;
    // h/D, without the filter of the momentum.
    const direction = gradient.map((g, j) =>
      weight[j] > 0 && Number.isFinite(weight[j]) ? (g * weight[j]) / gain : 0,
    );
    const curved = await this.product(theta, direction);
    const along = (a: Float64Array) => a.reduce((sum, x, j) => sum + x * direction[j], 0);
    const gradientCurvature = along(curved) / along(gradient);
    return Number.isFinite(gradientCurvature) ? { staleShare: stale / count, gradientCurvature } : undefined;
  }

  /**
   * At θ⁽ⁿ⁾, with `state` that after step n, in which the step's denominator lies. Undefined where the optimizer has no edge,
   * or where no direction curves upwards.
   *
   * With groups of parameters the dynamics at the edge are −2 + hλ + h·Γ/D·(H + λ′)·v = 0 row by row, so that their numbers are
   * those of each row: the step is unstable where diag(w)·(H + λ′) has an eigenvalue above 1, w = h·Γ/((2 − hλ)·D).
   */
  async measure(
    theta: Tensor,
    step: { readonly n: number; readonly state: ReadonlyMap<string, Tensor> },
    of: { readonly optimizer: Optimizer } & Numbers,
  ): Promise<Edge | undefined> {
    const { optimizer, hyper, stepSizes } = of;
    const { stepSize } = optimizer.updateCoefficients(hyper, step.n, stepSizes);
    const threshold = sharpnessThreshold(optimizer, hyper, stepSize);
    if (typeof threshold !== 'number') return undefined;
    const { weight, penalty } = this.rows(step, of);
    const root = weight.map((w) => (w > 0 && Number.isFinite(w) ? Math.sqrt(w) : 0));
    const { value, residual, vector } = await topEigenvalue(
      async (v) => {
        const scaled = v.map((x, j) => x * root[j]);
        const curved = await this.product(theta, scaled);
        return curved.map((x, j) => (x + penalty[j] * scaled[j]) * root[j]);
      },
      this.vector ?? startVector(root.length),
      { tolerance, mostProducts, basis: Math.max(6, Math.min(40, Math.floor(mostKept / root.length))) },
    );
    if (!Number.isFinite(value)) return undefined;
    this.vector = vector;
    return { preconditionedSharpness: value * threshold, edge: value, residual: Math.abs(residual / value) };
  }

  /** For each coordinate h·Γ/((2 − hλ)·D) of its group, and the L2 penalty λ′ in the gradient that the optimizer sees. */
  private rows(
    { n, state }: { readonly n: number; readonly state: ReadonlyMap<string, Tensor> },
    { optimizer, hyper, stepSizes, groups }: { readonly optimizer: Optimizer } & Numbers,
  ): { weight: Float64Array; penalty: Float64Array; gain: number } {
    const { segments, length } = this.problem.layout;
    const weight = new Float64Array(length);
    const penalty = new Float64Array(length);
    const vectors = [...state].map(([name, { data }]) => [name, data as Float64Array] as const);
    const all: readonly GroupNumbers[] = [{ hyper, stepSizes }, ...(groups?.numbers ?? [])];
    segments.forEach(({ offset, size, filler }, t) => {
      const own = all[groups?.of[t] ?? 0];
      const end = offset + size + filler;
      const coefficients = optimizer.updateCoefficients(own.hyper, n, own.stepSizes);
      const threshold = sharpnessThreshold(optimizer, own.hyper, coefficients.stepSize) as number;
      const parts = vectors.map(([name, data]) => [name, Float64Array.from(data.subarray(offset, end))]);
      const denominator = optimizer.preconditioner(
        numeric,
        own.hyper,
        numericCoefficients(coefficients),
        Object.fromEntries(parts),
      );
      for (let j = 0; j < size; j++) weight[offset + j] = 1 / (threshold * denominator[j]);
      penalty.fill(penaltyOf(optimizer, own.hyper), offset, end);
    });
    return { weight, penalty, gain: optimizer.alternatingGain(hyper) as number };
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/** Numbers without a pattern, the same in every run. */
function startVector(length: number): Float64Array {
  let seed = 0x2545f491;
  return Float64Array.from({ length }, () => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed / 2 ** 31;
  });
}
