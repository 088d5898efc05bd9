/** What a field holds, with its unit, and its schema; the third says that it may be missing. */
export type Row = readonly [help: string, schema: object];
type Optional = readonly [help: string, schema: object, 'optional'];

/** A row for every field of a type: a field that is added to the type and not here is an error of the compiler. */
export type Table<T> = { readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? Optional : Row };

/** JSON Schema of an object that has the fields of a table and no others. */
export function object<T>(table: Table<T>): object {
  const rows = Object.entries(table as Record<string, Row | Optional>);
  return {
    type: 'object',
    properties: Object.fromEntries(rows.map(([key, [description, schema]]) => [key, { description, ...schema }])),
    required: rows.filter(([, row]) => row.length === 2).map(([key]) => key),
    additionalProperties: false,
  };
}

export const text = { type: 'string' };
export const flag = { type: 'boolean' };
export const number = { type: 'number' };
export const count = { type: 'integer', minimum: 0 };
export const orNull = { type: ['number', 'null'] };
export const size = { type: ['number', 'null'], minimum: 0 };
export const share = { type: ['number', 'null'], minimum: 0, maximum: 1 };
export const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' };
export const time = { type: 'string', format: 'date-time' };
export const list = (items: object) => ({ type: 'array', items });
export const named = (values: object) => ({ type: 'object', additionalProperties: values });
export const hyper = named({ type: ['number', 'boolean', 'string'] });

/** What the schemas are written in. */
export const draft = 'https://json-schema.org/draft/2020-12/schema';
