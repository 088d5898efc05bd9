import type { SyntaxNode } from '@lezer/common';
import type { HyperparameterValue, Note, OptimizerConfig } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import { build, type Given, givenOf, targetsOf } from './build.ts';
import type { Evaluator } from './evaluate.ts';
import type { Call } from './scope.ts';
import { type Evaluated, rangeOf, readArguments, scalarOf, unknownAt } from './values.ts';

/** What makes a learner: the class and fastai's functions for each kind of data. */
const LEARNER = /^(?:Learner|\w+_learner)$/;
/** Modules of the second version; the first has other defaults. */
const SECOND = /^fastai\.(?:\w+\.all$|basics|learner|optimizer|callback\.|data\.|torch_core)/;
/** How a learner is trained, and where each method has its learning rate. */
const FITS: Readonly<Record<string, readonly [keyword: string, schedule?: string]>> = {
  fit: ['lr'],
  fit_one_cycle: ['lr_max', 'one cycle'],
  fine_tune: ['base_lr', 'fine_tune'],
  fit_flat_cos: ['lr', 'flat, then cosine'],
};

interface Fit {
  readonly method: string;
  readonly node: SyntaxNode;
  readonly rate?: Evaluated;
  readonly decay?: Evaluated;
}

/**
 * The optimizer of a fastai learner: `Learner(dls, model, opt_func=partial(Adam, eps=1e-4), wd=0.1)`, with the learning rate that
 * `learn.fit_one_cycle(5, 1e-3)` and its like give it. [] for calls of other things, and where nothing is said of the optimizer.
 */
export function fromLearner(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig[] {
  const callee = node.firstChild;
  if (callee?.name !== 'VariableName' && callee?.name !== 'MemberExpression') return [];
  const name = evaluator.text(callee);
  const version = LEARNER.test(name.slice(name.lastIndexOf('.') + 1)) ? versionOf(evaluator, callee, scope) : undefined;
  if (version === undefined) return [];
  const given = givenOf(evaluator, readArguments(node.getChild('ArgList'), evaluator.index.text), scope);
  const chosen = readArguments(node.getChild('ArgList'), evaluator.index.text).keywords.get('opt_func')?.value;
  const [rate, decay] = ['lr', 'wd'].map((key) => given.keywords.get(key)?.value);
  const fits = fitsOf(evaluator, node);
  if (!chosen && !rate && !decay && fits.length === 0) return [];
  const made = chosen ? optimizerOf(evaluator, chosen, scope) : { name: callee, given: NOTHING, value: undefined };
  if (!made || (!chosen && version === 1)) return [];
  const standard = constructorOf('fastai.optimizer.Adam');
  const targets = made.value
    ? targetsOf(evaluator, made.value)
    : standard
      ? [{ definition: standard, bind: (each: Given) => each }]
      : [];
  return targets.flatMap((target) => {
    const keywords = new Map(made.given.keywords);
    // The learner hands over its own, and the method that trains may say otherwise.
    const lr =
      common(
        fits.map((fit) => fit.rate ?? rate),
        node,
      ) ?? rate;
    const wd =
      common(
        fits.map((fit) => fit.decay ?? decay),
        node,
      ) ?? decay;
    if (lr) keywords.set('lr', { value: lr });
    const key = target.definition.framework === 'fastai' ? 'wd' : 'weight_decay';
    if (wd) keywords.set(key, { value: wd });
    const open = made.given.open || given.open || version === 1 || target.definition.framework !== 'fastai';
    const config = build(evaluator, target, { name: made.name, call: node }, { positional: [], keywords, open }, scope);
    return config ? trained(config, fits, rate === undefined && version === 2 && !given.open) : [];
  });
}

const NOTHING: Given = { positional: [], keywords: new Map(), open: false };

/** Which fastai a name is of; undefined where it is something else's. */
function versionOf(evaluator: Evaluator, callee: SyntaxNode, scope: Call['scope']): 1 | 2 | undefined {
  const { value } = evaluator.evaluate(callee, scope);
  const modules =
    value.kind === 'reference'
      ? [value.name.slice(0, value.name.lastIndexOf('.'))]
      : value.kind === 'unknown' && callee.name === 'VariableName' && !evaluator.bindings(evaluator.text(callee), scope)
        ? evaluator.index.stars
        : [];
  const own = modules.filter((module) => /^fastai(?:\.|$)/.test(module));
  if (own.length === 0) return undefined;
  return own.some((module) => SECOND.test(`${module}.`) || SECOND.test(module)) ? 2 : 1;
}

/** What `opt_func` is: a function, or one with some of its arguments (`partial(Adam, mom=0.8)`). */
function optimizerOf(
  evaluator: Evaluator,
  node: SyntaxNode,
  scope: Call['scope'],
): { readonly name: SyntaxNode; readonly given: Given; readonly value: Evaluated['value'] } | undefined {
  if (node.name !== 'CallExpression') {
    const { value } = evaluator.evaluate(node, scope);
    return value.kind === 'unknown' || value.kind === 'partial' ? undefined : { name: node, given: NOTHING, value };
  }
  const maker = node.firstChild && evaluator.evaluate(node.firstChild, scope).value;
  if (node.firstChild?.name !== 'VariableName' && maker?.kind !== 'reference') return undefined;
  // fastai's star imports bring `partial` along.
  if (!/(^|\.)partial$/.test(maker?.kind === 'reference' ? maker.name : evaluator.text(node.firstChild!)))
    return undefined;
  const written = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const [base] = written.positional;
  if (!base) return undefined;
  const given = givenOf(evaluator, { ...written, positional: [] }, scope);
  const inner = written.keywords.get('opt')?.value;
  const isWrapped = /(^|\.)OptimWrapper$/.test(evaluator.text(base));
  if (isWrapped && !inner) return undefined;
  const name = isWrapped ? inner! : base;
  const keywords = new Map([...given.keywords].filter(([key]) => !isWrapped || key !== 'opt'));
  return { name, given: { ...given, keywords }, value: evaluator.evaluate(name, scope).value };
}

/** The calls that train the learner which a call makes, where that has a name. */
function fitsOf(evaluator: Evaluator, node: SyntaxNode): Fit[] {
  let at: SyntaxNode = node;
  // `Learner(…).to_fp16()`
  while (at.parent && /^(?:MemberExpression|CallExpression)$/.test(at.parent.name) && at.parent.from === node.from)
    at = at.parent;
  const target = at.parent?.name === 'AssignStatement' ? at.parent.firstChild : null;
  if (!target || target.to > node.from) return [];
  const name = evaluator.text(target);
  return Object.keys(FITS).flatMap((method) =>
    (evaluator.index.callsByName.get(method) ?? []).flatMap((call): Fit[] => {
      const base = call.node.firstChild?.firstChild;
      if (!base || evaluator.text(base) !== name || call.node.from < node.from) return [];
      const { positional, keywords } = readArguments(call.node.getChild('ArgList'), evaluator.index.text);
      const [keyword] = FITS[method];
      const read = (each: SyntaxNode | undefined) => each && rateOf(evaluator, each, call.scope);
      const rate = read(keywords.get(keyword)?.value ?? keywords.get('max_lr')?.value ?? positional[1]);
      const decay = read(keywords.get('wd')?.value);
      return [{ method, node: call.node, ...(rate && { rate }), ...(decay && { decay }) }];
    }),
  );
}

/** `slice(1e-3)` is the rate of the last layers, `slice(1e-5, 1e-3)` are two of many. */
function rateOf(evaluator: Evaluator, node: SyntaxNode, scope: Call['scope']): Evaluated {
  if (node.name !== 'CallExpression' || !/^slice\(/.test(evaluator.text(node))) return evaluator.evaluate(node, scope);
  const { positional } = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const [first, second] = positional;
  if (first && !second) return evaluator.evaluate(first, scope);
  const start = first && evaluator.evaluate(first, scope);
  return second && start && scalarOf(start) === null ? evaluator.evaluate(second, scope) : unknownAt(node);
}

/** The value that all have; unknown where they differ or one is not given, undefined where there are none. */
function common(values: readonly (Evaluated | undefined)[], node: SyntaxNode): Evaluated | undefined {
  const [first] = values;
  if (values.every((value) => value === undefined)) return undefined;
  return first &&
    typeof scalarOf(first) === 'number' &&
    values.every((value) => value && scalarOf(value) === scalarOf(first))
    ? first
    : unknownAt(first?.range ?? rangeOf(node));
}

/** A configuration with the schedule of its training, which moves the first beta where it is a cycle. */
function trained(config: OptimizerConfig, fits: readonly Fit[], hasDefaultRate: boolean): OptimizerConfig {
  const values = new Map(config.hyperparameters);
  const notes: Note[] = [...(config.notes ?? [])];
  if (
    hasDefaultRate &&
    values.get('lr')?.from === 'unknown' &&
    values.get('lr')?.range === undefined &&
    fits.length > 0
  )
    if (fits.every(({ method, rate }) => !rate && method !== 'fine_tune'))
      values.set('lr', { argument: 'lr', value: 0.001, from: 'default' });
  const scheduled = fits.find(({ method }) => FITS[method][1] !== undefined);
  const cycle = fits.find(({ method }) => method === 'fit_one_cycle' || method === 'fine_tune');
  for (const key of cycle ? ['beta1', 'momentum'] : []) {
    const before: HyperparameterValue | undefined = values.get(key);
    if (!before) continue;
    values.set(key, { argument: before.argument, value: null, from: 'unknown', range: rangeOf(cycle!.node) });
    notes.push({
      text: 'One cycle moves the momentum against the learning rate: from 0.95 to 0.85 and back, where moms says nothing else.',
      range: rangeOf(cycle!.node.firstChild ?? cycle!.node),
    });
  }
  return {
    ...config,
    hyperparameters: values,
    ...(notes.length > 0 && { notes }),
    ...(scheduled && { schedule: { name: FITS[scheduled.method][1]!, range: rangeOf(scheduled.node.firstChild!) } }),
  };
}
