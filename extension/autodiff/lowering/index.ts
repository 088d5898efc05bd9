import type { Graph, Node } from '../../onnx/graph.ts';
import { virtualOps } from '../../onnx/ops.ts';
import { type Replacement, replacementIn, rewriteGraph } from '../../onnx/rewrite.ts';
import { cudaLowerings } from './cuda.ts';
import { float32Lowerings } from './float32.ts';
import { float64Lowerings } from './float64.ts';
import { webgpuLowerings } from './webgpu.ts';

const virtual: ReadonlySet<string> = new Set(virtualOps);

/**
 * The last step before a graph is written: operators that the runtime has no kernel for, or only a slow one, are spelled
 * out. It comes after differentiation, so derivatives are those of the operator and not of its approximation.
 */
export function lower(graph: Graph, device: 'cpu' | 'cuda' | 'webgpu' = 'cpu'): Graph {
  // Only the processor's provider hands out the slices of a scan without a copy.
  return rewriteGraph(graph, (_, node) => ofDevice(node, device) ?? lowerings(node), { scans: device === 'cpu' });
}

/** What a device needs apart from what all do; the double precision of CUDA is that of the CPU. */
function ofDevice(node: Node, device: 'cpu' | 'cuda' | 'webgpu'): Replacement | undefined {
  if (device === 'webgpu') return replacementIn(webgpuLowerings, node.opType);
  return device === 'cuda' && node.outputs[0].type === 'float32'
    ? replacementIn(cudaLowerings, node.opType)
    : undefined;
}

function lowerings(node: Node): Replacement | undefined {
  const found = replacementIn(node.outputs[0].type === 'float64' ? float64Lowerings : float32Lowerings, node.opType);
  if (!found && virtual.has(node.opType)) throw new Error(`${node.opType} has no lowering for ${node.outputs[0].type}`);
  return found;
}
