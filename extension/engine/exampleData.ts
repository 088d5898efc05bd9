import { operators } from '../autodiff/decompositions/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { instantiate } from '../onnx/instantiate.ts';
import type { Model } from '../onnx/model.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount, isFloat, type Tensor, tensorOf } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { LossName } from '../shared/losses.ts';
import { at, words } from '../shared/words.ts';
import { describeBlockers } from './blockers.ts';
import { isCrossEntropy } from './loss.ts';
import { nativeFloat } from './trial.ts';

/** Zeros of the model's own shapes, for when a graph is to be built without data; unknown sizes become `batch`. */
export function exampleData(model: Model, batch: number, loss: LossName | undefined): Dataset {
  const arrays = new Map<string, Tensor>();
  for (const { name, type, dims, typeName } of model.graph.inputs) {
    if (!type || !dims)
      throw new InspectorError(
        `The model's input ${quoteName(name)} (${typeName}) has no shape.`,
        words`Give data with ${at('data')}, from which the shapes are taken.`,
      );
    const free = dims.findIndex((dim, i) => i > 0 && typeof dim !== 'number');
    if (free > 0)
      throw new InspectorError(
        `The size of axis ${free} of the input ${quoteName(name)} ${showShape(dims)} is not fixed.`,
        words`Give data with ${at('data')}, from which it is taken.`,
      );
    const shape = dims.map((dim) => (typeof dim === 'number' ? dim : batch));
    arrays.set(
      name,
      tensorOf(
        type === 'float16' || type === 'bfloat16' ? 'float32' : type,
        shape,
        new Float64Array(elementCount(shape)),
      ),
    );
  }
  const b = new GraphBuilder();
  const floatType = nativeFloat(model);
  const inputs = new Map(
    [...arrays].map(([name, { type, shape }]) => [name, b.input(name, isFloat(type) ? floatType : type, shape)]),
  );
  const { outputs, blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType });
  if (blockers.length > 0) throw InspectorError.of(describeBlockers(model, blockers, []));
  const shape = [...outputs.values()][0]?.shape ?? [];
  if (loss === 'output' || elementCount(shape) === 1) return { arrays, files: [], format: 'none' };
  const classes = loss === undefined ? shape.length >= 2 : isCrossEntropy(loss);
  const labels = classes ? shape.slice(0, -1) : shape;
  arrays.set('y', tensorOf(labels === shape ? floatType : 'int64', labels, new Float64Array(elementCount(labels))));
  return { arrays, files: [], format: 'none' };
}
