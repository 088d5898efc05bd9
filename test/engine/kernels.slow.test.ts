import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { readNpz } from '../../extension/datasets/npz.ts';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { Program } from '../../extension/engine/program.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { type Graph, type Node, nodesOf, type Value } from '../../extension/onnx/graph.ts';
import { targetOpset } from '../../extension/onnx/ops.ts';
import { readModel } from '../../extension/onnx/read.ts';
import schemas from '../../extension/onnx/schemas.json';
import type { ElementType } from '../../extension/onnx/tensor.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import type { Optimizer } from '../../extension/optimizers/optimizer.ts';
import { optimizers } from '../../extension/optimizers/registry.ts';
import { type Build, uses } from '../autodiff/uses.ts';
import { mlp, samples } from '../support/models.ts';
import { fixtures } from '../support/paths.ts';
import kernels from './kernels.json';

type Device = 'cuda' | 'webgpu';

/** Types that a kernel takes, by type variable. */
const table: Readonly<Record<Device, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {
  cuda: kernels.cuda.kernels,
  webgpu: kernels.webgpu.kernels,
};

/**
 * What runs on the processor beside WebGPU: the loop itself, which has no kernel there, and what hardly any model has.
 * Numbers of 64 bits have none at all; programs use them for counts, indices and sums of scalars.
 */
const beside: Readonly<Record<Device, readonly string[]>> = {
  cuda: [],
  webgpu: ['Loop', 'IsNaN', 'IsInf', 'Mod', 'Round', 'Range'],
};
const isWide = (type: ElementType): boolean => type === 'float64' || type === 'int64';

/** The type variables of an operator's inputs and outputs, from ONNX's schema; a type that is fixed has none. */
function variablesOf(opType: string): { inputs: string[]; outputs: string[] } {
  const versions: Readonly<Record<string, string>> | undefined = (
    schemas.operators as Readonly<Record<string, Readonly<Record<string, string>>>>
  )[opType];
  assert.ok(versions, `${opType} is no operator of ONNX`);
  const version = Object.keys(versions).findLast((since) => Number(since) <= targetOpset)!;
  const [sides = ''] = versions[version]!.split(' | ');
  const [inputs = [], outputs = []] = ` ${sides} `.split(' > ').map((side) =>
    side
      .trim()
      .split(' ')
      .map((word) => word.split(':')[1] ?? ''),
  );
  return { inputs, outputs };
}

/** Why a device has no kernel for a node; undefined where it has. */
function lacking(node: Node, device: Device): string | undefined {
  const { opType } = node;
  const values = [...node.inputs, ...node.outputs].filter((value) => value !== undefined);
  if (beside[device].includes(opType) || (device === 'webgpu' && values.some(({ type }) => isWide(type))))
    return undefined;
  const kernel = table[device][opType];
  if (!kernel) return `${opType}: none`;
  const { inputs, outputs } = variablesOf(opType);
  const wrong = (given: readonly (Value | undefined)[], variables: readonly string[]) =>
    given.flatMap((value, i) => {
      const allowed = kernel[variables[i] ?? variables.at(-1) ?? ''];
      return value && allowed && !allowed.split(' ').includes(value.type) ? [value.type] : [];
    });
  const types = [...wrong(node.inputs, inputs), ...wrong(node.outputs, outputs)];
  return types.length > 0 ? `${opType}: none for ${types.join(', ')}` : undefined;
}

/** Everything without a kernel in a graph, bodies of loops included. */
function lackingIn(graph: Graph, device: Device): string[] {
  const found = nodesOf(graph).flatMap((node) => [
    lacking(node, device) ?? [],
    node.body ? lackingIn(node.body, device) : [],
  ]);
  return [...new Set(found.flat())];
}

function graphOf(build: Build, type: 'float32' | 'float64'): Graph {
  const b = new GraphBuilder();
  const y = build(b, (shape) => b.input(`x${b.inputs.length}`, type, shape));
  return { scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: y }] };
}

/** The programs of a problem: every given optimizer, at its step and in the limit, plain and corrected, whole and in chunks. */
function* programsOf(problem: Problem, among: readonly Optimizer[]): Generator<Program> {
  for (const optimizer of among) {
    const hyper = completeHyperparameters(optimizer, 'pytorch', {});
    for (const stage of ['step', 'inf'] as const)
      for (const corrected of [false, true])
        for (const chunk of [problem.samples, Math.ceil(problem.samples / 3)]) {
          const chunks = chunksOf(problem.samples, chunk);
          yield new Program(problem, { optimizer, hyper, stage, corrected, chunks });
        }
  }
}

async function problemOf(name: string): Promise<Problem> {
  const folder = join(fixtures, name);
  const { loss } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as { loss: never };
  const arrays = await readNpz(join(folder, 'data.npz'));
  const model = await readModel(join(folder, 'model.onnx'));
  return createProblem(model, { arrays, files: [], format: 'npz' }, { loss, dtype: 'float32' });
}

for (const device of ['cuda', 'webgpu'] as const) {
  describe(`${device} has a kernel for`, () => {
    for (const [op, build] of Object.entries(uses))
      it(op, () => {
        for (const type of device === 'cuda' ? (['float32', 'float64'] as const) : (['float32'] as const))
          assert.deepEqual(lackingIn(lower(graphOf(build, type), device), device), [], type);
      });

    for (const name of readdirSync(fixtures).filter((entry) => !entry.endsWith('.md')))
      it(`every node of the programs of ${name}`, async () => {
        const problem = await problemOf(name);
        for (const program of programsOf(problem, [adam]))
          assert.deepEqual(lackingIn(lower(program.graph, device), device), []);
      });

    it('every node of the programs of a perceptron, with every optimizer', () => {
      const problem = createProblem(mlp([6, 8, 10]), samples(23, [6]), { dtype: 'float32' });
      for (const program of programsOf(problem, optimizers))
        assert.deepEqual(lackingIn(lower(program.graph, device), device), [], program.options.optimizer.name);
    });
  });
}

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
