import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { gradient, vectorJacobianProduct } from '../autodiff/gradient.ts';
import { lower } from '../autodiff/lowering/index.ts';
import { loadDataset } from '../datasets/dataset.ts';
import { limitSamples } from '../datasets/samples.ts';
import { exampleData } from '../engine/exampleData.ts';
import { type Problem, prepareProblem } from '../engine/problem.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { readModel } from '../onnx/read.ts';
import { encodeModel } from '../onnx/write.ts';
import { InspectorError } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { problemOptions } from './inspect.ts';
import { type Command, UsageError } from './options.ts';
import { thousands } from './text.ts';

const kinds = ['loss', 'gradient', 'normGradient'] as const;

/** `optimizer-bias graph`. */
export const graphCommand: Command = {
  name: 'graph',
  summary: 'write loss, gradient or q = ∇‖∇E‖₁,ε of a model as an ONNX file of standard operators',
  usage: ['optimizer-bias graph M.onnx --write loss|gradient|normGradient -o G.onnx'],
  positionals: { least: 1, most: 1 },
  options: [
    ...problemOptions.filter(({ flag }) => flag !== 'model' && flag !== 'output'),
    { flag: 'write', value: 'text', choices: kinds, help: 'what the graph computes' },
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
    const kind = values.get('write') as (typeof kinds)[number] | undefined;
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
    const bytes = encodeGraph(problem, kind, (values.get('eps') as number | undefined) ?? 1e-8);
    try {
      await writeFile(resolve(output), bytes);
    } catch (error) {
      throw new InspectorError(`Cannot write ${output}: ${(error as Error).message}.`, 'Choose another file with -o.');
    }
    process.stdout.write(
      `Wrote ${output}: ${kind} of ${path} (loss ${problem.loss}, ${thousands(problem.samples)} samples, ${problem.layout.segments.length} parameter tensors).\n`,
    );
    return 0;
  },
};

/** A graph whose parameters are initializers and whose results are named after them: `gradient/NAME`, `normGradient/NAME`. */
export function encodeGraph(problem: Problem, kind: (typeof kinds)[number], eps: number): Uint8Array {
  const b = new GraphBuilder();
  const { layout, floatType } = problem;
  const data = new Map(problem.feeds.map(({ name, tensor }) => [name, b.input(name, tensor.type, tensor.shape)]));
  const parameters = new Map(layout.segments.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const loss = problem.emit(b, parameters, data);
  const outputs: { name: string; value: Value }[] = [{ name: 'loss', value: loss }];
  const wrt = [...parameters.values()];
  if (kind !== 'loss') {
    const gradients = gradient(b, loss, wrt);
    if (kind === 'gradient')
      outputs.push(...gradients.map((value, i) => ({ name: `gradient/${layout.segments[i].name}`, value })));
    else {
      // u = g/√(g² + ε); q = H·u
      const tiny = b.scalar(floatType, 1.2e-38);
      const directions = gradients.map((g) =>
        b.div(g, b.max(b.sqrt(b.add(b.mul(g, g), b.scalar(floatType, eps))), tiny)),
      );
      const products = vectorJacobianProduct(b, gradients, directions, wrt);
      outputs.push(...products.map((value, i) => ({ name: `normGradient/${layout.segments[i].name}`, value })));
    }
  }
  return encodeModel(lower({ scope: b, inputs: b.inputs, outputs }), {
    graphName: kind,
    initializers: layout.unpack(problem.theta),
  });
}
