import { basename, dirname, extname, relative } from 'node:path';

// A training script that reads a configuration file is told of it on its command line. Read here is only which of the usual ways
// it takes; what comes out stands in a script that its reader looks over before it runs.

/** A file that trains, and its text. */
export interface Script {
  readonly path: string;
  readonly text: string;
}

/** Options and positional arguments of argparse and click whose names say that they take a configuration file. */
const option =
  /(?:add_argument|\.option|Option)\(\s*(?:["']-\w["']\s*,\s*)?["'](--(?:config|cfg|conf|config[-_](?:file|path)|yaml))["']/;
const positional = /add_argument\(\s*["'](?:config|cfg|config_file|config_path)["']/;

type Arguments = readonly string[];
/** Each way with the call that shows it. The first that a script takes counts. */
const ways: readonly { readonly shows: RegExp; readonly arguments: (config: string, text: string) => Arguments }[] = [
  { shows: /LightningCLI\b/, arguments: (config) => ['fit', '--config', config] },
  { shows: /\bparse_(?:yaml|json)_file\s*\(/, arguments: (config) => [config] },
  {
    shows: /@hydra\.main\b/,
    arguments: (config, text) => {
      const name = basename(config, extname(config));
      const standard = /config_name\s*=\s*["']([^"']+)["']/.exec(text)?.[1]?.replace(/\.ya?ml$/, '');
      return standard === name ? [] : ['--config-name', name];
    },
  },
  { shows: option, arguments: (config, text) => [option.exec(text)?.[1] ?? '--config', config] },
  { shows: positional, arguments: (config) => [config] },
];

/** The command line with which a script reads a configuration file, [] where it does so by itself; undefined where it takes none. */
export function argumentsFor(script: Script, config: string): Arguments | undefined {
  const way = ways.find(({ shows }) => shows.test(script.text));
  const path = relative(dirname(script.path), config).replaceAll('\\', '/');
  if (way) return way.arguments(path, script.text);
  return script.text.includes(basename(config)) ? [] : undefined;
}

/** The scripts that may read a configuration file, the likeliest first: those that name it, that run as programs, that lie near. */
export function scriptsFor(scripts: readonly Script[], config: string): Script[] {
  const distance = ({ path }: Script) => relative(dirname(config), dirname(path)).split(/[\\/]/).filter(Boolean).length;
  const score = (script: Script) =>
    4 * Number(script.text.includes(basename(config))) +
    2 * Number(/__name__\s*==\s*["']__main__["']/.test(script.text)) -
    distance(script);
  return scripts
    .filter((script) => argumentsFor(script, config) !== undefined)
    .sort((a, b) => score(b) - score(a) || a.path.localeCompare(b.path));
}

/** A call that trains, and takes its optimizer from elsewhere: a Trainer's arguments, a command line. */
const trainer = /^(?![ \t]*(?:class|def)\b)[^#\n]*?\b(?:[A-Z]\w*)?(?:Trainer|LightningCLI)\(/m;

/** Where a script trains that names no optimizer; undefined where it does not. */
export const trainsAt = (text: string): number | undefined => {
  const found = trainer.exec(text);
  return found ? found.index + (found[0].length - found[0].trimStart().length) : undefined;
};
