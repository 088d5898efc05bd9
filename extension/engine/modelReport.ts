import { withNamedConstants } from '../exports/constants.ts';
import { type ExportWarning, exportWarnings } from '../exports/exportWarnings.ts';
import { withoutSecondBias } from '../exports/kerasBias.ts';
import type { ParameterFilter } from '../exports/parameterFilter.ts';
import { parameterCandidates } from '../exports/parameters.ts';
import { sourceNames } from '../exports/sourceNames.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { type Blocker, instantiate, isControlFlow } from '../onnx/instantiate.ts';
import { isDefaultDomain, type Model } from '../onnx/model.ts';
import type { Operators } from '../onnx/operator.ts';
import { elementCount, type Shape } from '../onnx/tensor.ts';
import type { Words } from '../shared/words.ts';
import { endingOf, fittingLosses } from './loss.ts';
import { reaching } from './output.ts';
import { nativeFloat } from './trial.ts';

/** What a model is, before any data. */
export interface ModelReport {
  readonly producer: string;
  readonly opset: number;
  readonly nodes: number;
  readonly inputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly dims: readonly (number | string | undefined)[];
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly dims: readonly (number | string | undefined)[];
  }[];
  readonly parameters: readonly {
    readonly name: string;
    /** In the original module, where the exporter renamed it. */
    readonly source?: string;
    readonly shape: Shape;
    readonly size: number;
    readonly trained: boolean;
    readonly reason: Words;
  }[];
  readonly operators: readonly { readonly op: string; readonly count: number; readonly supported: boolean }[];
  /** Losses that the output's shape allows. */
  readonly losses: readonly string[];
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly ExportWarning[];
}

/** Size that stands for a symbolic dimension while there is no data. */
const assumedSize = 2;

/** Builds the model once with small sizes for what is not fixed, and reports what came of it. */
export function inspectModel(original: Model, operators: Operators, filter: ParameterFilter): ModelReport {
  const { model } = withoutSecondBias(withNamedConstants(original, filter));
  const floatType = nativeFloat(model);
  const { candidates, choices } = parameterCandidates(model, filter);
  const b = new GraphBuilder();
  const parameters = new Map(candidates.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const sizes = new Map<string, number>();
  const sizeOf = (dim: number | string | undefined) => {
    if (typeof dim === 'number') return dim;
    const key = dim ?? '';
    return sizes.get(key) ?? sizes.set(key, assumedSize).get(key)!;
  };
  const inputs = new Map(
    model.graph.inputs.flatMap(({ name, type, dims }) => {
      if (!type) return [];
      return [
        [
          name,
          b.input(name, type.startsWith('float') || type === 'bfloat16' ? floatType : type, (dims ?? []).map(sizeOf)),
        ] as const,
      ];
    }),
  );
  const { outputs, blockers } = instantiate(b, model, operators, { inputs, parameters, floatType });
  const reached = new Set([...outputs.values()].flatMap((value) => [...reaching(value, parameters)]));
  const counts = new Map<string, { count: number; supported: boolean }>();
  for (const { opType, domain } of model.graph.nodes) {
    const op = isDefaultDomain(domain) ? opType : `${domain}.${opType}`;
    const supported =
      model.functions.has(`${domain}:${opType}`) || (isDefaultDomain(domain) && isSupported(operators, opType));
    counts.set(op, { count: (counts.get(op)?.count ?? 0) + 1, supported });
  }
  const known = blockers.length === 0;
  const sources = sourceNames(model);
  return {
    producer: model.producer,
    opset: model.opsets.get('') ?? 0,
    nodes: model.graph.nodes.length,
    inputs: model.graph.inputs.map(({ name, typeName, dims }) => ({ name, type: typeName, dims: dims ?? [] })),
    outputs: model.graph.outputs.map(({ name, typeName, dims }) => ({
      name,
      type: typeName,
      dims: outputs.get(name)?.shape && !dims ? outputs.get(name)!.shape : (dims ?? []),
    })),
    parameters: [
      ...candidates.map(({ name, shape }) => ({
        name,
        source: sources.get(name),
        shape,
        size: elementCount(shape),
        trained: reached.has(name) || !known,
        reason: !known
          ? 'unknown while nodes are blocked'
          : reached.has(name)
            ? 'reaches the output'
            : 'does not reach the output',
      })),
      ...choices.map(({ name, shape, reason }) => ({ name, shape, size: elementCount(shape), trained: false, reason })),
    ],
    operators: [...counts]
      .map(([op, { count, supported }]) => ({ op, count, supported }))
      .sort((x, y) => y.count - x.count),
    losses: [...new Set([...outputs.values()].flatMap(candidateLosses))],
    blockers,
    warnings: exportWarnings(model),
  };
}

const isSupported = (operators: Operators, opType: string): boolean =>
  isControlFlow({ opType, domain: '' }) || (operators.has(opType) && operators.get(opType)!.refusal === undefined);

/** What could be minimised, going by the output alone. */
function candidateLosses(output: Value): string[] {
  const { shape } = output;
  if (fittingLosses(shape, undefined).length > 0) return ['output'];
  const ending = endingOf(output);
  const binary = ending === 'sigmoid' ? 'bce' : 'bce-with-logits';
  const classes = ending === 'softmax' ? 'cross-entropy-on-probabilities' : 'cross-entropy';
  return shape.length >= 2 && shape.at(-1)! > 1 ? [classes, 'mse', binary] : ['mse', binary];
}
