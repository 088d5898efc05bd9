import { isDefaultDomain, type Model, type ModelNode } from '../onnx/model.ts';
import { parameterCandidates } from './parameters.ts';
import { isFromPyTorch } from './roles.ts';
import { wholeExport } from './wholeExport.ts';

/** An initializer at an input of a node; `name` is that of the input. */
export interface Use {
  readonly node: ModelNode;
  readonly input: number;
  readonly name: string;
}

/** Everything that the rules below look at. */
export class ExportView {
  readonly nodes: readonly ModelNode[];
  readonly fromPyTorch: boolean;
  /** Names of float initializers that can be parameters. */
  readonly candidates: ReadonlySet<string>;
  /** The initializer behind each name, through Identity nodes. */
  private readonly roots = new Map<string, string>();
  /** Uses of each initializer by nodes other than Identity. */
  readonly uses = new Map<string, Use[]>();

  constructor(readonly model: Model) {
    this.nodes = model.graph.nodes.filter(({ domain }) => isDefaultDomain(domain));
    this.fromPyTorch = isFromPyTorch(model);
    this.candidates = new Set(parameterCandidates(model, {}).candidates.map(({ name }) => name));
    for (const name of model.graph.initializers.keys()) this.roots.set(name, name);
    for (const { opType, inputs, outputs } of this.nodes) {
      const root = opType === 'Identity' ? this.roots.get(inputs[0]) : undefined;
      if (root !== undefined) this.roots.set(outputs[0], root);
    }
    for (const node of this.nodes) {
      if (node.opType === 'Identity') continue;
      node.inputs.forEach((name, input) => {
        const root = this.roots.get(name);
        if (root === undefined) return;
        const known = this.uses.get(root);
        if (known) known.push({ node, input, name });
        else this.uses.set(root, [{ node, input, name }]);
      });
    }
  }

  /** The initializer that feeds an input of a node, if one does. */
  initializer(node: ModelNode, input: number): string | undefined {
    return this.roots.get(node.inputs[input] ?? '');
  }

  get remedy(): string {
    return this.fromPyTorch
      ? `Export the model so that it stays whole: ${wholeExport.dynamo}, or with the legacy exporter ${wholeExport.legacy}.`
      : 'Export the model without optimising it (no constant folding, no fusion), in the form in which it is trained.';
  }
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
