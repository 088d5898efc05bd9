import { InspectorError, quoteName } from '../shared/errors.ts';
import { type Range, rangeText, within } from '../shared/range.ts';
import { nearest } from '../shared/setting.ts';

/** Bad usage: exit code 2. */
export class UsageError extends InspectorError {}

/** One option of a command. */
export interface Option extends Range {
  /** With one word for its value where it takes one: `--lr H`. */
  readonly flag: string;
  readonly value?: 'text' | 'number' | 'count' | 'numbers' | 'stage';
  readonly repeat?: boolean;
  readonly choices?: readonly string[];
  /** Placeholder of the value in the help text. */
  readonly placeholder?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: readonly string[];
  /** Undefined for commands that read their own arguments. */
  readonly options?: readonly Option[];
  /** The options that `--help` shows beside those that were given; all of them if not given. */
  shown?(values: Given['values']): readonly Option[];
  readonly positionals?: { readonly least: number; readonly most: number };
  run(given: Given): Promise<number>;
}

export type OptionValue = string | number | boolean | readonly (string | number)[];

/** What was given on the command line. */
export interface Given {
  readonly values: ReadonlyMap<string, OptionValue>;
  readonly positionals: readonly string[];
}

const common: readonly Option[] = [
  { flag: 'help', help: 'show this text' },
  { flag: 'verbose', help: 'show the details of internal errors' },
];

/** Parses `--flag value`, `--flag=value` and `-o value`. Throws UsageErrors; `--help` ends the program with the help text. */
export function parseCommand(command: Command, argv: readonly string[]): Given {
  const options = new Map([...(command.options ?? []), ...common].map((option) => [option.flag, option]));
  const values = new Map<string, OptionValue>();
  const positionals: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === '--') {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith('-') || argument === '-' || /^-\.?\d/.test(argument)) {
      positionals.push(argument);
      continue;
    }
    const equals = argument.indexOf('=');
    const flag = (
      argument === '-o' ? '--output' : argument === '-h' ? '--help' : equals < 0 ? argument : argument.slice(0, equals)
    ).replace(/^--?/, '');
    const option = options.get(flag);
    if (!option)
      throw new UsageError(
        `Unknown option --${flag}.${hint(flag, [...options.keys()])}`,
        `optimizer-bias ${command.name} --help shows the options.`,
      );
    if (option.value === undefined) {
      if (equals >= 0) throw new UsageError(`--${flag} takes no value.`);
      values.set(flag, true);
      continue;
    }
    const text = equals >= 0 ? argument.slice(equals + 1) : argv[++i];
    if (text === undefined) throw new UsageError(`--${flag} needs a value.`);
    const value = convert(option, text);
    if (option.repeat)
      values.set(flag, [...((values.get(flag) as readonly string[] | undefined) ?? []), value as string]);
    else if (values.has(flag)) throw new UsageError(`--${flag} is given twice.`);
    else values.set(flag, value);
  }
  if (values.has('help')) {
    process.stdout.write(`${helpText(command, command.shown?.(values))}\n`);
    process.exit(0);
  }
  const { least, most } = command.positionals ?? { least: 0, most: 0 };
  if (positionals.length < least || positionals.length > most) {
    const extra = positionals[most];
    throw new UsageError(
      extra === undefined ? `Usage: ${command.usage[0]}` : `Unexpected argument ${quoteName(extra)}.`,
      `optimizer-bias ${command.name} --help shows the options.`,
    );
  }
  return { values, positionals };
}

function convert(option: Option, text: string): OptionValue {
  const { flag, choices } = option;
  if (choices && !choices.includes(text))
    throw new UsageError(`--${flag} is ${quoteName(text)}.`, `Choose one of ${choices.join(', ')}.`);
  if (option.value === 'text') return text;
  if (option.value === 'stage') return stageOf(flag, text);
  const numbers = text.split(option.value === 'numbers' ? ',' : '\0').map(numberOrFraction);
  if (numbers.some((number) => !Number.isFinite(number)))
    throw new UsageError(
      `--${flag} needs ${option.value === 'numbers' ? 'numbers separated by commas' : 'a number'}, not ${quoteName(text)}.`,
    );
  const range = option.value === 'count' ? { min: 0, ...definedRange(option) } : option;
  const whole = option.value !== 'count' || Number.isSafeInteger(numbers[0]);
  if (!whole || !numbers.every((number) => within(range, number)))
    throw new UsageError(
      `--${flag} needs ${option.value === 'numbers' ? 'numbers' : option.value === 'count' ? 'a whole number' : 'a number'}${rangeText(range)}, not ${quoteName(text)}.`,
    );
  return option.value === 'numbers' ? numbers : numbers[0];
}

const definedRange = ({ min, max }: Range): Range => ({ ...(min !== undefined && { min }), max });

/** `step`, `inf` or a step index. */
function stageOf(flag: string, text: string): string | number {
  if (text === 'step' || text === 'inf') return text;
  const step = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(step))
    throw new UsageError(`--${flag} is ${quoteName(text)}.`, 'It must be step, inf or a step index such as 100.');
  return step;
}

/** A number, or a quotient of two such as 1/255; NaN for anything else. */
function numberOrFraction(text: string): number {
  const [above, below, ...rest] = text.split('/').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  return rest.length > 0 ? Number.NaN : below === undefined ? above : above / below;
}

/** The help text of a command. */
export function helpText(command: Command, shown = command.options ?? []): string {
  const left = (option: Option) =>
    `  --${option.flag}${option.value ? ` ${option.placeholder ?? option.choices?.join('|') ?? option.value.toUpperCase()}` : ''}${option.repeat ? ' …' : ''}`;
  const options = [...shown, ...common];
  const width = Math.min(34, Math.max(...options.map((option) => left(option).length)));
  const lines = options.map((option) =>
    left(option).length > width
      ? `${left(option)}\n${' '.repeat(width + 2)}${option.help}`
      : `${left(option).padEnd(width + 2)}${option.help}`,
  );
  return [
    command.summary,
    '',
    ...command.usage.map((line, i) => `${i === 0 ? 'Usage: ' : '       '}${line}`),
    '',
    ...lines,
  ].join('\n');
}

/** A hint at the option that was probably meant. */
function hint(flag: string, known: readonly string[]): string {
  const name = nearest(flag, known);
  return name === undefined ? '' : ` Did you mean --${name}?`;
}
