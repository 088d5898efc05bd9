import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withTrainingSemantics } from '../../extension/exports/trainingSemantics.ts';
import type { Model, ModelNode } from '../../extension/onnx/model.ts';

/** A node of a call of the program; a line of it where PyTorch traced a region apart, as its exporter notes it. */
const node = (opType: string, inputs: string[], output: string, values: string, line?: string): ModelNode => ({
  name: `node_${output}`,
  opType,
  domain: '',
  inputs,
  outputs: [output],
  attributes: new Map(),
  program: {
    call: `%${output} : [num_users=1] = call_function[target=torch.ops.aten.${opType.toLowerCase()}.default](args = (${values}), kwargs = {})`,
    trace: line
      ? `File "<eval_with_key>.7", line 9, in forward\n    ${output} = torch.ops.aten.${opType.toLowerCase()}.default(${line});  ${line.split(', ')[0]} = None`
      : `File "model.py", line 3, in forward\n    return f(x)`,
  },
});

const semantics = (...region: ModelNode[]) => {
  const model: Model = {
    irVersion: 8,
    opsets: new Map([['', 20]]),
    producer: 'pytorch 2.15.0',
    graph: {
      name: 'graph',
      nodes: [node('Tanh', ['x'], 'tanh', '%x'), ...region, node('Mul', ['tanh', 'last'], 'y', '%tanh, %last')],
      initializers: new Map(),
      inputs: [{ name: 'x', type: 'float32', typeName: 'float32', dims: [2] }],
      outputs: [{ name: 'y', type: 'float32', typeName: 'float32', dims: [2] }],
    },
    functions: new Map(),
  };
  const { model: found, notes } = withTrainingSemantics(model);
  return { stops: found.graph.nodes.filter(({ opType }) => opType === 'StopGradient').length, notes: notes.join() };
};

describe('regions that PyTorch traced apart', () => {
  it('are under no_grad where a value from outside has its name', () => {
    const { stops, notes } = semantics(
      node('Exp', ['tanh'], 'exp', '%tanh', 'tanh'),
      node('Neg', ['exp'], 'last', '%exp', 'exp'),
    );
    assert.equal(stops, 1);
    assert.match(notes, /runs under no_grad \("last"\)/);
  });

  it('are under no_grad where a parameter has its name, though values are converted', () => {
    const { stops } = semantics(
      node('Exp', ['tanh'], 'exp', '%tanh', 'to'),
      node('Add', ['exp', 'teacher.weight'], 'last', '%exp, %p_teacher_weight', 'exp, p_teacher_weight'),
    );
    assert.equal(stops, 1);
  });

  it('are under autocast where values come by numbers', () => {
    const { stops, notes } = semantics(node('Exp', ['tanh'], 'last', '%tanh', 'arg0_1'));
    assert.deepEqual([stops, notes], [0, '']);
  });

  it('tell nothing where all values are converted first: gradients flow, which is said', () => {
    const { stops, notes } = semantics(
      node('Exp', ['tanh'], 'exp', '%tanh', 'to'),
      node('Mul', ['exp', 'tanh'], 'last', '%exp, %tanh', 'exp, to_1'),
    );
    assert.equal(stops, 0);
    assert.match(notes, /under autocast or no_grad.*does not tell which \("node_exp".*"node_last"/);
  });
});
