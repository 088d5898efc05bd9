import { fail } from '../files/files.ts';
import { type Tensor, tensorOf } from '../onnx/tensor.ts';
import { quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';

/** A table split into features and label. */
export interface Table {
  /** float64 [rows, columns − 1]. */
  readonly x: Tensor<'float64'>;
  /** int64 [rows] where every label is a whole number, else float64 [rows]. */
  readonly y: Tensor<'int64' | 'float64'>;
}

const usualNames = new Set(['label', 'target', 'class', 'y']);

/**
 * Which column holds the labels: the one named `label`; else, where `label` is a number, the one at that position
 * (counted from 0; negative from the end); without `label`, the only column called label, target, class or y,
 * else the last.
 */
export function labelColumn(names: readonly string[], label: string | undefined, where: Where): number {
  if (names.length < 2) {
    fail(
      where,
      `has ${names.length} column; at least one feature and the label are needed.`,
      'Columns are separated by comma, semicolon or tab.',
    );
  }
  if (label === undefined) {
    const usual = names.flatMap((name, column) => (usualNames.has(name.trim().toLowerCase()) ? [column] : []));
    return usual.length === 1 ? usual[0] : names.length - 1;
  }
  const named = names.flatMap((name, column) => (name.trim() === label.trim() ? [column] : []));
  if (named.length > 1)
    fail(where, `has ${named.length} columns named ${quoteName(label)}.`, 'Give the position of the label column.');
  if (named.length === 1) return named[0];
  const position = /^-?\d{1,9}$/.test(label) ? Number(label) : Number.NaN;
  const column = position < 0 ? names.length + position : position;
  if (column >= 0 && column < names.length) return column;
  const shown = names.slice(0, 12).map((name) => quoteName(name, 40));
  const list = `${shown.join(', ')}${names.length > shown.length ? `, … (${names.length} in all)` : ''}`;
  fail(where, `has no label column ${quoteName(label)}; its columns are ${list}.`, 'Give a name or a position from 0.');
}

/** Labels as int64 where all are whole numbers, else as float64. */
export function labelTensor(labels: Float64Array): Tensor<'int64' | 'float64'> {
  const whole = labels.every(Number.isSafeInteger);
  return whole ? tensorOf('int64', [labels.length], labels) : { type: 'float64', shape: [labels.length], data: labels };
}
