import { type GroupNumbers, type Numbers, structureOf } from '../engine/coefficients.ts';
import { flowOf } from '../engine/flow.ts';
import { type KeptPath, Path } from '../engine/path.ts';
import type { Problem } from '../engine/problem.ts';
import type { SavedWalk, Walk } from '../engine/reference.ts';
import { type Position, Runner, type RunnerOptions } from '../engine/runner.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { twinMomentScale } from '../optimizers/memoryless.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import { type Hyperparameters, isAbsent, type Optimizer } from '../optimizers/optimizer.ts';
import type { InspectRequest, RunReference } from '../shared/protocol.ts';
import type { OrderedBatches } from './batchOrder.ts';
import { crossing } from './equalLoss.ts';
import {
  type FlowFailure,
  flowCrossing,
  flowDoubt,
  flowNumbers,
  flowTolerance,
  type NoNorms,
  notThere,
  type ReferenceNorms,
  tensorTolerance,
} from './flowNumbers.ts';
import type { Settings } from './setup.ts';
import { stretchesFrom } from './slowOscillation.ts';
import type { Trails } from './trails.ts';

/** Euler's step begins as the run's, beside one twice as large, and is divided by this at most; for the sake of tensors by less. */
const coarsest = 1 / 2;
const finest = { model: 8, tensors: 2 };

/** Steps from one averaged point of a twin to the next, at least: what averaging costs is little against its steps. */
const sparse = 5;

/** A flow may take this many times the steps of the run to come as far down; a twin on a constant learning rate as well. */
const patience = { twin: 2, flow: 4 };

/** What is asked of a reference where a run is compared with it. */
export interface Compared {
  /** Its norms where its loss first reaches `loss`. */
  crossing(loss: number): ReferenceNorms | NoNorms;
  /** Why it says nothing of `loss`, though it got there. */
  doubt(loss: number): string | undefined;
  readonly path: Path;
  /** True where it does not oscillate, so that averaging changes nothing. */
  readonly steady: boolean;
}

/** What of a reference is about the whole model, as plain data. */
export type KeptReference =
  | { readonly kind: 'twin'; readonly path: KeptPath }
  | {
      readonly kind: 'flow';
      readonly paths: readonly KeptPath[];
      readonly refinement: number;
      readonly failed: FlowFailure | undefined;
    };

const twinCrossing = (path: Path, loss: number): ReferenceNorms | NoNorms => {
  const norms = crossing(path, loss);
  return norms ? { norms } : notThere(path, loss);
};

/** A reference of which that is known. */
export function keptReference(kept: KeptReference): Compared {
  if (kept.kind === 'twin') {
    const path = Path.of(kept.path);
    return { path, steady: false, doubt: () => undefined, crossing: (loss) => twinCrossing(path, loss) };
  }
  const paths = kept.paths.map((each) => Path.of(each));
  const doubt = (loss: number) => flowDoubt(kept.failed, kept.refinement, loss);
  return {
    ...{ path: paths.at(-1)!, steady: true, doubt },
    crossing(loss) {
      const reason = doubt(loss);
      return reason === undefined ? flowCrossing(paths, loss) : { reason };
    },
  };
}

/** What a run is held against. Its numbers come as they are asked for. */
export interface Reference extends Compared {
  /** Goes on until the loss is reached and `steps` steps were taken, as far as it may. */
  reach(loss: number, steps: number, cancelled: () => boolean): Promise<void>;
  readonly header: RunReference;
  readonly kept: KeptReference;
  readonly saved: SavedReference;
  /** Goes on where the same reference was. */
  restore(saved: SavedReference): void;
}

/** How far a reference was: plain data. */
export interface SavedReference {
  readonly walks: readonly SavedWalk[];
  readonly failed?: FlowFailure;
  readonly moved?: number;
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
  /** Of runs from the same point with the same request but for the optimizer's numbers. */
  readonly trails: Trails;
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
export function referenceKey({ kind, hyper: twin }: RunReference, { optimizer, hyper, groups }: Settings): string {
  const own = [hyper, ...(groups?.numbers.map((group) => group.hyper) ?? [])];
  if (kind !== 'flow')
    return JSON.stringify([kind, twin ?? hyper, own.slice(1).map((each) => twinOf(optimizer, each))]);
  return JSON.stringify([kind, own.map((each) => [each.lr, flowKey(optimizer, each)])]);
}

/** What a flow's direction is made of, to the last digit. */
function flowKey(optimizer: Optimizer, hyper: Hyperparameters): unknown {
  const flow = optimizer.memorylessDirection(hyper);
  if (isAbsent(flow)) return hyper;
  const [theta, gradient] = [0, 1].map((i) => Float64Array.from(probes, (probe) => probe[i]));
  const values = flow.direction(numeric, numericCoefficients(flow.coefficients), { theta, gradient });
  return [...values];
}

/** The hyper-parameters of a twin; the run's own where there is none. */
function twinOf(optimizer: Optimizer, hyper: Hyperparameters): Hyperparameters {
  const twin = optimizer.twin(hyper);
  return isAbsent(twin) ? hyper : twin.hyper;
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

/** The same optimizer on the same batches with other numbers, in the programs of the run where they serve. */
class TwinReference implements Reference {
  readonly steady = false;
  private readonly walk: Walk;

  constructor(
    private readonly plan: RunReference,
    { request, problem, runner, options, start, averagingPeriod, settings, trails }: ReferenceParts,
  ) {
    const { optimizer } = settings;
    const key = referenceKey(plan, settings);
    this.walk = trails.walk(key, () => {
      const numbers = withHyper(settings, (hyper) => twinOf(optimizer, hyper));
      const shares = structureOf(optimizer, numbers) === structureOf(optimizer, settings);
      const names = optimizer.stateNames(numbers.hyper);
      const scale = twinMomentScale(optimizer, settings.hyper, numbers.hyper, start.step);
      const state = [...start.state]
        .filter(([name]) => names.includes(name))
        .map(([name, tensor]) => [name, name === 'secondMoment' ? scaled(tensor, scale) : tensor] as const);
      const { batches } = options;
      const most = settings.stepSizes === undefined && (!batches || batches.perEpoch !== undefined) ? patience.twin : 1;
      return {
        runner: shares
          ? runner.with(numbers)
          : trails.runner(key, () => new Runner(problem, { ...options, optimizer, ...numbers })),
        start: { ...start, state: new Map(state) },
        most: request.steps * most,
        // Between the averaged points of a whole-batch twin its ratios are interpolated, where its loss falls steadily.
        averagingPeriod: averagingPeriod && Math.max(averagingPeriod, batches ? 1 : sparse),
        ...(averagingPeriod === 1 &&
          !batches && {
            // At points at which it stops for averaging, too.
            stretches: stretchesFrom({ first: start.step, steps: request.steps, optimizer, hyper: numbers.hyper }),
          }),
        every: batches && request.every,
      };
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
    return twinCrossing(this.path, loss);
  }

  doubt(): string | undefined {
    return undefined;
  }

  get kept(): KeptReference {
    return { kind: 'twin', path: this.path.kept };
  }

  get saved(): SavedReference {
    return { walks: [this.walk.saved] };
  }

  restore({ walks: [walk] }: SavedReference): void {
    this.walk.restore(walk);
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
  private failed: FlowFailure | undefined;
  private moved: number | undefined;

  constructor(
    private readonly plan: RunReference,
    private readonly parts: ReferenceParts,
  ) {
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
      const found = flowNumbers(this.paths, loss);
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
    return reason === undefined ? flowCrossing(this.paths, loss) : { reason };
  }

  doubt(loss: number): string | undefined {
    return flowDoubt(this.failed, this.refinement, loss);
  }

  get kept(): KeptReference {
    const { failed, refinement, paths } = this;
    return { kind: 'flow', paths: paths.map(({ kept }) => kept), refinement, failed };
  }

  get saved(): SavedReference {
    return { walks: this.walks.map(({ saved }) => saved), failed: this.failed, moved: this.moved };
  }

  restore({ walks, failed, moved }: SavedReference): void {
    while (this.walks.length < walks.length) this.refine();
    for (const [i, walk] of walks.entries()) this.walks[i].restore(walk);
    this.failed = failed;
    this.moved = moved;
  }

  private get refinement(): number {
    return coarsest * 2 ** (this.walks.length - 1);
  }

  /** Of the smallest steps. */
  private get paths(): readonly Path[] {
    return this.walks.slice(-3).map(({ path }) => path);
  }

  private refine(): void {
    const { request, start, problem, options, settings, trails } = this.parts;
    const refinement = coarsest * 2 ** this.walks.length;
    const key = referenceKey(this.plan, settings);
    const optimizer = flowOf(settings.optimizer);
    const runner = () => new Runner(problem, { ...options, batches: undefined, optimizer, ...this.numbers(1) });
    const walk = trails.walk(`${key} ${refinement}`, () => ({
      runner: trails.runner(key, runner).with(this.numbers(refinement)),
      start: { ...start, state: new Map() },
      most: Math.ceil(request.steps * patience.flow * refinement),
    }));
    this.walks.push(walk);
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
