import { operators } from '../autodiff/decompositions/index.ts';
import { derivativeGraph, type Named } from '../autodiff/derivative.ts';
import { lower } from '../autodiff/lowering/index.ts';
import { describeBlockers } from '../engine/blockers.ts';
import { emitMeanLoss } from '../engine/loss.ts';
import { withNamedConstants } from '../exports/constants.ts';
import { globToRegExp } from '../exports/parameterFilter.ts';
import { nameList, parameterCandidates } from '../exports/parameters.ts';
import { withTrainingSemantics } from '../exports/trainingSemantics.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { instantiate } from '../onnx/instantiate.ts';
import type { Initializer, Model, ValueInfo } from '../onnx/model.ts';
import { pruned } from '../onnx/prune.ts';
import { decodeModel } from '../onnx/read.ts';
import { showShape } from '../onnx/shapes.ts';
import { isFloat, type Tensor, toFloat } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';

/** What is computed: the value alone, its gradient, J·t, Jᵀ·c, or H·t with the gradient. */
export type Derivative = 'value' | 'gradient' | 'jvp' | 'vjp' | 'hvp';

/** A loss of the differentiated output, against a new input `labels`. The mean over all positions, as PyTorch has it. */
export type Loss = 'cross-entropy' | 'cross-entropy-on-probabilities' | 'mse' | 'bce-with-logits' | 'bce';

export interface DifferentiateOptions {
  /** Default `gradient`. */
  readonly compute?: Derivative;
  /** The output of the model that is differentiated; may be left out where it has only one. */
  readonly output?: string;
  /**
   * With respect to what: names of floating-point inputs and initializers of the model, in which `*` matches anything. Default: the
   * initializers that are parameters (no buffers, no constants).
   */
  readonly wrt?: readonly string[];
  /** Differentiate this loss of the output in place of the output. */
  readonly loss?: Loss;
  /** Shape of `labels`; default: that of the output, for cross-entropy without its last axis. */
  readonly labels?: readonly number[];
  /** Sizes of symbolic dimensions of the inputs, by name. */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** Shapes of inputs, by name, where the file leaves them open. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /**
   * What becomes of the initializers in `wrt`: `stored` in the graph with their values (default), or `given` as inputs, so that they
   * can change from call to call; their values are then in `parameters` of the result.
   */
  readonly parameters?: 'stored' | 'given';
  /** Precision of all floating-point values; default: that of the model. */
  readonly floatType?: 'float32' | 'float64';
  /** Let BatchNormalization use the statistics of the batch, as training does. */
  readonly batchStatistics?: boolean;
  /** Where the file lies: names it in messages, and says where its external data is. */
  readonly path?: string;
}

/** Name, element type and shape of an input or output. */
export interface Port {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
}

export interface Differentiated {
  /** An ONNX model of operators of the default domain. */
  readonly model: Uint8Array;
  /** What it asks for: inputs of the model, `labels`, `tangent/NAME`, `cotangent/OUTPUT`, and parameters that are `given`. */
  readonly inputs: readonly Port[];
  /** What it gives: the value under its own name (`loss` with a loss), `gradient/NAME`, `jvp/OUTPUT`, `vjp/NAME`, `hvp/NAME`. */
  readonly outputs: readonly Port[];
  /** Names that were differentiated with respect to. */
  readonly wrt: readonly string[];
  /** Values of the parameters that are `given`. */
  readonly parameters: ReadonlyMap<string, Float32Array | Float64Array>;
  /** What was read from the exporter's notes about gradients (`detach`, padding rows), for people. */
  readonly notes: readonly string[];
}

/** A refusal: what is wrong, and what to do. */
export interface Refusal extends Error {
  readonly name: 'InspectorError';
  readonly remedy: string | undefined;
}

/** Whether an error is about what was given; anything else that is thrown is a defect of this library. */
export const isRefusal = (error: unknown): error is Refusal => error instanceof InspectorError;

/**
 * Differentiates an ONNX model into another ONNX model of standard operators (opset 20), which any runtime can run.
 *
 * Derivatives are exact, those of kinks are PyTorch's. All shapes are fixed when the graph is built: sizes that the file leaves
 * open come from `dimensions` and `shapes`. Nodes that do not lead to the output are left out.
 *
 * @param model the bytes of the ONNX file
 * @throws an error of which `isRefusal` is true, for everything that is wrong with the model or the options; nodes that cannot be
 * differentiated are all named in one message
 */
export function differentiate(model: Uint8Array, options: DifferentiateOptions = {}): Differentiated {
  const { compute = 'gradient', wrt: asked, path = 'the model', parameters: kept = 'stored' } = options;
  const source = withNamedConstants(decodeModel(model, path), { trainable: asked });
  const semantics = withTrainingSemantics(source);
  const output = chosenOutput(source, options.output);
  const graph = pruned(semantics.model, [output]);
  const floatType = options.floatType ?? nativeFloat(source);
  const chosen = chosenVariables(graph, asked);

  const b = new GraphBuilder();
  const inputs = new Map(
    inputShapes(graph, options).map(({ info, shape }) => [
      info.name,
      b.input(info.name, isFloat(info.type!) ? floatType : info.type!, shape),
    ]),
  );
  const parameters = new Map(chosen.parameters.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const { batchStatistics } = options;
  const built = instantiate(b, graph, operators, { inputs, parameters, floatType, options: { batchStatistics } });
  const value = built.outputs.get(output);
  if (!value || built.blockers.length > 0)
    throw InspectorError.of(describeBlockers(graph, built.blockers, [...parameters.keys()]));
  if (!isFloat(value.type))
    throw new InspectorError(
      `The output ${quoteName(output)} is of type ${value.type}.`,
      'Only floating-point outputs have derivatives; name another one with output.',
    );
  const y = options.loss
    ? { name: 'loss', value: lossOf(b, options.loss, value, options.labels) }
    : { name: output, value };
  const variables: Named[] = [...chosen.inputs, ...chosen.parameters.map(({ name }) => name)].map((name) => ({
    name,
    value: inputs.get(name) ?? parameters.get(name)!,
  }));
  const result = lower(derivativeGraph(b, compute, y, variables));
  const values = new Map(
    chosen.parameters.map((each): [string, Tensor] => [each.name, toFloat(each.read(), floatType)]),
  );
  const stored = kept === 'stored' ? values : new Map<string, Tensor>();
  return {
    model: encodeModel(result, { graphName: compute, initializers: stored }),
    inputs: result.inputs.filter(({ name }) => !stored.has(name!)).map((input) => portOf(input.name!, input)),
    outputs: result.outputs.map(({ name, value: each }) => portOf(name, each)),
    wrt: variables.map(({ name }) => name),
    parameters: new Map(
      [...values].flatMap(([name, { data }]) => (kept === 'given' ? [[name, data as Float32Array]] : [])),
    ),
    notes: semantics.notes,
  };
}

const portOf = (name: string, { type, shape }: Value): Port => ({ name, type, shape: [...shape] });

function nativeFloat({ graph }: Model): 'float32' | 'float64' {
  const types = [...graph.initializers.values(), ...graph.inputs].map(({ type }) => type);
  return types.includes('float64') && !types.includes('float32') ? 'float64' : 'float32';
}

function chosenOutput({ graph }: Model, asked: string | undefined): string {
  const names = graph.outputs.map(({ name }) => name);
  if (asked !== undefined && names.includes(asked)) return asked;
  if (asked === undefined && names.length === 1) return names[0]!;
  throw new InspectorError(
    asked === undefined ? `The model has ${names.length} outputs.` : `The model has no output ${quoteName(asked)}.`,
    `Name one with output: ${nameList(names)}.`,
  );
}

/** The inputs and parameters that the names choose. */
function chosenVariables(
  model: Model,
  asked: readonly string[] | undefined,
): { readonly inputs: readonly string[]; readonly parameters: readonly Initializer[] } {
  if (asked === undefined) {
    const { candidates } = parameterCandidates(model, {});
    if (candidates.length > 0) return { inputs: [], parameters: candidates };
    throw new InspectorError('The model has no parameters.', 'Name inputs or initializers with wrt.');
  }
  const floats = <T extends ValueInfo | Initializer>(all: Iterable<T>): T[] =>
    [...all].filter(({ type }) => type && isFloat(type));
  const inputs = floats(model.graph.inputs);
  const initializers = floats(model.graph.initializers.values());
  const patterns = asked.map(globToRegExp);
  const matches = ({ name }: { name: string }) => patterns.some((pattern) => pattern.test(name));
  const all = [...inputs, ...initializers].map(({ name }) => name);
  const unmatched = asked.filter((_, i) => !all.some((name) => patterns[i]!.test(name)));
  if (unmatched.length > 0)
    throw new InspectorError(
      `No floating-point input or initializer matches ${unmatched.map((name) => quoteName(name)).join(', ')}.`,
      `The model has ${nameList(all)}.`,
    );
  return { inputs: inputs.filter(matches).map(({ name }) => name), parameters: initializers.filter(matches) };
}

/** The shape of every input. Throws one InspectorError for all that are not known. */
function inputShapes(
  { graph }: Model,
  { shapes = {}, dimensions = {} }: DifferentiateOptions,
): { info: ValueInfo; shape: readonly number[] }[] {
  const unknown = [...Object.keys(shapes)].filter((name) => !graph.inputs.some((input) => input.name === name));
  const used = new Set(graph.inputs.flatMap(({ dims }) => dims ?? []));
  const unused = Object.keys(dimensions).filter((name) => !used.has(name));
  if (unknown.length + unused.length > 0)
    throw new InspectorError(
      `The model has no ${[...unknown.map((name) => `input ${quoteName(name)}`), ...unused.map((name) => `dimension ${quoteName(name)}`)].join(', no ')}.`,
      `Its inputs are ${graph.inputs.map(({ name, dims }) => `${quoteName(name)} ${showShape(dims ?? [])}`).join(', ')}.`,
    );
  const open: string[] = [];
  const known = graph.inputs.map((info) => {
    const given = shapes[info.name];
    const shape = given ?? info.dims?.map((dim) => (typeof dim === 'string' ? dimensions[dim] : dim));
    const isKnown = shape?.every((dim) => Number.isInteger(dim) && dim! >= 0);
    if (!info.type)
      open.push(
        info.typeName === 'undefined'
          ? `${quoteName(info.name)} has no type`
          : `${quoteName(info.name)} is of type ${info.typeName}, which is no tensor`,
      );
    else if (!isKnown) open.push(`${quoteName(info.name)} ${showShape(given ?? info.dims ?? [])} is not known`);
    else if (given && info.dims && !fits(given, info.dims))
      open.push(
        `${quoteName(info.name)} ${showShape(given)} does not fit ${showShape(info.dims ?? [])}, which the model declares`,
      );
    return { info, shape: shape as number[] };
  });
  if (open.length > 0)
    throw new InspectorError(
      `The shape of every input must be known when a graph is built:\n${open.map((line) => `  ${line}`).join('\n')}`,
      'Give sizes with dimensions ({ batch: 8 }) or whole shapes with shapes ({ x: [8, 3, 32, 32] }).',
    );
  return known;
}

const fits = (shape: readonly number[], dims: readonly (number | string | undefined)[]): boolean =>
  shape.length === dims.length && shape.every((size, i) => typeof dims[i] !== 'number' || dims[i] === size);

/** The mean loss of a prediction against labels, which become an input. */
function lossOf(b: GraphBuilder, loss: Loss, prediction: Value, labels: readonly number[] | undefined): Value {
  const classes = loss === 'cross-entropy' || loss === 'cross-entropy-on-probabilities';
  const shape = labels ?? (classes ? prediction.shape.slice(0, -1) : prediction.shape);
  const input = b.input('labels', classes ? 'int64' : prediction.type, shape);
  return b.cast(emitMeanLoss(b, loss, prediction, input), prediction.type);
}
