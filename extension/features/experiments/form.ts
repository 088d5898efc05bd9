import { completeParameters, type Experiment } from '../../experiments/experiment.ts';
import type { HyperparameterSpec } from '../../optimizers/optimizer.ts';
import { inEditor } from '../../shared/editorWords.ts';
import { failureOf } from '../../shared/errors.ts';
import type { ExperimentDescription, ParameterSpec, ParameterValue } from '../../shared/experiments.ts';
import { setting } from '../../shared/format.ts';
import { within } from '../../shared/range.ts';
import { optionOf } from '../../shared/request.ts';

/** What the user types into forms, and what it means: no editor is needed to read it. */

export type Values = Readonly<Record<string, ParameterValue>>;

/** A value as the user would write it; an en dash where there is none. */
export function valueText(value: ParameterValue): string {
  if (value === undefined) return '–';
  return Array.isArray(value) ? value.map(setting).join(', ') : setting(value);
}

/** A line of the form: `steps: 200`, and whether it is the default. */
export interface FormLine {
  readonly key: string;
  readonly label: string;
  readonly changed: boolean;
  readonly help: string;
}

/** The lines of an experiment's form; `values` are those that the user has changed. */
export function formLines({ parameters }: ExperimentDescription, values: Values): FormLine[] {
  return Object.entries(parameters).map(([key, spec]) => {
    const changed = Object.hasOwn(values, key);
    return {
      key,
      label: `${optionOf(key).replaceAll('-', ' ')}: ${valueText(changed ? values[key] : spec.default)}`,
      changed,
      help: inEditor(spec.help, 'experiment'),
    };
  });
}

/** What a text means for a parameter: a value, the default where it is empty, or why it is not possible. */
export function readParameter(
  experiment: ExperimentDescription,
  key: string,
  text: string,
): { readonly value: ParameterValue } | { readonly problem: string } {
  const spec = experiment.parameters[key];
  if (text.trim() === '') return { value: undefined };
  const value = parse(spec, text);
  try {
    completeParameters(experiment as Experiment, { [key]: value });
    return { value };
  } catch (error) {
    return { problem: inEditor(failureOf(error).remedy ?? failureOf(error).message, 'experiment') };
  }
}

function parse({ kind }: ParameterSpec, text: string): ParameterValue {
  const numeric = (part: string) => (part.trim() === '' ? Number.NaN : Number(part));
  if (kind === 'number' || kind === 'count') return numeric(text);
  if (kind === 'numbers') return text.split(',').map(numeric);
  return kind === 'switch' ? text.trim() === 'true' : text.trim();
}

/** The values without the key where it is set to its default. */
export function changedValues(
  { parameters }: ExperimentDescription,
  values: Values,
  key: string,
  value: ParameterValue,
): Values {
  const { [key]: _old, ...rest } = values;
  const same = value === undefined || JSON.stringify(value) === JSON.stringify(parameters[key].default);
  return same ? rest : { ...rest, [key]: value };
}

type AxisValue = number | boolean | string;

/** The values of a hyper-parameter in a list, each within its range and none twice; or why they are not possible. */
export function readAxis(
  { kind, choices, range, option }: HyperparameterSpec,
  text: string,
): { readonly values: readonly AxisValue[] } | { readonly problem: string } {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const values: AxisValue[] = [];
  for (const part of parts) {
    if (kind === 'number') {
      const value = Number(part);
      if (!within(range ?? {}, value)) return { problem: `${option} cannot be ${part}.` };
      values.push(value);
    } else {
      const possible = kind === 'choice' ? (choices ?? []) : ['true', 'false'];
      if (!possible.includes(part)) return { problem: `${option} is one of ${possible.join(', ')}.` };
      values.push(kind === 'choice' ? part : part === 'true');
    }
  }
  const twice = values.find((value, i) => values.indexOf(value) < i);
  return twice === undefined ? { values } : { problem: `${setting(twice)} is given twice.` };
}

/** Seeds: different whole numbers of at least 0. */
export function readSeeds(text: string): { readonly values: readonly number[] } | { readonly problem: string } {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const fits = values.every((value) => Number.isSafeInteger(value) && value >= 0);
  return fits && new Set(values).size === values.length
    ? { values }
    : { problem: 'Different whole numbers of at least 0, separated by commas.' };
}
