import type { SyntaxNode } from '@lezer/common';
import { type Argument, assemble, type Finding } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { ownDefaults } from '../defaults.ts';
import { type Constructor, constructorOf } from '../frameworks.ts';
import { CORES } from '../libraries/chains.ts';
import { parseSignature } from '../signature.ts';
import type { Evaluator } from './evaluate.ts';
import type { Call, Scope } from './scope.ts';
import { elements } from './scope.ts';
import { rangeOf, readArguments, toFinding } from './values.ts';

/** One transformation of `optax.chain`: the call that makes it, seen from where. */
interface Link {
  readonly node: SyntaxNode;
  readonly scope: Scope;
  readonly name: string;
}

/** Transformations that a gradient goes through before and after, which change nothing that is looked at. */
const PASSING = /^(?:clip\w*|adaptive_grad_clip|zero_nans|keep_params_nonnegative|apply_every|identity|centralize)$/;
/** The optimizer that a chain of Optax is, under its core's name; undefined where the chain has none of the known cores. */
export function fromChain(evaluator: Evaluator, call: Call): OptimizerConfig | undefined {
  if (!isChain(evaluator, call.node, call.scope)) return undefined;
  const links = linksOf(evaluator, call.node, call.scope, 0);
  const cores = links.filter(({ name }) => Object.hasOwn(CORES, name));
  const link = cores.find(({ name }) => name !== 'trace') ?? cores[0];
  if (!link) return undefined;
  const { optimizer, signature, rename, decoupled, nesterov, ...core } = CORES[link.name];
  const own = ownDefaults(optimizer, 'optax');
  const eps = core.eps ?? (own?.eps_placement as Constructor['eps']);
  const callee = link.node.firstChild!;
  const bound = new Map<string, Argument>();
  const parameters = parseSignature(signature, rename, own);
  bind(evaluator, link, parameters, bound);
  const at = links.indexOf(link);
  const decay = links.findIndex(({ name }) => name === 'add_decayed_weights');
  if (decay >= 0) take(evaluator, links[decay], 'weight_decay', 0, 'weight_decay', bound);
  const isDecoupled = decay > at;
  const rate = rateOf(evaluator, links);
  if (rate) bound.set('learning_rate', rate);
  const others = links.filter(
    ({ name }, i) =>
      i !== at &&
      i !== decay &&
      !PASSING.test(name) &&
      !/^(?:scale|scale_by_learning_rate|scale_by_schedule)$/.test(name),
  );
  const definition: Constructor = {
    framework: 'optax',
    optimizer: (isDecoupled && decoupled) || optimizer,
    parameters: [
      ...parseSignature('learning_rate'),
      ...parameters,
      ...(decay >= 0 ? parseSignature('weight_decay=0.0') : []),
    ],
    ...(eps && { eps }),
    ...(decay >= 0 && { weightDecayForm: isDecoupled ? ('decoupled' as const) : ('l2' as const) }),
    ...(nesterov && { becomes: { parameter: 'nesterov', value: true, optimizer: nesterov } }),
  };
  return assemble(definition, {
    constructorName: evaluator.text(callee),
    range: rangeOf(callee),
    callRange: rangeOf(call.node),
    arguments: bound,
    open: false,
    ...(others.length > 0 && {
      notes: [
        { text: `The chain also has ${others.map(({ name }) => name).join(', ')}, of which nothing is known here.` },
      ],
    }),
  });
}

/** The weight decay that a chain adds to a whole optimizer in it (`optax.sgd`), and on which side, by that optimizer's call. */
export function decayBeside(
  evaluator: Evaluator,
  { node, scope }: Call,
): { readonly call: number; readonly decay: Argument | undefined; readonly isBefore: boolean } | undefined {
  const links = linksOf(evaluator, node, scope, 0);
  const at = links.findIndex(({ name }) => name === 'add_decayed_weights');
  const whole = links.findIndex(({ name }) => constructorOf(`optax.${name}`) !== undefined);
  if (at < 0 || whole < 0 || links.some(({ name }) => Object.hasOwn(CORES, name))) return undefined;
  return {
    call: links[whole].node.from,
    decay: argumentOf(evaluator, links[at], 'weight_decay', 0),
    isBefore: at < whole,
  };
}

/** Whether a call is a chain of transformations. */
export function isChain(evaluator: Evaluator, node: SyntaxNode, scope: Scope): boolean {
  const callee = node.firstChild;
  if (!callee || !/\b(?:chain|named_chain)$/.test(evaluator.text(callee))) return false;
  const { value } = evaluator.evaluate(callee, scope);
  return value.kind === 'reference' && /^optax(?:\.\w+)*\.(?:chain|named_chain)$/.test(value.name);
}

/** Chains inside chains, and names that lead to their parts. */
const DEEPEST = 6;
const MOST = 40;

function linksOf(evaluator: Evaluator, chain: SyntaxNode, scope: Scope, depth: number): Link[] {
  const found: Link[] = [];
  const add = (expression: SyntaxNode, from: Scope, hops: number): void => {
    if (hops > DEEPEST || found.length > MOST) return;
    if (expression.name === 'CallExpression') {
      if (isChain(evaluator, expression, from)) found.push(...linksOf(evaluator, expression, from, hops + 1));
      else {
        const { value } = expression.firstChild
          ? evaluator.evaluate(expression.firstChild, from)
          : { value: undefined };
        const name = value?.kind === 'reference' ? value.name.slice(value.name.lastIndexOf('.') + 1) : '';
        found.push({ node: expression, scope: from, name });
      }
    } else if (expression.name === 'VariableName') {
      const at = evaluator.bindings(evaluator.text(expression), from);
      const [only] = at?.list ?? [];
      if (at?.list.length === 1 && only.kind === 'value' && only.item === undefined) add(only.node, at.scope, hops + 1);
    } else if (expression.name === 'TupleExpression' || expression.name === 'ParenthesizedExpression') {
      // `named_chain(("adam", optax.scale_by_adam()))`.
      const last = elements(expression).at(-1);
      if (last) add(last, from, hops + 1);
    }
  };
  for (const expression of readArguments(chain.getChild('ArgList'), evaluator.index.text).positional)
    add(expression, scope, depth);
  return found;
}

function argumentOf(evaluator: Evaluator, link: Link, keyword: string, position: number): Argument | undefined {
  const given = readArguments(link.node.getChild('ArgList'), evaluator.index.text);
  const named = given.keywords.get(keyword);
  const at = named?.value ?? given.positional[position];
  if (!at) return undefined;
  return { finding: toFinding(evaluator.evaluate(at, link.scope)), ...(named && { keyRange: rangeOf(named.key) }) };
}

function take(
  evaluator: Evaluator,
  link: Link,
  keyword: string,
  position: number,
  as: string,
  bound: Map<string, Argument>,
): void {
  const argument = argumentOf(evaluator, link, keyword, position);
  if (argument) bound.set(as, argument);
}

function bind(
  evaluator: Evaluator,
  link: Link,
  parameters: readonly { readonly name: string; readonly positional: boolean }[],
  bound: Map<string, Argument>,
): void {
  const positional = parameters.filter((parameter) => parameter.positional);
  for (const { name } of parameters) {
    const position = positional.findIndex((parameter) => parameter.name === name);
    take(evaluator, link, name, position < 0 ? 1000 : position, name, bound);
  }
}

/** The learning rate: of `scale_by_learning_rate`, or what `scale` and a schedule multiply to. */
function rateOf(evaluator: Evaluator, links: readonly Link[]): Argument | undefined {
  const direct = links.find(({ name }) => name === 'scale_by_learning_rate');
  if (direct) return argumentOf(evaluator, direct, 'learning_rate', 0);
  const factors = links.flatMap((link) =>
    link.name === 'scale'
      ? [argumentOf(evaluator, link, 'step_size', 0)]
      : link.name === 'scale_by_schedule'
        ? [argumentOf(evaluator, link, 'step_size_fn', 0)]
        : [],
  );
  const findings = factors.flatMap((factor) => factor?.finding ?? []);
  const [first] = findings;
  if (!first) return undefined;
  const schedule = findings.find((finding) => finding.schedule)?.schedule;
  const values = findings.map(({ value }) => value);
  if (findings.length !== factors.length || !values.every((value) => typeof value === 'number'))
    return { finding: { value: undefined, from: 'unknown', range: first.range, ...(schedule && { schedule }) } };
  // Where one factor is 1 in size, the value is written at the other.
  const written: Finding = findings.find(({ value }) => Math.abs(Number(value)) !== 1) ?? first;
  const product = values.reduce<number>((all, value) => all * Number(value), 1);
  return { finding: { ...written, value: Math.abs(product), ...(schedule && { schedule }) } };
}
