import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { attributesOf as read } from '../../extension/onnx/attributes.ts';
import type { Attribute, ModelNode } from '../../extension/onnx/model.ts';
import { parameterAt, standIns, takesSequence, versionsOf } from '../../extension/onnx/schema.ts';
import table from '../../extension/onnx/schemas.json';

const target = 'extension/onnx/operatorTypes.ts';

/** Operators with bodies, which are written out before any definition sees them. */
const elsewhere = ['If', 'Loop', 'Scan'];

const types: Readonly<Record<string, string>> = {
  int: 'number',
  float: 'number',
  string: 'string',
  ints: 'readonly number[]',
  floats: 'readonly number[]',
  strings: 'readonly string[]',
  tensor: 'Tensor',
};

const word = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : `input${name}`);

/** The inputs of all versions as a tuple: what one of them may lack can be undefined. */
function inputsOf(name: string): string {
  const versions = versionsOf(name);
  const newest = versions.at(-1)!;
  const count = Math.max(...versions.map(({ inputs }) => inputs.length));
  const optional = (i: number) => versions.some(({ inputs }) => inputs[i]?.optional ?? true);
  const parts = Array.from({ length: count }, (_, i) => {
    const owner = newest.inputs[i] ? newest : versions.findLast(({ inputs }) => inputs[i])!;
    const parameter = parameterAt(owner.inputs, i)!;
    const type = takesSequence(name, i) ? 'Sequence' : 'Value';
    const label = word(parameter.name);
    if (parameter.variadic !== 'no')
      return optional(i) ? `...${label}: ${type}[]` : `${label}: ${type}, ...more: ${type}[]`;
    if (!optional(i)) return `${label}: ${type}`;
    const rest = Array.from({ length: count - i - 1 }, (_, j) => i + j + 1);
    return rest.every(optional) ? `${label}?: ${type}` : `${label}: ${type} | undefined`;
  });
  return `readonly [${parts.join(', ')}]`;
}

/** The attributes of all versions: what has no default, or has gone, can be undefined. */
function attributesOf(name: string): string {
  const versions = versionsOf(name);
  const names = [...new Set(versions.flatMap(({ attributes }) => [...attributes.keys()]))].sort();
  const fields = names.flatMap((attribute) => {
    const found = versions.flatMap(({ attributes }) => attributes.get(attribute) ?? []);
    const kinds = [...new Set(found.map(({ kind }) => kind))];
    assert.equal(kinds.length, 1, `${name} has ${attribute} as ${kinds.join(' and ')}`);
    const values = found.at(-1)?.values;
    const type = values ? values.map((value) => `'${value}'`).join(' | ') : types[kinds[0]!];
    if (!type) return [];
    const always =
      versions.at(-1)!.attributes.has(attribute) &&
      (found.every(({ fallback }) => fallback !== undefined) ||
        (found.length === versions.length && found.every(({ required }) => required)));
    return `readonly ${attribute}${always ? '' : '?'}: ${type}`;
  });
  return fields.length === 0 ? 'None' : `{ ${fields.join('; ')} }`;
}

function text(): string {
  const names = [...Object.keys(table.operators), ...Object.keys(standIns)]
    .filter((name) => !elsewhere.includes(name))
    .sort();
  return [
    "import type { Value } from './graph.ts';",
    "import type { Sequence } from './sequence.ts';",
    "import type { Tensor } from './tensor.ts';",
    '',
    '// Written by `UPDATE_OPERATORS=1 node test/run.mjs operatorTypes` from schemas.json.',
    '',
    'type None = Record<never, never>;',
    '',
    '/**',
    ' * The inputs and attributes of every operator that models may have, over all versions that are read: inputs that may be left',
    ' * out can be undefined, and so can attributes without a default. `OperatorCall` reads them.',
    ' */',
    'export interface OperatorTypes {',
    ...names.map((name) => `  readonly ${name}: { in: ${inputsOf(name)}; attributes: ${attributesOf(name)} };`),
    '}',
    '',
    'export type OperatorName = keyof OperatorTypes;',
    '',
  ].join('\n');
}

it('the types of operators are those of the schemas', () => {
  const written = text();
  if (process.env.UPDATE_OPERATORS) writeFileSync(target, written);
  assert.equal(
    readFileSync(target, 'utf8'),
    written,
    'rewrite it with UPDATE_OPERATORS=1 node test/run.mjs operatorTypes',
  );
});

describe('an attribute that is left out', () => {
  const node = (opType: string, attributes: readonly (readonly [string, Attribute])[]): ModelNode => ({
    name: 'n',
    opType,
    domain: '',
    inputs: [],
    outputs: ['y'],
    attributes: new Map(attributes),
  });
  const alpha = (value: number): readonly [string, Attribute] => [
    'alpha',
    { kind: 'float', value: Math.fround(value) },
  ];

  it('is what a file says that has the default written out, in single precision', () => {
    assert.deepEqual(read(node('LeakyRelu', []), 16), read(node('LeakyRelu', [alpha(0.01)]), 16));
    assert.deepEqual(read(node('Elu', []), 22), { alpha: 1 });
    assert.deepEqual(read(node('MeanVarianceNormalization', []), 13), { axes: [0, 2, 3] });
  });

  it('is as its operator set has it', () => {
    assert.deepEqual(read(node('Softmax', []), 11), { axis: 1 });
    assert.deepEqual(read(node('Softmax', []), 13), { axis: -1 });
  });

  it('does what the operator did before it had one', () => {
    assert.deepEqual(read(node('ReduceMax', []), 13), { axes: undefined, keepdims: 1, noop_with_empty_axes: 0 });
  });

  it('is undefined where there is no default, and an error where there must be one', () => {
    assert.equal(read(node('Transpose', []), 13).perm, undefined);
    assert.throws(() => read(node('Concat', []), 13), { message: 'attribute "axis" is missing' });
  });
});
