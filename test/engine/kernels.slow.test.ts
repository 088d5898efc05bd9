import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { BatchProgram } from '../../extension/engine/batches.ts';
import { chunksOf } from '../../extension/engine/chunks.ts';
import type { Numbers } from '../../extension/engine/coefficients.ts';
import { flowOf } from '../../extension/engine/flow.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { Program } from '../../extension/engine/program.ts';
import { productGraph } from '../../extension/engine/sharpness.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Graph } from '../../extension/onnx/graph.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { isAbsent, type Optimizer } from '../../extension/optimizers/optimizer.ts';
import { optimizers } from '../../extension/optimizers/registry.ts';
import { type Build, uses } from '../autodiff/uses.ts';
import { caseFolders, caseName, problemOf } from '../support/cases.ts';
import { mlp, samples } from '../support/models.ts';
import { lackingIn } from './kernelTable.ts';

function graphOf(build: Build, type: 'float32' | 'float64'): Graph {
  const b = new GraphBuilder();
  const y = build(b, (shape) => b.input(`x${b.inputs.length}`, type, shape));
  return { scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: y }] };
}

/** The numbers of an optimizer alone, and with what programs are built for otherwise: a clipped gradient, groups of parameters. */
function* numbersOf(optimizer: Optimizer, { layout }: Problem): Generator<Numbers> {
  const hyper = completeHyperparameters(optimizer, 'pytorch', {});
  yield { hyper };
  const of = layout.segments.map((_, i) => i % 2);
  yield { hyper, clipNorm: 1, groups: { of, numbers: [{ hyper: { ...hyper, lr: 0.5 } }] } };
}

/**
 * The graphs of a problem that run on a device: steps of every given optimizer, at its step and in the limit, plain and corrected,
 * whole and in chunks; on mini-batches; along the flow without memory; products with the Hessian.
 */
function* graphsOf(problem: Problem, among: readonly Optimizer[]): Generator<Graph> {
  const third = Math.ceil(problem.samples / 3);
  const plans = [problem.samples, third].map((size) => chunksOf(problem.samples, size));
  for (const chunks of plans) yield productGraph(problem, chunks);
  for (const optimizer of among)
    for (const numbers of numbersOf(optimizer, problem)) {
      yield new BatchProgram(problem, { optimizer, ...numbers, size: third, chunks: chunksOf(third, 1) }).graph;
      for (const stage of ['step', 'inf'] as const)
        for (const corrected of [false, true])
          for (const chunks of plans)
            yield new Program(problem, { optimizer, ...numbers, stage, corrected, arrays: corrected, chunks }).graph;
      if (isAbsent(optimizer.memorylessDirection(numbers.hyper))) continue;
      const [chunks] = plans;
      yield new Program(problem, {
        optimizer: flowOf(optimizer),
        ...numbers,
        stage: 'step',
        corrected: false,
        arrays: false,
        chunks: chunks!,
      }).graph;
    }
}

for (const device of ['cuda', 'webgpu'] as const) {
  /** WebGPU has no double precision. */
  const types = device === 'cuda' ? (['float32', 'float64'] as const) : (['float32'] as const);
  const lackingOf = (graph: Graph) => lackingIn(lower(graph, device), device);

  describe(`${device} has a kernel for`, () => {
    for (const [op, build] of Object.entries(uses))
      it(op, () => {
        for (const type of types) assert.deepEqual(lackingOf(graphOf(build, type)), [], type);
      });

    for (const folder of caseFolders())
      it(`every node of the programs of ${caseName(folder)}`, async () => {
        for (const type of types)
          for (const graph of graphsOf(await problemOf(folder, type), [adam]))
            assert.deepEqual(lackingOf(graph), [], type);
      });

    it('every node of the programs of a perceptron, with every optimizer', () => {
      for (const type of types) {
        const problem = createProblem(mlp([6, 8, 10]), samples(23, [6]), { dtype: type });
        for (const optimizer of optimizers)
          for (const graph of graphsOf(problem, [optimizer]))
            assert.deepEqual(lackingOf(graph), [], `${optimizer.name} ${type}`);
      }
    });
  });
}

it('the cases are many', () => assert.ok(caseFolders().length > 10));

it('a node without a kernel is found, in a loop as well', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [2]);
  const { carried } = b.loop(
    b.input('count', 'int64', []),
    [x],
    (body, _index, [y]) => ({ carried: [body.unary('Sinh', y!)] }),
    3,
  );
  const graph = { scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: carried[0]! }] };
  assert.deepEqual(lackingIn(graph, 'cuda'), ['Sinh: none']);
  assert.deepEqual(lackingIn(lower(graph, 'cuda'), 'cuda'), []);
});
