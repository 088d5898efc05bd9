import { InspectorError } from './errors.ts';
import type { CompareRequest, SweepRequest } from './experiments.ts';
import { type InspectRequest, inspectSettings } from './request.ts';
import { groupProblems, type Setting } from './setting.ts';

const required: readonly (keyof InspectRequest)[] = [
  ...(['directory', 'model', 'optimizer', 'framework', 'hyper', 'steps', 'stage', 'device'] as const),
  ...(['freeze', 'trainable', 'arrays'] as const),
];

/**
 * What the engine is asked for, checked: it may come from a file that anyone has written. Throws an InspectorError with all
 * that is wrong.
 */
export function checkRequest(value: unknown): InspectRequest {
  refuse([...groupProblems('', inspectSettings, value), ...missing('', required, value)]);
  return value as InspectRequest;
}

const sweepSettings = {
  base: { kind: 'group', fields: inspectSettings, help: 'what all points have in common' },
  axes: {
    kind: 'list',
    fields: {
      name: { kind: 'text', help: 'a hyper-parameter, by canonical name' },
      values: { kind: 'values', help: 'its values' },
    },
    help: 'the hyper-parameters that are swept',
  },
  together: { kind: 'switch', help: 'take the k-th values together' },
  seeds: { kind: 'numbers', min: 0, whole: true, help: '0: the model’s own weights; others: drawn anew' },
  test: {
    kind: 'group',
    fields: { data: inspectSettings.data, x: inspectSettings.x, y: inspectSettings.y },
    help: 'test set',
  },
  testEvery: { kind: 'count', min: 1, help: 'how often the test set is evaluated, in steps' },
  out: { kind: 'file', help: 'folder of the sweep' },
} satisfies { readonly [K in keyof Required<SweepRequest>]: Setting };

/** The same of a sweep. */
export function checkSweep(value: unknown): SweepRequest {
  const { base, axes } = (value ?? {}) as Partial<SweepRequest>;
  refuse([
    ...groupProblems('', sweepSettings, value),
    ...missing('', ['base', 'axes', 'together', 'seeds'], value),
    ...missing('base.', required, base),
    ...(Array.isArray(axes) ? axes.flatMap((axis, i) => missing(`axes[${i}].`, ['name', 'values'], axis)) : []),
  ]);
  return value as SweepRequest;
}

const compareSettings = {
  base: sweepSettings.base,
  seeds: { kind: 'numbers', min: 0, whole: true, help: 'of the orders, or of initial weights' },
  unpaired: { kind: 'switch', help: 'give every setting seeds of its own' },
  test: sweepSettings.test,
  testEvery: sweepSettings.testEvery,
  out: { kind: 'file', help: 'folder of the comparison' },
} satisfies { readonly [K in keyof Required<Omit<CompareRequest, 'settings'>>]: Setting };

/** The same of a comparison. */
export function checkCompare(value: unknown): CompareRequest {
  const { base, settings } = (value ?? {}) as Partial<CompareRequest>;
  const { settings: _, ...rest } = (value ?? {}) as Partial<CompareRequest>;
  refuse([
    ...groupProblems('', compareSettings, rest),
    ...missing('', ['base', 'settings', 'seeds'], value),
    ...missing('base.', required, base),
    ...(Array.isArray(settings) && settings.every((each) => typeof each === 'object' && each !== null)
      ? []
      : ['settings must be a list of hyper-parameters by name.']),
  ]);
  return value as CompareRequest;
}

const missing = (place: string, keys: readonly string[], value: unknown): string[] =>
  typeof value === 'object' && value !== null
    ? keys
        .filter((key) => (value as Record<string, unknown>)[key] === undefined)
        .map((key) => `${place}${key} is missing.`)
    : [];

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new InspectorError(problems.join('\n'), 'Correct the settings.');
}
