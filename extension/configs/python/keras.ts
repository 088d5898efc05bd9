import type { SyntaxNode } from '@lezer/common';
import type { OptimizerConfig } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import { kerasClass } from '../names.ts';
import { build, type Given } from './build.ts';
import type { Evaluator } from './evaluate.ts';
import type { Call, Index } from './scope.ts';
import { type Evaluated, readArguments, scalarOf } from './values.ts';

/**
 * Keras: `model.compile(optimizer="adam")`, `keras.optimizers.get("adam")` and their dictionaries of `class_name` and
 * `config`, in files that import Keras or TensorFlow.
 */
export function fromCompile(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig | undefined {
  const callee = node.firstChild;
  const last = callee?.name === 'MemberExpression' ? callee.lastChild : undefined;
  const method = last?.name === 'PropertyName' ? evaluator.text(last) : '';
  if (!callee?.firstChild || !/^(?:compile|get|deserialize)$/.test(method)) return undefined;
  const base = evaluator.evaluate(callee.firstChild, scope).value;
  if (method !== 'compile') {
    if (base.kind !== 'reference' || !/(^|\.)keras\.optimizers$|^tensorflow\.optimizers$/.test(base.name))
      return undefined;
  } else if ((base.kind === 'reference' && /^(re|regex|torch)\b/.test(base.name)) || !importsKeras(evaluator.index)) {
    return undefined;
  }
  const given = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const argument =
    given.keywords.get('optimizer')?.value ?? given.keywords.get('identifier')?.value ?? given.positional[0];
  if (!argument) return undefined;
  const value = evaluator.evaluate(argument, scope);
  const written = argument.name === 'String' ? scalarOf(value) : undefined;
  if (typeof written === 'string')
    return make(evaluator, written, { positional: [], keywords: new Map(), open: false }, argument, node, scope);
  return fromClassName(evaluator, value, argument, node, scope);
}

/** `{"class_name": "Adam", "config": {"learning_rate": 1e-4}}`. */
function fromClassName(
  evaluator: Evaluator,
  { value }: Evaluated,
  argument: SyntaxNode,
  node: SyntaxNode,
  scope: Call['scope'],
): OptimizerConfig | undefined {
  const name = value.kind === 'dict' ? value.entries.get('class_name')?.value : undefined;
  const written = name && scalarOf(name);
  const config = value.kind === 'dict' ? value.entries.get('config')?.value.value : undefined;
  if (typeof written !== 'string') return undefined;
  const keywords = new Map(
    config?.kind === 'dict'
      ? [...config.entries].map(([key, entry]) => [key, { keyRange: entry.keyRange, value: entry.value }])
      : [],
  );
  return make(
    evaluator,
    written,
    { positional: [], keywords, open: config?.kind === 'dict' && config.open },
    argument,
    node,
    scope,
  );
}

function make(
  evaluator: Evaluator,
  name: string,
  given: Given,
  argument: SyntaxNode,
  node: SyntaxNode,
  scope: Call['scope'],
): OptimizerConfig | undefined {
  const className = kerasClass(name);
  const definition = className === undefined ? undefined : constructorOf(`keras.optimizers.${className}`);
  if (!definition) return undefined;
  const config = build(evaluator, { definition, bind: (each) => each }, { name: argument, call: node }, given, scope);
  return config && { ...config, constructorName: name };
}

export function importsKeras(index: Index): boolean {
  return [...index.module.bindings.values()].some((list) =>
    list.some((binding) => binding.kind === 'import' && /^(tensorflow|keras|tf_keras)(\.|$)/.test(binding.name)),
  );
}
