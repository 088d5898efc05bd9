import { nameList } from '../exports/parameters.ts';
import { nodesReaching, type Value } from '../onnx/graph.ts';
import type { Model } from '../onnx/model.ts';
import { passesGradient } from '../onnx/ops.ts';
import { namesUsed, nodesBefore } from '../onnx/prune.ts';
import { showShape } from '../onnx/shapes.ts';
import { isFloat, type Tensor } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { at, type Words, words } from '../shared/words.ts';
import { endingOf, fittingLosses, lossFits } from './loss.ts';

/** What decides which output the loss looks at. */
export interface OutputChoice {
  readonly model: Model;
  /** The output that was asked for. */
  readonly asked: string | undefined;
  readonly loss: LossName | undefined;
  /** Labels, one for each sample of the whole data set. */
  readonly labels: Tensor | undefined;
}

/** Throws an InspectorError where the output that was asked for is none of the model's. */
export function checkOutput({ graph }: Model, asked: string | undefined): void {
  if (asked === undefined || graph.outputs.some(({ name }) => name === asked)) return;
  throw new InspectorError(
    `The model has no output ${quoteName(asked)}.`,
    `Its outputs are ${nameList(graph.outputs.map(({ name }) => name))}.`,
  );
}

/**
 * The output that the loss looks at: the one asked for, else of those that fit the labels the one that most trainable tensors
 * reach; of equals, the first. An output behind nodes that cannot be built is taken only where no other one fits.
 *
 * @param outputs values for a batch of `batch` samples; blocked ones are missing
 */
export function chooseOutput(
  { model, asked, loss, labels }: OutputChoice,
  outputs: ReadonlyMap<string, Value>,
  variables: ReadonlyMap<string, Value>,
  batch: number,
): string | undefined {
  if (asked !== undefined) return asked;
  const names = model.graph.outputs.map(({ name }) => name);
  if (names.length === 1) return names[0];
  const ofBatch = labels && { ...labels, shape: [batch, ...labels.shape.slice(1)] };
  const ranked = names.map((name) => {
    const value = outputs.get(name);
    if (!value) return { name, fit: 0.5, reach: parametersBefore(model, name, variables) };
    const reach = isFloat(value.type) ? reaching(value, variables).size : 0;
    return { name, fit: reach > 0 ? fitOf(value, loss, ofBatch) : 0, reach };
  });
  // Sorting is stable, so that the first of equals stays first.
  return ranked.sort((a, b) => b.fit - a.fit || b.reach - a.reach)[0]?.name;
}

/** 2 where a loss takes output and labels, 1 where the output can be minimised without them, else 0. */
function fitOf(value: Value, loss: LossName | undefined, labels: Tensor | undefined): number {
  if (loss !== undefined) return lossFits(loss, value.shape, labels) ? 2 : 0;
  const fits = fittingLosses(value.shape, labels, endingOf(value));
  return fits.length === 0 ? 0 : labels && fits[0] === 'output' ? 1 : 2;
}

/** How many parameters lie before an output, by whatever way. */
function parametersBefore({ graph }: Model, output: string, variables: ReadonlyMap<string, Value>): number {
  const used = new Set(nodesBefore(graph, [output]).flatMap(namesUsed));
  return [...variables.keys()].filter((name) => used.has(name)).length;
}

/** The other outputs with their shapes, for a message about one that does not fit; empty where there are none. */
export function otherOutputs({ graph }: Model, output: string, outputs: ReadonlyMap<string, Value>): Words {
  const others = graph.outputs.filter(({ name }) => name !== output);
  if (others.length === 0) return '';
  const shown = others.slice(0, 6).map(({ name, dims }) => {
    const value = outputs.get(name);
    return `${quoteName(name)} ${showShape(dims ?? value?.shape ?? [])}`;
  });
  const more = others.length > 6 ? ` and ${others.length - 6} more` : '';
  return words`This is the output ${quoteName(output)}; ${at('output')} takes another one: ${shown.join(', ')}${more}.`;
}

/** Names of the variables on which a value depends through operators that have a derivative. */
export function reaching(value: Value, variables: ReadonlyMap<string, Value>): Set<string> {
  const nodes = nodesReaching([value], ({ type, node }) => isFloat(type) && passesGradient(node!.opType));
  const used = new Set<Value | undefined>([value, ...nodes.flatMap((node) => node.inputs)]);
  return new Set([...variables].filter(([, variable]) => used.has(variable)).map(([name]) => name));
}
