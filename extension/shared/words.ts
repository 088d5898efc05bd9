import { setting as settingText } from './format.ts';
import { type InspectSetting, inspectSettings, optionOf } from './request.ts';

/** What a mention proposes for its setting. */
export type MentionValue = string | number | boolean | readonly string[];

/** A setting that a message speaks of, and the value that it proposes: `--micro-batch 7`, `"microBatch": 7`. */
export interface Mention {
  /** Its key; of a parameter of an experiment or an option of a sweep, that one's name. */
  readonly setting: string;
  readonly value?: MentionValue;
}

/** Words that hold at one of the two places only. */
export interface Either {
  readonly commandLine: string;
  readonly editor: string;
}

export type Word = string | Mention | Either;

/** A message in which settings are data, so that each surface names them in its own way. */
export type Words = string | readonly Word[];

/** `words`Try a smaller ${at('microBatch')}.``: a message with mentions, other messages, names and numbers. */
export function words(texts: TemplateStringsArray, ...parts: readonly (Words | Word | number)[]): Words {
  return joined(texts.flatMap((text, i) => [text, ...(i < parts.length ? listed(parts[i]!) : [])]));
}

/** Messages one after the other, with a text between them. */
export const joinWords = (all: readonly Words[], between = ' '): Words =>
  joined(all.flatMap((each, i) => [...(i > 0 ? [between] : []), ...listed(each)]));

/** Neighbouring texts become one; a message without mentions is a text. */
function joined(parts: readonly Word[]): Words {
  const list: Word[] = [];
  for (const part of parts) {
    const last = list.at(-1);
    if (typeof part === 'string' && typeof last === 'string') list[list.length - 1] = last + part;
    else if (part !== '') list.push(part);
  }
  return list.every((part) => typeof part === 'string') ? list.join('') : list;
}

const listed = (part: Words | Word | number): readonly Word[] =>
  Array.isArray(part) ? part : [typeof part === 'number' ? String(part) : (part as Word)];

type Key = keyof typeof inspectSettings;

/** The mention of a setting of an inspection. */
export const at = (setting: Key, value?: MentionValue): Mention => mention(setting, value);

/** The mention of any other setting: a parameter of an experiment, an option of a sweep. */
export const mention = (setting: string, value?: MentionValue): Mention =>
  value === undefined ? { setting } : { setting, value };

/** What to do where a folder cannot be written to. */
export const anotherFolder: Either = {
  commandLine: 'Choose another folder with --out',
  editor: 'Check that the folder can be written to and that there is space left on its disk',
};

export const either = (commandLine: string, editor: string): Either => ({ commandLine, editor });

/** What a message proposes to set. */
export const mentionsIn = (message: Words): readonly Mention[] =>
  listed(message).filter((word): word is Mention => typeof word === 'object' && 'setting' in word);

/** A message as the command line says it. */
export const onCommandLine = (message: Words): string =>
  listed(message)
    .map((word) => (typeof word === 'string' ? word : 'setting' in word ? options(word) : word.commandLine))
    .join('');

function options({ setting, value }: Mention): string {
  const known = Object.hasOwn(inspectSettings, setting) ? inspectSettings[setting as Key] : undefined;
  const option = `--${optionOf(setting, known as InspectSetting | undefined)}`;
  if (value === undefined || value === true) return option;
  return (Array.isArray(value) ? value : [value])
    .map((each) => `${option} ${typeof each === 'string' ? shellWord(each) : numberText(each as number)}`)
    .join(' ');
}

/** A number as people write it: 1/255 rather than its decimals. */
const numberText = (value: number): string => {
  const text = settingText(value);
  const below = Math.round(1 / value);
  return text.length > 8 && 1 / below === value ? `1/${below}` : text;
};

/** As a shell takes it. */
const shellWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** Whether a value is a message: it may come from a file that anyone has written. */
export function isWords(value: unknown): value is Words {
  const isValue = (each: unknown) =>
    each === undefined ||
    ['string', 'number', 'boolean'].includes(typeof each) ||
    (Array.isArray(each) && each.every((item) => typeof item === 'string'));
  const isWord = (word: unknown) => {
    if (typeof word === 'string') return true;
    if (typeof word !== 'object' || word === null) return false;
    const { setting, value: proposed, commandLine, editor } = word as Record<string, unknown>;
    return typeof setting === 'string'
      ? isValue(proposed)
      : typeof commandLine === 'string' && typeof editor === 'string';
  };
  return typeof value === 'string' || (Array.isArray(value) && value.every(isWord));
}
