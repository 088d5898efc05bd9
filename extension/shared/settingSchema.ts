import type { Setting, Settings } from './setting.ts';

/** JSON schema of an object that holds some settings. */
export function objectSchema(settings: Settings, required: readonly string[] = []): object {
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
