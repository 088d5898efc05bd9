import { extname } from 'node:path';
import { readNpz } from '../datasets/npz.ts';
import { readSafetensors } from '../datasets/safetensors.ts';
import { nameList } from '../exports/parameters.ts';
import type { Initializer, Model } from '../onnx/model.ts';
import { showShape } from '../onnx/shapes.ts';
import { isFloat, type Tensor, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';

/** The tensors of a checkpoint (`.safetensors` or `.npz`) by name. */
export async function readWeights(path: string): Promise<Map<string, Tensor>> {
  const extension = extname(path).toLowerCase();
  if (extension === '.safetensors') return readSafetensors(path);
  if (extension === '.npz') return readNpz(path);
  throw new InspectorError(
    `${quoteName(path, 400)}: weights are read from .safetensors and .npz files.`,
    'Save them with safetensors.torch.save_file(model.state_dict(), "weights.safetensors"); pickles (.pt, .pth, .bin) are never loaded because a pickle can run any code.',
  );
}

/** Most mismatches that one message lists. */
const mostShown = 20;

/**
 * A model whose initializers have the values of the checkpoint's tensors of the same name, rounded to their own type. Names
 * and shapes must be equal; nothing is transposed or guessed. A part of the initializers is enough: `notes` say which
 * floating-point ones keep the values of the file, and which tensors have no place. Throws an InspectorError with every
 * mismatch, or with both lists of names where none is common.
 */
export function applyWeights(
  model: Model,
  tensors: ReadonlyMap<string, Tensor>,
): { readonly model: Model; readonly notes: readonly string[] } {
  const { initializers } = model.graph;
  const matching = [...tensors].filter(([name]) => initializers.has(name));
  if (matching.length === 0) {
    throw new InspectorError(
      `No tensor of the checkpoint has the name of an initializer. The checkpoint has ${nameList([...tensors.keys()])}; the model has ${nameList([...initializers.keys()])}.`,
      'Rename the tensors, or export the model so that its names survive: torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False, external_data=False).',
    );
  }
  const faults = matching.flatMap(([name, tensor]) => {
    const fault = mismatch(initializers.get(name)!, tensor);
    return fault ? [`  ${quoteName(name)}: ${fault}`] : [];
  });
  if (faults.length > 0) {
    const more = faults.length > mostShown ? [`  and ${faults.length - mostShown} more`] : [];
    throw new InspectorError(
      `${faults.length} of ${matching.length} tensors of the checkpoint do not fit the model:\n${[...faults.slice(0, mostShown), ...more].join('\n')}`,
      'Take the checkpoint and the model from the same network; a transposed weight must be transposed in the file.',
    );
  }
  const replaced = new Map(
    [...initializers].map(([name, initializer]): [string, Initializer] => {
      const tensor = tensors.get(name);
      return [name, tensor ? withValues(initializer, tensor) : initializer];
    }),
  );
  return {
    model: { ...model, graph: { ...model.graph, initializers: replaced } },
    notes: notesOn(initializers, tensors, matching.length),
  };
}

function mismatch(initializer: Initializer, tensor: Tensor): string | undefined {
  const { type, shape } = initializer;
  if (String(shape) !== String(tensor.shape))
    return `the model has shape ${showShape(shape)}, the checkpoint ${showShape(tensor.shape)}`;
  if (!type) return `the model has the type ${initializer.typeName}, which is not supported`;
  if (isFloat(type) !== isFloat(tensor.type) || (!isFloat(type) && type !== tensor.type))
    return `the model has the type ${type}, the checkpoint ${tensor.type}`;
  return undefined;
}

/** 16-bit floats become float32, since nothing here computes with them. */
function withValues(initializer: Initializer, tensor: Tensor): Initializer {
  const type = initializer.type!;
  if (!isFloat(type)) return { ...initializer, read: () => tensor };
  const kept = type === 'float64' ? 'float64' : 'float32';
  return { ...initializer, type: kept, typeName: kept, read: () => toFloat(tensor, kept) };
}

function notesOn(
  initializers: ReadonlyMap<string, Initializer>,
  tensors: ReadonlyMap<string, Tensor>,
  count: number,
): string[] {
  const uncovered = [...initializers.values()]
    .filter(({ name, type }) => type && isFloat(type) && !tensors.has(name))
    .map(({ name }) => name);
  const unused = [...tensors.keys()].filter((name) => !initializers.has(name));
  const notes = [
    `${count === 1 ? '1 initializer has its values' : `${count} initializers have their values`} from the checkpoint.`,
  ];
  if (uncovered.length > 0) notes.push(`Not in the checkpoint, and so as in the model: ${nameList(uncovered)}.`);
  if (unused.length > 0) notes.push(`Only in the checkpoint, and so unused: ${nameList(unused)}.`);
  return notes;
}
