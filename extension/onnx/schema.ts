import { quoteName } from '../shared/errors.ts';
import { elementTypeOf } from './initializer.ts';
import type { Attribute, ModelNode } from './model.ts';
import table from './schemas.json';
import { type ElementType, isFloat } from './tensor.ts';

// What ONNX's registry of operators says of a node: which attributes it may have, how many inputs and outputs, and of what
// types. The definitions of operators rely on it.

export interface Parameter {
  readonly name: string;
  /** The number of a set of types, a type variable, or `-` where nothing is known. */
  readonly type: string;
  readonly optional: boolean;
  /** The last parameter may stand for any number of inputs or outputs, of one type or of any. */
  readonly variadic: 'no' | 'one type' | 'any type';
}

export interface AttributeSchema {
  readonly kind: string;
  readonly required: boolean;
  /** What a text may be; undefined where any is allowed. */
  readonly values: readonly string[] | undefined;
  /** What stands for it where it is left out, as text; lists have commas. */
  readonly fallback: string | undefined;
}

/** An operator in one of its versions. */
export interface Schema {
  readonly since: number;
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
  readonly attributes: ReadonlyMap<string, AttributeSchema>;
  /** The set of types that each type variable may take. */
  readonly variables: ReadonlyMap<string, string>;
}

const operators = new Map<string, Readonly<Record<string, string>>>(Object.entries(table.operators));
const typeSets = table.types.map((names) => new Set(names.split(' ')));
const parsed = new Map<string, readonly Schema[]>();

/**
 * Operators that models are given in place of one of ONNX (see `decompositions/program.ts`, and Erfc in `elementwise.ts`), with
 * that operator, whose inputs and attributes they have, and with the attributes that they have besides.
 */
export const standIns = {
  Erfc: ['Erf', ''],
  FakeQuantize: ['QuantizeLinear', 'quant_min:int quant_max:int'],
  FirstMaximum: ['ReduceMax', ''],
  FirstMinimum: ['ReduceMin', ''],
  PaddedGather: ['Gather', 'padding_idx!:int'],
  RootOrZero: ['Sqrt', ''],
  StopGradient: ['Identity', ''],
} as const;

const standInOf = (opType: string): readonly [like: string, attributes: string] | undefined =>
  Object.hasOwn(standIns, opType) ? standIns[opType as keyof typeof standIns] : undefined;

/** An operator of the default domain in all its versions, the oldest first; none where there is no such operator. */
export function versionsOf(opType: string): readonly Schema[] {
  const known = parsed.get(opType);
  if (known) return known;
  const [like, more] = standInOf(opType) ?? [opType, ''];
  const versions = Object.entries(operators.get(like) ?? {}).map(([since, line]) => parse(Number(since), line, more));
  parsed.set(opType, versions);
  return versions;
}

/** The version of an operator that an operator set has. */
export const versionAt = (versions: readonly Schema[], opset: number): Schema | undefined =>
  versions.findLast(({ since }) => since <= opset) ?? versions[0];

const sequences = new Map<string, boolean>();

/** Whether an input of an operator is a sequence, in every version that has it, and no tensor. */
export function takesSequence(opType: string, index: number): boolean {
  const key = `${opType} ${index}`;
  const known = sequences.get(key);
  if (known !== undefined) return known;
  const found = versionsOf(opType).flatMap(({ inputs, variables }) => {
    const parameter = parameterAt(inputs, index);
    return parameter ? [variables.get(parameter.type) ?? parameter.type] : [];
  });
  const result = found.length > 0 && found.every((type) => type === '-');
  sequences.set(key, result);
  return result;
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** See `schemas.py` for the form of a line. */
function parse(since: number, line: string, moreAttributes: string): Schema {
  const [sides = '', attributes = '', variables = ''] = line.split(' | ');
  const [inputs, outputs] = ` ${sides} `.split(' > ').map((side) => words(side).map(parameterOf));
  return {
    since,
    inputs: inputs ?? [],
    outputs: outputs ?? [],
    attributes: new Map(
      words(`${attributes} ${moreAttributes}`).map((word) => {
        const [name = '', described = ''] = word.split(':');
        const [form = '', fallback] = described.split('=');
        const [kind = '', values] = form.replace(')', '').split('(');
        return [name.replace('!', ''), { kind, required: name.endsWith('!'), values: values?.split(','), fallback }];
      }),
    ),
    variables: new Map(words(variables).map((word) => word.split('=') as [string, string])),
  };
}

function parameterOf(word: string): Parameter {
  const [name = '', type = ''] = word.split(':');
  return {
    name: name.replace(/[?*+]+$/, ''),
    type,
    optional: /[?*]$/.test(name),
    variadic: /[*+]{2}$/.test(name) ? 'any type' : /[*+]$/.test(name) ? 'one type' : 'no',
  };
}

/** The parameter that belongs to a position; undefined beyond the last. */
export const parameterAt = (parameters: readonly Parameter[], i: number): Parameter | undefined => {
  const last = parameters.at(-1);
  return parameters[i] ?? (last && last.variadic !== 'no' ? last : undefined);
};

/**
 * Checks a node of the default domain against ONNX's schema of its operator. `types` are those of its inputs in the file,
 * undefined where not known. Returns the types of its outputs, as far as they follow. Throws an Error with everything that
 * does not fit; operators that ONNX does not have pass.
 */
export function checkNode(
  node: ModelNode,
  opset: number,
  types: readonly (ElementType | undefined)[],
): readonly (ElementType | undefined)[] {
  const schema = versionAt(versionsOf(node.opType), opset);
  if (!schema || standInOf(node.opType)) return [];
  const bound = new Map<string, { readonly type: ElementType; readonly name: string }>();
  const problems = [
    ...attributeProblems(node, schema),
    ...countProblems(node, schema),
    ...typeProblems(node, schema, types, bound),
  ];
  if (problems.length > 0) throw new Error(problems.join('; '));
  return node.outputs.map((_, i) => outputType(node, schema, bound, i));
}

function attributeProblems({ attributes, opType }: ModelNode, schema: Schema): string[] {
  const problems: string[] = [];
  for (const [name, attribute] of attributes) {
    const { kind } = attribute;
    const declared = schema.attributes.get(name);
    if (!declared) problems.push(`${opType} has no attribute ${quoteName(name)}`);
    else if (!fits(kind, declared.kind))
      problems.push(`attribute ${quoteName(name)} is ${withArticle(kind)}, not ${withArticle(declared.kind)}`);
    else if (attribute.kind === 'string' && declared.values && !declared.values.includes(attribute.value))
      problems.push(`attribute ${quoteName(name)} is ${quoteName(attribute.value)}, not ${list(declared.values)}`);
  }
  for (const [name, { required }] of schema.attributes)
    if (required && !attributes.has(name)) problems.push(`attribute ${quoteName(name)} is missing`);
  return problems;
}

const withArticle = (kind: string): string =>
  kind.endsWith('s') ? `a list of ${kind}` : `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;

/** Some exporters write whole numbers as integers. */
const fits = (kind: Attribute['kind'], wanted: string): boolean =>
  kind === wanted || (kind === 'int' && wanted === 'float') || wanted === 'other';

function countProblems({ opType, inputs, outputs }: ModelNode, schema: Schema): string[] {
  const problems: string[] = [];
  for (const [what, given, parameters] of [
    ['input', inputs, schema.inputs],
    ['output', outputs, schema.outputs],
  ] as const) {
    if (given.length > parameters.length && !parameterAt(parameters, given.length - 1))
      problems.push(`it has ${given.length} ${what}s; ${opType} has ${parameters.length}`);
    const missing = parameters.filter(({ optional }, i) => !optional && (given[i] ?? '') === '');
    if (what === 'input' && missing.length > 0) problems.push(...missing.map(({ name }) => `input ${name} is missing`));
  }
  return problems;
}

function typeProblems(
  node: ModelNode,
  schema: Schema,
  types: readonly (ElementType | undefined)[],
  bound: Map<string, { readonly type: ElementType; readonly name: string }>,
): string[] {
  const problems: string[] = [];
  types.forEach((type, i) => {
    const parameter = parameterAt(schema.inputs, i);
    if (!type || !parameter) return;
    const allowed = typeSets[Number(schema.variables.get(parameter.type) ?? parameter.type)];
    const name = `input ${parameter.name} (${quoteName(node.inputs[i] ?? '')})`;
    if (allowed && !holds(allowed, type))
      problems.push(`${name} is of type ${type}, where ${list([...allowed])} belongs`);
    if (!schema.variables.has(parameter.type) || parameter.variadic === 'any type') return;
    const other = bound.get(parameter.type);
    if (!other) bound.set(parameter.type, { type, name });
    else if (other.type !== type) problems.push(`${name} is of type ${type}, but ${other.name} of type ${other.type}`);
  });
  return problems;
}

/** Types of 16 bits came to most operators late, and are computed in the type of the graph in any case. */
const holds = (allowed: ReadonlySet<string>, type: ElementType): boolean =>
  allowed.has(type) || (isFloat(type) && allowed.has('float32'));

const list = (names: readonly string[]): string =>
  names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : names.join();

function outputType(
  { attributes }: ModelNode,
  schema: Schema,
  bound: ReadonlyMap<string, { readonly type: ElementType }>,
  i: number,
): ElementType | undefined {
  const parameter = parameterAt(schema.outputs, i);
  if (!parameter || parameter.variadic === 'any type') return undefined;
  const known = bound.get(parameter.type);
  if (known) return known.type;
  // Cast and its like say the type of their result, Constant has it.
  const [value, code] = [attributes.get('value'), attributes.get('to') ?? attributes.get('dtype')];
  if (value?.kind === 'tensor') return value.value.type;
  if (code?.kind === 'int') return elementTypeOf(code.value);
  const only = [...(typeSets[Number(schema.variables.get(parameter.type) ?? parameter.type)] ?? [])];
  return only.length === 1 ? (only[0] as ElementType) : undefined;
}
