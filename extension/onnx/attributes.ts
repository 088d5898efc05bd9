import { quoteName } from '../shared/errors.ts';
import { type Attribute, isDefaultDomain, type ModelNode } from './model.ts';
import type { OperatorName, OperatorTypes } from './operatorTypes.ts';
import { type AttributeSchema, type Schema, versionAt, versionsOf } from './schema.ts';

type Read = string | number | readonly string[] | readonly number[];

/** The attributes of a node in a plain form, those that it leaves out as ONNX has them, or undefined where there is no default. */
export function attributesOf(node: ModelNode, opset: number): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = {};
  for (const [name, schema] of declared(node.opType, opset)) {
    const given = node.attributes.get(name);
    result[name] = given ? read(name, given, schema) : defaultOf(schema);
    if (!given && schema.required) throw new Error(`attribute ${quoteName(name)} is missing`);
  }
  return result;
}

type Numeric<Op extends OperatorName> = {
  [Name in keyof OperatorTypes[Op]['attributes']]-?: OperatorTypes[Op]['attributes'][Name] extends
    | number
    | readonly number[]
    | undefined
    ? Name
    : never;
}[keyof OperatorTypes[Op]['attributes']] &
  string;

/** What a node of a model itself says of an attribute of numbers; undefined where it says nothing, or is of another operator. */
export function ownAttribute<Op extends OperatorName, Name extends Numeric<Op>>(
  node: ModelNode,
  op: Op,
  name: Name,
): OperatorTypes[Op]['attributes'][Name] | undefined {
  if (node.opType !== op || !isDefaultDomain(node.domain)) return undefined;
  const found = node.attributes.get(name);
  const kinds = versionsOf(op).flatMap(({ attributes }) => attributes.get(name)?.kind ?? []);
  return found && kinds.includes(found.kind) ? (found.value as OperatorTypes[Op]['attributes'][Name]) : undefined;
}

const tables = new Map<string, ReadonlyMap<string, AttributeSchema>>();

/**
 * The attributes of an operator as an operator set has them. Those of a later one count, too, as they have defaults with which
 * the operator does what it did before; those that only an earlier one has are there where a node has them.
 */
function declared(opType: string, opset: number): ReadonlyMap<string, AttributeSchema> {
  const versions = versionsOf(opType);
  const own = versionAt(versions, opset);
  const key = `${opType}-${own?.since}`;
  const known = tables.get(key);
  if (known || !own) return known ?? new Map();
  const later = versions.slice(versions.indexOf(own) + 1).toReversed();
  const table = new Map([
    ...versions.flatMap((version) => attributesBut(version, { required: false, fallback: undefined })),
    ...later.flatMap((version) => attributesBut(version, { required: false })),
    ...own.attributes,
  ]);
  tables.set(key, table);
  return table;
}

const attributesBut = ({ attributes }: Schema, change: Partial<AttributeSchema>): [string, AttributeSchema][] =>
  [...attributes].map(([name, schema]) => [name, { ...schema, ...change }]);

function read(name: string, attribute: Attribute, { kind }: AttributeSchema): unknown {
  if (kind === 'float' && attribute.kind === 'int') return attribute.value;
  if (attribute.kind !== kind && kind !== 'other')
    throw new Error(`attribute ${quoteName(name)} is a ${attribute.kind}, not a ${kind}`);
  if (attribute.kind !== 'tensor') return attribute.value;
  if (attribute.value.unsupported) throw new Error(`attribute ${quoteName(name)}: ${attribute.value.unsupported}`);
  return attribute.value.read();
}

/** Attributes are of single precision, and so are their defaults. */
function defaultOf({ kind, fallback }: AttributeSchema): Read | undefined {
  if (fallback === undefined) return undefined;
  if (kind === 'int') return Number(fallback);
  if (kind === 'float') return Math.fround(Number(fallback));
  return kind === 'ints' ? fallback.split(',').map(Number) : fallback;
}
