import { type InspectRequest, type InspectSetting, inspectSettings } from './request.ts';
import type { Setting, Settings } from './setting.ts';

/** The file in which a workspace remembers what is inspected with what; meant to be committed. */
export const projectFile = '.optimizer-bias.json';

type AllSettings = typeof inspectSettings;
/** Settings that come from the code, or are of one run. */
type OfOneRun = {
  [K in keyof AllSettings]: AllSettings[K] extends { readonly ofOneRun: true } ? K : never;
}[keyof AllSettings];

/** What is inspected with what: the part of a request that is remembered. Paths are relative to the workspace folder. */
export type Target = Partial<Omit<InspectRequest, OfOneRun | 'model'>> & {
  readonly model: string;
  /** The file whose optimizer it goes with. */
  readonly source?: string;
};

/** Every key of a target and what it holds. */
export const targetSettings: Settings = {
  source: { kind: 'file', help: 'the file whose optimizer it goes with' },
  ...Object.fromEntries(
    Object.entries(inspectSettings).filter(([, setting]: [string, InspectSetting]) => !setting.ofOneRun),
  ),
};

/** JSON schema of the project file: the editor completes and checks it as it is written. */
export function projectSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'What is inspected with what',
    type: 'object',
    properties: {
      inspections: {
        description: 'The last used first. Paths are relative to the folder of the workspace.',
        type: 'array',
        items: objectSchema(targetSettings, ['model']),
      },
    },
    required: ['inspections'],
  };
}

function objectSchema(settings: Settings, required: readonly string[] = []): object {
  const properties = Object.entries(settings).map(([key, setting]) => [
    key,
    { description: setting.help, ...schemaOf(setting) },
  ]);
  return { type: 'object', properties: Object.fromEntries(properties), required, additionalProperties: false };
}

function schemaOf(setting: Setting): object {
  const number = (type: string, { min, max, minExclusive, maxExclusive }: Setting) => ({
    type,
    ...(min !== undefined && (minExclusive ? { exclusiveMinimum: min } : { minimum: min })),
    ...(max !== undefined && (maxExclusive ? { exclusiveMaximum: max } : { maximum: max })),
  });
  const count = number('integer', { ...setting, min: setting.min ?? 0 });
  const text = { type: 'string', minLength: 1 };
  const plain = { type: ['number', 'boolean', 'string'] };
  switch (setting.kind) {
    case 'number':
      return number('number', setting);
    case 'count':
      return count;
    case 'numbers':
      return { type: 'array', minItems: 1, items: number(setting.whole ? 'integer' : 'number', setting) };
    case 'text':
    case 'file':
      return text;
    case 'texts':
      return { type: 'array', items: text };
    case 'choice':
      return { enum: setting.choices };
    case 'switch':
      return { type: 'boolean' };
    case 'stage':
      return { anyOf: [{ enum: ['step', 'inf'] }, count] };
    case 'group':
      return objectSchema(setting.fields!);
    case 'list':
      return { type: 'array', items: objectSchema(setting.fields!) };
    case 'named':
      return { type: 'object', additionalProperties: plain };
    case 'values':
      return { type: 'array', minItems: 1, items: plain };
  }
}
