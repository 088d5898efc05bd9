import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTrainingSemantics } from '../../extension/exports/trainingSemantics.ts';
import type { Attribute, Model, ModelGraph, ModelNode, ValueInfo } from '../../extension/onnx/model.ts';

const node = (opType: string, input: string, output: string, target?: string): ModelNode => ({
  name: `node_${output}`,
  opType,
  domain: '',
  inputs: [input],
  outputs: [output],
  attributes: new Map(),
  ...(target && {
    program: {
      call: `%${output} : [num_users=1] = call_function[target=torch.ops.aten.${target}](args = (%${input},), kwargs = {})`,
    },
  }),
});

const value = (name: string) => ({ name }) as ValueInfo;

const graph = (nodes: readonly ModelNode[], input: string, output: string): ModelGraph => ({
  name: 'g',
  nodes,
  initializers: new Map(),
  inputs: input === '' ? [] : [value(input)],
  outputs: [value(output)],
});

const model = (nodes: readonly ModelNode[], functions: Model['functions'] = new Map()): Model => ({
  irVersion: 10,
  opsets: new Map([['', 20]]),
  producer: 'pytorch',
  graph: graph(nodes, 'x', 'y'),
  functions,
});

const operators = (nodes: readonly ModelNode[]) => nodes.map(({ opType }) => opType);
const inner = ({ attributes }: ModelNode, name: string): readonly ModelNode[] => {
  const attribute = attributes.get(name);
  assert.ok(attribute?.kind === 'graph');
  return attribute.value.nodes;
};

/** The body captures `h`, which the graph around it makes. */
const body = (output: string) => [
  node('Identity', 'h', `detach_${output}`, 'detach.default'),
  node('Exp', `detach_${output}`, output),
];
const holding = (opType: string, ...names: string[]): ModelNode => ({
  ...node(opType, 'c', 'y'),
  attributes: new Map(
    names.map((name): [string, Attribute] => [name, { kind: 'graph', value: graph(body(name), '', name) }]),
  ),
});

test('detach stops the gradient in both branches of an If and in the body of a Loop', () => {
  const around = node('Tanh', 'x', 'h', 'tanh.default');
  const { model: found, notes } = withTrainingSemantics(model([around, holding('If', 'then_branch', 'else_branch')]));
  assert.deepEqual(operators(inner(found.graph.nodes[1], 'then_branch')), ['StopGradient', 'Exp']);
  assert.deepEqual(operators(inner(found.graph.nodes[1], 'else_branch')), ['StopGradient', 'Exp']);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /detach_then_branch.*detach_else_branch/);
  // Also where nothing but the body has notes.
  const loop = withTrainingSemantics(model([node('Tanh', 'x', 'h'), holding('Loop', 'body')])).model.graph.nodes[1];
  assert.deepEqual(operators(inner(loop, 'body')), ['StopGradient', 'Exp']);
});

test('detach stops the gradient in a function of the model', () => {
  const f = {
    domain: 'own',
    name: 'f',
    opsets: new Map([['', 20]]),
    inputs: ['h'],
    outputs: ['out'],
    defaults: new Map<string, Attribute>(),
    nodes: body('out'),
  };
  const called = { ...node('f', 'x', 'y'), domain: 'own' };
  const { model: found, notes } = withTrainingSemantics(model([called], new Map([['own:f', f]])));
  assert.deepEqual(operators(found.functions.get('own:f')!.nodes), ['StopGradient', 'Exp']);
  assert.equal(notes.length, 1);
});

test('a detach that the optimisation took out of a subgraph stops what it captures', () => {
  const call =
    '%mul : [num_users=1] = call_function[target=torch.ops.aten.mul.Tensor](args = (%detach, %own), kwargs = {})';
  const nodes: ModelNode[] = [
    node('Exp', 'h', 'own', 'exp.default'),
    { ...node('Mul', 'h', 'out'), inputs: ['h', 'own'], program: { call } },
  ];
  const holder: ModelNode = {
    ...node('If', 'c', 'y'),
    attributes: new Map([['then_branch', { kind: 'graph', value: graph(nodes, '', 'out') }]]),
  };
  const found = withTrainingSemantics(model([node('Tanh', 'x', 'h', 'tanh.default'), holder])).model.graph.nodes[1];
  const [, stop, product] = inner(found, 'then_branch');
  assert.equal(stop.opType, 'StopGradient');
  assert.deepEqual(product.inputs, [stop.outputs[0], 'own']);
  // The name that the stop gets is none of those around the subgraph.
  assert.ok(!['x', 'h', 'y', 'own', 'out'].includes(stop.outputs[0]));
});

test('what has no notes is left as it is', () => {
  const given = model([node('Tanh', 'x', 'h'), { ...holding('If'), attributes: new Map() }]);
  assert.equal(withTrainingSemantics(given).model, given);
});
