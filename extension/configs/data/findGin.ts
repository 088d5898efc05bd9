import { type Argument, assemble, assembleGeneric } from '../assemble.ts';
import type { OptimizerConfig, Schedule } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import { optimizerNamed } from '../names.ts';
import { evidence, findInData } from './find.ts';
import { type Configurable, parseGin } from './gin.ts';
import { type DataEntry, type DataNode, findingOf, type MapNode, textAt } from './tree.ts';

/** How Gin's own modules, and people, call the libraries that they configure. */
const LIBRARY_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^tf\./, 'tensorflow.'],
  [/^optim\./, 'torch.optim.'],
];
/** Functions of projects that make the optimizer they are told by its name (Dopamine and its like). */
const MAKER = /(?:^|\.)(?:create|make|build|get)_optimi[sz]er$/;

/**
 * The optimizers that a Gin file binds arguments of (`torch.optim.Adam.lr = 1e-3`, in scopes or not), makers that are told one by its name,
 * and configurables that have its name beside a learning rate. What is not bound may stand at the call, and is not known.
 */
export function findInGin(text: string): OptimizerConfig[] {
  const all = parseGin(text);
  const own = all.filter(({ selector }) => optimizerOf(selector) !== undefined);
  const found = own.flatMap((each) => {
    const isBase =
      each.scope === '' && own.some((other) => other.scope !== '' && isSame(other.selector, each.selector));
    // What all scopes share is none of its own, unless it has the learning rate.
    if (isBase && !hasRate(each)) return [];
    const shared = own.filter((other) => other !== each && other.scope === '' && isSame(other.selector, each.selector));
    return bound(each, shared) ?? [];
  });
  const rest = all.filter((each) => !own.includes(each));
  const named = new Set(own.map(({ selector }) => last(selector)));
  return [...found, ...rest.flatMap((each) => beside(each, rest, named))].sort((a, b) => a.range.from - b.range.from);
}

const last = (selector: string): string => selector.slice(selector.lastIndexOf('.') + 1);
/** `Adam` and `torch.optim.Adam` are the same configurable: any unambiguous end of its name will do. */
const isSame = (one: string, other: string): boolean =>
  one === other || one.endsWith(`.${other}`) || other.endsWith(`.${one}`);
const hasRate = ({ entries }: Configurable): boolean => entries.has('lr') || entries.has('learning_rate');

function qualified(selector: string): string {
  const [pattern, module] = LIBRARY_NAMES.find(([each]) => each.test(selector)) ?? [];
  return pattern ? selector.replace(pattern, module!) : selector;
}

/** The optimizer of a selector; functions and classes that only begin as one are none. */
const optimizerOf = (selector: string): string | undefined =>
  constructorOf(qualified(selector))?.optimizer ?? optimizerNamed(last(selector).replace(/Optimizer$/, ''));

function bound(each: Configurable, shared: readonly Configurable[]): OptimizerConfig | undefined {
  const entries = new Map<string, DataEntry>([...shared.flatMap((other) => [...other.entries]), ...each.entries]);
  const { selector, range, statement } = each;
  const map: MapNode = { kind: 'map', range: statement, entries };
  const arguments_ = argumentsOf(map);
  const schedule = scheduleOf(entries);
  const call = {
    constructorName: selector,
    range,
    callRange: statement,
    arguments: arguments_,
    open: true,
    ...(schedule && { schedule }),
  };
  const definition = constructorOf(qualified(selector));
  if (definition && !definition.namedBy) return assemble(definition, call);
  const isTelling = evidence(map) || schedule !== undefined;
  return isTelling ? assembleGeneric('generic', optimizerOf(selector)!, call) : undefined;
}

/** A learning rate that a reference gives: what the schedule is called. */
function scheduleOf(entries: ReadonlyMap<string, DataEntry>): Schedule | undefined {
  for (const key of ['learning_rate', 'lr']) {
    const node = entries.get(key)?.value;
    const name =
      node?.kind === 'scalar' && typeof node.value === 'string' ? /^@(.+?)(?:\(\))?$/.exec(node.value)?.[1] : undefined;
    if (node && name !== undefined) return { name: last(name.slice(name.lastIndexOf('/') + 1)), range: node.range };
  }
  return undefined;
}

function argumentsOf(map: MapNode): Map<string, Argument> {
  return new Map(
    [...map.entries].map(([key, { keyRange, value }]) => [key, { finding: findingOf(value, value), keyRange }]),
  );
}

/** `Trainer.optimizer = "adam"` beside its learning rate, and `create_optimizer.learning_rate` of the one that an agent names. */
function beside(each: Configurable, rest: readonly Configurable[], named: ReadonlySet<string>): OptimizerConfig[] {
  const entries = new Map([...each.entries].map(([key, entry]) => [key, unreferenced(entry, named)]));
  if (MAKER.test(each.selector) && !entries.has('name')) {
    const names = rest.flatMap(({ entries: others }) => [...others].filter(([key]) => key === 'optimizer'));
    const [only, ...more] = names.map(([, entry]) => entry);
    if (only && more.length === 0) entries.set('optimizer', unreferenced(only, named));
  }
  if (MAKER.test(each.selector) && entries.has('name') && textAt(mapOf(entries, each), 'name') !== undefined)
    entries.set('optimizer', entries.get('name')!);
  return findInData(mapOf(entries, each));
}

const mapOf = (entries: ReadonlyMap<string, DataEntry>, { statement }: Configurable): MapNode => ({
  kind: 'map',
  range: statement,
  entries,
});

/** A reference to an optimizer as its name; nothing where its own bindings are found already. */
function unreferenced(entry: DataEntry, named: ReadonlySet<string>): DataEntry {
  const { value } = entry;
  if (value.kind !== 'scalar' || typeof value.value !== 'string' || !value.value.startsWith('@')) return entry;
  const name = value.value.replace(/^@(?:.*\/)?/, '').replace(/\(\)$/, '');
  const node: DataNode = { ...value, value: named.has(last(name)) ? undefined : name };
  return { ...entry, value: node };
}
