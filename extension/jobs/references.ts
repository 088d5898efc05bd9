import { type GroupNumbers, type Numbers, structureOf } from '../engine/coefficients.ts';
import { flowOf } from '../engine/flow.ts';
import type { Path } from '../engine/path.ts';
import type { Problem } from '../engine/problem.ts';
import { Walk } from '../engine/reference.ts';
import { type Position, Runner, type RunnerOptions } from '../engine/runner.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { twinMomentScale } from '../optimizers/memoryless.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import { type Hyperparameters, isAbsent } from '../optimizers/optimizer.ts';
import type { InspectRequest, RunReference } from '../shared/protocol.ts';
import type { OrderedBatches } from './batchOrder.ts';
import { crossing } from './equalLoss.ts';
import { sharePercent, shown } from './format.ts';
import type { Settings } from './setup.ts';

/** The change of the norm that halving the flow's step may make: of the model, and of a tensor. */
export const flowTolerance = 0.005;
const tensorTolerance = 0.1;

/** Below this change, what is left of the error is of first order, and is extrapolated away. */
const regular = 0.03;

/** Euler's step begins as the run's, beside one twice as large, and is divided by this at most; for the sake of tensors by less. */
const coarsest = 1 / 2;
const finest = { model: 8, tensors: 2 };

/** Steps from one averaged point of a twin to the next, at least: what averaging costs is little against its steps. */
const sparse = 5;

/** A flow may take this many times the steps of the run to come as far down; a twin on a constant learning rate as well. */
const patience = { twin: 2, flow: 4 };

/** What is known of a reference at a loss. */
export interface ReferenceNorms {
  /** One-norms of the model and of each tensor; null where a number has not converged. */
  readonly norms: readonly (number | null)[];
}

/** Why there are none. */
export interface NoNorms {
  readonly reason: string;
}

/** What a run is held against. Its numbers come as they are asked for, and serve all runs that begin at the same point. */
export interface Reference {
  /** Goes on until the loss is reached and `steps` steps were taken, as far as it may. */
  reach(loss: number, steps: number, cancelled: () => boolean): Promise<void>;
  /** Its norms where its loss first reaches `loss`. */
  crossing(loss: number): ReferenceNorms | NoNorms;
  /** Why it says nothing of `loss`, though it got there. */
  doubt(loss: number): string | undefined;
  readonly path: Path;
  readonly header: RunReference;
  /** True where it does not oscillate, so that averaging changes nothing. */
  readonly steady: boolean;
  release(): Promise<void>;
}

/** How the run goes that a reference is for. */
export interface ReferenceParts {
  readonly request: InspectRequest;
  readonly settings: Settings;
  readonly problem: Problem;
  readonly runner: Runner;
  readonly options: Omit<RunnerOptions, 'optimizer' | 'batches' | keyof Numbers> & {
    readonly batches?: OrderedBatches;
  };
  readonly start: Position;
  /** No averaged points are measured where not given. */
  readonly averagingPeriod?: number;
}

/** Which reference a run is held against, before any of it is run. */
export function planReference(request: InspectRequest, { optimizer, hyper }: Settings): RunReference {
  const asked = request.reference;
  const twin = optimizer.twin(hyper);
  const flow = optimizer.memorylessDirection(hyper);
  const none = (reason: string): RunReference => ({
    kind: 'none',
    words: '',
    label: 'none',
    stepSize: null,
    tolerance: null,
    converged: false,
    reason,
  });
  if (asked === 'none') return none('no reference was asked for');
  if (asked !== 'flow' && !isAbsent(twin))
    return {
      kind: 'twin',
      words: twin.words,
      label: twin.label,
      hyper: twin.hyper,
      stepSize: twin.hyper.lr,
      tolerance: null,
      converged: true,
    };
  if (asked === 'twin' && isAbsent(twin)) return none(twin.reason);
  if (isAbsent(flow)) return none(flow.reason);
  return {
    kind: 'flow',
    words: 'with tiny steps and no memory',
    label: 'memoryless flow',
    stepSize: hyper.lr,
    tolerance: flowTolerance,
    converged: true,
  };
}

/** Where the directions of two flows are compared: gradients of all sizes, at points of three sizes. */
const probes = [-0.7, 0, 3].flatMap((theta) =>
  [-9, -7, -5, -3, -1, 1].flatMap((power) => [[theta, 10 ** power] as const, [theta, -2 * 10 ** power] as const]),
);

/** References of runs from the same point with the same key are the same: equal twins, or flows with equal directions and steps. */
export function referenceKey({ kind, hyper: twin }: RunReference, { optimizer, hyper }: Settings): string {
  const flow = kind === 'flow' ? optimizer.memorylessDirection(hyper) : undefined;
  if (flow === undefined || isAbsent(flow)) return JSON.stringify([kind, twin ?? hyper]);
  const [theta, gradient] = [0, 1].map((i) => Float64Array.from(probes, (probe) => probe[i]));
  const values = flow.direction(numeric, numericCoefficients(flow.coefficients), { theta, gradient });
  return JSON.stringify([kind, hyper.lr, Array.from(values, (value) => value.toPrecision(10))]);
}

/** The reference of a plan, ready to go on; undefined where there is none. */
export function openReference(plan: RunReference, parts: ReferenceParts): Reference | undefined {
  if (plan.kind === 'twin') return new TwinReference(plan, parts);
  if (plan.kind === 'flow') return new FlowReference(plan, parts);
  return undefined;
}

/** Numbers with other hyper-parameters, in every group; a schedule multiplies the learning rate as before. */
function withHyper(numbers: Numbers, change: (hyper: Hyperparameters) => Hyperparameters): Numbers {
  const changed = ({ hyper, stepSizes }: GroupNumbers): GroupNumbers => {
    const next = change(hyper);
    const factor = next.lr === hyper.lr ? 1 : next.lr / hyper.lr;
    return { hyper: next, stepSizes: stepSizes && ((k) => factor * stepSizes(k)) };
  };
  const { groups, clipNorm } = numbers;
  return { ...changed(numbers), groups: groups && { ...groups, numbers: groups.numbers.map(changed) }, clipNorm };
}

const scaled = (tensor: Tensor, factor: number): Tensor =>
  factor === 1 ? tensor : ({ ...tensor, data: (tensor.data as Float64Array).map((value) => factor * value) } as Tensor);

const relative = (norm: number, other: number): number => (norm === other ? 0 : norm / other - 1);

const notThere = (path: Path, loss: number): NoNorms => ({
  reason:
    path.losses.length > 0 && loss > path.losses[0]
      ? 'the loss is above that of the start'
      : 'the reference has not come down to this loss',
});

/** The same optimizer on the same batches with other numbers, in the programs of the run where they serve. */
class TwinReference implements Reference {
  readonly steady = false;
  private readonly walk: Walk;
  private readonly own: Runner | undefined;

  constructor(
    private readonly plan: RunReference,
    { request, problem, runner, options, start, averagingPeriod, settings }: ReferenceParts,
  ) {
    const { optimizer } = settings;
    const numbers = withHyper(settings, (hyper) => {
      const twin = optimizer.twin(hyper);
      return isAbsent(twin) ? hyper : twin.hyper;
    });
    const shares = structureOf(optimizer, numbers) === structureOf(optimizer, settings);
    this.own = shares ? undefined : new Runner(problem, { ...options, optimizer, ...numbers });
    const names = optimizer.stateNames(numbers.hyper);
    const scale = twinMomentScale(optimizer, settings.hyper, numbers.hyper, start.step);
    const state = [...start.state]
      .filter(([name]) => names.includes(name))
      .map(([name, tensor]) => [name, name === 'secondMoment' ? scaled(tensor, scale) : tensor] as const);
    const { batches } = options;
    const most = settings.stepSizes === undefined && (!batches || batches.perEpoch !== undefined) ? patience.twin : 1;
    this.walk = new Walk({
      runner: this.own ?? runner.with(numbers),
      start: { ...start, state: new Map(state) },
      most: request.steps * most,
      // Between the averaged points of a whole-batch twin its ratios are interpolated, where its loss falls steadily.
      averagingPeriod: averagingPeriod && Math.max(averagingPeriod, batches ? 1 : sparse),
      every: batches && request.every,
    });
  }

  get path(): Path {
    return this.walk.path;
  }

  get header(): RunReference {
    return { ...this.plan, steps: this.walk.steps };
  }

  reach(loss: number, steps: number, cancelled: () => boolean): Promise<void> {
    return this.walk.reach(loss, steps, cancelled);
  }

  crossing(loss: number): ReferenceNorms | NoNorms {
    const norms = crossing(this.path, loss);
    return norms ? { norms } : notThere(this.path, loss);
  }

  doubt(): string | undefined {
    return undefined;
  }

  async release(): Promise<void> {
    await this.own?.release();
  }
}

/**
 * Euler's method on the memoryless flow, at a step that is halved until the norms at equal loss hardly move; then the first
 * order of what is left is extrapolated away (Richardson). Where directions are signs, methods of higher order gain nothing:
 * the error is that of the moments at which signs change.
 */
class FlowReference implements Reference {
  readonly steady = true;
  private readonly walks: Walk[] = [];
  private readonly runner: Runner;
  /** The highest loss at which even the finest step had not converged, and by how much the norm moved there. */
  private failed: { readonly loss: number; readonly moved: number } | undefined;
  private moved: number | undefined;

  constructor(
    private readonly plan: RunReference,
    private readonly parts: ReferenceParts,
  ) {
    const { problem, options, settings } = parts;
    this.runner = new Runner(problem, {
      ...{ ...options, batches: undefined, optimizer: flowOf(settings.optimizer) },
      ...this.numbers(1),
    });
    this.refine();
    this.refine();
  }

  get path(): Path {
    return this.walks.at(-1)!.path;
  }

  get header(): RunReference {
    return {
      ...this.plan,
      stepSize: this.parts.settings.hyper.lr / this.refinement,
      tensorTolerance,
      moved: this.failed?.moved ?? this.moved ?? null,
      steps: this.walks.at(-1)!.steps,
      stepsInAll: this.walks.reduce((sum, { steps }) => sum + steps, 0),
      converged: this.failed === undefined,
      ...(this.failed && { reason: this.doubt(this.failed.loss) }),
    };
  }

  async reach(loss: number, _steps: number, cancelled: () => boolean): Promise<void> {
    while (this.doubt(loss) === undefined) {
      const walks = this.walks.slice(-3);
      for (const walk of walks) await walk.reach(loss, 0, cancelled);
      if (cancelled()) return;
      const [coarse, fine] = walks.slice(-2);
      const found = this.numbersAt(loss);
      if (!found) {
        // A step that is too large may climb, or end in numbers that are not finite.
        const tooLarge = fine.broken || (coarse.path.lowest > loss && fine.path.lowest <= loss);
        if (!tooLarge || this.refinement >= finest.model) return;
        this.refine();
        continue;
      }
      const [model, ...tensors] = found.map(({ moved }) => moved);
      this.moved = Math.max(this.moved ?? 0, model);
      const still = this.refinement < finest.tensors && tensors.some((each) => each >= tensorTolerance);
      if (model < flowTolerance && !still) return;
      if (this.refinement >= finest.model) {
        this.failed = { loss, moved: model };
        return;
      }
      this.moved = undefined;
      this.refine();
    }
  }

  crossing(loss: number): ReferenceNorms | NoNorms {
    const reason = this.doubt(loss);
    if (reason !== undefined) return { reason };
    const found = this.numbersAt(loss);
    if (!found) return notThere(this.path, loss);
    return { norms: found.map(({ norm, moved }, t) => (t === 0 || moved < tensorTolerance ? norm : null)) };
  }

  doubt(loss: number): string | undefined {
    if (!this.failed || loss > this.failed.loss) return undefined;
    const { moved, loss: from } = this.failed;
    return `the memoryless flow does not converge: at loss ${shown(from)} halving its step to lr/${this.refinement} still moves the norm by ${sharePercent(moved)} (tolerance ${sharePercent(flowTolerance)})`;
  }

  async release(): Promise<void> {
    await this.runner.release();
  }

  private get refinement(): number {
    return coarsest * 2 ** (this.walks.length - 1);
  }

  /** The norms at a loss, of the model first, and how much of them the last halving of the step moved. */
  private numbersAt(loss: number): readonly { readonly norm: number; readonly moved: number }[] | undefined {
    const [fine, coarse, coarser] = this.walks
      .slice(-3)
      .reverse()
      .map(({ path }) => crossing(path, loss));
    if (!fine || !coarse) return undefined;
    return fine.map((norm, t) => {
      const extrapolated = 2 * norm - coarse[t];
      const moved = Math.abs(relative(norm, coarse[t]));
      if (!coarser) return { norm: moved < regular ? extrapolated : norm, moved };
      // Where the error is not of first order, extrapolation does not help.
      const left = Math.abs(relative(extrapolated, 2 * coarse[t] - coarser[t]));
      return left < moved ? { norm: extrapolated, moved: left } : { norm, moved };
    });
  }

  private refine(): void {
    const { request, start } = this.parts;
    const refinement = coarsest * 2 ** this.walks.length;
    this.walks.push(
      new Walk({
        runner: this.runner.with(this.numbers(refinement)),
        start: { ...start, state: new Map() },
        most: Math.ceil(request.steps * patience.flow * refinement),
      }),
    );
  }

  /** A flow's path does not depend on the speed at which it is gone through, so there is no schedule and no clipping. */
  private numbers(refinement: number): Numbers {
    const { hyper } = this.parts.settings;
    const { groups } = withHyper(this.parts.settings, (each) => ({ ...each, lr: each.lr / refinement }));
    return {
      hyper: { ...hyper, lr: hyper.lr / refinement },
      groups: groups && { ...groups, numbers: groups.numbers.map(({ hyper: own }) => ({ hyper: own })) },
    };
  }
}
