import type { Graph } from '../../onnx/graph.ts';
import type { OpType } from '../../onnx/ops.ts';
import { type Replacement, rewriteGraph } from '../../onnx/rewrite.ts';
import type { ElementType } from '../../onnx/tensor.ts';
import { float64Lowerings } from './float64.ts';

/**
 * The last step before a graph is written: operators that the runtime has no kernel for are spelled out. It comes after
 * differentiation, so derivatives are those of the operator and not of its approximation.
 */
export function lower(graph: Graph): Graph {
  return rewriteGraph(graph, (opType, node) => lowerings(opType, node.outputs[0].type));
}

function lowerings(opType: OpType, type: ElementType): Replacement | undefined {
  return type === 'float64' ? float64Lowerings[opType] : undefined;
}
