import type { SyntaxNode } from '@lezer/common';
import { mapRanges, type OptimizerConfig } from '../config.ts';
import type { SourceRange } from '../source.ts';
import { brought } from './bases.ts';
import { build, givenOf, targetsOf } from './build.ts';
import type { Evaluator } from './evaluate.ts';
import type { Call, FunctionParameter, Scope } from './scope.ts';
import { type Evaluated, rangeOf, readArguments, unknownAt } from './values.ts';

/** Functions that are looked into: their calls, and how many. */
const MAKER = /optim/i;
const MOST_CALLS = 60;

/**
 * Optimizers that a function or method of another file makes of what it is given here: `model.configure_optimizers(weight_decay, lr, betas)`.
 * Where nothing is known of what it is given, the other file says as much.
 */
export function fromElsewhere(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig[] {
  const callee = node.firstChild;
  const last = callee?.name === 'MemberExpression' ? callee.lastChild : callee;
  if (!callee || !last || !MAKER.test(evaluator.text(last))) return [];
  const method = methodOf(evaluator, callee, scope);
  if (!method || method.root === evaluator.index.module) return [];
  const owner = evaluator.owner(method);
  if (owner === evaluator) return [];
  const inside = owner.during(passedTo(evaluator, owner, { node, scope }, method));
  const at = rangeOf(callee);
  const home = ({ from, to, file }: SourceRange): SourceRange => {
    const place = file ?? owner.path;
    return place === undefined || place === evaluator.path ? { from, to } : { from, to, file: place };
  };
  return owner.index.calls
    .filter((call) => call.scope === method)
    .slice(0, MOST_CALLS)
    .flatMap((call) => {
      const name = call.node.firstChild;
      const targets = name ? targetsOf(inside, inside.evaluate(name, method).value) : [];
      if (!name || targets.length === 0) return [];
      const given = givenOf(inside, readArguments(call.node.getChild('ArgList'), owner.index.text), method);
      return targets.flatMap((target) => {
        const config = build(inside, target, { name, call: call.node }, given, method);
        if (!config) return [];
        const { groups, ...seen } = brought(mapRanges(config, home), at);
        const isKnown = [...seen.hyperparameters.values()].some(({ from }) => from === 'resolved');
        return isKnown ? [{ ...seen, range: at, callRange: rangeOf(node) }] : [];
      });
    });
}

/** What a call passes to the parameters of a function of another file, in that file's terms. */
function passedTo(
  evaluator: Evaluator,
  owner: Evaluator,
  { node, scope }: Call,
  method: Scope,
): Map<FunctionParameter, Evaluated> {
  const given = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const isMethod = method.parent?.kind === 'class';
  const passed = new Map<FunctionParameter, Evaluated>();
  for (const parameter of isMethod ? method.parameters.slice(1) : method.parameters) {
    const position = isMethod ? parameter.position - 1 : parameter.position;
    const written =
      given.keywords.get(parameter.name)?.value ?? (position >= 0 ? given.positional[position] : undefined);
    if (written) passed.set(parameter, owner.taken(evaluator.evaluate(written, scope), evaluator));
    else if (given.starred || given.unpacked.length > 0 || !parameter.defaultNode)
      passed.set(parameter, unknownAt(node));
    else passed.set(parameter, owner.evaluate(parameter.defaultNode, method.parent ?? method));
  }
  return passed;
}

/** The function that a call runs: by its name, of an object of a class, or of the only imported class that has such a method. */
function methodOf(evaluator: Evaluator, callee: SyntaxNode, scope: Scope): Scope | undefined {
  const { value } = evaluator.evaluate(callee, scope);
  if (value.kind === 'function') return value.scope;
  const { firstChild: base, lastChild: last } = callee;
  if (callee.name !== 'MemberExpression' || !base || last?.name !== 'PropertyName') return undefined;
  const object = evaluator.evaluate(base, scope).value;
  const classes =
    object.kind === 'instance' ? [object.scope] : object.kind === 'unknown' ? importedClasses(evaluator) : [];
  const found = classes.flatMap((each) => {
    const binding = each.bindings.get(evaluator.text(last))?.[0];
    return binding?.kind === 'function' ? [binding.scope] : [];
  });
  return found.length === 1 ? found[0] : undefined;
}

function importedClasses(evaluator: Evaluator): Scope[] {
  const { module } = evaluator.index;
  const found = [...module.bindings].flatMap(([name, list]) => {
    if (list.length !== 1 || list[0].kind !== 'import') return [];
    const value = evaluator.exported(name)?.value;
    return value?.kind === 'class' ? [value.scope] : [];
  });
  return [...new Set(found)];
}
