import { type Initializer, isDefaultDomain, type Model } from '../onnx/model.ts';
import { elementCount, isFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { isUniform } from './equalTensors.ts';

/** Why a float initializer is or is not trained. */
export interface ParameterChoice {
  readonly name: string;
  readonly shape: readonly number[];
  readonly trained: boolean;
  readonly reason: string;
}

export interface ParameterFilter {
  /** Glob patterns; `*` matches anything. */
  readonly freeze?: readonly string[];
  readonly trainable?: readonly string[];
}

/** Inputs of operators that hold settings or statistics and never parameters. */
const fixedInputs: ReadonlyMap<string, { readonly inputs: readonly number[]; readonly what: string }> = new Map([
  ['BatchNormalization', { inputs: [3, 4], what: 'running statistics of BatchNormalization' }],
  ['Clip', { inputs: [1, 2], what: 'bound of Clip' }],
  ['Pad', { inputs: [1, 2, 3], what: 'padding value' }],
  ['Resize', { inputs: [1, 2, 3], what: 'region or scales of Resize' }],
  ['Upsample', { inputs: [1], what: 'scales of Upsample' }],
  ['Dropout', { inputs: [1, 2], what: 'ratio of Dropout' }],
  ['OneHot', { inputs: [1, 2], what: 'values of OneHot' }],
  ['Range', { inputs: [0, 1, 2], what: 'bound of Range' }],
  ['ConstantOfShape', { inputs: [0], what: 'shape' }],
  ['SoftmaxCrossEntropyLoss', { inputs: [1, 2], what: 'class weights of the loss' }],
  ['NegativeLogLikelihoodLoss', { inputs: [1, 2], what: 'class weights of the loss' }],
]);

/** Names that exporters give to constants which they folded: `/block/Constant_output_0`, `onnx::Mul_17`, `val_3`, `123`. */
const generatedName = /(^|\/)Constant(_\d+)?(_output_\d+)?$|^onnx::\w+$|^val_\d+$|^\d+$|^const(ant)?_/i;

/** Names of values in PyTorch's graphs on the way to rotary tables and masks, which exporters compute and store. */
const tables = /^(cos|sin|tril|triu)(_\d+)?$/;

/**
 * Why an initializer is no parameter according to the exporter's own notes. A name with a dot is that of a module's
 * tensor; others are those of tensors of the outermost module, or of values in PyTorch's graph.
 *
 * @param notes whether the exporter notes for what it computed that it did so
 */
function notedRole({ name, shape, origin, read }: Initializer, notes: boolean): string | undefined {
  if (!origin) return notes && generatedName.test(name) ? 'constant of the exporter' : undefined;
  if (origin.kind === 'buffer') return 'buffer of the PyTorch module';
  if (origin.kind === 'constant') return 'constant in the PyTorch program';
  if (origin.kind !== 'computed' || name.includes('.')) return undefined;
  const { from } = origin;
  const computed = 'computed by the exporter from constants';
  if (from.some((source) => /(^|[._])(weight|bias)$/.test(source))) return undefined;
  if (from.some((source) => tables.test(source))) return computed;
  if (from.some((source) => source.includes('.'))) return undefined;
  return shape.length === 0 || from.every((source) => generatedName.test(source)) || isUniform(read())
    ? computed
    : undefined;
}

/** A glob in which only `*` is special, and matches anything at all. */
export function globToRegExp(glob: string): RegExp {
  return new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  );
}

/** The initializers that could be parameters, with the reason for each that is not. */
export function parameterCandidates(
  model: Model,
  filter: ParameterFilter,
): { readonly candidates: readonly Initializer[]; readonly choices: readonly ParameterChoice[] } {
  const uses = usesOf(model);
  const freeze = (filter.freeze ?? []).map(globToRegExp);
  const trainable = (filter.trainable ?? []).map(globToRegExp);
  const unmatched = [...(filter.freeze ?? []), ...(filter.trainable ?? [])].filter(
    (glob) => ![...model.graph.initializers.keys()].some((name) => globToRegExp(glob).test(name)),
  );
  if (unmatched.length > 0) {
    throw new InspectorError(
      `No initializer matches ${unmatched.map((glob) => quoteName(glob)).join(', ')}.`,
      `The model has ${nameList([...model.graph.initializers.keys()])}.`,
    );
  }
  // Exporters that note what they computed leave nothing but literal constants without a note.
  const notes = [...model.graph.initializers.values()].some(({ origin }) => origin?.kind === 'computed');
  const candidates: Initializer[] = [];
  const choices: ParameterChoice[] = [];
  for (const initializer of model.graph.initializers.values()) {
    const { name, shape, type, origin } = initializer;
    if (!type || !isFloat(type)) continue;
    const reject = (reason: string) => choices.push({ name, shape, trained: false, reason });
    const roles = uses.get(name) ?? [];
    const role = notedRole(initializer, notes);
    const asked = trainable.some((glob) => glob.test(name));
    if (freeze.some((glob) => glob.test(name))) reject('frozen by --freeze');
    else if (asked) candidates.push(initializer);
    else if (trainable.length > 0) reject('not named by --trainable');
    else if (roles.length > 0 && roles.every((role) => role !== undefined)) reject(roles[0]!);
    else if (elementCount(shape) === 0) reject('has no elements');
    else if (role !== undefined) reject(role);
    else if (!origin && shape.length === 0 && generatedName.test(name))
      reject('scalar that the exporter folded from a constant');
    else candidates.push(initializer);
  }
  return { candidates, choices };
}

/** For each initializer the fixed role of each of its uses; undefined where a use could be that of a parameter. */
function usesOf(model: Model): Map<string, (string | undefined)[]> {
  const uses = new Map<string, (string | undefined)[]>();
  for (const node of model.graph.nodes) {
    const fixed = isDefaultDomain(node.domain) ? fixedInputs.get(node.opType) : undefined;
    node.inputs.forEach((name, i) => {
      if (!model.graph.initializers.has(name)) return;
      const role = fixed?.inputs.includes(i) ? fixed.what : undefined;
      const known = uses.get(name);
      if (known) known.push(role);
      else uses.set(name, [role]);
    });
  }
  return uses;
}

/** Refuses a model in which nothing trains, with everything that was found. */
export function refuseUntrainable(choices: readonly ParameterChoice[], model: Model): never {
  const found = choices.map(({ name, shape, reason }) => `  ${quoteName(name)} [${shape.join(', ')}]: ${reason}`);
  const others = [...model.graph.initializers.values()]
    .filter(({ type }) => !type || !isFloat(type))
    .map(
      ({ name, typeName, shape }) =>
        `  ${quoteName(name)} [${shape.join(', ')}]: ${typeName}, not a floating-point type`,
    );
  const list = [...found, ...others];
  throw new InspectorError(
    list.length > 0
      ? `The model has no trainable initializer. It has:\n${list.slice(0, 40).join('\n')}`
      : 'The model has no initializers, so nothing in it can be trained.',
    'Export the model with its weights as initializers, or name some with --trainable.',
  );
}

/** Names for a message, bounded. */
export function nameList(names: readonly string[], limit = 12): string {
  const shown = names.slice(0, limit).map((name) => quoteName(name));
  return names.length > limit ? `${shown.join(', ')} and ${names.length - limit} more` : shown.join(', ') || 'none';
}
