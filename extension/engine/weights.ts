import { extname } from 'node:path';
import { readNpz } from '../datasets/npz.ts';
import { readSafetensors } from '../datasets/safetensors.ts';
import { nameList } from '../exports/parameters.ts';
import { sourceNames } from '../exports/sourceNames.ts';
import { ownAttribute } from '../onnx/attributes.ts';
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
 * A model whose initializers have the values of the checkpoint's tensors, rounded to their own type. Names are those of the file, or of
 * the original module where the exporter renamed a tensor; wrappers such as `module.` may stand before all of them, in the checkpoint or in
 * the model. Shapes must be equal; only weights of linear layers that the exporter is known to have transposed are transposed. A part of
 * the initializers is enough: `notes` say which floating-point ones keep the values of the file, which tensors have no place, and what was
 * taken for what. Throws an InspectorError with every mismatch, or with both lists of names where none is common.
 */
export function applyWeights(
  model: Model,
  tensors: ReadonlyMap<string, Tensor>,
): { readonly model: Model; readonly notes: readonly string[] } {
  const { initializers } = model.graph;
  const places = placesOf(model);
  const { named, note } = withoutWrapper(places, tensors);
  const matching = [...named].flatMap(([name, tensor]) => {
    const place = places.get(name);
    return place ? [{ name, ...place, tensor }] : [];
  });
  if (matching.length === 0) {
    throw new InspectorError(
      `No tensor of the checkpoint has the name of an initializer. The checkpoint has ${nameList([...tensors.keys()])}; the model has ${nameList([...initializers.keys()])}.`,
      'Rename the tensors, or export the model so that its names survive: torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False, external_data=False).',
    );
  }
  const faults: string[] = [];
  const found = new Map<string, Tensor>();
  const renamed: string[] = [];
  for (const { name, initializer, transposed, tensor } of matching) {
    const laidOut = transposed && tensor.shape.length === 2 ? transpose(tensor) : tensor;
    const fault = mismatch(initializer, laidOut);
    if (fault) faults.push(`  ${quoteName(name)}: ${fault}`);
    else if (!found.has(initializer.name) || name === initializer.name) found.set(initializer.name, laidOut);
    if (name !== initializer.name)
      renamed.push(`${quoteName(initializer.name)} from ${quoteName(name)}${transposed ? ' (transposed)' : ''}`);
  }
  if (faults.length > 0) {
    const more = faults.length > mostShown ? [`  and ${faults.length - mostShown} more`] : [];
    throw new InspectorError(
      `${faults.length} of ${matching.length} tensors of the checkpoint do not fit the model:\n${[...faults.slice(0, mostShown), ...more].join('\n')}`,
      'Take the checkpoint and the model from the same network; a transposed weight must be transposed in the file.',
    );
  }
  const replaced = new Map(
    [...initializers].map(([name, initializer]): [string, Initializer] => {
      const tensor = found.get(name);
      return [name, tensor ? withValues(initializer, tensor) : initializer];
    }),
  );
  const unused = [...named.keys()].filter((name) => !places.has(name));
  return {
    model: { ...model, graph: { ...model.graph, initializers: replaced } },
    notes: [
      ...notesOn(initializers, found, unused),
      ...(note === undefined ? [] : [note]),
      ...(renamed.length > 0
        ? [
            `The exporter renamed ${renamed.slice(0, 4).join(', ')}${renamed.length > 4 ? ` and ${renamed.length - 4} more` : ''}.`,
          ]
        : []),
    ],
  };
}

/** An initializer that a tensor's values go to. */
interface Place {
  readonly initializer: Initializer;
  /** The exporter stored it transposed. */
  readonly transposed: boolean;
}

/** The places of a model by their names in the file and, where the exporter renamed one weight, in the original module. */
function placesOf(model: Model): Map<string, Place> {
  const { initializers, nodes } = model.graph;
  const factors = new Set(
    nodes.flatMap((node) =>
      node.opType === 'MatMul' || (node.opType === 'Gemm' && ownAttribute(node, 'Gemm', 'transB') !== 1)
        ? [node.inputs[1]]
        : [],
    ),
  );
  const places = new Map<string, Place>();
  for (const [name, source] of sourceNames(model)) {
    const initializer = initializers.get(name);
    // Of several parameters the exporter has made something new.
    if (!initializer || source.includes('+')) continue;
    const transposed = initializer.shape.length === 2 && factors.has(name) && source.endsWith('weight');
    places.set(source, { initializer, transposed });
  }
  for (const [name, initializer] of initializers) places.set(name, { initializer, transposed: false });
  return places;
}

/** Names that stand before the dots of names, each with its dot: `a.` and `a.b.` of `a.b.weight`. */
function wrappersOf(names: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const name of names)
    for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) found.add(name.slice(0, at + 1));
  return [...found];
}

/** What `torch.compile` puts among the names, in any place. */
const compiled = '_orig_mod.';

/**
 * The tensors without a wrapper's name before theirs, or with one that the model's names have: whatever gives the most tensors a place,
 * names as they are before all others. What was taken off or put before is said.
 */
function withoutWrapper(
  places: ReadonlyMap<string, Place>,
  given: ReadonlyMap<string, Tensor>,
): { readonly named: ReadonlyMap<string, Tensor>; readonly note: string | undefined } {
  const isCompiled = [...given.keys()].some((name) => name.includes(compiled) && !places.has(name));
  const tensors = isCompiled
    ? new Map([...given].map(([name, tensor]) => [name.replaceAll(compiled, ''), tensor] as const))
    : given;
  const count = (off: string, on: string) =>
    [...tensors.keys()].filter((name) => name.startsWith(off) && places.has(on + name.slice(off.length))).length;
  const [offs, ons] = [wrappersOf(tensors.keys()), wrappersOf(places.keys())];
  const ways = [{ off: '', on: '' }, ...offs.map((off) => ({ off, on: '' })), ...ons.map((on) => ({ off: '', on }))];
  const counted = (all: typeof ways) => all.map((way) => ({ ...way, count: count(way.off, way.on) }));
  let options = counted(ways);
  // A wrapper may stand on each side, of another name.
  if (options.every((option) => option.count === 0)) {
    const outermost = (wrappers: readonly string[]) => wrappers.filter((name) => name.indexOf('.') === name.length - 1);
    options = counted(outermost(offs).flatMap((off) => outermost(ons).map((on) => ({ off, on }))));
  }
  const most = Math.max(0, ...options.map((option) => option.count));
  const best = options.filter((option) => option.count === most);
  if (most === 0) return { named: given, note: undefined };
  const [{ off, on }] = best;
  // Two wrappers that serve equally well, such as those of a student and a teacher, leave open which is meant.
  if (off !== '' && best.length > 1)
    throw new InspectorError(
      `Several parts of the checkpoint have the names of the model: ${nameList(
        best.map((option) => option.off),
        4,
      )}.`,
      'Save the tensors of one of them alone.',
    );
  const named = new Map(
    [...tensors].map(([name, tensor]) => [name.startsWith(off) ? on + name.slice(off.length) : name, tensor] as const),
  );
  const taken = [...(isCompiled ? [compiled] : []), ...(off === '' ? [] : [off])];
  const changes = [
    ...(taken.length > 0 ? [`${nameList(taken)} was taken off the names of the checkpoint`] : []),
    ...(on === ''
      ? []
      : [`${quoteName(on)} was put before ${taken.length > 0 ? 'them' : 'the names of the checkpoint'}`]),
  ];
  return { named, note: changes.length > 0 ? `${changes.join(', and ')}.` : undefined };
}

/** The matrix with rows and columns exchanged. */
function transpose(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.shape;
  const data = tensor.data.slice() as Float32Array;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) data[j * rows + i] = (tensor.data as Float32Array)[i * columns + j];
  return { ...tensor, shape: [columns, rows], data } as Tensor;
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
  found: ReadonlyMap<string, Tensor>,
  unused: readonly string[],
): string[] {
  const uncovered = [...initializers.values()]
    .filter(({ name, type }) => type && isFloat(type) && !found.has(name))
    .map(({ name }) => name);
  const notes = [
    `${found.size === 1 ? '1 initializer has its values' : `${found.size} initializers have their values`} from the checkpoint.`,
  ];
  if (uncovered.length > 0) notes.push(`Not in the checkpoint, and so as in the model: ${nameList(uncovered)}.`);
  if (unused.length > 0) notes.push(`Only in the checkpoint, and so unused: ${nameList(unused)}.`);
  return notes;
}
