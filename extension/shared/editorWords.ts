import { projectFile, targetSettings } from './target.ts';

/**
 * The engine and the experiments write their messages for the command line, whose options they name. The editor has other ways
 * to the same settings; here they are put in place of the options. One rule covers each option, so that none is left over.
 */

/** Where a message is shown: settings of runs are lines of a form or keys of the project file, parameters of experiments lines of theirs. */
export type Place = 'inspect' | 'sweep' | 'experiment';

/** Lines of the form that "Inspect…" and "Sweep…" open. */
const lines: Readonly<Record<string, string>> = {
  model: 'Model',
  data: 'Data',
  loss: 'Loss',
  steps: 'Steps',
  device: 'Device',
};

/** Sentences about what the editor does by itself, or has no setting for. */
const sentences: readonly (readonly [RegExp, string])[] = [
  [
    /Choose another folder with --out(?=[.,])/g,
    'Check that the folder can be written to and that there is space left on its disk',
  ],
  [/, or continue that sweep with --resume\./g, ', or resume that sweep from the Runs view.'],
  [/ \(--device cpu\)/g, ''],
  [/Run again with --device cpu meanwhile\./g, 'Use the CPU meanwhile.'],
  [/ --help\b/g, ''],
];

/** Values that follow an option in messages, as far as they can be told from the words of a sentence. */
const value =
  /^ ((?:cpu|cuda|webgpu|float(?:32|64)|mse|output|bce(?:-[a-z]+)*|cross-entropy(?:-[a-z]+)*)\b|\d[\d./e-]*\d|\d)/;
const option = /(?<![\w"'“/-])--([a-z][a-z0-9-]*)/;
/** Options that are given once for each name, as a shell takes them. */
const frozen = /--freeze (?:'(?:[^']|'\\'')*'|[^\s,;]*[^\s,;.])(?: --freeze (?:'(?:[^']|'\\'')*'|[^\s,;]*[^\s,;.]))*/g;
const frozenName = /--freeze ('(?:[^']|'\\'')*'|\S+)/g;

type Kind = 'line' | 'key' | 'parameter';

/** A message in the words of the editor; where it names settings, it says where they are. */
export function inEditor(message: string, place: Place = 'inspect'): string {
  const { text, named } = translate(message, place);
  const hints = [
    named.has('line') && place === 'inspect' && 'Change it in “Inspect…”.',
    named.has('key') && `Settings in quotation marks are keys of ${projectFile}.`,
  ];
  return [text, ...hints].filter(Boolean).join(' ');
}

/** A few words of a table in the words of the editor. */
export const inEditorBriefly = (words: string): string => translate(words, 'inspect').text;

function translate(message: string, place: Place): { text: string; named: ReadonlySet<Kind> } {
  const named = new Set<Kind>();
  let rest = sentences.reduce((changed, [pattern, words]) => changed.replace(pattern, words), message);
  rest = rest.replace(frozen, (options) => {
    named.add('key');
    return `"freeze": ${JSON.stringify([...options.matchAll(frozenName)].map(([, word]) => unquoted(word)))}`;
  });
  let text = '';
  for (let found = option.exec(rest); found; found = option.exec(rest)) {
    text += rest.slice(0, found.index);
    rest = rest.slice(found.index + found[0].length);
    const given = value.exec(rest);
    if (given) rest = rest.slice(given[0].length);
    const [kind, words] = settingName(found[1], given?.[1], place);
    named.add(kind);
    text += words;
  }
  return { text: text + rest, named };
}

function settingName(name: string, given: string | undefined, place: Place): [Kind, string] {
  const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const line = (label: string) => (given === undefined ? `“${label}”` : `“${label}: ${given}”`);
  if (place === 'experiment' || !Object.hasOwn(targetSettings, key))
    return ['parameter', line(name.replaceAll('-', ' '))];
  if (Object.hasOwn(lines, key)) return ['line', line(lines[key])];
  if (given === undefined) return ['key', `"${key}"`];
  return ['key', `"${key}": ${/^[\d.e-]+$/.test(given) ? given : JSON.stringify(given)}`];
}

const unquoted = (word: string): string => (word.startsWith("'") ? word.slice(1, -1).replaceAll("'\\''", "'") : word);
