import { readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type ConfiguredOptimizer, configuredOptimizer } from '../advice/configured.ts';
import { languageNamed } from '../configs/languages.ts';
import { AnalysisPool } from '../configs/pool.ts';
import { LineMap } from '../configs/source.ts';
import { readText } from '../configs/walk.ts';
import { readJsonFile } from '../files/regular.ts';
import { quoteName } from '../shared/errors.ts';
import { setting } from '../shared/format.ts';
import { type InspectRequest, origins } from '../shared/request.ts';
import { projectFile, type Target } from '../shared/target.ts';
import { type Given, UsageError } from './options.ts';

/** An optimizer in a script or a configuration file, and where it stands. */
export interface Scripted {
  readonly path: string;
  readonly line: number;
  readonly optimizer: ConfiguredOptimizer;
}

/** Scripts beside a model that are looked into. */
const mostScripts = 20;

/** The optimizers of a file that can be inspected, in its order. Nothing is run. */
async function optimizersIn(path: string): Promise<Scripted[]> {
  const file = resolve(path);
  const language = languageNamed(file);
  const text = language && (await readText(file).catch(() => undefined));
  if (!language || text === undefined) return [];
  const pool = new AnalysisPool(1);
  try {
    const below = relative(process.cwd(), file);
    const root = below.startsWith(`..${sep}`) ? dirname(file) : process.cwd();
    const { configs } = await pool.run({
      kind: 'text',
      language,
      text,
      place: { path: file, root, open: [] },
    });
    const lines = new LineMap(text);
    return configs.flatMap((config) => {
      const optimizer = configuredOptimizer(config);
      const line = lines.position(config.range.from).line + 1;
      return optimizer ? [{ path: below.split(sep).join('/'), line, optimizer }] : [];
    });
  } finally {
    pool.dispose();
  }
}

/**
 * The optimizer of the file that `--script` names. Throws a UsageError where there is none, or where several leave open which one
 * is meant.
 */
export async function scriptNamed(path: string): Promise<Scripted> {
  const found = await optimizersIn(path);
  if (found.length === 1) return found[0]!;
  const places = found.map(({ line, optimizer }) => `line ${line}: ${optimizer.optimizer}`).join(', ');
  throw new UsageError(
    found.length === 0
      ? `${quoteName(path)} has no optimizer that can be inspected.`
      : `${quoteName(path)} has ${found.length} optimizers: ${places}.`,
    'Give the hyper-parameters themselves, such as --lr; optimizer-bias scan shows what is found.',
  );
}

/**
 * The optimizer that a model most likely goes with: in the script that the project file names, else in the only script beside the
 * model, or in the working folder, that has one. Undefined where there is none, or where it is not clear which one.
 */
export async function scriptBeside(model: string): Promise<Scripted | undefined> {
  const named = sourceIn(model);
  if (named !== undefined) {
    const [only, ...others] = await optimizersIn(named);
    return others.length === 0 ? only : undefined;
  }
  for (const folder of new Set([dirname(resolve(model)), process.cwd()])) {
    const scripts = scriptsIn(folder);
    const found = (await Promise.all(scripts.map(optimizersIn))).flat();
    const alike = found.filter(({ path }) => stem(path) === stem(model));
    if (alike.length === 1) return alike[0];
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  }
  return undefined;
}

const stem = (path: string): string => basename(path).replace(/\.[^.]+$/, '').toLowerCase(); // biome-ignore format: one line

function scriptsIn(folder: string): string[] {
  try {
    const scripts = readdirSync(folder).filter((name) => /\.py$/.test(name) && !/^export_/.test(name));
    return scripts.length > mostScripts ? [] : scripts.map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** The script that the project file remembers for a model; a damaged file remembers none. */
function sourceIn(model: string): string | undefined {
  try {
    const { inspections } = readJsonFile(resolve(projectFile)) as { readonly inspections: readonly Target[] };
    return inspections.find((each) => resolve(each.model) === resolve(model))?.source;
  } catch {
    return undefined;
  }
}

/** What was given, with the script's optimizer. Throws a UsageError where the command line names another one. */
export function ofScript({ values, positionals }: Given, { path, optimizer: { optimizer } }: Scripted): Given {
  const named = values.get('optimizer') ?? optimizer;
  if (named !== optimizer)
    throw new UsageError(`${quoteName(path)} has ${optimizer}, but --optimizer is ${named}.`, 'Leave one of them out.');
  return { values: new Map([...values, ['optimizer', optimizer]]), positionals };
}

/** A request with what a script says of its optimizer, where the command line says nothing; `framed`: it gives the framework. */
export function withScript(request: InspectRequest, { optimizer }: Scripted, framed = false): InspectRequest {
  const open = optimizer.unknown.filter((each) => request.hyper[each] === undefined);
  return {
    ...request,
    ...(!framed && { framework: optimizer.framework }),
    ...{ hyper: { ...optimizer.hyper, ...request.hyper } },
    origins: {
      ...Object.fromEntries(Object.entries(optimizer.origins).filter(([each]) => request.hyper[each] === undefined)),
      ...Object.fromEntries(open.map((each) => [each, origins.assumed])),
    },
    ...(optimizer.groups && request.groups === undefined && { groups: optimizer.groups }),
  };
}

/**
 * What was taken by default, and what the script beside the model sets otherwise, in sentences; `hyper` are the values of the run,
 * `given` those of the command line. Empty where nothing was left out.
 */
export function defaultsText(
  request: Pick<InspectRequest, 'optimizer' | 'hyper'>,
  hyper: InspectRequest['hyper'],
  found: Scripted | undefined,
): string {
  const left = Object.keys(hyper).filter(
    (name) => request.hyper[name] === undefined && typeof hyper[name] === 'number',
  );
  if (left.length === 0) return '';
  const taken = `Taken by default, since nothing says otherwise on the command line: ${left.map((name) => `${name} ${setting(hyper[name])}`).join(', ')}.`;
  if (!found) return taken;
  const { path, line, optimizer } = found;
  const says = (name: string) => `${name} ${setting(optimizer.hyper[name])}${optimizer.origins[name]?.includes(':') ? ` (${optimizer.origins[name]})` : ''}`; // biome-ignore format: one line
  const others = left
    .filter((name) => optimizer.hyper[name] !== undefined && optimizer.hyper[name] !== hyper[name])
    .map(says);
  const open = optimizer.unknown.filter((name) => left.includes(name)).map((name) => `${name} to a value not known from the text`); // biome-ignore format: one line
  const kind = optimizer.optimizer === request.optimizer ? [] : [`the optimizer ${optimizer.optimizer}`];
  const differing = [...kind, ...others, ...open];
  if (differing.length === 0) return `${taken} ${path}, line ${line}, agrees.`;
  return `${taken} ${path}, line ${line}, sets otherwise: ${differing.join(', ')}. --script ${path} takes them from there.`;
}
