import type { SyntaxNode } from '@lezer/common';
import type { Evaluator } from './evaluate.ts';
import { hydraConfig } from './files.ts';
import { asAttributes } from './libraryCalls.ts';
import type { FunctionParameter, Scope } from './scope.ts';
import { type Evaluated, literal, readArguments, scalarOf, unknownAt } from './values.ts';

/** The dotted name after `@`, as the file means it. */
function nameOf(evaluator: Evaluator, decorator: SyntaxNode, scope: Scope): string {
  const names = decorator.getChildren('VariableName').map((each) => evaluator.text(each));
  const [head, ...rest] = names;
  if (head === undefined) return '';
  const { value } = evaluator.named(head, decorator, scope);
  return [value.kind === 'reference' ? value.name : head, ...rest].join('.');
}

/** The configuration that `@hydra.main(config_path="conf", config_name="config")` passes to a function. */
export function hydraParameter(
  evaluator: Evaluator,
  parameter: FunctionParameter,
  method: Scope,
  node: { from: number; to: number },
): Evaluated | undefined {
  if (parameter.position !== 0) return undefined;
  const outside = method.parent ?? method;
  for (const decorator of method.decorators) {
    if (!/^hydra\.main$|hydra_runner$/.test(nameOf(evaluator, decorator, outside))) continue;
    const given = readArguments(decorator.getChild('ArgList'), evaluator.index.text);
    const text = (key: string, position: number) => {
      const at = given.keywords.get(key)?.value ?? given.positional[position];
      const value = at && scalarOf(evaluator.evaluate(at, outside));
      return typeof value === 'string' ? value : undefined;
    };
    const name = text('config_name', 1);
    const found = name === undefined ? undefined : hydraConfig(evaluator, node, text('config_path', 0) ?? '.', name);
    if (found && found.from !== 'unknown') return asAttributes(found, node);
  }
  return undefined;
}

/** The default of `@click.option("--lr", default=7e-4)` for a parameter of the function below. */
export function clickDefault(evaluator: Evaluator, parameter: FunctionParameter, method: Scope): Evaluated | undefined {
  const outside = method.parent ?? method;
  for (const decorator of method.decorators) {
    const name = nameOf(evaluator, decorator, outside);
    if (!/^(?:click|rich_click|asyncclick)\.(?:option|argument)$/.test(name)) continue;
    const given = readArguments(decorator.getChild('ArgList'), evaluator.index.text);
    const names = given.positional
      .map((each) => scalarOf(evaluator.evaluate(each, outside)))
      .filter((each) => typeof each === 'string');
    const explicit = names.find((each) => !each.startsWith('-'));
    const long = names.find((each) => each.startsWith('--'));
    const destination = explicit ?? long?.split('/')[0].replace(/^--/, '').replaceAll('-', '_');
    if (destination !== parameter.name) continue;
    const at = given.keywords.get('default')?.value;
    if (!at) return given.keywords.has('required') ? unknownAt(decorator) : literal(decorator, { kind: 'unset' });
    const value = evaluator.evaluate(at, outside);
    return scalarOf(value) === null ? literal(decorator, { kind: 'unset' }) : value;
  }
  return undefined;
}
