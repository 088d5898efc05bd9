import { readFileSync } from 'node:fs';
import { type Checked, doubt } from '../../extension/shared/verdict.ts';

/** What was measured at a step of a setting, of the model first and then of each tensor. */
export interface Mark {
  readonly step: number;
  readonly selfCheck: readonly (number | null)[];
  readonly run: readonly (number | null)[];
  readonly averaged: readonly (number | null)[];
  readonly measured: readonly (number | null)[];
  readonly predicted: readonly (number | null)[];
  readonly valid: readonly (number | null)[];
  readonly [candidate: string]: unknown;
}

export interface Stored {
  readonly id: string;
  readonly network: string;
  readonly failed?: string;
  readonly marks?: readonly Mark[];
}

export const readStored = (path: string): Stored[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** What a line of the program would have held at a mark; without what was measured where the steps alone are to decide. */
export const checkedAt = (mark: Mark, t: number, withEffect: boolean): Checked => ({
  selfCheck: mark.selfCheck[t],
  selfCheckRun: mark.run[t],
  ...(mark.averaged[t] !== null && { selfCheckAveraged: mark.averaged[t] }),
  ...(withEffect && { effect: mark.measured[t], effectPredicted: mark.predicted[t] }),
});

export interface Counts {
  readonly trueValid: number;
  readonly falseValid: number;
  readonly falseInvalid: number;
  readonly trueInvalid: number;
}

/** How often a prediction that is shown as reliable is within a factor of what was measured, and how often one that is not. */
export function countsOf(
  stored: readonly Stored[],
  options: { readonly withEffect: boolean; readonly tensors: boolean; readonly factor: number },
): Counts {
  const counts = { trueValid: 0, falseValid: 0, falseInvalid: 0, trueInvalid: 0 };
  for (const { marks } of stored) {
    const mark = marks?.at(-1);
    if (!mark) continue;
    const places = options.tensors ? mark.measured.slice(1).map((_, t) => t + 1) : [0];
    for (const t of places) {
      const [measured, predicted] = [mark.measured[t], mark.predicted[t]];
      if (measured === null || predicted === null || measured === 0) continue;
      const quotient = predicted / measured;
      const right = quotient > 1 / options.factor && quotient < options.factor;
      const valid = doubt(checkedAt(mark, t, options.withEffect)) === undefined;
      counts[valid ? (right ? 'trueValid' : 'falseValid') : right ? 'falseInvalid' : 'trueInvalid']++;
    }
  }
  return counts;
}

/** Spearman's rank correlation; ties have the mean of their ranks. */
export function rankCorrelation(pairs: readonly (readonly [number, number])[]): number {
  const ranks = (values: readonly number[]) => {
    const sorted = [...values].sort((a, b) => a - b);
    return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
  };
  const [a, b] = [ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))];
  const mean = (pairs.length - 1) / 2;
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + (value - mean) * (y[i] - mean), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
