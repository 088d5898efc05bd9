import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { blockChannels } from '../../extension/autodiff/lowering/blocked.ts';
import { findBlock } from '../../extension/autodiff/lowering/blockProbe.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { type Graph, nodesOf, type Value } from '../../extension/onnx/graph.ts';
import type { InputsOf } from '../../extension/onnx/nodeTypes.ts';
import { elementCount, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { applyOperator, generator } from './harness.ts';

async function run(graph: Graph, feeds = new Map<string, Tensor>()): Promise<Map<string, Tensor>> {
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Value, gradient and Hessian product of a scalar function of parameters. */
function secondOrder(shapes: readonly number[][], build: (b: GraphBuilder, p: readonly Value[]) => Value): Graph {
  const b = new GraphBuilder();
  const parameters = shapes.map((shape, i) => b.input(`p${i}`, 'float32', shape));
  const y = build(b, parameters);
  const scalar = b.reduceSum(b.mul(y, y));
  const gradients = gradient(b, scalar, parameters);
  const directions = shapes.map((shape, i) => b.input(`u${i}`, 'float32', shape));
  const products = vectorJacobianProduct(b, gradients, directions, parameters);
  const outputs = [scalar, ...gradients, ...products].map((value, i) => ({ name: `o${i}`, value }));
  return { scope: b, inputs: b.inputs, outputs };
}

const same = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
const conv = (b: GraphBuilder, inputs: InputsOf<'Conv'>, attributes = {}): Value =>
  b.emit('Conv', inputs, { ...same, ...attributes })[0];
const op = (b: GraphBuilder, name: string, x: Value, attributes = {}): Value =>
  applyOperator(b, { op: name, inputs: [{ shape: x.shape }], attributes }, [x], 'float32')[0]!;
const silu = (b: GraphBuilder, x: Value): Value => b.mul(x, b.sigmoid(x));

const networks: Record<string, () => Graph> = {
  'convolutions, SiLU and max pool': () =>
    secondOrder([[3, 3, 8, 6], [16, 3, 3, 3], [16], [32, 16, 3, 3], [32], [16, 32, 3, 3]], (b, [x, w, c, v, d, u]) => {
      const first = silu(b, conv(b, [x, w, c]));
      const second = op(b, 'MaxPool', silu(b, conv(b, [first, v, d])), { kernel_shape: [2, 2], strides: [2, 2] });
      return conv(b, [second, u]);
    }),
  'strides, skip connection and affine scale per channel': () =>
    secondOrder([[2, 16, 7, 7], [32, 16, 3, 3], [32, 16, 1, 1], [32], [32, 32, 3, 3]], (b, [x, w, v, scale, u]) => {
      const skip = conv(b, [x, v], { strides: [2, 2], pads: [0, 0, 0, 0] });
      const deep = b.mul(b.tanh(conv(b, [x, w], { strides: [2, 2] })), b.reshape(scale, [32, 1, 1]));
      return b.add(conv(b, [deep, u]), skip);
    }),
  'depthwise, groups and average pools': () =>
    secondOrder(
      [
        [2, 32, 6, 6],
        [32, 1, 3, 3],
        [64, 16, 3, 3],
        [16, 64, 1, 1],
      ],
      (b, [x, w, v, u]) => {
        const depthwise = b.sigmoid(conv(b, [x, w], { group: 32 }));
        const grouped = op(b, 'AveragePool', conv(b, [depthwise, v], { group: 2 }), {
          kernel_shape: [2, 2],
          strides: [2, 2],
        });
        return op(b, 'GlobalAveragePool', silu(b, conv(b, [grouped, u], { pads: [0, 0, 0, 0] })));
      },
    ),
  'comparisons and a mask over the image': () =>
    secondOrder(
      [
        [2, 16, 4, 5],
        [16, 16, 3, 3],
      ],
      (b, [x, w]) => {
        const y = conv(b, [x, w], { dilations: [2, 2], pads: [2, 2, 2, 2] });
        const mask = b.constant(
          tensorOf(
            'float32',
            [4, 5],
            Array.from({ length: 20 }, (_, i) => i % 3),
          ),
        );
        return conv(b, [b.mul(b.where(b.greater(y, b.number(0, y)), y, b.exp(y)), mask), w]);
      },
    ),
  'a loop that carries the weights': () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 16, 4, 4]);
    const w = b.input('w', 'float32', [16, 16, 3, 3]);
    const { carried } = b.loop(
      b.scalar('int64', 3),
      [w, b.zerosLike(w)],
      (body, _turn, [weights, sum]) => {
        const y = conv(body, [silu(body, conv(body, [x, weights])), weights]);
        const [step] = gradient(body, body.reduceMean(body.mul(y, y)), [weights]);
        return { carried: [body.sub(weights, step), body.add(sum, step)] };
      },
      3,
    );
    return { scope: b, inputs: b.inputs, outputs: carried.map((value, i) => ({ name: `o${i}`, value })) };
  },
  'channels that fill no block': () =>
    secondOrder(
      [
        [2, 20, 4, 5],
        [20, 20, 3, 3],
        [16, 20, 3, 3],
        [16, 16, 3, 3],
      ],
      (b, [x, w, v, u]) => conv(b, [conv(b, [silu(b, conv(b, [x, w])), v]), u]),
    ),
};

describe('images in blocks of channels', () => {
  const block = findBlock(async (graph) => (await run(graph)).get('y')!);

  it('the layout of this processor is found', async () => {
    assert.equal((await block) === undefined, process.arch !== 'x64');
  });

  it('no layout is found where the runtime does not know the operators', async () => {
    const refuse = async (graph: Graph) => {
      if (nodesOf(graph).some((node) => node.opType.startsWith('Blocked')))
        throw new Error('not a registered function');
      return (await run(graph)).get('y')!;
    };
    assert.equal(await findBlock(refuse), undefined);
  });

  for (const [name, build] of Object.entries(networks)) {
    it(`${name}: as in the plain layout`, async (t) => {
      const size = await block;
      if (size === undefined) return t.skip('no blocked operators on this processor');
      const plain = lower(build());
      const blocked = blockChannels(plain, size);
      const nodes = [blocked, ...nodesOf(blocked).flatMap(({ body }) => body ?? [])].flatMap(nodesOf);
      const rest = nodes.filter(({ opType }) => opType === 'Conv');
      for (const { inputs } of rest) assert.ok(inputs[1]!.shape.slice(0, 2).some((channels) => channels % size !== 0));
      assert.ok(nodes.some(({ opType }) => opType === 'BlockedConv'));
      const random = generator(3);
      const feeds = new Map(
        plain.inputs.map(({ name: input, shape }): [string, Tensor] => [
          input!,
          tensorOf(
            'float32',
            shape,
            Array.from({ length: elementCount(shape) }, () => random() - 0.5),
          ),
        ]),
      );
      const [expected, got] = [await run(plain, feeds), await run(blocked, feeds)];
      for (const [output, { data }] of expected) {
        const scale = Math.max(...Array.from(data as Float32Array, Math.abs));
        (got.get(output)!.data as Float32Array).forEach((x, i) => {
          assert.ok(Math.abs(x - (data[i] as number)) <= 2e-5 * scale, `${output}[${i}] is ${x} instead of ${data[i]}`);
        });
      }
    });
  }
});
