import type { SyntaxNode } from '@lezer/common';
import type { Evaluator } from './evaluate.ts';
import { type DictEntry, type Evaluated, literal, readArguments, scalarOf, unknownAt } from './values.ts';

type Place = { readonly from: number; readonly to: number };

/** The options of a command line. */
export interface ArgparseOptions {
  /** By destination. Two options with the same destination and required options are unknown. */
  readonly defaults: ReadonlyMap<string, Evaluated>;
  /** What the program sets on all of them: `for k, v in config.items(): setattr(args, k, v)`. */
  readonly overrides?: {
    readonly entries: ReadonlyMap<string, DictEntry>;
    readonly open: boolean;
    readonly isConditional: boolean;
  };
}

/** absl's definitions, and the method of it that a file of configuration is defined by. */
const DEFINITIONS = ['DEFINE_float', 'DEFINE_integer', 'DEFINE_string', 'DEFINE_bool', 'DEFINE_boolean', 'DEFINE_enum'];

/** The defaults of all `add_argument` calls (and absl's `DEFINE_…`) of a file, and what replaces them. */
export function argparseOptions(evaluator: Evaluator): ArgparseOptions {
  const defaults = new Map<string, Evaluated>();
  const { callsByName, text } = evaluator.index;
  const add = (name: string, value: Evaluated) =>
    defaults.set(name, defaults.has(name) ? unknownAt(value.range) : value);

  for (const { node, scope } of callsByName.get('add_argument') ?? []) {
    const given = readArguments(node.getChild('ArgList'), text);
    const keyword = (name: string) => {
      const value = given.keywords.get(name)?.value;
      return value ? evaluator.evaluate(value, scope) : undefined;
    };
    const options = given.positional.map((option) => scalarOf(evaluator.evaluate(option, scope)));
    const option = options.find((name) => typeof name === 'string' && name.startsWith('--')) ?? options[0];
    const destination = keyword('dest') ?? undefined;
    const name = destination ? scalarOf(destination) : option;
    if (typeof name !== 'string') continue;
    const dest = destination ? name : name.replace(/^-+/, '').replaceAll('-', '_');
    const isOptional = typeof option === 'string' && option.startsWith('-') && !given.keywords.has('required');
    add(
      dest,
      defaultOf(keyword('default'), keyword('action'), given.keywords.get('type')?.value, node, text, isOptional),
    );
  }

  // simple_parsing: `parser.add_arguments(Options, dest="options")`.
  for (const { node, scope } of callsByName.get('add_arguments') ?? []) {
    const given = readArguments(node.getChild('ArgList'), text);
    const at = given.keywords.get('dest')?.value ?? given.positional[1];
    const name = at && scalarOf(evaluator.evaluate(at, scope));
    const type = given.positional[0] && evaluator.evaluate(given.positional[0], scope).value;
    if (typeof name === 'string' && type?.kind === 'class')
      add(name, literal(node, { kind: 'instance', scope: type.scope }));
  }

  for (const define of DEFINITIONS) {
    for (const { node, scope } of callsByName.get(define) ?? []) {
      const { positional } = readArguments(node.getChild('ArgList'), text);
      const name = positional[0] && scalarOf(evaluator.evaluate(positional[0], scope));
      if (typeof name === 'string') add(name, definedDefault(evaluator, node, scope));
    }
  }
  for (const { node, scope } of callsByName.get('DEFINE_config_file') ?? []) {
    const { positional, keywords } = readArguments(node.getChild('ArgList'), text);
    const name = positional[0] && scalarOf(evaluator.evaluate(positional[0], scope));
    const at = positional[1] ?? keywords.get('default')?.value;
    const path = at && scalarOf(evaluator.evaluate(at, scope));
    if (typeof name === 'string') add(name, configOf(evaluator, typeof path === 'string' ? path : '', node));
  }

  for (const { node, scope } of callsByName.get('set_defaults') ?? []) {
    const given = readArguments(node.getChild('ArgList'), text);
    for (const expression of given.unpacked) {
      const { value } = evaluator.evaluate(expression, scope);
      if (value.kind === 'dict') for (const [name, entry] of value.entries) defaults.set(name, known(entry.value));
      if (value.kind !== 'dict' || value.open)
        for (const [name, { range }] of defaults) defaults.set(name, unknownAt(range));
    }
    for (const [name, { value }] of given.keywords) {
      defaults.set(name, value ? known(evaluator.evaluate(value, scope)) : unknownAt(node));
    }
  }
  const overrides = overridesOf(evaluator);
  return { defaults, ...(overrides && { overrides }) };
}

/** The default of `flags.DEFINE_float("lr", 1e-3, "help")`. */
export function definedDefault(
  evaluator: Evaluator,
  node: SyntaxNode,
  scope: Parameters<Evaluator['evaluate']>[1],
): Evaluated {
  const { positional, keywords } = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const value = positional[1] ?? keywords.get('default')?.value;
  return value ? known(evaluator.evaluate(value, scope)) : unknownAt(node);
}

/** What `get_config()` of a file of ml_collections returns. */
function configOf(evaluator: Evaluator, path: string, node: Place): Evaluated {
  const file = path.endsWith('.py') ? evaluator.imports.locate(path, evaluator.path) : undefined;
  const module = file === undefined ? undefined : evaluator.imports.module(file);
  const made = module?.exported('get_config');
  if (!module || made?.value.kind !== 'function' || made.value.scope.returns.length !== 1) return unknownAt(node);
  return evaluator.taken(module.evaluate(made.value.scope.returns[0], made.value.scope), module);
}

/** `setattr(args, key, value)` in a loop over a dictionary, `vars(args).update(config)`. */
function overridesOf(evaluator: Evaluator): ArgparseOptions['overrides'] {
  const { callsByName, text } = evaluator.index;
  const entries = new Map<string, DictEntry>();
  let open = false;
  let isConditional = false;
  let found = false;
  const take = (value: Evaluated | undefined) => {
    found = true;
    if (value?.value.kind === 'dict') for (const [key, entry] of value.value.entries) entries.set(key, entry);
    open ||= value?.value.kind !== 'dict' || value.value.open;
  };
  for (const { node, scope } of callsByName.get('setattr') ?? []) {
    const [object, key] = readArguments(node.getChild('ArgList'), text).positional;
    if (!object || !key || key.name === 'String' || evaluator.evaluate(object, scope).value.kind !== 'namespace')
      continue;
    let loop: SyntaxNode | null = node;
    for (; loop && loop.name !== 'ForStatement'; loop = loop.parent) isConditional ||= loop.name === 'IfStatement';
    const over = loop?.getChild('CallExpression');
    const base = over?.firstChild?.name === 'MemberExpression' ? over.firstChild.firstChild : null;
    take(base ? evaluator.evaluate(base, scope) : undefined);
  }
  for (const { node, scope } of callsByName.get('update') ?? []) {
    const base = node.firstChild?.firstChild;
    if (!base || !/^vars\(|__dict__$/.test(text.slice(base.from, base.to))) continue;
    const [argument] = readArguments(node.getChild('ArgList'), text).positional;
    take(argument && evaluator.evaluate(argument, scope));
  }
  return found ? { entries, open, isConditional } : undefined;
}

function defaultOf(
  value: Evaluated | undefined,
  action: Evaluated | undefined,
  type: Place | undefined,
  node: Place,
  text: string,
  isOptional: boolean,
): Evaluated {
  const flag = action && scalarOf(action);
  if (!value && flag === 'store_true') return literal(node, { kind: 'scalar', value: false });
  if (!value && flag === 'store_false') return literal(node, { kind: 'scalar', value: true });
  if (!value) return isOptional ? literal(node, { kind: 'unset' }) : unknownAt(node);
  const written = scalarOf(value);
  // argparse converts defaults that are strings.
  if (typeof written === 'string' && type && /^(float|int)$/.test(text.slice(type.from, type.to))) {
    const number = Number(written);
    return Number.isFinite(number) ? { ...value, value: { kind: 'scalar', value: number } } : unknownAt(node);
  }
  return known(value);
}

/** None as a default means that the program decides later, unless the command line does. */
function known(value: Evaluated): Evaluated {
  return scalarOf(value) === null ? literal(value.range, { kind: 'unset' }) : value;
}
