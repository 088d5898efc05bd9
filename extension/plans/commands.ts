import type { Plan } from '../shared/plans.ts';

/** A word as shells of POSIX take it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The numbers of the first points of the tasks of a plan. */
export const tasksOf = ({ points, group }: Pick<Plan, 'points' | 'group'>): readonly number[] =>
  Array.from({ length: Math.ceil(points.length / group) }, (_, i) => i * group);

/**
 * The command of a task: run from the folder of the plan, which may therefore be moved.
 *
 * @param program what starts this program, for a shell
 */
export const taskCommand = (program: string, first: number, { group }: Pick<Plan, 'group'>): string =>
  `${program} --point ${first}${group > 1 ? ` --group ${group}` : ''} --in .`;

/** One command for each task, in their order. */
export const taskCommands = (plan: Pick<Plan, 'points' | 'group'>, program: string): readonly string[] =>
  tasksOf(plan).map((first) => taskCommand(program, first, plan));
