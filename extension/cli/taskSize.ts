import { type Option, type OptionValue, UsageError } from './options.ts';

type Values = ReadonlyMap<string, OptionValue>;

/** The option that says how many points a task has. */
export const taskSizeOption: Option = {
  flag: 'group',
  value: 'count',
  min: 1,
  placeholder: 'N',
  help: 'points of one task (default 1, or as the plan has it)',
};

const isNumber = (text: string): boolean => /^\s*\d+\s*$/.test(text);

/** The options of a command whose groups of parameters have the same name: a group has a colon, and a number of points has none. */
export const withTaskSize = (options: readonly Option[], more: readonly Option[]): readonly Option[] => [
  ...options.map((option) =>
    option.flag === taskSizeOption.flag
      ? { ...option, help: `${option.help}; a number N: ${taskSizeOption.help} of --plan` }
      : option,
  ),
  ...more.filter(({ flag }) => flag !== taskSizeOption.flag),
];

/** How many points a task has, if that is given. Throws a UsageError for no number or several. */
export function taskSize(values: Values): number | undefined {
  const given = values.get(taskSizeOption.flag) as number | readonly string[] | undefined;
  if (given === undefined || typeof given === 'number') return given;
  const [size, another] = given.filter(isNumber).map(Number);
  if (another !== undefined) throw new UsageError(`--group ${size} and --group ${another} are both given.`);
  if (size !== undefined && (size < 1 || !Number.isSafeInteger(size)))
    throw new UsageError(`--group ${size} is no number of points.`, 'A task has at least one.');
  return size;
}

/** What is given without it: groups of parameters stay. */
export function withoutTaskSize(values: Values): Values {
  const given = values.get(taskSizeOption.flag);
  const groups = Array.isArray(given) ? (given as readonly string[]).filter((text) => !isNumber(text)) : [];
  const others = [...values].filter(([flag]) => flag !== taskSizeOption.flag);
  return new Map(groups.length > 0 ? [...others, [taskSizeOption.flag, groups]] : others);
}
