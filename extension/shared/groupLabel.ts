import { setting } from './format.ts';
import type { RunHeader } from './protocol.ts';
import type { GroupRequest } from './request.ts';
import { strength } from './verdict.ts';

/** Which parameters a group takes: `*.bias, *norm*`, `all but *.bias`, `2 dimensions or more`. */
export function groupLabel({ glob, except, dimensions }: Pick<GroupRequest, 'glob' | 'except' | 'dimensions'>): string {
  const names = `${except ? 'all but ' : ''}${glob.split('|').join(', ')}`;
  const sizes = dimensions && dimensionsText(dimensions);
  if (!sizes) return names;
  return glob === '*' && !except ? sizes : `${names} with ${sizes}`;
}

function dimensionsText([least = 0, most]: readonly number[]): string {
  if (most === undefined) return `${least} or more dimensions`;
  if (least === most) return `${least} dimension${least === 1 ? '' : 's'}`;
  return least === 0 ? `${most} dimension${most === 1 ? '' : 's'} or fewer` : `${least} to ${most} dimensions`;
}

/** `*.bias, *norm*: weight_decay 0, lr 1e-4` */
export const groupText = (group: GroupRequest): string =>
  `${groupLabel(group)}: ${Object.entries(group.hyper)
    .map(([name, value]) => `${name} ${setting(value)}`)
    .join(', ')}`;

type Grouped = Pick<RunHeader, 'groups' | 'optimizer'>;

/** The group of a tensor, counted from 1, and the learning rate and weight decay that it has; 0: no group of its own. */
export function groupOf({ groups = [], optimizer }: Grouped, tensor: string) {
  const k = groups.findIndex(({ tensors }) => tensors.includes(tensor));
  const { lr, weight_decay: weightDecay } = k < 0 ? optimizer.hyper : groups[k].hyper;
  return { group: k + 1, lr, weightDecay };
}

/** A line for each group: what it takes, where it stands, what it has of its own, and its limit. */
export const groupLines = ({ groups = [], optimizer }: Grouped): string[] =>
  groups.map(({ glob, place, hyper, tensors, hKappaLimit }, k) => {
    const differs = Object.entries(hyper).filter(([name, value]) => value !== optimizer.hyper[name]);
    const own = differs.map(([name, value]) => `${name} ${setting(value)}`).join(', ') || 'as the others';
    const limit = hKappaLimit === null ? '' : `; theory: ${strength(hKappaLimit)} in the long run`;
    const count = `${tensors.length} ${tensors.length === 1 ? 'tensor' : 'tensors'}`;
    return `Group ${k + 1} (${glob}${place === undefined ? '' : `, ${place}`}; ${count}): ${own}${limit}.`;
  });
