import { type ErrorWords, placed } from './errors.ts';
import { setting as settingText } from './format.ts';
import { type InspectSetting, inspectSettings, optionOf } from './request.ts';
import { settingTitles } from './settingTitles.ts';
import { projectFile, targetSettings } from './target.ts';
import { withinFile } from './where.ts';
import type { Mention, Words } from './words.ts';

/** Where a message is shown: settings of runs are lines of a form or keys of the project file, parameters of experiments lines of theirs. */
export type Place = 'inspect' | 'sweep' | 'experiment';

type Kind = 'line' | 'key' | 'parameter';

/** A message in the words of the editor; where it names settings, it says where they are. */
export function inEditor(message: Words, place: Place = 'inspect'): string {
  const named = new Set<Kind>();
  const text = rendered(message, place, named);
  const hints = [
    named.has('line') && place === 'inspect' && 'Change it in “Inspect…”.',
    named.has('key') && `What stands in parentheses after a setting goes into ${projectFile}.`,
  ];
  return [text, ...hints].filter(Boolean).join(' ');
}

/**
 * What went wrong, to stand behind the name of its file: `: is empty.`, `, line 3: has 2 cells.` Where there is no file, the
 * whole message.
 */
export function besideFile(words: ErrorWords, place?: Place): string {
  if (words.where?.file === undefined) return inEditor(placed(words, withinFile), place);
  const text = inEditor(
    placed(words, (where) => [fileMark, withinFile(where)].filter(Boolean).join(', ')),
    place,
  );
  return text.slice(fileMark.length);
}

/** Stands for the name of a file. */
const fileMark = '\u0000';

/** A few words of a table in the words of the editor. */
export const inEditorBriefly = (message: Words): string => rendered(message, 'inspect', new Set());

function rendered(message: Words, place: Place, named: Set<Kind>): string {
  if (typeof message === 'string') return message;
  return message
    .map((word) => {
      if (typeof word === 'string') return word;
      if (!('setting' in word)) return word.editor;
      const [kind, text] = settingName(word, place);
      named.add(kind);
      return text;
    })
    .join('');
}

function settingName({ setting, value }: Mention, place: Place): [Kind, string] {
  const line = (label: string) => {
    const given = typeof value === 'number' ? settingText(value) : value;
    return value === undefined || value === true ? `“${label}”` : `“${label}: ${given}”`;
  };
  if (place === 'experiment' || !Object.hasOwn(targetSettings, setting))
    return ['parameter', line(optionOf(setting).replaceAll('-', ' '))];
  const own = (inspectSettings as Readonly<Record<string, InspectSetting>>)[setting]?.line;
  const title = settingTitles[setting as keyof typeof inspectSettings];
  if (own !== undefined) return ['line', line(own)];
  const key = value === undefined ? `"${setting}"` : `"${setting}": ${JSON.stringify(value)}`;
  return ['key', title === undefined ? key : `“${title}” (${key})`];
}
