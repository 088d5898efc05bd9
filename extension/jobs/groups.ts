import type { GroupNumbers, Groups } from '../engine/coefficients.ts';
import type { Problem } from '../engine/problem.ts';
import { globToRegExp } from '../exports/parameterFilter.ts';
import { nameList } from '../exports/parameters.ts';
import { sourceNames } from '../exports/sourceNames.ts';
import type { Model } from '../onnx/model.ts';
import type { Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { groupLabel } from '../shared/groupLabel.ts';
import type { GroupRequest } from '../shared/request.ts';

/** Hyper-parameters in which groups may differ and yet have a correction: those that the memory does not depend on. */
const withoutMemory: readonly string[] = ['lr', 'weight_decay', 'eps'];

/** Parameters with hyper-parameters of their own, and why no correction exists, if so. */
export interface GroupSettings {
  readonly groups: Groups;
  /** Those that match a parameter, in the order of `groups.numbers`. */
  readonly requests: readonly GroupRequest[];
  readonly notApplicable: string | undefined;
  /** What is told of groups that match none. */
  readonly notes: readonly string[];
}

/**
 * The groups of a request: a parameter belongs to the last one that takes it, by its name in the file or in the original module,
 * and its number of dimensions. Throws an InspectorError that names every group without a parameter (one that was found in the
 * code is left out, and told), and every hyper-parameter in which groups cannot differ.
 *
 * @param complete the numbers of a group from what differs from the other parameters
 */
export function groupsFor(
  asked: readonly GroupRequest[],
  { model, problem }: { readonly model: Model; readonly problem: Problem },
  optimizer: Optimizer,
  complete: (hyper: GroupRequest['hyper']) => GroupNumbers,
): GroupSettings {
  const sources = sourceNames(model);
  const tensors = problem.layout.segments.map(({ name, shape }) => ({
    names: [name, sources.get(name) ?? name],
    shape,
  }));
  const taking = asked.map((group) => ({ group, takes: tensors.map((tensor) => isTaken(group, tensor)) }));
  const [used, empty] = [true, false].map((some) => taking.filter(({ takes }) => takes.includes(true) === some));
  const unmatched = empty.filter(({ group }) => group.place === undefined);
  if (unmatched.length > 0)
    throw new InspectorError(
      `No parameter that is trained matches the group ${unmatched.map(({ group }) => quoteName(group.glob)).join(', ')}.`,
      `Trained are ${nameList(tensors.map(({ names }) => names[1]))}.`,
    );
  const requests = used.map(({ group }) => group);
  const matching = used.map(({ takes }) => takes);
  const numbers = requests.map(({ hyper }) => complete(hyper));
  const base = complete({}).hyper;
  requests.forEach(({ glob, hyper }, k) => {
    if (optimizer.structure(numbers[k].hyper) === optimizer.structure(base)) return;
    throw new InspectorError(
      `The group ${quoteName(glob)} changes ${structural(optimizer, base, hyper).join(', ')}, which is one for all parameters here.`,
      'Leave it out of the group, or set it for all parameters.',
    );
  });
  const remembered = requests.flatMap(({ hyper }) =>
    Object.keys(hyper).filter((name) => !withoutMemory.includes(name) && hyper[name] !== base[name]),
  );
  return {
    requests,
    notes: empty.map(
      ({ group: { place, ...group } }) =>
        `The group of ${place} (${groupLabel(group)}) matches no parameter that is trained.`,
    ),
    groups: { of: tensors.map((_, segment) => matching.findLastIndex((fits) => fits[segment]) + 1), numbers },
    notApplicable:
      remembered.length === 0
        ? undefined
        : `The groups differ in ${[...new Set(remembered)].join(', ')}. The correction is known for groups that differ in ${withoutMemory.join(', ')}.`,
  };
}

function isTaken(
  { glob, except = false, dimensions = [] }: GroupRequest,
  { names, shape }: { readonly names: readonly string[]; readonly shape: readonly number[] },
): boolean {
  const [least = 0, most = Number.POSITIVE_INFINITY] = dimensions;
  if (shape.length < least || shape.length > most) return false;
  const patterns = glob.split('|').map((each) => globToRegExp(each.trim()));
  return names.some((name) => patterns.some((pattern) => pattern.test(name))) !== except;
}

/** The hyper-parameters of a group that alone would change the program. */
const structural = (optimizer: Optimizer, base: Hyperparameters, hyper: GroupRequest['hyper']): string[] => {
  const found = Object.keys(hyper).filter(
    (name) => optimizer.structure({ ...base, [name]: hyper[name] }) !== optimizer.structure(base),
  );
  return found.length > 0 ? found : Object.keys(hyper);
};
