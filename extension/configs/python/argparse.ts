import type { Evaluator } from './evaluate.ts';
import { type Evaluated, literal, readArguments, scalarOf, unknownAt } from './values.ts';

/**
 * The defaults of all `add_argument` calls (and absl's `DEFINE_…`) of a file by destination. Two options with the same
 * destination, required options and options without a default are unknown.
 */
export function argparseDefaults(evaluator: Evaluator): ReadonlyMap<string, Evaluated> {
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
    add(dest, defaultOf(keyword('default'), keyword('action'), given.keywords.get('type')?.value, node, text));
  }

  for (const define of [
    'DEFINE_float',
    'DEFINE_integer',
    'DEFINE_string',
    'DEFINE_bool',
    'DEFINE_boolean',
    'DEFINE_enum',
  ]) {
    for (const { node, scope } of callsByName.get(define) ?? []) {
      const { positional, keywords } = readArguments(node.getChild('ArgList'), text);
      const name = positional[0] && scalarOf(evaluator.evaluate(positional[0], scope));
      const value = positional[1] ?? keywords.get('default')?.value;
      if (typeof name === 'string') add(name, value ? known(evaluator.evaluate(value, scope)) : unknownAt(node));
    }
  }

  for (const { node, scope } of callsByName.get('set_defaults') ?? []) {
    for (const [name, { value }] of readArguments(node.getChild('ArgList'), text).keywords) {
      defaults.set(name, value ? known(evaluator.evaluate(value, scope)) : unknownAt(node));
    }
  }
  return defaults;
}

function defaultOf(
  value: Evaluated | undefined,
  action: Evaluated | undefined,
  type: { from: number; to: number } | undefined,
  node: { from: number; to: number },
  text: string,
): Evaluated {
  const flag = action && scalarOf(action);
  if (!value && flag === 'store_true') return literal(node, { kind: 'scalar', value: false });
  if (!value && flag === 'store_false') return literal(node, { kind: 'scalar', value: true });
  if (!value) return unknownAt(node);
  const written = scalarOf(value);
  // argparse converts defaults that are strings.
  if (typeof written === 'string' && type && /^(float|int)$/.test(text.slice(type.from, type.to))) {
    const number = Number(written);
    return Number.isFinite(number) ? { ...value, value: { kind: 'scalar', value: number } } : unknownAt(node);
  }
  return known(value);
}

/** None as a default means that the program decides later. */
function known(value: Evaluated): Evaluated {
  return scalarOf(value) === null ? unknownAt(value.range) : value;
}
