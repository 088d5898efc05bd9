import { operators } from '../autodiff/decompositions/index.ts';
import { nameList } from '../exports/parameters.ts';
import { withLoops } from '../exports/writtenOut.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { type Blocker, instantiate } from '../onnx/instantiate.ts';
import type { Model, ModelNode } from '../onnx/model.ts';
import type { InstanceOptions } from '../onnx/operator.ts';
import { pruned } from '../onnx/prune.ts';
import type { FloatType, Shape } from '../onnx/tensor.ts';
import { quoteName } from '../shared/errors.ts';
import type { Words } from '../shared/words.ts';
import { type BoundInput, fixedBatchOf, sampleCount } from './inputs.ts';
import { checkOutput, chooseOutput, type OutputChoice } from './output.ts';

/** Emits a model's outputs from its parameters and from data whose first axis counts samples. */
export type Build = (
  b: GraphBuilder,
  parameters: ReadonlyMap<string, Value>,
  data: ReadonlyMap<string, Value>,
) => { outputs: ReadonlyMap<string, Value>; blockers: readonly Blocker[] };

/** What building a model once, with a small batch, tells about it. */
export interface Trial {
  readonly build: Build;
  /** The output that the loss looks at; undefined where the model has none. */
  readonly output: string | undefined;
  /** By name; those behind blocked nodes are missing. */
  readonly outputs: ReadonlyMap<string, Value>;
  readonly blockers: readonly Blocker[];
  /** The blocked nodes before any output that could be chosen. */
  readonly allBlockers: readonly Blocker[];
  /** The parameters in the trial's graph. */
  readonly variables: ReadonlyMap<string, Value>;
  readonly batch: number;
  /** Batch size to which the model is bound, as far as its inputs declare it or its operators need it. */
  readonly bound: number | undefined;
}

/** The model that is tried, and what it is tried with. */
export interface Candidate {
  readonly model: Model;
  readonly inputs: readonly BoundInput[];
  readonly parameters: readonly { readonly name: string; readonly shape: Shape }[];
  readonly floatType: FloatType;
  readonly options: InstanceOptions;
  /** The output that was asked for, loss and labels, by which one of several outputs is chosen. */
  readonly choice: Omit<OutputChoice, 'model'>;
}

/**
 * Builds the model with the smallest batch that will do, and chooses the output that the loss looks at. What does not lead to
 * this one, such as post-processing, is left out: it need not be differentiable.
 */
export function tryModel(candidate: Candidate, notes: Words[]): Trial {
  const { model, inputs, choice } = candidate;
  checkOutput(model, choice.asked);
  const start = choice.asked === undefined ? model : pruned(model, [choice.asked]);
  const declared = fixedBatchOf(inputs);
  const samples = sampleCount(inputs);
  // Which branch of a model is taken may hang on the number of samples, and with it what trains.
  const batch = declared ?? (hasBranches(model) ? samples : Math.min(samples, 2));
  const small = tryBatch(candidate, buildOf(candidate, start), batch, declared);
  const trial = declared === undefined ? orWithAllSamples(candidate, small) : small;
  const { output } = trial;
  if (output === undefined || model.graph.outputs.length + trial.blockers.length <= 1) return trial;
  const alone = tryBatch(candidate, buildOf(candidate, pruned(model, [output])), trial.batch, trial.bound);
  const blocked = new Set(alone.blockers.map(({ label }) => label));
  const left = new Set(trial.blockers.flatMap(({ label }) => (blocked.has(label) ? [] : [label])));
  if (left.size > 0)
    notes.push(
      `Nodes that cannot be differentiated but do not lead to ${quoteName(output)} were left out: ${nameList([...left])}.`,
    );
  return { ...alone, allBlockers: trial.blockers, output, outputs: new Map([...trial.outputs, ...alone.outputs]) };
}

function hasBranches({ graph, functions }: Model): boolean {
  const within = (nodes: readonly ModelNode[]): boolean =>
    nodes.some(
      ({ opType, attributes }) =>
        opType === 'If' || [...attributes.values()].some(({ kind, value }) => kind === 'graph' && within(value.nodes)),
    );
  return within(graph.nodes) || [...functions.values()].some(({ nodes }) => within(nodes));
}

/** Exporters write the size of their example batch into operators and yet call the axis of the input dynamic. */
function orWithAllSamples(candidate: Candidate, trial: Trial): Trial {
  const samples = sampleCount(candidate.inputs);
  const size = trial.output === undefined ? undefined : trial.outputs.get(trial.output)?.shape[0];
  if (trial.batch === samples || (trial.blockers.length === 0 && size !== samples)) return trial;
  const whole = tryBatch(candidate, trial.build, samples, samples);
  return whole.blockers.length < trial.blockers.length || size === samples ? whole : trial;
}

const buildOf = ({ inputs, floatType, options }: Candidate, model: Model): Build => {
  const rolled = withLoops(model);
  return (b, parameters, data) => {
    const laidOut = new Map(data);
    for (const { info, axis } of inputs)
      if (axis > 0) laidOut.set(info.name, firstAxisTo(b, data.get(info.name)!, axis));
    const given = { inputs: laidOut, parameters, floatType, options };
    const instance = instantiate(b, rolled, operators, given);
    return rolled !== model && instance.blockers.length > 0 ? instantiate(b, model, operators, given) : instance;
  };
};

/** Builds for a batch size, with parameters and data as inputs of a new graph. */
function tryBatch(
  { model, inputs, parameters, floatType, choice }: Candidate,
  build: Build,
  batch: number,
  bound: number | undefined,
): Trial {
  const b = new GraphBuilder();
  const variables = new Map(parameters.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const data = new Map(
    inputs.map(({ info, tensor, perSample }) => [
      info.name,
      b.input(info.name, tensor.type, perSample ? [batch, ...tensor.shape.slice(1)] : tensor.shape),
    ]),
  );
  const instance = build(b, variables, data);
  const output = chooseOutput({ model, ...choice }, instance.outputs, variables, batch);
  return { build, ...instance, allBlockers: instance.blockers, output, variables, batch, bound };
}

/** How the output changes with the batch. */
export interface Following {
  /** The axis of the output that counts samples. */
  readonly axis: number;
  /** True where the model can be built for any batch, with an output that is otherwise the same. */
  readonly free: boolean;
}

/** Builds for one sample more and looks which axis of the output grows with it. */
export function followBatch(candidate: Candidate, { build, output, outputs, batch, bound }: Trial): Following {
  const shifted = candidate.inputs.some(({ axis }) => axis > 0);
  if (bound === undefined && !shifted) return { axis: 0, free: true };
  const own = outputs.get(output!)!.shape;
  const larger = tryBatch(candidate, build, batch + 1, bound);
  const other = larger.blockers.length === 0 ? larger.outputs.get(output!)?.shape : undefined;
  const axis = own.findIndex((dim, i) => dim === batch && other?.[i] === batch + 1);
  const free =
    other !== undefined &&
    axis >= 0 &&
    other.length === own.length &&
    own.every((dim, i) => i === axis || other[i] === dim);
  return free && (axis === 0 || shifted) ? { axis, free } : { axis: 0, free: bound === undefined };
}

/** A value with its first axis at another place. */
export function firstAxisTo(b: GraphBuilder, value: Value, axis: number): Value {
  const rest = value.shape.map((_, i) => i).slice(1);
  return b.transpose(value, rest.toSpliced(axis, 0, 0));
}

/** A value with one axis moved to the front. */
export function axisToFirst(b: GraphBuilder, value: Value, axis: number): Value {
  return b.transpose(value, [axis, ...value.shape.map((_, i) => i).filter((i) => i !== axis)]);
}

/** float64 where the model's own weights are, else float32. */
export function nativeFloat(model: Model): FloatType {
  const types = [...model.graph.initializers.values()].map(({ type }) => type);
  return types.includes('float64') && !types.includes('float32') ? 'float64' : 'float32';
}
