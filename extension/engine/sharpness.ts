import { GraphBuilder } from '../onnx/builder.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { topEigenvalue } from '../optimizers/lanczos.ts';
import { sharpnessThreshold } from '../optimizers/limit.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import type { Hyperparameters, Optimizer, StepSizes } from '../optimizers/optimizer.ts';
import { chunksOf, type Plan } from './chunks.ts';
import { dataTensors, Objective } from './objective.ts';
import type { Problem } from './problem.ts';
import { encode } from './program.ts';
import { type Device, Session } from './session.ts';

/** How near to the edge of stability a step is taken. */
export interface Edge {
  /** S, the largest eigenvalue of D^{-1/2} H D^{-1/2}, with H the Hessian of E and D the denominator of the step. */
  readonly preconditionedSharpness: number;
  /** S over the optimizer's threshold 2/(h·Γ). */
  readonly edge: number;
  /** Of the eigenvalue, relative to it. */
  readonly residual: number;
}

/** Relative residual at which Lanczos ends; the error of an eigenvalue is smaller still. */
const tolerance = 3e-3;
const mostProducts = 80;
/** Numbers that the vectors of Lanczos may hold. */
const mostKept = 2 ** 26;

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
    const { layout, floatType } = problem;
    const b = new GraphBuilder();
    const theta = b.input('theta', floatType, [layout.length]);
    const vector = b.input('vector', floatType, [layout.length]);
    const { product } = new Objective(problem, chunks, b).evaluate(b, theta);
    const graph = { scope: b, inputs: b.inputs, outputs: [{ name: 'product', value: product(vector) }] };
    const { bytes } = encode(graph, device);
    return new SharpnessMeter(problem, await Session.create(bytes, device, threads), dataTensors(problem, chunks));
  }

  /** H·v at θ. */
  async product(theta: Tensor, v: Float64Array): Promise<Float64Array> {
    const { floatType } = this.problem;
    const data = floatType === 'float64' ? v : Float32Array.from(v);
    const vector = { type: floatType, shape: [v.length], data } as Tensor;
    const feeds = new Map<string, Tensor>([...this.data, ['theta', theta], ['vector', vector]]);
    const results = await this.session.run(feeds);
    return Float64Array.from(results.get('product')!.data as Float64Array);
  }

  /**
   * At θ⁽ⁿ⁾, with `state` that after step n, in which the step's denominator lies. Undefined where the optimizer has no edge,
   * or where no direction curves upwards.
   */
  async measure(
    theta: Tensor,
    step: { readonly n: number; readonly state: ReadonlyMap<string, Tensor> },
    of: { readonly optimizer: Optimizer; readonly hyper: Hyperparameters; readonly stepSizes?: StepSizes },
  ): Promise<Edge | undefined> {
    const { optimizer, hyper, stepSizes } = of;
    const coefficients = optimizer.updateCoefficients(hyper, step.n, stepSizes);
    const threshold = sharpnessThreshold(optimizer, hyper, coefficients.stepSize);
    if (typeof threshold !== 'number') return undefined;
    const state = Object.fromEntries(
      [...step.state].map(([name, { data }]) => [name, Float64Array.from(data as Float64Array)]),
    );
    const denominator = optimizer.preconditioner(numeric, hyper, numericCoefficients(coefficients), state);
    const root = denominator.map((d) => (d > 0 && Number.isFinite(d) ? 1 / Math.sqrt(d) : 0));
    const length = root.length;
    const { value, residual, vector } = await topEigenvalue(
      async (v) => {
        const curved = await this.product(
          theta,
          v.map((x, j) => x * root[j]),
        );
        return curved.map((x, j) => x * root[j]);
      },
      this.vector ?? startVector(length),
      { tolerance, mostProducts, basis: Math.max(6, Math.min(40, Math.floor(mostKept / length))) },
    );
    if (!Number.isFinite(value)) return undefined;
    this.vector = vector;
    return { preconditionedSharpness: value, edge: value / threshold, residual: Math.abs(residual / value) };
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
