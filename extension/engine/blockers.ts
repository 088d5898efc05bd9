import { isFromTensorFlow } from '../exports/roles.ts';
import type { Blocker } from '../onnx/instantiate.ts';
import { isDefaultDomain, type Model } from '../onnx/model.ts';
import { quoteName } from '../shared/errors.ts';

/**
 * One message for everything that stops a model from being differentiated: each node with operator, opset and reason, and
 * the parameters that lie behind them. Returns message and remedy, the arguments of an InspectorError.
 */
export function describeBlockers(
  model: Model,
  blockers: readonly Blocker[],
  parameters: readonly string[],
): [string, string] {
  if (blockers.length === 0)
    return ['The model has no usable output.', 'Name a floating-point output, or export the model again.'];
  const unique = [
    ...new Map(blockers.map((blocker) => [`${blocker.label} ${blocker.opType} ${blocker.reason}`, blocker])).values(),
  ];
  const lines = unique.slice(0, 50).map(({ label, opType, domain, opset, reason }) => {
    const operator = isDefaultDomain(domain) ? `${opType}-${opset}` : `${domain}.${opType}-${opset}`;
    return `  ${quoteName(label)} (${operator}): ${reason}`;
  });
  if (unique.length > 50) lines.push(`  and ${unique.length - 50} more`);
  const behind = parametersBehind(model, new Set(unique.map(({ label }) => label)), new Set(parameters));
  const shown = behind
    .slice(0, 3)
    .map((name) => quoteName(name))
    .join(', ');
  const blocked = behind.length > 3 ? `${shown} and ${behind.length - 3} more` : shown;
  const count = unique.length === 1 ? '1 node' : `${unique.length} nodes`;
  return [
    `Cannot differentiate ${count}:\n${lines.join('\n')}${behind.length > 0 ? `\n${unique.length === 1 ? 'It blocks' : 'They block'} ${blocked}.` : ''}`,
    remedies(model, unique).join(' '),
  ];
}

/** What to do, by the kinds of what blocks. */
function remedies(model: Model, blockers: readonly Blocker[]): string[] {
  const kinds = new Set(blockers.map(({ kind }) => kind));
  const unknown = isFromTensorFlow(model)
    ? 'tf2onnx leaves operations that it cannot convert under their TensorFlow names: build the model from other layers, or with Keras on the PyTorch backend, and export it again.'
    : 'Export the model with standard operators (torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False)), or replace these.';
  return [
    ...(kinds.has('unknown operator') ? [unknown] : []),
    ...(kinds.has('unsupported')
      ? ['Write what is not supported in another way, or leave it out, and export the model again.']
      : []),
    ...(kinds.has('misfit')
      ? [
          'Check that the data has the shapes that the model expects, and the file with onnx.checker.check_model(path, full_check=True).',
        ]
      : []),
    ...(kinds.has('unreadable') ? ['Export the model again with its weights as plain tensors.'] : []),
  ];
}

/** Parameters from which a blocked node is reached. */
function parametersBehind(model: Model, blocked: ReadonlySet<string>, parameters: ReadonlySet<string>): string[] {
  const producer = new Map<string, number>();
  model.graph.nodes.forEach((node, i) => {
    for (const name of node.outputs) producer.set(name, i);
  });
  const found = new Set<string>();
  const seen = new Set<number>();
  const stack = model.graph.nodes.flatMap((node, i) =>
    blocked.has(node.name || node.outputs[0]) ||
    [...blocked].some((label) => label.startsWith(`${node.name || node.outputs[0]}/`))
      ? [i]
      : [],
  );
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    for (const name of model.graph.nodes[at].inputs) {
      if (parameters.has(name)) found.add(name);
      const before = producer.get(name);
      if (before !== undefined) stack.push(before);
    }
  }
  return [...parameters].filter((name) => found.has(name));
}
