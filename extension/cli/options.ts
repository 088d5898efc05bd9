import { InspectorError, quoteName } from '../shared/errors.ts';

/** Bad usage: exit code 2. */
export class UsageError extends InspectorError {}

/** One option of a command. */
export interface Option {
  /** With one word for its value where it takes one: `--lr H`. */
  readonly flag: string;
  readonly value?: 'text' | 'number' | 'count' | 'numbers';
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
  readonly positionals?: { readonly least: number; readonly most: number };
  run(given: Given): Promise<number>;
}

type OptionValue = string | number | boolean | readonly (string | number)[];

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
        `Unknown option --${flag}.${nearest(flag, [...options.keys()])}`,
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
    process.stdout.write(`${helpText(command)}\n`);
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
  const numbers = text.split(option.value === 'numbers' ? ',' : '\0').map(numberOrFraction);
  if (numbers.some((number) => !Number.isFinite(number)))
    throw new UsageError(
      `--${flag} needs ${option.value === 'numbers' ? 'numbers separated by commas' : 'a number'}, not ${quoteName(text)}.`,
    );
  if (option.value === 'numbers') return numbers;
  if (option.value === 'count' && (!Number.isSafeInteger(numbers[0]) || numbers[0] < 0))
    throw new UsageError(`--${flag} needs a whole number of at least 0, not ${quoteName(text)}.`);
  return numbers[0];
}

/** A number, or a quotient of two such as 1/255; NaN for anything else. */
function numberOrFraction(text: string): number {
  const [above, below, ...rest] = text.split('/').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  return rest.length > 0 ? Number.NaN : below === undefined ? above : above / below;
}

/** The help text of a command. */
export function helpText(command: Command): string {
  const left = (option: Option) =>
    `  --${option.flag}${option.value ? ` ${option.placeholder ?? option.choices?.join('|') ?? option.value.toUpperCase()}` : ''}${option.repeat ? ' …' : ''}`;
  const options = [...(command.options ?? []), ...common];
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
function nearest(flag: string, known: readonly string[]): string {
  const best = known
    .map((name) => ({ name, distance: editDistance(flag, name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(2, Math.floor(flag.length / 3)) ? ` Did you mean --${best.name}?` : '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
