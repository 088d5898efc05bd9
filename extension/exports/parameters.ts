import type { Initializer, Model } from '../onnx/model.ts';
import { elementCount, isFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { at, joinWords, onCommandLine, type Words, words } from '../shared/words.ts';
import { constantTensors } from './constants.ts';
import { globToRegExp, type ParameterFilter } from './parameterFilter.ts';
import { rolesOf } from './roles.ts';
import { sourceNames } from './sourceNames.ts';
import { wholeExport } from './wholeExport.ts';

/** Why a float initializer is or is not trained. */
export interface ParameterChoice {
  readonly name: string;
  readonly shape: readonly number[];
  readonly trained: boolean;
  readonly reason: Words;
}

/** The initializers that could be parameters, with the reason for each that is not. */
export function parameterCandidates(
  model: Model,
  filter: ParameterFilter,
): { readonly candidates: readonly Initializer[]; readonly choices: readonly ParameterChoice[] } {
  const roleOf = rolesOf(model);
  const sources = sourceNames(model);
  const freeze = (filter.freeze ?? []).map(globToRegExp);
  const trainable = (filter.trainable ?? []).map(globToRegExp);
  const unmatched = [...(filter.freeze ?? []), ...(filter.trainable ?? [])].filter(
    (glob) => ![...model.graph.initializers.keys(), ...sources.values()].some((name) => globToRegExp(glob).test(name)),
  );
  if (unmatched.length > 0) {
    const constants = constantTensors(model).map(({ name }) => name);
    throw new InspectorError(
      `No initializer matches ${unmatched.map((glob) => quoteName(glob)).join(', ')}.`,
      `The model has ${nameList([...model.graph.initializers.keys()])}${constants.length > 0 ? `, and in Constant nodes ${nameList(constants)}` : ''}.`,
    );
  }
  const candidates: Initializer[] = [];
  const choices: ParameterChoice[] = [];
  for (const initializer of model.graph.initializers.values()) {
    const { name, shape, type } = initializer;
    if (!type || !isFloat(type)) continue;
    const reject = (reason: Words) => choices.push({ name, shape, trained: false, reason });
    const isNamed = (glob: RegExp) => glob.test(name) || glob.test(sources.get(name) ?? name);
    const asked = trainable.some(isNamed);
    if (freeze.some(isNamed)) reject(words`frozen by ${at('freeze')}`);
    else if (asked) candidates.push(initializer);
    else if (trainable.length > 0) reject(words`not named by ${at('trainable')}`);
    else if (elementCount(shape) === 0) reject('has no elements');
    else {
      const role = roleOf(initializer);
      if (role === undefined) candidates.push(initializer);
      else reject(role);
    }
  }
  return { candidates, choices };
}

/** Refuses a model in which nothing trains, with everything that was found. */
export function refuseUntrainable(choices: readonly ParameterChoice[], model: Model): never {
  const found = choices.map(({ name, shape, reason }) => words`  ${quoteName(name)} [${shape.join(', ')}]: ${reason}`);
  const others = [...model.graph.initializers.values()]
    .filter(({ type }) => !type || !isFloat(type))
    .map(
      ({ name, typeName, shape }) =>
        `  ${quoteName(name)} [${shape.join(', ')}]: ${typeName}, not a floating-point type`,
    );
  const constants = constantTensors(model);
  const held = constants.map(({ name, shape }) => `${quoteName(name)} [${shape.join(', ')}]`);
  const list = [...found, ...others];
  const inConstants = `Constant nodes hold ${held.slice(0, 8).join(', ')}${held.length > 8 ? ` and ${held.length - 8} more` : ''}.`;
  throw new InspectorError(
    list.length > 0
      ? words`The model has no trainable initializer. It has:\n${joinWords(list.slice(0, 40), '\n')}${held.length > 0 ? `\n${inConstants}` : ''}`
      : `The model has no initializers, so nothing in it can be trained.${held.length > 0 ? ` ${inConstants}` : ''}`,
    untrainableRemedy(choices, constants[0]?.name),
  );
}

function untrainableRemedy(choices: readonly ParameterChoice[], constant: string | undefined): Words {
  if (choices.some(({ name, reason }) => /^lifted_tensor_/.test(name) && onCommandLine(reason).startsWith('constant')))
    return words`The exporter took the weights for constants, as that of PyTorch does with models of Keras. Use the other one: ${wholeExport.legacy}; or name weights with ${at('trainable')}.`;
  return constant === undefined
    ? words`Export the model with its weights as initializers, or name some with ${at('trainable')}.`
    : words`Name those of the Constant nodes that train, such as ${at('trainable', [constant])}, or export the model with its weights as initializers.`;
}

/** Names for a message, bounded. */
export function nameList(names: readonly string[], limit = 12): string {
  const shown = names.slice(0, limit).map((name) => quoteName(name));
  return names.length > limit ? `${shown.join(', ')} and ${names.length - limit} more` : shown.join(', ') || 'none';
}
