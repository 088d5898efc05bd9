import { InspectorError, quoteName } from '../shared/errors.ts';
import { scheduleKinds } from '../shared/request.ts';
import type { StepSizes } from './optimizer.ts';

/** Learning rates over the steps k = 0, 1, …; `lr` is the largest one. */
export type Schedule =
  | { readonly kind: 'constant'; readonly lr: number; readonly warmup?: number }
  /** Half a cosine from `lr` to `final` over the steps after the warm-up; `final` afterwards. */
  | {
      readonly kind: 'cosine';
      readonly lr: number;
      readonly warmup?: number;
      readonly steps: number;
      readonly final?: number;
    }
  /** A straight line from `lr` to `final` over the steps after the warm-up; `final` afterwards. */
  | {
      readonly kind: 'linear';
      readonly lr: number;
      readonly warmup?: number;
      readonly steps: number;
      readonly final?: number;
    }
  /** Multiplied by `factor` every `every` steps. */
  | {
      readonly kind: 'step';
      readonly lr: number;
      readonly warmup?: number;
      readonly every: number;
      readonly factor: number;
    }
  /** `lr` times the k-th factor, and times the last one after the table's end; a warm-up comes before it. */
  | { readonly kind: 'table'; readonly lr: number; readonly warmup?: number; readonly factors: readonly number[] };

/**
 * The step sizes h_k of a schedule. A warm-up of w steps multiplies step k by (k + 1)/w for k < w, so that the first step
 * is lr/w and step w − 1 is lr. `steps` counts all steps, with the warm-up.
 * Throws an InspectorError for values that give no schedule.
 */
export function stepSizesOf(schedule: Schedule): StepSizes {
  const { lr } = schedule;
  const warmup = schedule.warmup ?? 0;
  requireNumber('learning rate', lr, lr >= 0, 'a number of at least 0');
  requireNumber('warm-up', warmup, warmup >= 0 && Number.isInteger(warmup), 'a whole number of at least 0');
  const after = decayOf(schedule, warmup);
  return (k) => (k < warmup ? (lr * (k + 1)) / warmup : after(k - warmup));
}

/** The schedule after the warm-up, from step 0 on. */
function decayOf(schedule: Schedule, warmup: number): StepSizes {
  const { lr } = schedule;
  switch (schedule.kind) {
    case 'constant':
      return () => lr;
    case 'step': {
      const { every, factor } = schedule;
      requireNumber('step length', every, every >= 1 && Number.isInteger(every), 'a whole number of at least 1');
      requireNumber('step factor', factor, factor >= 0, 'a number of at least 0');
      return (k) => lr * factor ** Math.floor(k / every);
    }
    case 'table': {
      const { factors } = schedule;
      requireNumber('number of factors', factors.length, factors.length > 0, 'at least one factor');
      return (k) => lr * factors[Math.min(k, factors.length - 1)]!;
    }
    case 'cosine':
    case 'linear': {
      const { steps, final = 0 } = schedule;
      requireNumber('number of steps', steps, steps > warmup, `a number above the ${warmup} steps of warm-up`);
      requireNumber('final learning rate', final, final >= 0, 'a number of at least 0');
      const shape = schedule.kind === 'cosine' ? (x: number) => (1 + Math.cos(Math.PI * x)) / 2 : (x: number) => 1 - x;
      return (k) => final + (lr - final) * shape(Math.min(1, k / (steps - warmup)));
    }
    default:
      throw new InspectorError(
        `There is no schedule ${quoteName((schedule as { kind: string }).kind)}.`,
        `Choose one of ${scheduleKinds.join(', ')}.`,
      );
  }
}

function requireNumber(what: string, value: number, valid: boolean, expected: string): void {
  if (Number.isFinite(value) && valid) return;
  throw new InspectorError(`The ${what} of the schedule is ${value}.`, `Give ${expected}.`);
}
