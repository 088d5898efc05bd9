import type { Position, Runner } from '../engine/runner.ts';
import { SharpnessMeter } from '../engine/sharpness.ts';
import type { StepRecord } from '../engine/stepRecord.ts';
import { isAbsent } from '../optimizers/optimizer.ts';
import type { EdgeFields, StepLine } from '../shared/protocol.ts';

type Load = Parameters<typeof SharpnessMeter.load>;

interface Parts {
  readonly runner: Runner;
  readonly problem: Load[0];
  readonly device: Load[1];
  readonly chunks: Load[2];
  readonly threads?: number;
  readonly settings: Parameters<SharpnessMeter['measure']>[2];
  /** True where steps see mini-batches only. */
  readonly batched: boolean;
  /** Receives each line as soon as it is measured, so that it is not lost where the process ends during the next step. */
  write(line: StepLine): void;
  /** Receives what has become known of the last line since, and the whole line. */
  complete(fields: EdgeFields, line: StepLine): void;
}

/**
 * Adds to the lines of a run how near to the edge of stability its steps are. A line is complete when the next loss is known,
 * since ΔE belongs to the line from which the step is taken.
 */
export class EdgeWatch {
  private held: { readonly line: StepLine; readonly descent: number } | undefined;
  private readonly measured = new Map<number, EdgeFields>();
  private meter: SharpnessMeter | undefined;

  constructor(private readonly parts: Parts) {}

  /** Measures the preconditioned sharpness at a position. */
  async at(position: Position): Promise<void> {
    const { settings, runner, problem, device, chunks, threads, batched } = this.parts;
    const { optimizer, hyper } = settings;
    if (isAbsent(Object(optimizer.alternatingGain(hyper)))) return;
    if (batched && position.step === 0) return;
    // On mini-batches the last denominator that there is, since the next step sees other samples.
    const n = batched ? position.step - 1 : position.step;
    const state = batched ? position.state : (await runner.plainSteps(position, 1)).position.state;
    this.meter ??= await SharpnessMeter.load(problem, device, chunks, threads);
    const found = await this.meter.measure(position.theta, { n, state }, settings);
    // The second moment of mini-batches holds their noise, which is no sign of anything.
    const signs = batched ? undefined : await this.meter.spikeSigns(position.theta, { n, state }, settings);
    this.measured.set(position.step, {
      preconditionedSharpness: found?.preconditionedSharpness ?? null,
      edge: found?.edge ?? null,
      edgeResidual: found?.residual ?? null,
      ...signs,
    });
  }

  /** Takes over the next line; the one before it is complete then. */
  add(line: StepLine, record: Pick<StepRecord, 'descent'>): void {
    if (this.held) {
      const { loss, step } = this.held.line;
      const gained = step + 1 === line.step && !this.parts.batched && loss !== null && line.loss !== null;
      const zeta = gained ? 1 + (line.loss! - loss!) / this.held.descent : undefined;
      this.complete(zeta === undefined ? {} : { zeta: Number.isFinite(zeta) ? zeta : null });
    }
    this.held = undefined;
    this.parts.write(line);
    this.held = { line, descent: record.descent };
  }

  /** Completes the last line. */
  flush(): void {
    if (this.held) this.complete({});
    this.held = undefined;
  }

  async release(): Promise<void> {
    await this.meter?.release();
  }

  private complete(zeta: EdgeFields): void {
    const { line } = this.held!;
    const fields = { ...zeta, ...this.measured.get(line.step) };
    this.parts.complete(fields, { ...line, ...fields });
    this.measured.delete(line.step);
  }
}
