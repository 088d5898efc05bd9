import type { GroupSelection, OptimizerConfig, ParameterGroup } from '../configs/config.ts';
import type { HyperparameterSpec, Optimizer } from '../optimizers/optimizer.ts';
import type { GroupRequest } from '../shared/request.ts';

/** The parameter groups of a configuration as the engine takes them, and what is not known of those that it cannot take. */
export interface ConfiguredGroups {
  readonly groups: readonly GroupRequest[];
  /** `the group of line 12: which parameters it takes` */
  readonly open: readonly string[];
}

const placeOf = ({ place }: ParameterGroup): string => place ?? 'the script';

/** What a hyper-parameter is in every group, where all are known: those that differ from the first one's are of the groups. */
export function inAllGroups({ groups = [] }: OptimizerConfig, name: string): number | boolean | string | undefined {
  const values = groups.map(({ hyperparameters }) => hyperparameters.get(name)?.value ?? undefined);
  return values.includes(undefined) ? undefined : values[0];
}

/**
 * The groups that a text tells, where it tells which parameters they take and what they set; `base` are the numbers of the
 * other parameters. Two that would take all parameters, as those of two models do, are not told apart by names.
 */
export function configuredGroups(
  { groups = [] }: OptimizerConfig,
  { hyperparameters }: Optimizer,
  base: GroupRequest['hyper'],
): ConfiguredGroups {
  const found: GroupRequest[] = [];
  const open: string[] = [];
  const all = groups.filter(({ selection }) => selection && takesAll(selection));
  for (const group of groups) {
    const place = placeOf(group);
    const hyper: Record<string, number | boolean | string> = {};
    const unknown: string[] = [];
    for (const spec of hyperparameters) {
      const entry = group.hyperparameters.get(spec.name);
      if (entry === undefined) continue;
      if (entry.from === 'unknown' || !fits(spec, entry.value)) unknown.push(spec.name);
      else if (entry.value !== base[spec.name]) hyper[spec.name] = entry.value as number | boolean | string;
    }
    if (unknown.length > 0) open.push(`the group of ${place}: its ${unknown.join(', ')}`);
    if (Object.keys(hyper).length === 0) continue;
    const { selection } = group;
    if (!selection || (all.length > 1 && takesAll(selection)))
      open.push(`the group of ${place}: which parameters it takes`);
    else found.push({ ...selected(selection), hyper, place });
  }
  return { groups: found, open };
}

const takesAll = (selection: GroupSelection): boolean =>
  selection.kind === 'names' && !selection.except && selection.globs.includes('*');

function selected(selection: GroupSelection): Pick<GroupRequest, 'glob' | 'except' | 'dimensions'> {
  if (selection.kind === 'names') return { glob: selection.globs.join('|'), ...(selection.except && { except: true }) };
  const { least, most } = selection;
  return { glob: '*', dimensions: most === Number.MAX_SAFE_INTEGER ? [least] : [least, most] };
}

/** Whether a value that was read from a text is one of a hyper-parameter. */
export function fits({ kind, choices }: HyperparameterSpec, value: unknown): boolean {
  if (kind === 'choice') return typeof value === 'string' && choices?.includes(value) === true;
  return kind === 'boolean' ? typeof value === 'boolean' : typeof value === 'number' && Number.isFinite(value);
}
