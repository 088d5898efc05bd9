import { resolve } from 'node:path';
import { type Derivative, derivativeGraph, type Named } from '../autodiff/derivative.ts';
import { gradient, vectorJacobianProduct } from '../autodiff/gradient.ts';
import { lower } from '../autodiff/lowering/index.ts';
import { loadDataset } from '../datasets/dataset.ts';
import { limitSamples } from '../datasets/samples.ts';
import { exampleData } from '../engine/exampleData.ts';
import { labelFeed, type Problem, prepareProblem } from '../engine/problem.ts';
import { globToRegExp } from '../exports/parameterFilter.ts';
import { nameList } from '../exports/parameters.ts';
import { writeOutput, writingReason } from '../files/writing.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import { readModel } from '../onnx/read.ts';
import { isFloat } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { problemOptions } from './inspect.ts';
import { type Command, UsageError } from './options.ts';
import { thousands } from './text.ts';

const kinds = ['loss', 'gradient', 'normGradient', 'jvp', 'vjp', 'hvp'] as const;
type Kind = (typeof kinds)[number];

/** `optimizer-bias graph`. */
export const graphCommand: Command = {
  name: 'graph',
  summary: 'write gradient, Jacobian or Hessian products of a model as an ONNX file of standard operators',
  usage: ['optimizer-bias graph M.onnx --write loss|gradient|normGradient|jvp|vjp|hvp [--wrt GLOB]… -o G.onnx'],
  positionals: { least: 1, most: 1 },
  options: [
    ...problemOptions.filter(({ flag }) => flag !== 'model' && flag !== 'output'),
    {
      flag: 'write',
      value: 'text',
      choices: kinds,
      help: 'what the graph computes: loss, gradient, Hessian-vector product (hvp) and q = ∇‖∇E‖₁,ε (normGradient) of the loss; J·t (jvp) and Jᵀ·c (vjp) of the output, or of the loss that --loss names',
    },
    {
      flag: 'wrt',
      value: 'text',
      placeholder: 'GLOB',
      repeat: true,
      help: 'inputs of the model and parameters to differentiate with respect to (default: the parameters)',
    },
    { flag: 'output', value: 'text', placeholder: 'G.onnx', help: 'where to write it (also -o)' },
    {
      flag: 'model-output',
      value: 'text',
      placeholder: 'NAME',
      help: 'output of the model that the loss looks at',
    },
    {
      flag: 'batch',
      value: 'count',
      placeholder: 'B',
      help: 'batch size of the graph (default: that of the data, else 1)',
    },
    { flag: 'eps', value: 'number', placeholder: 'E', help: 'ε of the perturbed norm, inside the root (default 1e-8)' },
    { flag: 'dtype', value: 'text', choices: ['float32', 'float64'], help: 'precision (default: that of the model)' },
  ],
  async run({ values, positionals: [path] }) {
    const kind = values.get('write') as Kind | undefined;
    const output = values.get('output') as string | undefined;
    if (!kind || !output)
      throw new UsageError(
        `${kind ? '-o G.onnx' : '--write'} is missing.`,
        'optimizer-bias graph --help shows the options.',
      );
    const text = (name: string) => values.get(name) as string | undefined;
    const model = await readModel(path);
    const given = text('data') !== undefined || text('x') !== undefined;
    const loss = text('loss') as LossName | undefined;
    const batch = values.get('batch') as number | undefined;
    const dataset = given
      ? await loadDataset({
          data: text('data'),
          x: text('x'),
          y: text('y'),
          xKey: text('x-key'),
          yKey: text('y-key'),
          label: text('label'),
        })
      : exampleData(model, batch ?? 1, loss);
    const problem = await prepareProblem(model, batch ? limitSamples(dataset, batch) : dataset, {
      loss,
      output: text('model-output'),
      dtype: text('dtype') as 'float32' | 'float64' | undefined,
      filter: { freeze: values.get('freeze') as string[], trainable: values.get('trainable') as string[] },
    });
    const ofLoss = loss !== undefined || (kind !== 'jvp' && kind !== 'vjp');
    const bytes = encodeGraph(problem, kind, {
      wrt: values.get('wrt') as readonly string[] | undefined,
      eps: values.get('eps') as number | undefined,
      ofLoss,
    });
    try {
      await writeOutput(resolve(output), bytes);
    } catch (error) {
      throw new InspectorError(`Cannot write ${output}: ${writingReason(error)}.`, 'Choose another file with -o.');
    }
    process.stdout.write(
      `Wrote ${output}: ${kind} of ${path} (${ofLoss ? `loss ${problem.loss}` : `output ${quoteName(problem.output)}`}, ${thousands(problem.samples)} samples, ${problem.layout.segments.length} parameter tensors).\n`,
    );
    return 0;
  },
};

export interface GraphOptions {
  /** Inputs and parameters to differentiate with respect to, as patterns; default: the parameters. */
  readonly wrt?: readonly string[];
  /** ε of the perturbed norm, inside the root. */
  readonly eps?: number;
  /** Differentiate the loss (default), or the output that it looks at. */
  readonly ofLoss?: boolean;
}

/** The graph of a derivative as an ONNX model whose parameters are initializers. */
export function encodeGraph(problem: Problem, kind: Kind, options: GraphOptions = {}): Uint8Array {
  const { layout, theta } = problem;
  return encodeModel(lower(graphOf(problem, kind, options)), { graphName: kind, initializers: layout.unpack(theta) });
}

/**
 * The graph of a derivative. Results are named after what they belong to: `gradient/NAME`, `normGradient/NAME`, `jvp/OUTPUT`,
 * `vjp/NAME`, `hvp/NAME`; tangents and cotangents are inputs, `tangent/NAME` and `cotangent/OUTPUT`.
 */
function graphOf(problem: Problem, kind: Kind, { wrt, eps = 1e-8, ofLoss = true }: GraphOptions): Graph {
  const b = new GraphBuilder();
  const { layout, floatType } = problem;
  const feeds = problem.feeds.filter(({ name }) => ofLoss || name !== labelFeed);
  const data = new Map(feeds.map(({ name, tensor }) => [name, b.input(name, tensor.type, tensor.shape)]));
  const parameters = new Map(layout.segments.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const variables = variablesOf(data, parameters, wrt);
  const y = ofLoss
    ? { name: 'loss', value: problem.emit(b, parameters, data) }
    : { name: problem.output, value: problem.predict(b, parameters, data) };
  if (kind !== 'normGradient') return derivativeGraph(b, derivativeOf[kind], y, variables);
  // u = g/√(g² + ε); q = H·u
  const values = variables.map(({ value }) => value);
  const gradients = gradient(b, y.value, values);
  const tiny = b.scalar(floatType, 1.2e-38);
  const directions = gradients.map((g) => b.div(g, b.max(b.sqrt(b.add(b.mul(g, g), b.scalar(floatType, eps))), tiny)));
  const products = vectorJacobianProduct(b, gradients, directions, values);
  const outputs = [y, ...products.map((value, i) => ({ name: `normGradient/${variables[i].name}`, value }))];
  return { scope: b, inputs: b.inputs, outputs };
}

const derivativeOf: Readonly<Record<Exclude<Kind, 'normGradient'>, Derivative>> = {
  loss: 'value',
  gradient: 'gradient',
  jvp: 'jvp',
  vjp: 'vjp',
  hvp: 'hvp',
};

/** The inputs and parameters that the patterns choose; all parameters, where there are none. */
function variablesOf(
  data: ReadonlyMap<string, Value>,
  parameters: ReadonlyMap<string, Value>,
  wrt: readonly string[] = [],
): Named[] {
  const named = (values: ReadonlyMap<string, Value>) => [...values].map(([name, value]) => ({ name, value }));
  if (wrt.length === 0) return named(parameters);
  const all = [
    ...named(data).filter(({ name, value }) => name !== labelFeed && isFloat(value.type)),
    ...named(parameters),
  ];
  const patterns = wrt.map(globToRegExp);
  const unmatched = wrt.filter((_, i) => !all.some(({ name }) => patterns[i].test(name)));
  if (unmatched.length > 0)
    throw new InspectorError(
      `No floating-point input or trained parameter matches ${unmatched.map((name) => quoteName(name)).join(', ')}.`,
      `There are ${nameList(all.map(({ name }) => name))}.`,
    );
  return all.filter(({ name }) => patterns.some((pattern) => pattern.test(name)));
}
