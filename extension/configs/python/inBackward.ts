import type { OptimizerConfig } from '../config.ts';
import { build, type Given, targetsOf } from './build.ts';
import type { Evaluator } from './evaluate.ts';
import type { Call } from './scope.ts';
import { readArguments } from './values.ts';

const MAKER =
  /^(?:torchrec\.optim(?:\.\w+)*\.apply_optimizer_in_backward|torch\.distributed\.optim(?:\.\w+)*\._?apply_optimizer_in_backward)$/;

/** TorchRec's and PyTorch's optimizers that step in the backward pass: `apply_optimizer_in_backward(SGD, params, {"lr": 0.02})`. */
export function fromInBackward(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig[] {
  const callee = node.firstChild;
  if (!callee || !evaluator.text(callee).endsWith('apply_optimizer_in_backward')) return [];
  const maker = evaluator.evaluate(callee, scope).value;
  if (maker.kind !== 'reference' || !MAKER.test(maker.name)) return [];
  const { positional, keywords } = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const chosen = keywords.get('optimizer_class')?.value ?? positional[0];
  const settings = keywords.get('optimizer_kwargs')?.value ?? positional[2];
  if (!chosen || !settings) return [];
  const { value } = evaluator.evaluate(settings, scope);
  const given: Given =
    value.kind === 'dict'
      ? { positional: [], keywords: value.entries, open: value.open }
      : { positional: [], keywords: new Map(), open: true };
  return targetsOf(evaluator, evaluator.evaluate(chosen, scope).value, node).flatMap(
    (target) => build(evaluator, target, { name: chosen, call: node }, given, scope) ?? [],
  );
}
