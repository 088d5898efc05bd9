import type { RunHeader, StepLine } from '../shared/protocol.ts';
import { isWords } from '../shared/words.ts';

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const areTexts = (...values: readonly unknown[]): boolean => values.every((value) => typeof value === 'string');
const areNumbers = (...values: readonly unknown[]): boolean => values.every((value) => typeof value === 'number');
const isList = (value: unknown, accepts: (entry: Fields) => boolean): boolean =>
  Array.isArray(value) && value.every((entry) => isFields(entry) && accepts(entry));
const isTextList = (value: unknown): boolean => Array.isArray(value) && areTexts(...value);

const statuses: readonly unknown[] = [
  'running',
  'finished',
  'cancelled',
  'failed',
  'interrupted',
] satisfies RunHeader['status'][];

/** Whether what a run.json holds has everything that is shown of a run: it may be damaged, or somebody else's. */
export function isRunHeader(value: unknown): value is RunHeader {
  if (!isFields(value)) return false;
  const { format, status, started, request, model, data, optimizer, loss, dtype, device } = value;
  return (
    format === 1 &&
    statuses.includes(status) &&
    areTexts(started, loss, dtype, device) &&
    isFields(request) &&
    areTexts(request.directory, request.model) &&
    isFields(model) &&
    areTexts(model.path) &&
    areNumbers(model.parameters) &&
    isFields(data) &&
    isTextList(data.files) &&
    areNumbers(data.samples) &&
    isFields(optimizer) &&
    areTexts(optimizer.name, optimizer.title) &&
    isFields(optimizer.hyper) &&
    isList(
      value.tensors,
      ({ name, shape, source = '' }) =>
        areTexts(name, source) && Array.isArray(shape) && areNumbers(...(shape as unknown[])),
    ) &&
    isList(value.notTrained, ({ name, reason }) => areTexts(name) && isWords(reason)) &&
    Array.isArray(value.notes) &&
    value.notes.every(isWords) &&
    (value.message === undefined || isWords(value.message)) &&
    isList(value.warnings, ({ title, detail, remedy }) => areTexts(title) && isWords(detail) && isWords(remedy))
  );
}

/** Whether a line of steps.jsonl is a step. */
export const isStepLine = (value: unknown): value is StepLine =>
  isFields(value) && areNumbers(value.step) && isFields(value.tensors) && Object.values(value.tensors).every(isFields);
