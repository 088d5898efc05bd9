import type { Evaluator } from './evaluate.ts';
import type { Call, FunctionParameter, Scope } from './scope.ts';
import { type Evaluated, readArguments } from './values.ts';

/** Calls of one function that are compared, and calls of its name that are looked at. */
const MOST_SITES = 20;
const MOST_CALLS = 2000;

/** What the calls of a function in its own file pass to its parameters. */
export class CallSites {
  constructor(private readonly evaluator: Evaluator) {}

  /** What the calls pass; undefined if there are no calls or none passes it. */
  passed(parameter: FunctionParameter, method: Scope, owner: Scope | undefined): Evaluated | 'ambiguous' | undefined {
    const sites = this.callsOf(method, owner);
    let common: Evaluated | undefined;
    let omitted = false;
    for (const site of sites) {
      const given = readArguments(site.node.getChild('ArgList'), this.evaluator.index.text);
      const position = owner ? parameter.position - 1 : parameter.position;
      const value =
        given.keywords.get(parameter.name)?.value ?? (position >= 0 ? given.positional[position] : undefined);
      const receiver = owner ? this.receiver(site, owner) : 'owner';
      if (receiver === 'other') continue;
      if (value && receiver === 'undecided') return 'ambiguous';
      if (!value) {
        if (receiver === 'undecided') continue;
        if (given.unpacked.length > 0 || given.starred) return 'ambiguous';
        omitted = true;
        continue;
      }
      const evaluated = this.evaluator.evaluate(value, site.scope);
      if (evaluated.from === 'unknown') return 'ambiguous';
      if (common && !same(common, evaluated)) return 'ambiguous';
      common ??= evaluated;
    }
    return common && omitted ? 'ambiguous' : common;
  }

  /** The calls of a function; of a method also those on objects that may be of its class. */
  private callsOf(method: Scope, owner: Scope | undefined): readonly Call[] {
    const isConstructor = owner !== undefined && method.name === '__init__';
    const target = isConstructor ? owner : method;
    const calls = this.evaluator.index.callsByName.get(target.name) ?? [];
    const found: Call[] = [];
    for (const call of calls.slice(0, MOST_CALLS)) {
      if (found.length >= MOST_SITES) break;
      const callee = call.node.firstChild;
      const isThis =
        callee?.name === 'VariableName'
          ? this.evaluator.binds(target.name, call.scope, target)
          : owner !== undefined && !isConstructor;
      if (isThis) found.push(call);
    }
    return found;
  }

  /** Whether a call `base.method(…)` is surely one of `owner`'s method, surely not, or undecidable. */
  private receiver({ node, scope }: Call, owner: Scope): 'owner' | 'other' | 'undecided' {
    const callee = node.firstChild;
    if (callee?.name !== 'MemberExpression' || !callee.firstChild) return 'owner';
    const { value } = this.evaluator.evaluate(callee.firstChild, scope);
    if (value.kind === 'instance') return value.scope === owner ? 'owner' : 'other';
    return value.kind === 'unknown' ? 'undecided' : 'other';
  }
}

function same(a: Evaluated, b: Evaluated): boolean {
  if (a.value.kind === 'scalar' && b.value.kind === 'scalar') return a.value.value === b.value.value;
  if (a.value.kind === 'namespace') return b.value.kind === 'namespace';
  return a.value === b.value || (a.sourceRange !== undefined && a.sourceRange.from === b.sourceRange?.from);
}
