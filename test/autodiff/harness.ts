import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import type { Attribute, ModelNode } from '../../extension/onnx/model.ts';
import { OperatorCall } from '../../extension/onnx/operator.ts';
import { elementCount, isFloat, type Shape, type Tensor, tensorOf, toFloat } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';

/** One input of a checked operator: a random float64 variable, or a constant. */
export type Input =
  | {
      readonly shape: Shape /** Elements are drawn from here, uniformly, at least `gap` apart in absolute value from `avoid`. */;
      readonly range?: readonly [number, number];
      readonly avoid?: readonly number[];
      readonly distinct?: boolean;
    }
  | { readonly constant: Tensor }
  | undefined;

export interface OperatorSpec {
  readonly op: string;
  readonly inputs: readonly Input[];
  readonly attributes?: Readonly<
    Record<
      string,
      | number
      | string
      | readonly number[]
      | { float: number }
      | { floats: readonly number[] }
      | { strings: readonly string[] }
      | Tensor
    >
  >;
  readonly opset?: number;
  readonly outputs?: number;
  /** Type in which the runtime's own operator is compared; float32 where it has no float64 kernel; 'none' where it has none at all. */
  readonly oracle?: 'float64' | 'float32' | 'none';
  readonly label?: string;
  readonly tolerance?: number;
}

/** Reproducible uniform numbers in [0, 1) (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const hash = (text: string): number => [...text].reduce((sum, c) => Math.imul(sum, 31) + c.charCodeAt(0), 7);

function draw(
  random: () => number,
  { shape, range = [-1.5, 1.5], avoid = [], distinct }: Extract<Input, { shape: Shape }>,
): Tensor<'float64'> {
  const count = elementCount(shape);
  const data = Float64Array.from({ length: count }, () => {
    for (;;) {
      const x = range[0] + (range[1] - range[0]) * random();
      if (avoid.every((kink) => Math.abs(x - kink) > 0.05)) return x;
    }
  });
  if (distinct) {
    // A shuffled grid: no two elements come near each other, so that extrema do not change under small steps.
    const order = Array.from({ length: count }, (_, i) => i).sort(() => random() - 0.5);
    order.forEach((rank, i) => {
      data[i] = range[0] + ((range[1] - range[0]) * (rank + 0.5)) / count;
    });
  }
  return { type: 'float64', shape, data };
}

function attributesOf(spec: OperatorSpec): Map<string, Attribute> {
  const result = new Map<string, Attribute>();
  for (const [name, value] of Object.entries(spec.attributes ?? {})) {
    if (typeof value === 'string') result.set(name, { kind: 'string', value });
    else if (typeof value === 'number') result.set(name, { kind: 'int', value });
    else if (Array.isArray(value)) result.set(name, { kind: 'ints', value });
    else if ('float' in value) result.set(name, { kind: 'float', value: Math.fround(value.float) });
    else if ('floats' in value) result.set(name, { kind: 'floats', value: value.floats.map(Math.fround) });
    else if ('strings' in value) result.set(name, { kind: 'strings', value: value.strings });
    else {
      const tensor = value as Tensor;
      result.set(name, {
        kind: 'tensor',
        value: { name, type: tensor.type, typeName: tensor.type, shape: tensor.shape, read: () => tensor },
      });
    }
  }
  return result;
}

const nodeOf = (spec: OperatorSpec): ModelNode => ({
  name: spec.op.toLowerCase(),
  opType: spec.op,
  domain: '',
  inputs: spec.inputs.map((input, i) => (input ? `in${i}` : '')),
  outputs: Array.from({ length: spec.outputs ?? 1 }, (_, i) => `out${i}`),
  attributes: attributesOf(spec),
});

/** Applies an operator through its definition. */
export function applyOperator(
  b: GraphBuilder,
  spec: OperatorSpec,
  inputs: readonly (Value | undefined)[],
  floatType: 'float32' | 'float64' = 'float64',
): readonly (Value | undefined)[] {
  const operator = operators.get(spec.op);
  assert.ok(operator, `${spec.op} has no definition`);
  const result = operator(b, new OperatorCall(nodeOf(spec), spec.opset ?? 18, inputs, floatType));
  return (Array.isArray(result) ? result : [result]) as readonly (Value | undefined)[];
}

/**
 * Checks an operator: its value against the runtime's own kernel, its gradient and the product of its Hessian with a random
 * vector against central differences, all in float64. The scalar is Σ w·y with random weights over all float outputs.
 */
export async function checkOperator(spec: OperatorSpec): Promise<void> {
  const random = generator(hash(spec.label ?? spec.op));
  const b = new GraphBuilder();
  const points: Tensor<'float64'>[] = [];
  const variables: Value[] = [];
  const inputs = spec.inputs.map((input) => {
    if (!input) return undefined;
    if ('constant' in input)
      return b.constant(isFloat(input.constant.type) ? toFloat(input.constant, 'float64') : input.constant);
    points.push(draw(random, input));
    const value = b.input(`x${variables.length}`, 'float64', input.shape);
    variables.push(value);
    return value;
  });
  const outputs = applyOperator(b, spec, inputs)
    .slice(0, spec.outputs ?? 1)
    .filter((value) => value !== undefined);
  const floats = outputs.filter((value) => isFloat(value.type));
  const weighted = floats.map((y) => b.reduceSum(b.mul(y, b.constant(draw(random, { shape: y.shape })))));
  const scalar = weighted.reduce(b.add);
  const gradients = gradient(b, scalar, variables);
  const directions = variables.map((x, i) => b.input(`v${i}`, 'float64', x.shape));
  const products = vectorJacobianProduct(b, gradients, directions, variables);
  const graph = lower({
    scope: b,
    inputs: b.inputs,
    outputs: [
      ...outputs.map((value, i) => ({ name: `y${i}`, value })),
      { name: 'scalar', value: scalar },
      ...gradients.map((value, i) => ({ name: `g${i}`, value })),
      ...products.map((value, i) => ({ name: `q${i}`, value })),
    ],
  });
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    const v = points.map(({ shape }) => draw(random, { shape }));
    const d = points.map(({ shape }) => draw(random, { shape }));
    const evaluate = (step: number) => {
      const feeds = new Map<string, Tensor>();
      points.forEach((point, i) => {
        feeds.set(`x${i}`, { ...point, data: point.data.map((x, j) => x + step * d[i].data[j]) });
        feeds.set(`v${i}`, v[i]);
      });
      return session.run(feeds);
    };
    const step = 1e-5;
    const [at, above, below] = [await evaluate(0), await evaluate(step), await evaluate(-step)];
    const dot = (results: Map<string, Tensor>, name: string, weights: readonly Tensor<'float64'>[]) =>
      weights.reduce(
        (sum, w, i) =>
          sum + w.data.reduce((part, x, j) => part + x * (results.get(`${name}${i}`)!.data[j] as number), 0),
        0,
      );
    const value = (results: Map<string, Tensor>) => results.get('scalar')!.data[0] as number;
    const tolerance = spec.tolerance ?? 1e-6;
    const close = (analytic: number, numeric: number, what: string, scale: number) => {
      assert.ok(
        Math.abs(analytic - numeric) <= tolerance * (1 + Math.abs(scale)),
        `${spec.label ?? spec.op}: ${what} is ${analytic}, central differences give ${numeric}`,
      );
    };
    const first = (value(above) - value(below)) / (2 * step);
    close(dot(at, 'g', d), first, 'gradient along a random direction', first);
    const second = (dot(above, 'g', v) - dot(below, 'g', v)) / (2 * step);
    close(dot(at, 'q', d), second, 'Hessian product along a random direction', second);
    await compareWithKernel(spec, points, at);
  } finally {
    await session.release();
  }
}

/** The runtime's own operator on the same inputs. */
async function compareWithKernel(
  spec: OperatorSpec,
  points: readonly Tensor<'float64'>[],
  results: Map<string, Tensor>,
): Promise<void> {
  const type = spec.oracle ?? 'float64';
  if (type === 'none') return;
  const session = await Session.create(encodeOperator(spec, type), 'cpu', 1);
  try {
    const feeds = new Map<string, Tensor>();
    let next = 0;
    spec.inputs.forEach((input, i) => {
      if (input && !('constant' in input)) feeds.set(`in${i}`, toFloat(points[next++], type));
    });
    const expected = await session.run(feeds);
    for (const [name, tensor] of expected) {
      const got = results.get(name.replace('out', 'y'));
      if (!got) continue;
      assert.deepEqual([...got.shape], [...tensor.shape], `${spec.label ?? spec.op}: shape of ${name}`);
      for (let i = 0; i < tensor.data.length; i++) {
        const [x, y] = [Number(got.data[i]), Number(tensor.data[i])];
        const bound = (type === 'float64' ? 1e-11 : 2e-5) * (1 + Math.abs(y));
        assert.ok(
          Math.abs(x - y) <= bound || x === y,
          `${spec.label ?? spec.op}: ${name}[${i}] is ${x}, the runtime's kernel gives ${y}`,
        );
      }
    }
  } finally {
    await session.release();
  }
}

const codes: Partial<Record<Tensor['type'], DataType>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  int64: DataType.INT64,
  int32: DataType.INT32,
  bool: DataType.BOOL,
  uint8: DataType.UINT8,
};

/** A model of one node, as an exporter would write it. */
export function encodeOperator(spec: OperatorSpec, type: 'float32' | 'float64'): Uint8Array {
  const node = nodeOf(spec);
  const proto = (name: string, source: Tensor) => {
    const tensor = isFloat(source.type) ? toFloat(source, type) : source;
    return create(TensorProtoSchema, {
      name,
      dims: tensor.shape.map(BigInt),
      dataType: codes[tensor.type],
      rawData: new Uint8Array(
        tensor.data.buffer.slice(
          tensor.data.byteOffset,
          tensor.data.byteOffset + tensor.data.byteLength,
        ) as ArrayBuffer,
      ),
    });
  };
  const attribute = [...node.attributes].map(([name, a]) => {
    switch (a.kind) {
      case 'float':
        return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: a.value });
      case 'int':
        return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(a.value) });
      case 'string':
        return create(AttributeProtoSchema, { name, type: Kind.STRING, s: new TextEncoder().encode(a.value) });
      case 'strings':
        return create(AttributeProtoSchema, {
          name,
          type: Kind.STRINGS,
          strings: a.value.map((s) => new TextEncoder().encode(s)),
        });
      case 'floats':
        return create(AttributeProtoSchema, { name, type: Kind.FLOATS, floats: [...a.value] });
      case 'ints':
        return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: a.value.map(BigInt) });
      case 'tensor':
        return create(AttributeProtoSchema, { name, type: Kind.TENSOR, t: proto('', a.value.read()) });
      default:
        throw new Error(`attribute ${name}`);
    }
  });
  const elemType = codes[type]!;
  const free = spec.inputs.flatMap((input, i) =>
    input && !('constant' in input) ? [{ name: `in${i}`, shape: input.shape }] : [],
  );
  const fixed = spec.inputs.flatMap((input, i) =>
    input && 'constant' in input ? [proto(`in${i}`, input.constant)] : [],
  );
  const opsetImport = [create(OperatorSetIdProtoSchema, { version: BigInt(spec.opset ?? 18) })];
  const graph = create(GraphProtoSchema, {
    name: 'one',
    node: [
      create(NodeProtoSchema, {
        opType: spec.op,
        name: node.name,
        input: [...node.inputs],
        output: [...node.outputs],
        attribute,
      }),
    ],
    initializer: fixed,
    input: free.map(({ name, shape }) => {
      const dim = shape.map((size) =>
        create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
      );
      const tensor = create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) });
      return create(ValueInfoProtoSchema, {
        name,
        type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
      });
    }),
    output: node.outputs.map((name) => create(ValueInfoProtoSchema, { name })),
  });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph }));
}

/** Integer constants for shape-like inputs. */
export const ints = (...values: number[]): Input => ({ constant: tensorOf('int64', [values.length], values) });
export const intScalar = (value: number): Input => ({ constant: tensorOf('int64', [], [value]) });
