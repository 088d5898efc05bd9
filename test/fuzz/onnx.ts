import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { describeBlockers } from '../../extension/engine/blockers.ts';
import { inspectModel } from '../../extension/engine/modelReport.ts';
import { parameterCandidates } from '../../extension/exports/parameters.ts';
import { type Derivative, differentiate, type Loss } from '../../extension/library/autodiff.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import type { Initializer, Model } from '../../extension/onnx/model.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { elementCount, isFloat } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { linear } from '../onnx/files.ts';
import { beside, besideBytes, changedModel } from './onnxChanges.ts';
import { modelOf } from './onnxModels.ts';
import { checksum, findingOf, foreign, memory, mutateBytes, type Target } from './target.ts';

const examples: readonly string[] = JSON.parse(
  gunzipSync(readFileSync('test/fuzz/seeds/operators.onnx.gz')).toString('utf8'),
);
const seeds = [linear(), ...examples.map((text) => new Uint8Array(Buffer.from(text, 'base64')))];

const folder = mkdtempSync(join(memory(), 'fuzz-onnx-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, beside), Buffer.alloc(besideBytes, 1));
const path = join(folder, 'm.onnx');

/** What is asked of a model. */
interface Question {
  readonly device: 'cpu' | 'cuda' | 'webgpu';
  readonly floatType: 'float32' | 'float64';
  readonly batchStatistics: boolean;
  /** Whether everything trains, or what exporters are known to train. */
  readonly everything: boolean;
  /** Undefined: gradient and Hessian product as a program has them. */
  readonly compute: Derivative | undefined;
  readonly loss: Loss | undefined;
}

const computed = [undefined, undefined, undefined, 'value', 'gradient', 'jvp', 'vjp', 'hvp'] as const;
const losses = [
  undefined,
  undefined,
  'cross-entropy',
  'mse',
  'bce',
  'bce-with-logits',
  'cross-entropy-on-probabilities',
] as const;

/** The question that belongs to an input: what does not fail is asked many things in the course of many inputs. */
function questionOf(number: number): Question {
  let left = number;
  const take = <T>(items: readonly T[]): T => {
    const item = items[left % items.length]!;
    left = Math.floor(left / items.length);
    return item;
  };
  return {
    device: take(['cpu', 'cuda', 'webgpu']),
    floatType: take(['float32', 'float32', 'float32', 'float64']),
    batchStatistics: take([false, false, true]),
    everything: take([true, false]),
    compute: take(computed),
    loss: take(losses),
  };
}

/** Everything that is done with a model up to the runtime: its report, its derivatives, the files of both precisions. */
function ask(model: Model, bytes: Uint8Array, question: Question): void {
  const { device, floatType, batchStatistics, compute, loss } = question;
  if (compute) {
    const output = model.graph.outputs[0]?.name;
    differentiate(bytes, { ...{ compute, loss, floatType, batchStatistics, output, path }, wrt: ['*'] });
    return;
  }
  const b = new GraphBuilder();
  const parameters = new Map(
    trained(model, question).map(({ name, shape }) => [name, b.input(name, floatType, shape)]),
  );
  const inputs = new Map(
    model.graph.inputs.flatMap(({ name, type, dims }) => {
      const shape = (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 2));
      return type ? [[name, b.input(name, isFloat(type) ? floatType : type, shape)] as const] : [];
    }),
  );
  const options = { batchStatistics };
  const { outputs, blockers } = instantiate(b, model, operators, { inputs, parameters, floatType, options });
  const floats = [...outputs.values()].filter((value) => isFloat(value.type) && elementCount(value.shape) < 1e6);
  if (floats.length === 0 || blockers.length > 0) return;
  const wrt = [...parameters.values(), ...inputs.values()].filter(({ type }) => isFloat(type));
  if (wrt.length === 0) return;
  const scalar = floats.map((y) => b.reduceSum(b.mul(y, y))).reduce(b.add);
  const gradients = gradient(b, scalar, wrt);
  const products = vectorJacobianProduct(b, gradients, wrt, wrt);
  for (const values of [gradients, products]) {
    const graph = { scope: b, inputs: b.inputs, outputs: values.map((value, i) => ({ name: `out${i}`, value })) };
    encodeModel(lower(graph, device));
  }
}

const trained = (model: Model, { everything }: Question): readonly Initializer[] =>
  everything
    ? [...model.graph.initializers.values()].filter(
        ({ type, shape }) => type && isFloat(type) && elementCount(shape) > 0,
      )
    : parameterCandidates(model, {}).candidates;

function run(bytes: Uint8Array, thoroughly = false): void {
  const model = decodeModel(bytes, path);
  const report = inspectModel(model, operators, {} as never);
  const described = report.blockers.length > 0 && InspectorError.of(describeBlockers(model, report.blockers, []));
  const finding = described && findingOf(described);
  if (finding) throw new Error(finding);
  for (const { opType, unforeseen, reason } of report.blockers) {
    // No definition foresaw what the operator was given, and a general sentence stands in.
    if (unforeseen) throw new Error(`${opType}: ${unforeseen.message}`, { cause: unforeseen });
    if (foreign.test(reason)) throw new InspectorError(reason);
  }
  const number = checksum(bytes);
  ask(model, bytes, questionOf(number));
  if (!thoroughly) return;
  for (const device of ['cpu', 'cuda', 'webgpu'] as const)
    for (const floatType of ['float32', 'float64'] as const)
      ask(model, bytes, { ...questionOf(number), device, floatType, compute: undefined, everything: true });
}

export const onnx: Target = {
  seeds,
  make: (random, seed) => {
    if (random.chance(0.1)) return mutateBytes(random, random.chance(0.5) ? seed : modelOf(random));
    const changed = random.chance(0.65) ? changedModel(random, seed, random.pick(seeds)) : undefined;
    return changed ?? modelOf(random);
  },
  run,
};
