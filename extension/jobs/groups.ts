import type { GroupNumbers, Groups } from '../engine/coefficients.ts';
import type { Problem } from '../engine/problem.ts';
import { globToRegExp } from '../exports/parameterFilter.ts';
import { nameList } from '../exports/parameters.ts';
import { sourceNames } from '../exports/sourceNames.ts';
import type { Model } from '../onnx/model.ts';
import type { Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { GroupRequest } from '../shared/request.ts';

/** Hyper-parameters in which groups may differ and yet have a correction: those that the memory does not depend on. */
const withoutMemory: readonly string[] = ['lr', 'weight_decay', 'eps'];

/** Parameters with hyper-parameters of their own, and why no correction exists, if so. */
export interface GroupSettings {
  readonly groups: Groups;
  readonly notApplicable: string | undefined;
}

/**
 * The groups of a request: a parameter belongs to the last whose glob matches its name in the file or in the original module.
 * Throws an InspectorError that names every glob without a parameter, and every hyper-parameter in which groups cannot differ.
 *
 * @param complete the numbers of a group from what differs from the other parameters
 */
export function groupsFor(
  requests: readonly GroupRequest[],
  { model, problem }: { readonly model: Model; readonly problem: Problem },
  optimizer: Optimizer,
  complete: (hyper: GroupRequest['hyper']) => GroupNumbers,
): GroupSettings {
  const sources = sourceNames(model);
  const names = problem.layout.segments.map(({ name }) => [name, sources.get(name) ?? name]);
  const matching = requests.map(({ glob }) => {
    const pattern = globToRegExp(glob);
    return names.map((each) => each.some((name) => pattern.test(name)));
  });
  const unmatched = requests.filter((_, k) => !matching[k].includes(true));
  if (unmatched.length > 0)
    throw new InspectorError(
      `No parameter that is trained matches the group ${unmatched.map(({ glob }) => quoteName(glob)).join(', ')}.`,
      `Trained are ${nameList(names.map(([, name]) => name))}.`,
    );
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
    groups: { of: names.map((_, segment) => matching.findLastIndex((fits) => fits[segment]) + 1), numbers },
    notApplicable:
      remembered.length === 0
        ? undefined
        : `The groups differ in ${[...new Set(remembered)].join(', ')}. The correction is known for groups that differ in ${withoutMemory.join(', ')}.`,
  };
}

/** The hyper-parameters of a group that alone would change the program. */
const structural = (optimizer: Optimizer, base: Hyperparameters, hyper: GroupRequest['hyper']): string[] => {
  const found = Object.keys(hyper).filter(
    (name) => optimizer.structure({ ...base, [name]: hyper[name] }) !== optimizer.structure(base),
  );
  return found.length > 0 ? found : Object.keys(hyper);
};
