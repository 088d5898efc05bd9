import { combineMeasures, type MeasureSums, type Measures, type TensorSums } from '../optimizers/measures.ts';
import { plainColumns, selfCheckColumns } from './program.ts';

/** What was measured at θ⁽ⁿ⁾, for one parameter tensor. */
export interface TensorRecord {
  readonly gradientNorm1: number;
  readonly gradientNorm2: number;
  readonly perturbedNorm: number;
  readonly measures?: Measures;
}

/** What was measured at θ⁽ⁿ⁾, before step n is taken from it. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  /** Losses of the mini-batches since the record before, where steps were taken on some. */
  readonly batchLosses?: readonly number[];
  /** Σ√(g² + ε) over the trained scalars. */
  readonly perturbedNorm: number;
  readonly gradientNorm1: number;
  readonly gradientNorm2: number;
  /** h·g·u of the step that is taken from here, u its direction: what the loss falls by to first order. */
  readonly descent: number;
  /** ‖corr‖₂; with the measures of the model, where the correction was computed. */
  readonly correctionNorm?: number;
  readonly measures?: Measures;
  /** By tensor, in the order of the layout. */
  readonly tensors: readonly TensorRecord[];
}

/** What the program summed over a tensor, by the names of its columns. */
export interface NamedSums {
  readonly size: number;
  readonly named: Readonly<Record<string, number>>;
  readonly low: number;
  readonly high: number;
  readonly relativeStep: number | undefined;
}

/** The record of a step; `stepSize` is h, where the correction was computed. */
export function recordOf(
  step: number,
  loss: number,
  tensors: readonly NamedSums[],
  stepSize: number | undefined,
): StepRecord {
  const total = (name: string) => tensors.reduce((sum, { named }) => sum + named[name], 0);
  const measured = stepSize === undefined ? undefined : combineMeasures(tensors.map(tensorSums), stepSize);
  return {
    step,
    loss,
    perturbedNorm: total('perturbed'),
    gradientNorm1: total('absolute'),
    gradientNorm2: Math.sqrt(total('squared')),
    descent: total('descent'),
    ...(measured && {
      correctionNorm: Math.sqrt(total('correctionSquared')),
      measures: measured.model,
    }),
    tensors: tensors.map(({ named }, i) => ({
      gradientNorm1: named.absolute,
      gradientNorm2: Math.sqrt(named.squared),
      perturbedNorm: named.perturbed,
      ...(measured && { measures: measured.tensors[i] }),
    })),
  };
}

function tensorSums({ size, named, low, high, relativeStep }: NamedSums): TensorSums {
  const apart: readonly string[] = [...plainColumns, ...selfCheckColumns];
  const sums = Object.fromEntries(
    Object.entries(named).filter(([name]) => !apart.includes(name)),
  ) as unknown as MeasureSums;
  const selfCheck = { withMemory: named.withMemory, withoutMemory: named.withoutMemory };
  return { size, sums, low, high, relativeStep, selfCheck };
}

/** True where loss and gradient of a record are finite. */
export function isFiniteRecord(record: StepRecord): boolean {
  return Number.isFinite(record.loss) && Number.isFinite(record.gradientNorm1);
}
