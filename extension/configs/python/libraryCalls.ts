import type { SyntaxNode } from '@lezer/common';
import { definedDefault } from './argparse.ts';
import type { Evaluator } from './evaluate.ts';
import { hydraConfig, loadedFile, pathOf } from './files.ts';
import { schedulePeak } from './schedules.ts';
import type { Scope } from './scope.ts';
import {
  type Arguments,
  computed,
  type DictEntry,
  type Evaluated,
  literal,
  rangeOf,
  readArguments,
  resolvedAt,
  scalarOf,
  unknownAt,
} from './values.ts';

/** Objects whose keyword arguments, or whose dictionary, become attributes. */
const ATTRIBUTE_OBJECTS =
  /(^|\.)(SimpleNamespace|argparse\.Namespace|Namespace|EasyDict|ConfigDict|FrozenConfigDict|Munch|DefaultMunch|Box|AttrDict|DotDict|DotMap|addict\.Dict|DictConfig|CfgNode|CN)$/;
/** Functions that make an object of the class they are given from the command line. */
const COMMAND_LINES =
  /^(?:tyro\.cli|simple_parsing\.parse|pyrallis\.parse|draccus\.parse|jsonargparse\.CLI|jsonargparse\.auto_cli|chz\.entrypoint|omegaconf\.OmegaConf\.structured|pyrallis\.argparsing\.parse)$/;
export const DATACLASS_PARSERS = /(?:^|\.)(?:HfArgumentParser|TrlParser|H4ArgumentParser)$/;
const FIELDS =
  /^(dataclasses|pydantic|attrs?|flax\.struct|simple_parsing|chz)\.(field|Field|ib|attrib|helpers\.field)$/;
const COMMAND_DEFAULTS = /^(?:typer|click|sqlmodel|fastapi)\.(?:Option|Argument|Query)$/;
/** Readers of data files, by what they take: a path, an open file, or its text. */
const READERS =
  /^(?:yaml\.(?:safe_load|load|full_load|unsafe_load)|json\.loads?|tomllib\.loads?|tomli\.loads?|toml\.loads?|omegaconf\.OmegaConf\.load|commentjson\.loads?|json5\.loads?|hjson\.loads?|ruamel\.yaml\.(?:safe_load|load)|mmengine\.Config\.fromfile|mmcv\.Config\.fromfile|ml_collections\.config_dict\.ConfigDict\.from_yaml)$/;
const AS_ATTRIBUTES = /OmegaConf|Config\.fromfile/;
const PATHS =
  /^(?:pathlib\.(?:Pure)?(?:Posix)?Path|builtins\.open|builtins\.str|io\.open|os\.fspath|os\.path\.(?:abspath|realpath|expanduser|normpath)|hydra\.utils\.to_absolute_path|fsspec\.open|gzip\.open)$/;
const NAMED =
  /^(?:hydra\.utils\.get_(?:class|method|object)|pydoc\.locate|importlib\.util\.resolve_name|builtins\.eval|django\.utils\.module_loading\.import_string|mmengine\.utils\.get_object_from_string)$/;
/** Wrappers that hand on the constructor they are given. */
const HANDED_ON =
  /^(?:optax\.inject_hyperparams|detectron2\.config(?:\.\w+)*\.LazyCall|optax\.inject_stateful_hyperparams)$/;
const MATH: Readonly<Record<string, (x: number, y: number) => number>> = {
  float: (x) => x,
  int: (x) => Math.trunc(x),
  abs: (x) => Math.abs(x),
  sqrt: (x) => Math.sqrt(x),
  exp: (x) => Math.exp(x),
  log: (x) => Math.log(x),
  pow: (x, y) => x ** y,
  power: (x, y) => x ** y,
  min: (x, y) => Math.min(x, y),
  max: (x, y) => Math.max(x, y),
};
const MATH_MODULE = /^(builtins|math|numpy|jax\.numpy|torch)\.(\w+)$/;

/** What a call of something imported returns, where that is known. */
export function evaluateLibrary(
  evaluator: Evaluator,
  node: SyntaxNode,
  name: string,
  given: Arguments,
  scope: Scope,
): Evaluated {
  const argument = (index: number) => {
    const at = given.positional[index];
    return at ? evaluator.evaluate(at, scope) : undefined;
  };
  const keyword = (key: string) => {
    const at = given.keywords.get(key)?.value;
    return at ? evaluator.evaluate(at, scope) : undefined;
  };
  const first = argument(0);
  if (name === 'builtins.dict' || ATTRIBUTE_OBJECTS.test(name)) {
    return keywordDictionary(evaluator, node, given, scope, first, name !== 'builtins.dict');
  }
  if (name === 'omegaconf.OmegaConf.create')
    return first?.value.kind === 'dict' ? asAttributes(first, node) : unknownAt(node);
  if (name === 'omegaconf.OmegaConf.merge')
    return mergedConfigs(
      given.positional.map((each) => evaluator.evaluate(each, scope)),
      node,
    );
  if (name === 'omegaconf.OmegaConf.from_cli')
    return literal(node, { kind: 'dict', entries: new Map(), open: false, attributes: true });
  if (/^omegaconf\.OmegaConf\.(?:to_container|to_object)$/.test(name))
    return first ? resolvedAt(node, first) : unknownAt(node);
  if (name === 'functools.partial') return literal(node, { kind: 'partial' });
  if (HANDED_ON.test(name)) return first ? { ...first, range: rangeOf(node) } : unknownAt(node);
  if (COMMAND_LINES.test(name) || DATACLASS_PARSERS.test(name)) {
    const made = instances(
      first ?? keyword('config_class') ?? keyword('dataclass_types'),
      node,
      DATACLASS_PARSERS.test(name),
    );
    return made && DATACLASS_PARSERS.test(name)
      ? literal(node, { kind: 'parser', result: made })
      : (made ?? unknownAt(node));
  }
  if (FIELDS.test(name)) {
    const value = given.keywords.get('default')?.value;
    if (value) return evaluator.evaluate(value, scope);
    const factory = given.keywords.get('default_factory')?.value ?? given.keywords.get('factory')?.value;
    if (factory) return produced(evaluator, factory, node, scope);
    return first && /^(?:pydantic|simple_parsing)/.test(name) ? first : unknownAt(node);
  }
  if (COMMAND_DEFAULTS.test(name)) {
    const value = keyword('default') ?? (name.startsWith('click') ? undefined : first);
    if (!value) return unknownAt(node);
    return scalarOf(value) === null ? literal(node, { kind: 'unset' }) : value;
  }
  if (READERS.test(name)) return first ? loadedFile(evaluator, node, first, AS_ATTRIBUTES.test(name)) : unknownAt(node);
  if (PATHS.test(name) && first) {
    const path = pathOf(first);
    if (path !== undefined && name !== 'builtins.str')
      return literal(node, {
        kind: 'path',
        path: [path, ...given.positional.slice(1).flatMap((_, i) => joinable(name, argument(i + 1)))].join('/'),
      });
    if (name === 'builtins.str')
      return first.value.kind === 'path' || scalarOf(first) !== undefined
        ? { ...first, range: rangeOf(node) }
        : unknownAt(node);
  }
  if (name === 'os.path.join' && first) {
    const parts = given.positional.map((each) => pathOf(evaluator.evaluate(each, scope)));
    return parts.includes(undefined) ? unknownAt(node) : literal(node, { kind: 'path', path: parts.join('/') });
  }
  if (name === 'os.path.dirname' && first) {
    const path = pathOf(first);
    return path === undefined
      ? unknownAt(node)
      : literal(node, { kind: 'path', path: path.replace(/\/?[^/]*$/, '') || '.' });
  }
  if (name === 'hydra.compose') {
    const file = (first ?? keyword('config_name')) && scalarOf((first ?? keyword('config_name'))!);
    const folder = initialisedFolder(evaluator);
    return typeof file === 'string' && folder !== undefined
      ? hydraConfig(evaluator, node, folder, file)
      : unknownAt(node);
  }
  if (NAMED.test(name)) {
    const text = first && scalarOf(first);
    if (typeof text !== 'string' || !/^[\w.]{1,200}$/.test(text)) return unknownAt(node);
    return named(evaluator, text, node, scope, name === 'builtins.eval');
  }
  if (name === 'builtins.getattr') {
    const key = argument(1) && scalarOf(argument(1)!);
    const fallback = argument(2);
    if (!first || typeof key !== 'string') return unknownAt(node);
    const value = evaluator.attributes.attribute(first, key, node);
    return value.from === 'unknown' && fallback && first.value.kind === 'dict' && !first.value.open
      ? resolvedAt(node, fallback)
      : value;
  }
  if (/^timm\.optim(?:\.\w+)*\.optimizer_kwargs$/.test(name)) {
    const settings = first ?? keyword('cfg');
    return settings ? timmSettings(evaluator, settings, node) : unknownAt(node);
  }
  if (name === 'wandb.init') {
    const config = keyword('config') ?? argument(3);
    return literal(node, { kind: 'tracker', config: config ?? unknownAt(node) });
  }
  if (name === 'builtins.vars' || name === 'dataclasses.asdict')
    return first && ['namespace', 'reference', 'instance'].includes(first.value.kind) ? first : unknownAt(node);
  if (name === 'builtins.tuple' || name === 'builtins.list') {
    return first?.value.kind === 'sequence' ? { ...first, range: rangeOf(node) } : unknownAt(node);
  }
  if (/^torch\.(?:tensor|as_tensor)$|^(?:numpy|jax\.numpy)\.(?:float32|float64|asarray|array)$/.test(name))
    return first && typeof scalarOf(first) === 'number' ? { ...first, range: rangeOf(node) } : unknownAt(node);
  if (/^(?:absl|tensorflow(?:\.compat\.v1)?(?:\.app)?)\.flags\.DEFINE_\w+$/.test(name)) {
    // What it returns holds the value.
    const value = definedDefault(evaluator, node, scope);
    return literal(node, {
      kind: 'dict',
      entries: new Map([['value', { keyRange: rangeOf(node), value }]]),
      open: false,
      attributes: true,
    });
  }
  return (
    schedulePeak(node, name, { argument, keyword }) ??
    mathematics(node, name, first, argument(1), given.positional.length)
  );
}

/** The options that timm reads from a script's arguments; what is None there is left to the optimizer. */
export function timmSettings(evaluator: Evaluator, settings: Evaluated, node: SyntaxNode): Evaluated {
  const names = {
    opt: 'opt',
    lr: 'lr',
    weight_decay: 'weight_decay',
    momentum: 'momentum',
    opt_eps: 'eps',
    opt_betas: 'betas',
  };
  const entries = new Map<string, DictEntry>();
  for (const [option, name] of Object.entries(names)) {
    const value = evaluator.attributes.attribute(settings, option, node);
    const isUnset = value.value.kind === 'unset' || scalarOf(value) === null;
    if (name === 'lr' || !isUnset)
      entries.set(name, { keyRange: rangeOf(node), value: isUnset ? unknownAt(node) : value });
  }
  return literal(node, { kind: 'dict', entries, open: false });
}

const joinable = (name: string, value: Evaluated | undefined): string[] => {
  const text = name.startsWith('pathlib') && value ? pathOf(value) : undefined;
  return text === undefined ? [] : [text];
};

/** `torch.optim.Adam` in a text: by the names of the file, or as it stands. */
function named(evaluator: Evaluator, text: string, node: SyntaxNode, scope: Scope, isExpression: boolean): Evaluated {
  const [head, ...rest] = text.split('.');
  if (!isExpression) return evaluator.reference(text, node);
  const found = evaluator.named(head, node, scope);
  return rest.reduce((value, part) => evaluator.attributes.attribute(value, part, node), found);
}

/** The objects that a parser of dataclasses makes: one for each class. */
function instances(classes: Evaluated | undefined, node: SyntaxNode, asSequence: boolean): Evaluated | undefined {
  const made = (each: Evaluated) =>
    each.value.kind === 'class' ? literal(node, { kind: 'instance', scope: each.value.scope }) : unknownAt(node);
  if (classes?.value.kind === 'sequence')
    return literal(node, { kind: 'sequence', items: classes.value.items.map(made) });
  if (classes?.value.kind !== 'class') return undefined;
  return asSequence ? literal(node, { kind: 'sequence', items: [made(classes)] }) : made(classes);
}

/** What a factory gives: the expression of a lambda, or an object of a class. */
function produced(evaluator: Evaluator, factory: SyntaxNode, node: SyntaxNode, scope: Scope): Evaluated {
  if (factory.name === 'LambdaExpression')
    return factory.lastChild ? evaluator.evaluate(factory.lastChild, scope) : unknownAt(node);
  const { value } = evaluator.evaluate(factory, scope);
  return value.kind === 'class' ? literal(node, { kind: 'instance', scope: value.scope }) : unknownAt(node);
}

function initialisedFolder(evaluator: Evaluator): string | undefined {
  const [call] = [
    ...(evaluator.index.callsByName.get('initialize') ?? []),
    ...(evaluator.index.callsByName.get('initialize_config_dir') ?? []),
  ];
  if (!call) return undefined;
  const given = readArguments(call.node.getChild('ArgList'), evaluator.index.text);
  const at = given.keywords.get('config_path')?.value ?? given.keywords.get('config_dir')?.value ?? given.positional[0];
  return at ? pathOf(evaluator.evaluate(at, call.scope)) : undefined;
}

function mathematics(
  node: SyntaxNode,
  name: string,
  first: Evaluated | undefined,
  second: Evaluated | undefined,
  count: number,
): Evaluated {
  const match = MATH_MODULE.exec(name);
  const apply = match && Object.hasOwn(MATH, match[2]) ? MATH[match[2]] : undefined;
  if (!apply || !first || count > apply.length) return unknownAt(node);
  const written = scalarOf(first);
  const x = typeof written === 'string' && apply.length === 1 ? Number.parseFloat(written) : written;
  const y = second ? scalarOf(second) : Number.NaN;
  if (typeof x !== 'number' || typeof y !== 'number') return unknownAt(node);
  const value = apply(x, y);
  return Number.isFinite(value) ? computed(node, value, second ? [first, second] : [first]) : unknownAt(node);
}

/** `dict(lr=1e-3, **other)`, `SimpleNamespace(lr=1e-3)`, `EasyDict({…})`. */
function keywordDictionary(
  evaluator: Evaluator,
  node: SyntaxNode,
  given: Arguments,
  scope: Scope,
  first: Evaluated | undefined,
  attributes: boolean,
): Evaluated {
  const entries = new Map<string, DictEntry>();
  let open = given.starred || given.positional.length > 1;
  const others = given.unpacked.map((expression) => evaluator.evaluate(expression, scope));
  for (const { value } of first ? [first, ...others] : others) {
    if (value.kind === 'dict') for (const [key, entry] of value.entries) entries.set(key, entry);
    open ||= value.kind !== 'dict' || value.open;
  }
  for (const [key, { key: keyNode, value }] of given.keywords) {
    entries.set(key, {
      keyRange: rangeOf(keyNode),
      value: value ? evaluator.evaluate(value, scope) : unknownAt(keyNode),
    });
  }
  const result = literal(node, { kind: 'dict', entries, open });
  return attributes ? asAttributes(result, node) : result;
}

/** A dictionary, and those in it, whose entries are read as attributes. */
export function asAttributes(value: Evaluated, node: { from: number; to: number }, depth = 0): Evaluated {
  if (value.value.kind !== 'dict' || depth > 8) return value;
  const entries = [...value.value.entries].map(([key, entry]): [string, DictEntry] => [
    key,
    { ...entry, value: asAttributes(entry.value, entry.value.range, depth + 1) },
  ]);
  return { ...value, range: rangeOf(node), value: { ...value.value, entries: new Map(entries), attributes: true } };
}

/** `OmegaConf.merge(a, b)`: the later over the earlier, maps into each other. */
function mergedConfigs(all: readonly Evaluated[], node: SyntaxNode): Evaluated {
  let entries = new Map<string, DictEntry>();
  let open = false;
  for (const { value } of all) {
    if (value.kind === 'dict') entries = over(entries, value.entries);
    open ||= value.kind !== 'dict' || value.open;
  }
  return literal(node, { kind: 'dict', entries, open, attributes: true });
}

function over(one: ReadonlyMap<string, DictEntry>, other: ReadonlyMap<string, DictEntry>): Map<string, DictEntry> {
  const result = new Map(one);
  for (const [key, entry] of other) {
    const [before, after] = [result.get(key)?.value.value, entry.value.value];
    const value =
      before?.kind === 'dict' && after.kind === 'dict'
        ? {
            ...entry.value,
            value: { ...after, entries: over(before.entries, after.entries), open: before.open || after.open },
          }
        : entry.value;
    result.set(key, { ...entry, value });
  }
  return result;
}
