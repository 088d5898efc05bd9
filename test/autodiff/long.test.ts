import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { nodeCount } from '../../extension/onnx/graph.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { applyOperator, type Input, intScalar, ints, type OperatorSpec } from './harness.ts';

/** The axis that is long. */
const length = 100_000;
const shape = [1, 2, length];
const scales = (...values: number[]): Input => ({ constant: tensorOf('float32', [values.length], values) });

const places = (count: number): Input => ({
  constant: tensorOf(
    'int64',
    [count],
    Array.from({ length: count }, (_, i) => (7 * i) % length),
  ),
});

const specs: OperatorSpec[] = [
  { op: 'Resize', label: 'Resize linear', inputs: [undefined, scales(1, 1, 2)], attributes: { mode: 'linear' } },
  { op: 'Resize', label: 'Resize cubic', inputs: [undefined, scales(1, 1, 1.37)], attributes: { mode: 'cubic' } },
  { op: 'Resize', label: 'Resize nearest', inputs: [undefined, scales(1, 1, 1.5)] },
  {
    op: 'Resize',
    label: 'Resize with antialiasing',
    inputs: [undefined, undefined, ints(1, 2, 1000)],
    attributes: { mode: 'linear', antialias: 1 },
  },
  { op: 'AveragePool', label: 'AveragePool with pads', attributes: { kernel_shape: [3], pads: [1, 1] }, inputs: [] },
  { op: 'AveragePool', label: 'AveragePool of large windows', attributes: { kernel_shape: [10_000] }, inputs: [] },
  {
    op: 'AveragePool',
    label: 'AveragePool that counts its pads',
    attributes: { kernel_shape: [3], pads: [1, 1], count_include_pad: 1 },
    inputs: [],
  },
  { op: 'MaxPool', label: 'MaxPool with gaps', attributes: { kernel_shape: [3], dilations: [4] }, inputs: [] },
  { op: 'Gather', label: 'Gather of a million places', attributes: { axis: 2 }, inputs: [places(1_000_000)] },
  { op: 'TopK', inputs: [ints(1000)] },
  { op: 'MaxPool', label: 'MaxPool of tiles', attributes: { kernel_shape: [2], strides: [2] }, inputs: [] },
  { op: 'MaxPool', label: 'MaxPool that overlaps', attributes: { kernel_shape: [1000] }, inputs: [] },
  { op: 'LpPool', label: 'LpPool', attributes: { kernel_shape: [500] }, inputs: [] },
  { op: 'GlobalMaxPool', inputs: [] },
  { op: 'CumSum', inputs: [intScalar(2)] },
  { op: 'ReduceProd', inputs: [ints(2)] },
  { op: 'LRN', attributes: { size: 4095 }, inputs: [] },
  {
    op: 'Pad',
    label: 'Pad by reflection',
    attributes: { mode: 'reflect' },
    inputs: [ints(0, 0, 99_999, 0, 0, 99_999)],
  },
  { op: 'Pad', label: 'Pad with the edge', attributes: { mode: 'edge' }, inputs: [ints(0, 0, 100_000, 0, 0, 7)] },
];

describe('derivatives along an axis of 100,000 elements take few nodes and no more memory than the axis', () => {
  for (const spec of specs)
    for (const type of ['float32', 'float64'] as const)
      it(`${spec.label ?? spec.op} in ${type}`, () => {
        const b = new GraphBuilder();
        const x = b.input('x', type, shape);
        const given = spec.inputs.map((input) =>
          input && 'constant' in input ? b.constant(input.constant) : undefined,
        );
        const whole = { ...spec, inputs: [{ shape }, ...spec.inputs], opset: 19 };
        const [y] = applyOperator(b, whole, [x, ...given], type);
        const [g] = gradient(b, b.reduceSum(b.mul(y!, y!)), [x]);
        const [q] = vectorJacobianProduct(b, [g!], [b.mul(x, x)], [x]);
        const outputs = [g!, q!].map((value, i) => ({ name: `out${i}`, value }));
        const graph = lower({ scope: b, inputs: b.inputs, outputs });
        assert.ok(nodeCount(graph) < 400, `${nodeCount(graph)} nodes`);
        const bytes = encodeModel(graph).byteLength;
        assert.ok(bytes < 120 * length, `${bytes} bytes`);
      });
});

it('a loop over an axis that nothing can hold is refused before it begins', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1, 1, 2 ** 30]);
  const apply = (spec: OperatorSpec) => () =>
    applyOperator(
      b,
      { ...spec, opset: 19 },
      [x, ...spec.inputs.map((input) => (input && 'constant' in input ? b.constant(input.constant) : undefined))],
      'float32',
    );
  assert.throws(apply({ op: 'Resize', inputs: [undefined, scales(1, 1, 2)], attributes: { mode: 'linear' } }), {
    message: 'an axis of 2147483648 elements is not resampled; at most 524288 are',
  });
  assert.throws(apply({ op: 'AveragePool', inputs: [], attributes: { kernel_shape: [3], pads: [1, 1] } }), {
    message: 'it needs a list of 1,073,741,824 numbers; at most 4,194,304 are supported',
  });
  apply({ op: 'Pad', inputs: [ints(0, 0, 1, 0, 0, 1)], attributes: { mode: 'reflect' } })();
});
