import assert from 'node:assert/strict';
import { type Graph, type Node, nodesOf, type Value } from '../../extension/onnx/graph.ts';
import { targetOpset } from '../../extension/onnx/ops.ts';
import schemas from '../../extension/onnx/schemas.json';
import type { ElementType } from '../../extension/onnx/tensor.ts';
import kernels from './kernels.json';

export type Device = 'cuda' | 'webgpu';

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

/** Everything without a kernel on a device in a graph, bodies of loops included. */
export function lackingIn(graph: Graph, device: Device): string[] {
  const found = nodesOf(graph).flatMap((node) => [
    lacking(node, device) ?? [],
    node.body ? lackingIn(node.body, device) : [],
  ]);
  return [...new Set(found.flat())];
}
