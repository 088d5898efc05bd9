import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { blockedOps, targetOpset, virtualOps } from '../../extension/onnx/ops.ts';
import { versionAt, versionsOf } from '../../extension/onnx/schema.ts';

/** Kinds of ONNX for the types that attributes have here. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  number: ['int', 'float'],
  string: ['string'],
  'readonly number[]': ['ints'],
  ElementType: ['int'],
};

it('attributes of primitives have the names and kinds that ONNX gives them', () => {
  const text = readFileSync('extension/onnx/nodeTypes.ts', 'utf8');
  const fieldsOf = (body: string): [string, string][] =>
    [...body.matchAll(/readonly (\w+)\??: ([^;}]+)/g)].map(([, name = '', type = '']) => [name, type.trim()]);
  const types = new Map<string, [string, string][]>();
  for (const [, name = '', body = ''] of text.matchAll(/type (\w+) = ((?:\w+ & )?\{[^}]*\});/g)) {
    const base = types.get(/^(\w+) &/.exec(body)?.[1] ?? '') ?? [];
    types.set(name, [...base, ...fieldsOf(body)]);
  }
  const table = /interface PrimitiveAttributes \{\n([\s\S]*?)\n\}/.exec(text)?.[1] ?? '';
  const own = new Set<string>([...virtualOps, ...Object.keys(blockedOps)]);
  let compared = 0;
  for (const [, op = '', declared = ''] of table.matchAll(/^ {2}readonly (\w+): ([\s\S]*?);\n(?= {2}readonly|$)/gm)) {
    if (own.has(op)) continue;
    const allowed = versionAt(versionsOf(op), targetOpset)?.attributes;
    const named = declared.split('&').flatMap((part) => types.get(part.trim()) ?? []);
    for (const [name, type] of [...named, ...fieldsOf(declared)]) {
      // AveragePool's own attribute, which MaxPool shares the type of.
      if (op === 'MaxPool' && name === 'count_include_pad') continue;
      assert.ok(kinds[type]?.includes(allowed?.get(name)?.kind ?? ''), `${op} has no ${name} of type ${type}`);
      compared++;
    }
  }
  assert.ok(compared > 40, String(compared));
});
