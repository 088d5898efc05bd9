import type { Problem } from '../engine/problem.ts';
import type { Advance, Arrays, Position, Runner } from '../engine/runner.ts';
import { isFiniteRecord, type StepRecord } from '../engine/stepRecord.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { InspectRequest, RunStatus } from '../shared/protocol.ts';
import { at, words } from '../shared/words.ts';
import type { OrderedBatches } from './batchOrder.ts';
import type { Observer } from './observer.ts';

/** What `takeSteps` needs. */
export interface RunParts {
  readonly request: Pick<InspectRequest, 'steps' | 'arrays'> & { readonly every: number };
  readonly runner: Runner;
  /** Those of the runner; undefined where every step sees all samples. */
  readonly batches: OrderedBatches | undefined;
  readonly problem: Problem;
  readonly start: Position;
  readonly observer: Pick<Observer, 'progress' | 'cancelled'>;
  readonly arrays: Map<string, Tensor>;
  /** False where the optimizer has no correction at these settings. */
  readonly corrected: boolean;
  append(record: StepRecord, arrays?: Arrays): Promise<void>;
  /** Full batch: asks for the vectors of steps, at which the run then stops. */
  readonly checks?: { wants(step: number): boolean; stride(step: number): number };
  /** Called at θ of every step that is a multiple of `every`, the first and the last included. */
  readonly visit?: { readonly every: number; at(position: Position): Promise<void> };
  /** Is shown every θ that the run stops at; `stride` is how many steps it may take from one at most. */
  readonly watch?: { stride(step: number): number; show(position: Position): Promise<void> };
  /** Goes on where the same run was; `start` stays where it began. */
  readonly resumed?: SavedSteps;
  /** Called between two calls of the runtime with what the run needs to go on from there; may throw to end it. */
  between?(state: SavedSteps): void;
  /** Called where the run ends, unless numbers stopped being finite. */
  ended?(position: Position): Promise<void>;
}

/** How far a run was: plain data. */
export interface SavedSteps {
  readonly position: Position;
  /** On mini-batches: losses since the last record, and its step. */
  readonly batches: SavedBatches | undefined;
}

interface SavedBatches {
  readonly losses: readonly number[];
  readonly measured: number;
}

/**
 * Takes `steps` steps. Where every step sees all samples, each has a record, with the correction where it is due, and one
 * more evaluation at the last θ, whose step is thrown away, has one. On mini-batches, records are made of all samples at the
 * first, the last and every K-th step; the losses of the batches between them go with the next one.
 */
export async function takeSteps(parts: RunParts): Promise<RunStatus> {
  const { request, observer, start, visit, watch, checks } = parts;
  const end = start.step + request.steps;
  const started = performance.now();
  const walk = parts.batches ? new BatchWalk(parts) : new WholeWalk(parts);
  let position = parts.resumed?.position ?? start;
  walk.restore(parts.resumed?.batches);
  const first = position.step;
  while (position.step < end) {
    parts.between?.({ position, batches: walk.saved });
    if (observer.cancelled) break;
    if (visit && position.step % visit.every === 0) await visit.at(position);
    await watch?.show(position);
    const untilVisit = visit ? visit.every - (position.step % visit.every) : end;
    const most = Math.min(untilVisit, watch?.stride(position.step) ?? end, checks?.stride(position.step) ?? end);
    const { loss, ...next } = await walk.advance(position, Math.min(most, end - position.step));
    position = next.position;
    const seconds = (performance.now() - started) / 1000;
    observer.progress({
      phase: 'running',
      step: position.step,
      steps: end,
      loss,
      secondsLeft: (seconds / (position.step - first)) * (end - position.step),
      at: performance.timeOrigin + performance.now(),
    });
    await breathe();
  }
  const beyond = await walk.finish(position);
  await watch?.show(position);
  if (beyond) await watch?.show(beyond);
  await visit?.at(position);
  await parts.ended?.(position);
  return observer.cancelled && position.step < end ? 'cancelled' : 'finished';
}

/** A way of going from step to step. */
abstract class Walk {
  constructor(protected readonly parts: RunParts) {}

  /** Takes at most `most` steps, at least one; `loss` is the last one that is known. */
  abstract advance(from: Position, most: number): Promise<{ position: Position; loss: number }>;

  /** What holds at the last θ, and the arrays of it; θ after one more step, where there is one. */
  abstract finish(position: Position): Promise<Position | undefined>;

  /** What the next steps need beside the position. */
  get saved(): SavedBatches | undefined {
    return undefined;
  }

  restore(_saved: SavedBatches | undefined): void {}

  protected isDue = (step: number): boolean => step % this.parts.request.every === 0;

  /** The arrays of a measurement, under the name of its place in the run. */
  protected keep(when: 'initial' | 'final', { arrays }: Advance): void {
    if (!arrays) return;
    for (const kind of ['gradient', 'normGradient', 'correction'] as const) {
      for (const [name, tensor] of this.parts.problem.layout.unpack(arrays[kind]))
        this.parts.arrays.set(`${when}/${kind}/${name}`, tensor);
    }
  }

  /** Measures at θ without keeping the step. */
  protected async measure(position: Position, corrected: boolean, batchLosses?: readonly number[]): Promise<Advance> {
    const { runner, request, append } = this.parts;
    const advance = corrected
      ? await runner.correctedSteps(position, 1, request.arrays)
      : await runner.plainSteps(position, 1);
    await append({ ...advance.records[0], ...(batchLosses && { batchLosses }) });
    return advance;
  }

  protected keepFinal(position: Position, advance: Advance): void {
    const { request, problem, arrays, start } = this.parts;
    if (!request.arrays) return;
    if (position.step === start.step) this.keep('initial', advance);
    this.keep('final', advance);
    for (const [name, tensor] of problem.layout.unpack(position.theta)) arrays.set(`final/parameters/${name}`, tensor);
  }
}

/** Every step sees all samples, so that taking it measures. */
class WholeWalk extends Walk {
  async advance(from: Position, most: number): Promise<{ position: Position; loss: number }> {
    const { request, runner, problem, corrected, start, checks } = this.parts;
    const { step } = from;
    const checked = corrected && checks?.wants(step) === true;
    const due = corrected && this.isDue(step);
    const wanted = (request.arrays && step === start.step) || checked;
    // With the correction at every step, steps are taken together; otherwise up to the next one that is due.
    const untilDue = request.every - (step % request.every);
    const free = wanted || (due && request.every > 1) ? 1 : due || !corrected ? most : Math.min(most, untilDue);
    const advance =
      due || checked ? await runner.correctedSteps(from, free, wanted) : await runner.plainSteps(from, free);
    for (const record of advance.records)
      await this.parts.append(due ? record : withoutMeasures(record), checked ? advance.arrays : undefined);
    if (request.arrays && step === start.step) this.keep('initial', advance);
    checkFinite(advance, problem);
    return { position: advance.position, loss: advance.records.at(-1)!.loss };
  }

  async finish(position: Position): Promise<Position> {
    const { request, problem, corrected } = this.parts;
    const advance = await this.measure(position, corrected && (request.arrays || this.isDue(position.step)));
    this.keepFinal(position, advance);
    checkFinite(advance, problem);
    return advance.position;
  }
}

/** Steps on mini-batches, between measurements on all samples. */
class BatchWalk extends Walk {
  private losses: number[] = [];
  /** The step of the last record. */
  private measured = -1;

  override get saved(): SavedBatches {
    const { losses, measured } = this;
    return { losses, measured };
  }

  override restore(saved: SavedBatches | undefined): void {
    this.losses = [...(saved?.losses ?? [])];
    this.measured = saved?.measured ?? -1;
  }

  async advance(from: Position, most: number): Promise<{ position: Position; loss: number }> {
    const { request, runner, start } = this.parts;
    if (this.measured !== from.step && (this.isDue(from.step) || from.step === start.step)) {
      const advance = await this.record(from);
      if (from.step === start.step) this.keep('initial', advance);
    }
    const untilDue = request.every - (from.step % request.every);
    const { losses, position } = await runner.batchSteps(from, Math.min(most, untilDue));
    this.losses.push(...losses);
    const loss = losses.at(-1)!;
    if (!Number.isFinite(loss)) await this.refuse(position);
    return { position, loss };
  }

  async finish(position: Position): Promise<Position | undefined> {
    this.keepFinal(position, await this.record(position));
    const { runner, watch, batches } = this.parts;
    // An order from a file may have no further step.
    const further = watch && batches!.perEpoch !== undefined;
    return further ? (await runner.batchSteps(position, 1)).position : undefined;
  }

  private async record(position: Position): Promise<Advance> {
    const advance = await this.measure(position, this.parts.corrected, this.losses);
    this.losses = [];
    this.measured = position.step;
    checkFinite(advance, this.parts.problem);
    return advance;
  }

  /** Stops a run with a loss of a mini-batch that is not finite, after what is known of its last good θ was recorded. */
  private async refuse(position: Position): Promise<never> {
    await this.record(position);
    throw new InspectorError(
      `The loss of the mini-batch of step ${position.step} is not finite, though that of all samples at the same parameters is.`,
      words`It is so where no position of a mini-batch has a label: try a larger ${at('batchSize')}, or remove samples without labels.`,
    );
  }
}

/** A line has measures where they are due only. */
function withoutMeasures({ measures: _, correctionNorm: __, tensors, ...rest }: StepRecord): StepRecord {
  return { ...rest, tensors: tensors.map(({ measures: ___, ...tensor }) => tensor) };
}

/** Lets messages of the parent process in. */
const breathe = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Stops a run whose numbers are no longer finite, naming where that showed first. */
function checkFinite(advance: Advance, problem: Problem): void {
  const last = advance.records.at(-1)!;
  if (isFiniteRecord(last)) return;
  const { segments } = problem.layout;
  const parameters = [...problem.layout.unpack(advance.position.theta)].find(
    ([, tensor]) => !(tensor.data as Float32Array).every(Number.isFinite),
  );
  const gradient = segments[last.tensors.findIndex(({ gradientNorm1 }) => !Number.isFinite(gradientNorm1))]?.name;
  const what = parameters
    ? `Parameter ${quoteName(parameters[0])} is no longer finite`
    : Number.isFinite(last.loss)
      ? `The gradient of ${quoteName(gradient)} is no longer finite`
      : `The loss is no longer finite${gradient === undefined ? '' : `; its gradient is lost first in ${quoteName(gradient)}`}`;
  throw new InspectorError(
    `${what} at step ${last.step}.`,
    last.step === 0
      ? words`It is so before any step: check the data and its scale (${at('scale')}, ${at('mean')}, ${at('std')}), and the weights; ${at('dtype', 'float64')} tells overflow from a division by zero.`
      : words`What was measured until then is kept. A smaller learning rate, or ${at('dtype', 'float64')} to tell overflow from divergence, may help.`,
  );
}
