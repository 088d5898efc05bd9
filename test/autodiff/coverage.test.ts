import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { differentiableOps, discreteOps, isPrimitive } from '../../extension/onnx/ops.ts';
import { onnxOperators } from './onnxOperators.ts';

const target = 'extension/autodiff/COVERAGE.md';

/** Operators that other modules than the table define. */
const elsewhere = ['If', 'Loop', 'Scan'];
/** Composite operators through which nothing flows back. */
const discrete = new Set<string>([...discreteOps.filter((op) => op !== 'Range'), 'Hardmax']);
/** Operators whose results do not depend on the values of floating-point inputs: they are gone when a graph is built. */
const folded = new Set(['Constant', 'ConstantOfShape', 'EyeLike', 'NonZero', 'Range', 'Shape', 'Size']);
const sequences = new Set(
  [...operators.keys()].filter(
    (name) => name.includes('Sequence') && !['ReverseSequence', 'SequenceMap'].includes(name),
  ),
);

/** What is asked of an operator before it is differentiated. */
const conditions: Readonly<Record<string, string>> = {
  AffineGrid: 'with a constant size',
  Attention: 'without nonpad_kv_seqlen',
  BatchNormalization: 'with running statistics, or with those of the batch (training_mode or --batch-statistics)',
  Col2Im: 'with constant sizes',
  Compress: 'with a constant condition',
  Dropout: 'in inference mode, where it is the identity',
  If: 'with a constant condition: the branch that it takes',
  Loop: 'with a constant number of steps; up to 64, and where shapes change, they are written out',
  LpNormalization: 'of order 1 or 2',
  MaxPool: 'indices in row-major order',
  NonZero: 'of a constant',
  OneHot: 'with a constant depth',
  ReverseSequence: 'with constant lengths',
  Scan: 'up to 64 steps are written out',
  Scatter: 'reductions none and add',
  ScatterElements: 'reductions none and add',
  ScatterND: 'reductions none and add',
  TopK: 'with a constant k',
};

function kindOf(name: string): string {
  if (discrete.has(name)) return 'piecewise constant: nothing flows back';
  if (folded.has(name)) return 'evaluated when the graph is built';
  if (sequences.has(name)) return 'differentiable: sequences are taken apart when the graph is built';
  return 'differentiable';
}

function coverage(): string {
  const rows: string[] = [];
  const refusals = new Map<string, string[]>();
  for (const { name, versions, deprecated } of onnxOperators) {
    const refusal = operators.get(name)?.refusal;
    if (refusal !== undefined) {
      refusals.set(refusal, [...(refusals.get(refusal) ?? []), name]);
      continue;
    }
    const how = isPrimitive(name) ? 'primitive' : elsewhere.includes(name) ? 'resolved' : 'composite';
    const opsets = `${versions.join(', ')}${deprecated ? ' (deprecated)' : ''}`;
    rows.push(`| ${name} | ${opsets} | ${kindOf(name)} | ${how} | ${conditions[name] ?? ''} |`);
  }
  const total = onnxOperators.length;
  const refused = [...refusals.values()].flat().length;
  return [
    '# Operators',
    '',
    '<!-- Written by `UPDATE_COVERAGE=1 node test/run.mjs coverage` from the tables in decompositions/ and onnx/ops.ts. -->',
    '',
    `Of the ${total} operators of the default domain up to opset 26, ${total - refused} are read in their versions since opset 7, and ${refused} are refused.`,
    'Differentiable means to any order: composite operators are rewritten into primitives before differentiation, and every',
    'primitive has a gradient rule that emits primitives. Kinks (x = 0 of Relu, ties of Max, …) follow PyTorch.',
    '',
    '| operator | versions | gradient | form | condition |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## Refused',
    '',
    'A model that uses one of these on the way from its parameters to the loss is refused with all such nodes at once.',
    '',
    '| operators | reason |',
    '| --- | --- |',
    ...[...refusals].map(([reason, names]) => `| ${names.join(', ')} | ${reason} |`),
    '',
    'Operators of other domains are refused unless the model defines them as functions, which are inlined.',
    '',
  ].join('\n');
}

it('every operator of ONNX has an entry', () => {
  const missing = onnxOperators.filter(({ name }) => !operators.has(name) && !elsewhere.includes(name));
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
  const known = new Set(onnxOperators.map(({ name }) => name));
  for (const name of Object.keys(conditions)) assert.ok(known.has(name), name);
});

it('whatever claims to be differentiable is named in a test of values, gradients and Hessian products', () => {
  const files = readdirSync('test/autodiff').filter((file) => file.endsWith('.test.ts') && file !== 'coverage.test.ts');
  const text = files.map((file) => readFileSync(`test/autodiff/${file}`, 'utf8')).join('\n');
  const claimed = [...operators].filter(
    ([name, { refusal }]) => refusal === undefined && kindOf(name) === 'differentiable',
  );
  const untested = claimed.map(([name]) => name).filter((name) => !new RegExp(`['"\`]${name}['"\`]`).test(text));
  assert.deepEqual(untested, []);
  assert.ok(claimed.length > differentiableOps.length);
});

it('the table in the documentation is up to date', () => {
  const text = coverage();
  if (process.env.UPDATE_COVERAGE) writeFileSync(target, text);
  assert.equal(readFileSync(target, 'utf8'), text, 'rewrite it with UPDATE_COVERAGE=1 node test/run.mjs coverage');
});
