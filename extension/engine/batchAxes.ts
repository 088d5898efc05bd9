import { nameList } from '../exports/parameters.ts';
import { ownAttribute } from '../onnx/attributes.ts';
import { isDefaultDomain, type Model, type ValueInfo } from '../onnx/model.ts';
import { elementCount, type Shape, type Tensor } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';

/** Names that people and exporters give to the axis that counts samples. */
const batchName = /^(n|b|bs|(n|num)?_?(samples?|examples?))$|batch/i;

/** Reads `NAME=AXIS` pairs. Throws an InspectorError for anything else, and for names that are no inputs of the model. */
export function parseBatchAxes(model: Model, pairs: readonly string[]): Map<string, number> {
  return new Map(
    pairs.map((pair): [string, number] => {
      const split = pair.lastIndexOf('=');
      const name = pair.slice(0, split);
      const axis = pair.slice(split + 1);
      if (split < 1 || !/^\d$/.test(axis))
        throw new InspectorError(
          `The batch axis is given as ${quoteName(pair)}.`,
          'Write the name of an input and the axis, counted from 0, as in x=1.',
        );
      const info = model.graph.inputs.find((input) => input.name === name);
      if (!info)
        throw new InspectorError(
          `The model has no input ${quoteName(name)}, whose batch axis was given.`,
          `It has ${nameList(model.graph.inputs.map((input) => input.name))}.`,
        );
      if (info.dims && Number(axis) >= info.dims.length)
        throw new InspectorError(
          `The batch axis of ${quoteName(name)} is ${axis}, but it has ${info.dims.length} axes.`,
          'Axes are counted from 0.',
        );
      return [name, Number(axis)];
    }),
  );
}

/**
 * The axis of each input that counts samples, where the model tells: by the name of the dimension (`batch`), or by a
 * recurrent operator that it leads to. Other inputs are missing.
 */
export function knownBatchAxes(model: Model): Map<string, number> {
  const axes = recurrentAxes(model);
  for (const { name, dims } of model.graph.inputs) {
    const named = (dims ?? []).flatMap((dim, i) => (typeof dim === 'string' && batchName.test(dim) ? [i] : []));
    if (named.length === 1) axes.set(name, named[0]);
  }
  return axes;
}

/** Operators that keep the axes of their first input, but perhaps for the last one. */
const keeping: ReadonlySet<string> = new Set([
  ...['Identity', 'Cast', 'Dropout', 'LayerNormalization', 'MatMul', 'Add', 'Sub', 'Mul', 'Div'],
  ...['Relu', 'Tanh', 'Sigmoid', 'Gelu'],
]);

const isRecurrent = (opType: string): opType is 'LSTM' | 'GRU' | 'RNN' => ['LSTM', 'GRU', 'RNN'].includes(opType);

/** Recurrent operators say which axis of their input is time and which the batch; it is followed back to the inputs. */
function recurrentAxes({ graph }: Model): Map<string, number> {
  const found = new Map<string, number>();
  /** For values that come from an input: which of its axes stands at each place. */
  const places = new Map<string, { readonly input: string; readonly axes: readonly number[] }>();
  for (const { name, dims } of graph.inputs) if (dims) places.set(name, { input: name, axes: dims.map((_, i) => i) });
  for (const node of graph.nodes) {
    const { opType, inputs, outputs } = node;
    if (!isDefaultDomain(node.domain)) continue;
    const at = places.get(inputs[opType === 'Gather' ? 1 : 0] ?? '');
    if (!at) continue;
    const perm = ownAttribute(node, 'Transpose', 'perm');
    if (perm?.length === at.axes.length) places.set(outputs[0], { ...at, axes: perm.map((axis) => at.axes[axis]) });
    else if (keeping.has(opType)) places.set(outputs[0], at);
    // Looking up rows of a table puts a new axis behind those of the indices.
    else if (opType === 'Gather' && graph.initializers.has(inputs[0]))
      places.set(outputs[0], { ...at, axes: [...at.axes, at.axes.length] });
    else if (isRecurrent(opType) && at.axes.length === 3 && !found.has(at.input))
      found.set(at.input, at.axes[ownAttribute(node, opType, 'layout') === 1 ? 0 : 1]);
  }
  return found;
}

/** An array of the model's layout, and whether its samples had to be moved there. */
export interface Placed {
  /** Samples lie on the first axis. */
  readonly tensor: Tensor;
  readonly axis: number;
  readonly note?: string;
}

/**
 * An array for an input whose samples lie on `axis`, which is above 0: with the axes as the model has them, or with the
 * samples on the first axis already. Undefined where it fits neither way.
 *
 * @param labels shape of the labels, where there are any
 */
export function placeSamples(
  { name, dims }: ValueInfo,
  tensor: Tensor,
  axis: number,
  labels: Shape | undefined,
): Placed | undefined {
  const fits = (shape: Shape) =>
    !dims ||
    (shape.length === dims.length &&
      shape.every((dim, i) => i === axis || typeof dims[i] !== 'number' || dims[i] === dim));
  const { shape } = tensor;
  if (shape.length <= axis) return undefined;
  const asModel = fits(shape);
  const moved = [...shape.slice(1, axis + 1), shape[0], ...shape.slice(axis + 1)];
  const samplesFirst = fits(moved);
  if (!asModel && !samplesFirst) return undefined;
  // Where both fit, labels of one number for each sample may show that samples come first.
  if (asModel && !(samplesFirst && labels?.[0] === shape[0] && !labels.includes(shape[axis])))
    return { tensor: axisFirst(tensor, axis), axis };
  return { tensor, axis, note: `Samples of ${quoteName(name)} were moved from axis 0 of the data to axis ${axis}.` };
}

/** The same numbers with one axis moved to the front. */
export function axisFirst(tensor: Tensor, axis: number): Tensor {
  if (axis === 0) return tensor;
  const { shape, data } = tensor;
  const outer = elementCount(shape.slice(0, axis));
  const inner = elementCount(shape.slice(axis + 1));
  const count = shape[axis];
  const result = data.slice();
  for (let i = 0; i < count; i++)
    for (let o = 0; o < outer; o++) {
      const from = (o * count + i) * inner;
      result.set(data.subarray(from, from + inner) as never, (i * outer + o) * inner);
    }
  return { ...tensor, shape: [count, ...shape.slice(0, axis), ...shape.slice(axis + 1)], data: result } as Tensor;
}
