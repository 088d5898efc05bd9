import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { blockChannels } from '../../extension/autodiff/lowering/blocked.ts';
import { findBlock } from '../../extension/autodiff/lowering/blockProbe.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Graph, Value } from '../../extension/onnx/graph.ts';
import type { Attribute } from '../../extension/onnx/model.ts';
import { OperatorCall } from '../../extension/onnx/operator.ts';
import { elementCount, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';

export interface Layer {
  readonly batch: number;
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly group?: number;
}

/** How a graph is prepared: as differentiation left it, lowered, or lowered and in blocks of channels. */
export type Form = 'plain' | 'blocked';

const block = findBlock(async (graph) => {
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  const result = await session.run(new Map());
  await session.release();
  return result.get('y')!;
});

/** A loaded program with random inputs. */
export interface Program {
  readonly run: () => Promise<number>;
  readonly release: () => Promise<void>;
}

async function load(b: GraphBuilder, outputs: readonly Value[], form: Form, threads: number): Promise<Program> {
  const graph: Graph = { scope: b, inputs: b.inputs, outputs: outputs.map((value, i) => ({ name: `o${i}`, value })) };
  const lowered = lower(graph);
  const size = form === 'blocked' ? await block : undefined;
  const session = await Session.create(encodeModel(size ? blockChannels(lowered, size) : lowered), 'cpu', threads);
  const feeds = new Map(
    graph.inputs.map(({ name, type, shape }): [string, Tensor] => [
      name!,
      tensorOf(
        type,
        shape,
        Array.from({ length: elementCount(shape) }, () =>
          type === 'int64' ? Math.floor(Math.random() * 10) : (Math.random() - 0.5) / 5,
        ),
      ),
    ]),
  );
  return {
    run: async () => {
      const start = performance.now();
      await session.run(feeds);
      return performance.now() - start;
    },
    release: () => session.release(),
  };
}

/** Value, gradient of the data or gradient of the weights of one convolution; results are cut down so as not to be copied. */
export function layerProgram(
  what: 'value' | 'data' | 'weights',
  { batch, from, to, size, kernel, stride = 1, group = 1 }: Layer,
  form: Form,
  threads: number,
): Promise<Program> {
  const b = new GraphBuilder();
  const pad = (kernel - 1) >> 1;
  const attributes = { strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad], group };
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const x = b.input('x', 'float32', [batch, from, size, size]);
  const w = b.input('w', 'float32', [to, from / group, kernel, kernel]);
  const y = b.emit('Conv', [x, w], attributes)[0];
  const first = (value: Value) => b.slice(value, { starts: [0], ends: [1], axes: [0] });
  if (what === 'value') return load(b, [first(y)], form, threads);
  const dy = b.input('dy', 'float32', [batch, to, out, out]);
  const [result] = vectorJacobianProduct(b, [y], [dy], [what === 'data' ? x : w]);
  return load(b, [what === 'data' ? first(result) : result], form, threads);
}

/**
 * A network of four 3×3 convolutions (16, 16, 32, 32 channels, SiLU, three 2×2 max pools) and two linear layers (128, 10)
 * on 3×32×32 images with cross-entropy: its gradient, or the product of its Hessian with a given vector, or both.
 */
export function networkProgram(
  what: 'gradient' | 'product' | 'both',
  batch: number,
  form: Form,
  threads: number,
): Promise<Program> {
  const b = new GraphBuilder();
  const images = b.input('images', 'float32', [batch, 3, 32, 32]);
  const labels = b.input('labels', 'int64', [batch]);
  const parameters: Value[] = [];
  const parameter = (...shape: number[]) => {
    parameters.push(b.input(`p${parameters.length}`, 'float32', shape));
    return parameters[parameters.length - 1];
  };
  const silu = (x: Value) => b.mul(x, b.sigmoid(x));
  const same = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
  const conv = (x: Value, to: number) =>
    silu(b.emit('Conv', [x, parameter(to, x.shape[1], 3, 3), parameter(to)], same)[0]);
  const pool = (x: Value): Value => {
    const pairs: [string, Attribute][] = [
      ['kernel_shape', { kind: 'ints', value: [2, 2] }],
      ['strides', { kind: 'ints', value: [2, 2] }],
    ];
    const node = {
      name: 'p',
      opType: 'MaxPool',
      domain: '',
      inputs: ['x'],
      outputs: ['y'],
      attributes: new Map(pairs),
    };
    const result = operators.get('MaxPool')!(b, new OperatorCall(node, 18, [x], 'float32'));
    return (result as readonly Value[])[0] ?? (result as Value);
  };
  const linear = (x: Value, to: number) => b.gemm(x, parameter(to, x.shape[1]), { transB: true, c: parameter(to) });
  const features = pool(pool(conv(conv(pool(conv(conv(images, 16), 16)), 32), 32)));
  const hidden = silu(linear(b.reshape(features, [batch, 512]), 128));
  const scores = b.logSoftmax(linear(hidden, 10), 1);
  const loss = b.neg(b.reduceMean(b.gatherElements(scores, b.reshape(labels, [batch, 1]), 1)));
  const gradients = gradient(b, loss, parameters);
  if (what === 'gradient') return load(b, [loss, ...gradients], form, threads);
  const directions = parameters.map(({ shape }, i) => b.input(`u${i}`, 'float32', shape));
  const products = vectorJacobianProduct(b, gradients, directions, parameters);
  return load(b, what === 'both' ? [loss, ...gradients, ...products] : products, form, threads);
}
